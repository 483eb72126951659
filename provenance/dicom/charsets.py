"""Text of any Specific Character Set to Unicode: PS3.5 6.1, PS3.3 C.12.1.1.2.

Strict: what the declared character sets cannot spell is not text. Knows no pydicom, whose
decoder warns, replaces, and may change between versions, as a canonical value must not.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

_LATIN_1 = "latin_1"
# Defined terms by number, "ISO_IR n" and "ISO 2022 IR n" alike: Python's codec for the set.
_SINGLE_BYTE = {
    6: _LATIN_1,  # bytes above 127 are not ISO 646; they are read as everyone reads them
    13: "shift_jis",
    100: _LATIN_1,
    101: "iso8859_2",
    109: "iso8859_3",
    110: "iso8859_4",
    126: "iso8859_7",
    127: "iso8859_6",
    138: "iso8859_8",
    144: "iso8859_5",
    148: "iso8859_9",
    166: "tis_620",
    203: "iso8859_15",
}
_MULTI_BYTE = {58, 87, 149, 159}
_DOUBLE = {87, 159}  # those that stand in G0
_WHOLE = {"ISO_IR 192": "utf_8", "GB18030": "gb18030", "GBK": "gbk"}
_TERM = re.compile(r"ISO[ _-]?(?:2022[ _-]?)?(?:IR[ _-]?)?([0-9]{1,3})")

# Escape sequences, PS3.3 tables C.12-3 and C.12-4: (set number, code element).
_ESCAPES = {
    b"(B": (6, 0),
    b"-A": (100, 1),
    b"-B": (101, 1),
    b"-C": (109, 1),
    b"-D": (110, 1),
    b"-F": (126, 1),
    b"-G": (127, 1),
    b"-H": (138, 1),
    b"-L": (144, 1),
    b"-M": (148, 1),
    b"-T": (166, 1),
    b"-b": (203, 1),
    b")I": (13, 1),
    b"(J": (13, 0),
    b"$B": (87, 0),
    b"$(D": (159, 0),
    b"$)C": (149, 1),
    b"$)A": (58, 1),
}
_ESCAPE = re.compile(rb"\x1b(\([BJ]|\)I|-[A-HLMTb]|\$B|\$\(D|\$\)[AC])")
# A control character or a delimiter brings back the first character set (PS3.5 6.1.2.5.3).
_PLAIN_RUN = re.compile(rb"[^\x1b\t\n\f\r\\]+")
_NAME_RUN = re.compile(rb"[^\x1b\t\n\f\r\\^=]+")
_BESIDE_DOUBLE = re.compile(rb"[^\x1b\t\n\f\r\x21-\x7e]+")
_DOUBLE_RUN = re.compile(rb"[\x21-\x7e]+")  # the second byte may look like a delimiter


@dataclass(frozen=True, slots=True)
class Charsets:
    """What (0008,0005) declares: one codec for everything, or sets to switch between."""

    whole: str | None
    numbers: tuple[int, ...]


DEFAULT_CHARSETS = Charsets(None, (6,))


@lru_cache(maxsize=256)
def parse_charsets(terms: tuple[str, ...]) -> Charsets:
    """Read the values of (0008,0005). Unknown terms count as the default repertoire."""
    names = [term.strip(" \0").upper() for term in terms] or [""]
    if names[0] in _WHOLE:
        return Charsets(_WHOLE[names[0]], ())
    if names[0] in ("UTF-8", "UTF8", "ISO IR 192", "ISO-IR 192"):
        return Charsets("utf_8", ())
    numbers = tuple(_number(name) for name in names)
    if len(numbers) == 1 and numbers[0] in _SINGLE_BYTE:
        return Charsets(_SINGLE_BYTE[numbers[0]], ()) if numbers != (6,) else DEFAULT_CHARSETS
    return Charsets(None, numbers)


def _number(name: str) -> int:
    match = _TERM.fullmatch(name)
    number = int(match[1]) if match else 6
    return number if number in _SINGLE_BYTE or number in _MULTI_BYTE else 6


def decode_text(encoded: bytes, charsets: Charsets, *, name: bool = False) -> str | None:
    """Return the text, or None when the bytes are no text of ``charsets``.

    ``name``: a PN value, where ``^`` and ``=`` also bring back the first character set.
    """
    if charsets.whole is not None and b"\x1b" not in encoded:
        return _decode(encoded, charsets.whole)
    if charsets.whole == "utf_8":
        return _decode(encoded, charsets.whole)
    if charsets.whole is not None:
        return None
    if b"\x1b" not in encoded and charsets.numbers[0] in _SINGLE_BYTE:
        return _decode(encoded, _SINGLE_BYTE[charsets.numbers[0]])
    return _decode_extended(encoded, charsets.numbers, name)


def _decode_extended(encoded: bytes, declared: tuple[int, ...], name: bool) -> str | None:
    """Decode run by run: each is what one pair of sets, G0 and G1, spells (ISO 2022)."""
    plain = _NAME_RUN if name else _PLAIN_RUN
    first = (13 if declared[0] == 13 else 6, declared[0])
    active = list(first)
    text: list[str] = []
    position = 0
    while position < len(encoded):
        if encoded[position] == 0x1B:
            match = _ESCAPE.match(encoded, position)
            if match is None:
                return None
            number, element = _ESCAPES[match[1]]
            if number != 6 and number not in declared:
                return None
            active[element] = number
            position = match.end()
            continue
        in_double = active[0] in _DOUBLE
        doubled = _DOUBLE_RUN.match(encoded, position) if in_double else None
        match = doubled or (_BESIDE_DOUBLE if in_double else plain).match(encoded, position)
        if match is None:  # a delimiter
            text.append(chr(encoded[position]))
            active = list(first)
            position += 1
            continue
        run = match[0]
        decoded = _decode_double(run, active[0]) if doubled else _decode(run, _codec(active[1]))
        if decoded is None:
            return None
        text.append(decoded)
        position = match.end()
    return "".join(text)


def _codec(number: int) -> str:
    """Return the codec for G1; all of them spell ISO 646 in G0 as well."""
    return _SINGLE_BYTE.get(number) or {58: "gb2312", 149: "euc_kr"}.get(number, "ascii")


def _decode_double(run: bytes, number: int) -> str | None:
    """Decode JIS X 0208 or 0212, two bytes a character."""
    if number == 87:
        return _decode(b"\x1b$B" + run + b"\x1b(B", "iso2022_jp")
    return _decode(b"\x1b$(D" + run + b"\x1b(B", "iso2022_jp_2")


def _decode(encoded: bytes, codec: str) -> str | None:
    try:
        return encoded.decode(codec)
    except UnicodeDecodeError:
        return None
