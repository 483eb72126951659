"""Forge with seals: take one away, or put one where it does not belong."""

from itertools import chain

from provenance.dicom.carrier import Carrier, read_carrier, remove_carrier, write_carrier
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import Instance
from provenance.dicom.values import text
from provenance.dicom.write import set_pixels
from provenance.errors import MalformedError, UsageError
from provenance.forgeries.elements import put
from provenance.forgeries.header import replace_patient
from provenance.forgeries.uids import forged_uid

_SOP_INSTANCE, _SERIES, _STUDY = 0x00080018, 0x0020000E, 0x0020000D


def strip(instance: Instance) -> str:
    """Remove the carrier, as software that drops private elements does."""
    if not remove_carrier(instance.dataset):
        raise UsageError("the file carries no seal that could be stripped: seal it first")
    return "the seal was removed from the file"


def transplant(source: Instance, donor: Instance) -> str:
    """Put the source's seal into the donor's file, in place of any of its own."""
    carrier = _carrier(source)
    if text(source.dataset, _SOP_INSTANCE) == text(donor.dataset, _SOP_INSTANCE):
        raise UsageError("source and donor are the same image; without a donor it is mirrored")
    remove_carrier(donor.dataset)
    write_carrier(donor.dataset, carrier)
    return "the seal was moved here from another image"


def mirrored_impostor(source: Instance) -> tuple[Instance, str]:
    """Return the source mirrored, under another patient and new UIDs, with its seal still on it."""
    carrier = _carrier(source)
    geometry = pixel_geometry(source)
    if geometry is None:
        raise UsageError("the object has no pixels to mirror: name a donor")
    flipped = (frame[:, ::-1].copy() for frame in frames(source, geometry))
    first = next(flipped)
    if (first == next(frames(source, geometry))).all():
        raise UsageError("the image is its own mirror image: name a donor")
    impostor = set_pixels(source, chain([first], flipped), geometry)
    patient = replace_patient(impostor.dataset)
    renumber(impostor, "transplant")
    write_carrier(impostor.dataset, carrier)
    return impostor, f"the image was mirrored, {patient}, and the seal of the original left on it"


def renumber(instance: Instance, kind: str) -> None:
    """Give the object the UIDs of another instance, series and study."""
    dataset = instance.dataset
    was = text(dataset, _SOP_INSTANCE)
    put(
        dataset,
        SOPInstanceUID=forged_uid(kind, "instance", was),
        SeriesInstanceUID=forged_uid(kind, "series", text(dataset, _SERIES), was),
        StudyInstanceUID=forged_uid(kind, "study", text(dataset, _STUDY), was),
    )
    put(dataset.file_meta, MediaStorageSOPInstanceUID=text(dataset, _SOP_INSTANCE))


def _carrier(instance: Instance) -> Carrier:
    try:
        carrier = read_carrier(instance.dataset)
    except MalformedError as error:
        raise UsageError(f"the file's seal cannot be read: {error}") from error
    if carrier is None:
        raise UsageError("the file carries no seal that could be transplanted: seal it first")
    return carrier
