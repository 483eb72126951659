"""Which media types and transfer syntaxes a client takes (PS3.18, 8.7.3). Pure.

Nothing is transcoded: what is given is given as it is stored, or it is not acceptable.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from provenance.dicom.syntax import EXPLICIT_LITTLE
from provenance.servers.media_types import MediaType, acceptable

DICOM, OCTETS = "application/dicom", "application/octet-stream"
_JPEG = "1.2.840.10008.1.2.4."

FRAME_KINDS: Mapping[str, str] = {
    "1.2.840.10008.1.2.5": "image/dicom-rle",
    **dict.fromkeys((_JPEG + "50", _JPEG + "51", _JPEG + "57", _JPEG + "70"), "image/jpeg"),
    **dict.fromkeys((_JPEG + "80", _JPEG + "81"), "image/jls"),
    **dict.fromkeys((_JPEG + "90", _JPEG + "91"), "image/jp2"),
    **dict.fromkeys((_JPEG + "201", _JPEG + "202", _JPEG + "203"), "image/jphc"),
}
"""The media type of a compressed frame, by its transfer syntax (PS3.18, table 8.7.3-5)."""
DEFAULT_SYNTAXES: Mapping[str, str] = {
    DICOM: EXPLICIT_LITTLE,
    OCTETS: EXPLICIT_LITTLE,
    "image/dicom-rle": "1.2.840.10008.1.2.5",
    "image/jpeg": _JPEG + "70",
    "image/jls": _JPEG + "80",
    "image/jp2": _JPEG + "90",
    "image/jphc": _JPEG + "201",
}
"""What a media type without the parameter transfer-syntax means."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A header Accept, or the parameter accept, for an answer of multipart/related."""

    allowed: tuple[MediaType, ...]
    refused: tuple[MediaType, ...]

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """Read it; MalformedError if it is none. Without one everything is taken."""
        allowed, refused = acceptable(text)
        return cls(tuple(allowed), tuple(refused))

    def takes(self, kind: str, syntax: str) -> bool:
        """Return whether a part of that type and transfer syntax is taken."""
        if any(_fits(each, kind) and _as_stored(each, kind, syntax) for each in self.refused):
            return False
        return any(_fits(each, kind) and _as_stored(each, kind, syntax) for each in self.allowed)

    def may_take(self, kinds: Iterable[str]) -> bool:
        """Return whether one of those types is taken in any transfer syntax."""
        return any(_fits(each, kind) for each in self.allowed for kind in kinds)


def _fits(wanted: MediaType, kind: str) -> bool:
    if wanted.name in ("*/*", "multipart/*"):
        return True
    named = wanted.parameters.get("type", kind).lower()
    return wanted.name == "multipart/related" and named in (
        kind, "*/*", kind.partition("/")[0] + "/*",
    )  # fmt: skip


def _as_stored(wanted: MediaType, kind: str, syntax: str) -> bool:
    named = wanted.parameters.get("transfer-syntax")
    if named is not None:
        return named in ("*", syntax)
    is_range = "*" in wanted.name or "*" in wanted.parameters.get("type", "")
    return is_range or syntax == DEFAULT_SYNTAXES.get(kind)
