"""Text that XML 1.0 and a log of lines can carry, whatever was found in an object."""

import unicodedata

MAX_WORDS = 1_000
MAX_NAME = 128
MAX_UID = 64  # PS3.5, section 9.1

_REPLACED = frozenset({"Cc", "Cs", "Zl", "Zp"})
_NONCHARACTERS = 0xFFFE


def plain_text(text: str, limit: int) -> str:
    """Return at most ``limit`` characters, each control, surrogate or noncharacter as U+FFFD.

    Line breaks are controls: one message is one line. Of what is cut the end is an ellipsis.
    """
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join("\ufffd" if _unfit(each) else each for each in cut)


def _unfit(character: str) -> bool:
    return (
        unicodedata.category(character) in _REPLACED
        or ord(character) & _NONCHARACTERS == _NONCHARACTERS
        or 0xFDD0 <= ord(character) <= 0xFDEF
    )
