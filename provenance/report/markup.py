"""HTML from values: whatever is not markup already is escaped, so no DICOM text can become any."""

from html import escape
from typing import Self


class Markup(str):
    """Text that is HTML; only `element`, `joined` and literals in this project make it."""

    __slots__ = ()

    @classmethod
    def of(cls, content: str) -> Self:
        """Return markup as it is, other text escaped."""
        return content if isinstance(content, cls) else cls(escape(content, quote=True))


VOID = frozenset({"br", "hr", "img", "meta"})


def element(name: str, /, *content: str, **attributes: str | None) -> Markup:
    """Return one element; attributes that are None are left out.

    A trailing underscore is dropped from an attribute's name and others become hyphens:
    ``class_``, ``aria_label``.
    """
    stated = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value, quote=True)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Markup(f"<{name}{stated}>")
    return Markup(f"<{name}{stated}>{joined(*content)}</{name}>")


def joined(*content: str) -> Markup:
    """Return several pieces one after the other."""
    return Markup("".join(Markup.of(piece) for piece in content))
