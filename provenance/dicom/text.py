"""Text values: PS3.5 6.2, every VR that is written in characters."""

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from provenance.dicom.charsets import Charsets, decode_text

Texts: TypeAlias = tuple[str | int | bytes, ...]

_PADDING = " \0"
_LONGEST_NUMBER = 64
_DECIMAL = re.compile(r"([+-]?)([0-9]*)\.?([0-9]*)(?:[eE]([+-]?[0-9]+))?")
_INTEGER = re.compile(r"[+-]?[0-9]+")


class Form(Enum):
    """How the characters of a value are to be taken."""

    STRINGS = auto()  # values between backslashes, spaces around them mean nothing
    LONG_STRINGS = auto()  # values between backslashes, spaces before them mean something
    PARAGRAPH = auto()  # one value, a backslash is a character
    NAMES = auto()  # person names
    DECIMALS = auto()
    INTEGERS = auto()


@dataclass(frozen=True, slots=True)
class TextVR:
    """A VR written in characters, in the declared character sets or always in ISO 646."""

    form: Form
    declared: bool

    def decode(self, value: bytes, charsets: Charsets) -> str | None:
        """Return the characters, or None when the bytes are no text."""
        if not self.declared:
            return value.decode("latin-1")
        return decode_text(value, charsets, name=self.form is Form.NAMES)


TEXTS: dict[str, TextVR] = {
    **dict.fromkeys(("AE", "AS", "CS", "DA", "DT", "TM", "UI"), TextVR(Form.STRINGS, False)),
    **dict.fromkeys(("LO", "SH"), TextVR(Form.STRINGS, True)),
    "UC": TextVR(Form.LONG_STRINGS, True),
    **dict.fromkeys(("LT", "ST", "UT"), TextVR(Form.PARAGRAPH, True)),
    "UR": TextVR(Form.PARAGRAPH, False),
    "PN": TextVR(Form.NAMES, True),
    "DS": TextVR(Form.DECIMALS, False),
    "IS": TextVR(Form.INTEGERS, False),
}


def read_text(text: str, vr: str) -> Texts | None:
    """Return the values that ``text`` holds under ``vr``; None when there are none."""
    text = text.rstrip(_PADDING)
    if not text:
        return None
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
        if any(0xD800 <= ord(character) < 0xE000 for character in text):
            return (text.encode("utf-8", "surrogatepass"),)
    match TEXTS[vr].form:
        case Form.PARAGRAPH:
            return (text,)
        case Form.STRINGS:
            return tuple([part.strip(_PADDING) for part in text.split("\\")])
        case Form.LONG_STRINGS:
            return tuple([part.rstrip(_PADDING) for part in text.split("\\")])
        case Form.NAMES:
            return _nothing_if_blank(tuple([_name(part) for part in text.split("\\")]))
        case Form.DECIMALS:
            return tuple([decimal(part.strip(_PADDING)) for part in text.split("\\")])
        case Form.INTEGERS:
            return tuple([_integer(part.strip(_PADDING)) for part in text.split("\\")])


def decimal(text: str) -> str:
    """Return the one spelling of a decimal number, "-15e-1" for "-1.50"; other text as it is."""
    match = _DECIMAL.fullmatch(text) if len(text) <= _LONGEST_NUMBER else None
    if match is None or not (match[2] or match[3]):
        return text
    sign, whole, fraction, exponent = match.groups()
    digits = (whole + fraction).lstrip("0")
    significant = digits.rstrip("0")
    if not significant:
        return "0e0"
    power = int(exponent or 0) - len(fraction) + len(digits) - len(significant)
    return f"{'-' if sign == '-' else ''}{significant}e{power}"


def _integer(text: str) -> int | str:
    if len(text) > _LONGEST_NUMBER or not _INTEGER.fullmatch(text):
        return text
    number = int(text)
    return number if -(1 << 63) <= number < 1 << 63 else text


def _name(text: str) -> str:
    """Drop what says nothing: padding, empty components and empty groups at the end."""
    groups = [group.rstrip(_PADDING + "^") for group in text.split("=")]
    return "=".join(groups).rstrip("=")


def _nothing_if_blank(names: tuple[str, ...]) -> Texts | None:
    return None if names == ("",) else names
