"""Does a declared value representation read the same bytes as the standard's would (PS3.6)?"""

from functools import lru_cache

from pydicom.datadict import dictionary_has_tag, dictionary_VR

from provenance.dicom.dictionary import standard_vr

_BULK = frozenset({"OB", "OW", "OF", "OD", "OL", "OV"})
_TEXT = frozenset(
    {
        *("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM"),
        *("UC", "UI", "UR", "UT"),
    }
)


@lru_cache(4096)
def fits_standard(tag: int, vr: bytes) -> bool:
    """Whether both are text, both bulk, or the same; true of what the standard does not know."""
    standard = vr_of_standard(tag)
    if standard is None:
        return True
    declared = vr.decode("ascii")
    return _kind(declared) in {_kind(each) for each in standard.split("/")}


def vr_of_standard(tag: int) -> str | None:
    """Return the VR of the standard, of file meta too, which are not of the header tree."""
    if tag >> 16 == 0x0002:
        return str(dictionary_VR(tag)) if dictionary_has_tag(tag) else None
    return standard_vr(tag)


def _kind(vr: str) -> str:
    if vr in _BULK:
        return "bulk"
    return "text" if vr in _TEXT else vr
