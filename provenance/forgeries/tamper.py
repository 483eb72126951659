"""Make a test forgery of an image: the same one for the same image, each to be found by `verify`.

The forged file bears no label that it is one: that would be a change of its own, and the verdict
on it would prove nothing. So whoever writes one says what it is; see `Tampered.what`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import Instance, read_instance
from provenance.dicom.write import instance_bytes, set_pixels, write_instance
from provenance.errors import UsageError
from provenance.forgeries.copies import lossy_copy, screenshot
from provenance.forgeries.header import (
    HeaderForgery,
    rename_patient,
    stretch_spacing,
    swap_side,
)
from provenance.forgeries.retouch import Retouch, add_lesion, change_pixel, erase
from provenance.forgeries.seals import mirrored_impostor, strip, transplant
from provenance.pictures.picture import take_look
from provenance.pictures.png import Picture, png_bytes

KINDS: Mapping[str, str] = {
    "lesion": "blend a soft nodule into the image",
    "erase": "paint a conspicuous spot over with its surroundings",
    "pixel": "change one sample by one grey level",
    "laterality": "swap left and right in the header",
    "spacing": "stretch the pixel spacing by a quarter, so that measurements lie",
    "identity": "put another patient's name on the image",
    "transplant": "move the seal onto another image (--donor), or onto a mirrored copy",
    "strip": "remove the seal",
    "lossy": "make a lossy JPEG 2000 copy without the seal, as archives and viewers do",
    "screenshot": "take a windowed, smaller 8-bit picture (Secondary Capture, or a .png)",
}

_RETOUCHES: Mapping[str, Retouch] = {
    "lesion": add_lesion,
    "erase": erase,
    "pixel": change_pixel,
}
_HEADER_FORGERIES: Mapping[str, HeaderForgery] = {
    "laterality": swap_side,
    "spacing": stretch_spacing,
    "identity": rename_patient,
}


@dataclass(frozen=True, slots=True)
class Tampered:
    """A forged object, ready to be written, and what was done to it in words."""

    kind: str
    what: str
    instance: Instance
    picture: Picture | None = None

    def to_bytes(self) -> bytes:
        """Return the Part 10 file."""
        return instance_bytes(self.instance)

    def write(self, path: Path | str, *, overwrite: bool = False) -> None:
        """Write the file; a screenshot whose path ends in .png becomes a bare picture.

        UsageError rather than replace a file, unless told.
        """
        path = Path(path)
        if path.suffix.lower() != ".png":
            write_instance(self.instance, path, overwrite=overwrite)
            return
        if self.picture is None:
            raise UsageError(f"a forgery of kind {self.kind} is a DICOM file, not a PNG picture")
        try:
            with path.open("wb" if overwrite else "xb") as file:
                file.write(png_bytes(self.picture))
        except FileExistsError as error:
            raise UsageError(f"{path} exists already") from error


def tamper(kind: str, source: Path | str, *, donor: Path | str | None = None) -> Tampered:
    """Forge the object in ``source``; ``donor`` is the other image of a transplant.

    Raises UsageError for an unknown kind or an image of which this forgery makes no sense,
    UnreadableError for a file that cannot be decoded.
    """
    if kind not in KINDS:
        raise UsageError(f"there is no forgery {kind!r}; there are {', '.join(KINDS)}")
    if donor is not None and kind != "transplant":
        raise UsageError(f"a forgery of kind {kind} needs no donor")
    instance = read_instance(Path(source))
    if kind in _RETOUCHES:
        return _retouched(kind, instance, _RETOUCHES[kind])
    if kind in _HEADER_FORGERIES:
        return Tampered(kind, _HEADER_FORGERIES[kind](instance.dataset), instance)
    return _WHOLE[kind](instance, None if donor is None else read_instance(Path(donor)))


def _retouched(kind: str, instance: Instance, retouch: Retouch) -> Tampered:
    """Forge the middle frame."""
    geometry = pixel_geometry(instance)
    if geometry is None:
        raise UsageError(f"the object has no pixels: a forgery of kind {kind} makes no sense")
    samples = list(frames(instance, geometry))
    number = geometry.frames // 2
    look = take_look(instance, samples[number], geometry)
    forged = retouch(samples[number], geometry, look)
    samples[number] = forged.samples
    where = f"in frame {number}, counted from 0, " if geometry.frames > 1 else ""
    return Tampered(kind, where + forged.what, set_pixels(instance, samples, geometry))


def _transplant(instance: Instance, donor: Instance | None) -> Tampered:
    if donor is None:
        impostor, what = mirrored_impostor(instance)
        return Tampered("transplant", what, impostor)
    return Tampered("transplant", transplant(instance, donor), donor)


def _strip(instance: Instance, _: Instance | None) -> Tampered:
    return Tampered("strip", strip(instance), instance)


def _lossy(instance: Instance, _: Instance | None) -> Tampered:
    copy, what = lossy_copy(instance)
    return Tampered("lossy", what, copy)


def _screenshot(instance: Instance, _: Instance | None) -> Tampered:
    capture, picture, what = screenshot(instance)
    return Tampered("screenshot", what, capture, picture)


_WHOLE: Mapping[str, Callable[[Instance, Instance | None], Tampered]] = {
    "transplant": _transplant,
    "strip": _strip,
    "lossy": _lossy,
    "screenshot": _screenshot,
}
