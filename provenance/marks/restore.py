"""Take the mark out: the samples as they were, checked against the signed original root."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import watermark
from ledger import LedgerError, parse_statement
from provenance.claims.annex import Annex
from provenance.claims.claim import Claim, open_claim
from provenance.dicom.carrier import read_carrier, remove_carrier
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import Instance, read_instance
from provenance.dicom.write import instance_bytes, set_pixels, write_instance
from provenance.errors import EvidenceError, EvidenceMissingError, MalformedError
from provenance.image_tree import hash_image
from provenance.keys.mark_keys import mark_key_id
from provenance.marks.marking import mark_plane, with_plane
from provenance.marks.volume import restore_frames
from provenance.verifying.compare import compare_pixels


@dataclass(frozen=True, slots=True)
class Restored:
    """The object as it was before it was marked, without its seal."""

    instance: Instance
    seal_id: bytes
    was_marked: bool

    def to_bytes(self) -> bytes:
        """Return the Part 10 file."""
        return instance_bytes(self.instance)

    def write(self, path: Path | str, *, overwrite: bool = False) -> None:
        """Write the file atomically; UsageError rather than replace one, unless told."""
        write_instance(self.instance, Path(path), overwrite=overwrite)


def restore(
    source: bytes | Path | str, *, mark_key: bytes, former_mark_keys: Sequence[bytes] = ()
) -> Restored:
    """Return the original samples of a sealed object, bit for bit.

    The seal names the key of its mark; if it is none of these, the one in use is tried.

    Raises EvidenceMissingError (no seal, no restore data), EvidenceError (the pixels are not
    those that were sealed, or the result is not the signed original), MalformedError.
    """
    instance = read_instance(Path(source) if isinstance(source, str) else source)
    values = read_carrier(instance.dataset)
    if values is None:
        raise EvidenceMissingError(
            "the file carries no seal, so nothing says what the original was"
        )
    try:
        claim = open_claim(parse_statement(values.statement), Annex.decode(values.annex))
    except LedgerError as error:
        raise MalformedError(f"the seal cannot be read: {error}") from error
    if not compare_pixels(claim.annex.image, instance).equal:
        raise EvidenceError("the pixels are not those that were sealed; they cannot be restored")
    if claim.annex.original is None and claim.body.mark is not None:
        raise EvidenceMissingError(
            "it is a copy that was marked anew: only its original is restored"
        )
    if claim.annex.original is None:
        remove_carrier(instance.dataset)
        return Restored(instance, claim.seal_id, was_marked=False)
    if values.restore is None:
        raise EvidenceMissingError("the file carries no restore data")
    terms = claim.body.mark
    named = (k for k in former_mark_keys if terms is not None and mark_key_id(k) == terms.key_id)
    restored = _restore(instance, claim, values.restore, next(named, mark_key))
    remove_carrier(restored.dataset)
    return Restored(restored, claim.seal_id, was_marked=True)


def _restore(instance: Instance, claim: Claim, data: bytes, mark_key: bytes) -> Instance:
    geometry = pixel_geometry(instance)
    assert geometry is not None
    assert claim.annex.image is not None
    assert claim.annex.original is not None
    if geometry.frames > 1:
        return _restore_volume(instance, claim, data, mark_key)
    (frame,) = frames(instance, geometry)
    plane = mark_plane(frame, geometry.colour)
    if plane is None:
        raise EvidenceError("the picture is in colour now; it was sealed as a grey picture")
    signed = claim.annex.image.geometry
    try:
        original = watermark.restore(plane.astype(signed.dtype), data, key=mark_key)
    except watermark.WatermarkError as error:
        raise EvidenceError(f"the original cannot be restored: {error}") from error
    pixels = with_plane(frame, original.astype(frame.dtype), geometry.colour)
    tree = hash_image([pixels.astype(signed.dtype)], signed.as_decoded())
    if tree.root != claim.annex.original.root:
        raise EvidenceError("the restored samples are not the signed original")
    return set_pixels(instance, [pixels], geometry)


def _restore_volume(instance: Instance, claim: Claim, data: bytes, mark_key: bytes) -> Instance:
    geometry = pixel_geometry(instance)
    assert geometry is not None
    assert claim.annex.image is not None
    assert claim.annex.original is not None
    signed = claim.annex.image.geometry
    try:
        pixels, root = restore_frames(instance, geometry, data, key=mark_key, signed=signed)
    except watermark.WatermarkError as error:
        raise EvidenceError(f"the original cannot be restored: {error}") from error
    if root != claim.annex.original.root:
        raise EvidenceError("the restored samples are not the signed original")
    return set_pixels(instance, pixels, geometry)
