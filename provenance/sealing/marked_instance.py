"""The object as it will be sealed: marked, encoded and hashed, or hashed as it is."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import watermark
from provenance.claims.annex import Original
from provenance.claims.birth import MarkTerms
from provenance.claims.descriptor import describe
from provenance.dicom.frames import compressed_frames
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import Instance
from provenance.dicom.values import text
from provenance.dicom.write import set_pixels
from provenance.errors import SealError
from provenance.image_tree import ImageTree, PixelGeometry, hash_image
from provenance.marks.marking import (
    NONE,
    Samples,
    Unmarked,
    cannot_carry,
    choose_profile,
    mark_plane,
    measure_change,
    with_plane,
)
from provenance.marks.volume import mark_frames
from provenance.sealing.chance import Chance
from provenance.site.device import Device

MODALITY = 0x00080060
MARK_SCHEME = "radseal-mark-2"
VOLUME_SCHEME = "radseal-volume-1"

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Marking:
    """The object as it will be sealed, and what was hashed on the way."""

    instance: Instance
    tree: ImageTree | None
    original: Original | None = None
    descriptor: bytes | None = None
    terms: MarkTerms | None = None
    marked: watermark.Marked | None = None
    unmarked: str | None = None
    rehearsal: watermark.Rehearsal | None = None
    volume: watermark.MarkedVolume | None = None

    @property
    def restore_data(self) -> bytes | None:
        """What takes the mark out again."""
        carries = self.marked or self.volume
        return carries.restore_data if carries else None

    @property
    def image_roots(self) -> tuple[bytes, ...]:
        """The roots by which the object is to be found: as sealed, and as it was before."""
        roots = [self.tree.root] if self.tree else []
        return (*roots, self.original.root) if self.original else tuple(roots)


def mark_instance(
    instance: Instance,
    geometry: PixelGeometry | None,
    *,
    device: Device,
    profile: str | None,
    chance: Chance,
    step: Step,
) -> Marking:
    """Mark an object, or hash it as it is where ``profile``, or its modality, wants no mark."""
    if geometry is None:
        return Marking(instance, None, unmarked="the object has no pixels")
    chosen = _profile(instance, geometry, profile)
    if isinstance(chosen, Unmarked):
        return _unmarked(instance, geometry, chosen.reason, step)
    if geometry.frames > 1:
        return _mark_volume(
            instance, geometry, chosen, device=device, asked=profile, chance=chance, step=step
        )
    (frame,) = frames(instance, geometry)
    step("decode")
    plane = mark_plane(frame, geometry.colour)
    if plane is None:
        if profile is not None:
            raise SealError("a colour picture cannot be marked", code="SE102")
        return _unmarked(instance, geometry, "colour that is not a grey picture", step)
    try:
        marked = watermark.embed(
            plane,
            chance.seal_id,
            key=device.mark_key,
            bits_stored=geometry.bits_stored,
            profile=chosen,
        )
    except watermark.CapacityError as error:
        if profile is not None:
            raise SealError(f"the image cannot carry the mark: {error}", code="SE103") from error
        return _unmarked(instance, geometry, f"the image cannot carry the mark: {error}", step)
    step("mark")
    rehearsal = watermark.rehearse(marked, key=device.mark_key) if marked.margin else None
    step("rehearse")
    written = _write_marked(instance, geometry, frame, marked, chosen, device, chance, step)
    return replace(written, rehearsal=rehearsal)


def _mark_volume(
    instance: Instance,
    geometry: PixelGeometry,
    profile: str,
    *,
    device: Device,
    asked: str | None,
    chance: Chance,
    step: Step,
) -> Marking:
    try:
        made = mark_frames(
            instance, geometry, seal_id=chance.seal_id, key=device.mark_key, profile=profile
        )
    except watermark.CapacityError as error:
        if asked is not None:
            raise SealError(f"the frames cannot carry the mark: {error}", code="SE103") from error
        return _unmarked(instance, geometry, f"the frames cannot carry the mark: {error}", step)
    step("mark and hash")
    written = set_pixels(instance, made.frames, geometry)
    step("encode")
    now = pixel_geometry(written)
    assert now is not None
    tree = hash_image(made.frames, now)
    step("hash")
    terms = MarkTerms(
        scheme=VOLUME_SCHEME,
        profile=profile,
        key_id=device.mark_key_id,
        max_change=made.change.largest,
        psnr_centibel=round(made.change.psnr(bits_stored=geometry.bits_stored) * 10),
    )
    return Marking(
        written,
        tree,
        original=Original(chance.original_salt, made.original_root),
        terms=terms,
        volume=made.volume,
    )


def _write_marked(
    instance: Instance,
    geometry: PixelGeometry,
    frame: Samples,
    marked: watermark.Marked,
    profile: str,
    device: Device,
    chance: Chance,
    step: Step,
) -> Marking:
    original_root = hash_image([frame], geometry.as_decoded()).root
    step("hash")
    changed = with_plane(frame, marked.image, geometry.colour)
    written = set_pixels(instance, [changed], geometry)
    step("encode")
    now = pixel_geometry(written)
    assert now is not None
    tree = hash_image([changed], now)
    descriptor = describe(changed)
    step("hash")
    max_change, psnr = measure_change(
        marked.original, marked.image, bits_stored=geometry.bits_stored
    )
    terms = MarkTerms(
        scheme=MARK_SCHEME,
        profile=profile,
        key_id=device.mark_key_id,
        max_change=max_change,
        psnr_centibel=round(psnr * 10),
    )
    return Marking(
        written,
        tree,
        original=Original(chance.original_salt, original_root),
        descriptor=descriptor,
        terms=terms,
        marked=marked,
    )


def _unmarked(instance: Instance, geometry: PixelGeometry, reason: str, step: Step) -> Marking:
    compressed = None
    if geometry.lossy:
        compressed = tuple(hashlib.sha256(f).digest() for f in compressed_frames(instance))
    tree = hash_image(frames(instance, geometry), geometry, compressed=compressed)
    step("decode and hash")
    return Marking(instance, tree, unmarked=reason)


def _profile(instance: Instance, geometry: PixelGeometry, asked: str | None) -> str | Unmarked:
    if asked is None:
        return choose_profile(text(instance.dataset, MODALITY), geometry)
    if asked == NONE:
        return Unmarked("asked for no mark")
    if asked not in watermark.PROFILES:
        known = ", ".join(sorted(watermark.PROFILES))
        raise SealError(f"there is no mark profile {asked!r}; there are {known}", code="SE104")
    if (impossible := cannot_carry(geometry)) is not None:
        raise SealError(impossible.reason, code="SE102")
    return asked
