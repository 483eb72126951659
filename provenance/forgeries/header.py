"""Forge the header and leave every pixel alone."""

from collections.abc import Callable

from pydicom import Dataset

from provenance.dicom.values import text
from provenance.forgeries.elements import put

HeaderForgery = Callable[[Dataset], str]

_LATERALITY, _IMAGE_LATERALITY = 0x00200060, 0x00200062
_OPPOSITE = {"L": "R", "R": "L"}
_SPACINGS = {
    "PixelSpacing": 0x00280030,
    "ImagerPixelSpacing": 0x00181164,
    "NominalScannedPixelSpacing": 0x00182010,
}
_STRETCH = 1.25
_NAMES = ("Forged^Name", "Forged^Other Name")
_OTHER_PATIENT = {
    "PatientName": "Forged^Patient",
    "PatientID": "FORGED-1",
    "PatientBirthDate": "19010101",
    "PatientSex": "O",
}


def swap_side(dataset: Dataset) -> str:
    """Make left right, or right left; name a side where none was named."""
    keyword = "ImageLaterality" if text(dataset, _IMAGE_LATERALITY) else "Laterality"
    was = text(dataset, _IMAGE_LATERALITY) or text(dataset, _LATERALITY)
    now = _OPPOSITE.get(was, "L")
    if not was:
        keyword = "ImageLaterality"
    put(dataset, **{keyword: now})
    return f"{keyword} went from {was or 'absent'} to {now}"


def stretch_spacing(dataset: Dataset) -> str:
    """Make everything measured in the image a quarter larger."""
    words = []
    for keyword, tag in _SPACINGS.items():
        was = text(dataset, tag)
        now = _stretched(was)
        if now:
            put(dataset, **{keyword: now})
            words.append(f"{keyword} went from {was} to {chr(92).join(now)}")
    if not words:
        put(dataset, ImagerPixelSpacing=["0.25", "0.25"])
        words.append("an ImagerPixelSpacing of 0.25 mm was added, which nobody measured")
    return "; ".join(words)


def rename_patient(dataset: Dataset) -> str:
    """Put another name on the image."""
    was = text(dataset, 0x00100010)
    name = _NAMES[1] if was == _NAMES[0] else _NAMES[0]
    put(dataset, PatientName=name)
    return f"PatientName became {name}"


def replace_patient(dataset: Dataset) -> str:
    """Put the image under another patient."""
    put(dataset, **_OTHER_PATIENT)
    return f"name, ID, birth date and sex became those of {_OTHER_PATIENT['PatientName']}"


def _stretched(spacing: str) -> list[str]:
    """Return the spacing times 1.25, or nothing when there is none to stretch."""
    try:
        numbers = [float(part) for part in spacing.split("\\")]
    except ValueError:
        return []
    return [f"{number * _STRETCH:.6g}" for number in numbers] if all(numbers) else []
