"""Look for traces of a person in a copy: in text, in UIDs, and in bytes of any kind.

Whole words are compared, and from some length on parts of words as well. It finds what stands
there in any usual spelling; not what was enciphered, translated or drawn into the picture.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from provenance.deidentification.elements import PIXEL_DATA, Leaf, Place, every_element
from provenance.deidentification.traces import Trace, Traces, words_of
from provenance.dicom.charsets import decode_text
from provenance.dicom.instance import Instance
from provenance.dicom.numbers import NUMBERS as BINARY_NUMBERS
from provenance.dicom.text import TEXTS

LEAST_PART = 5  # from so many characters on, a name or number counts within a longer word, too
_LEAST_IN_PIXELS = 6  # compressed frames are long and random: shorter ones occur by chance
_CODECS = ("utf-8", "latin-1", "iso8859-2", "iso8859-5", "iso8859-7", "shift_jis", "euc_jp",
           "euc_kr", "gb18030", "utf-16-le", "utf-16-be")  # fmt: skip
_LONGEST_UID = 64  # PS3.5 9.1; a longer run of digits and dots could hide one
_UID = re.compile(r"[0-9]+(?:\.[0-9]+){3,}")
_DECIMALS = ("DS", "IS")
_INSTANCE_VRS = ("UI",)


@dataclass(frozen=True, slots=True)
class Remain:
    """Where something of the original was found in a copy, and of what kind; never the value."""

    place: Place
    what: str


def search(copy: Instance, traces: Traces) -> Iterator[Remain]:
    """Yield every element of ``copy`` that holds a trace, each with the first kind found in it."""
    for leaf in every_element(copy):
        found = _found_in(leaf, traces)
        if found is not None:
            yield Remain(leaf.place, found)


def _found_in(leaf: Leaf, traces: Traces) -> str | None:
    if leaf.place.tag == PIXEL_DATA:
        return _in_bytes(leaf.value, traces, least=_LEAST_IN_PIXELS)
    if leaf.vr in _INSTANCE_VRS:
        return _in_uids(leaf.value.decode("latin-1"), traces)
    if leaf.vr in _DECIMALS:
        return _in_decimals(leaf.value.decode("latin-1"), traces)
    text = _text_of(leaf)
    found = None if text is None else _in_text(text, traces)
    return found or _in_bytes(leaf.value, traces, least=LEAST_PART)


def _text_of(leaf: Leaf) -> str | None:
    if leaf.vr in TEXTS:
        return TEXTS[leaf.vr].decode(leaf.value, leaf.charsets)
    if leaf.vr in BINARY_NUMBERS:
        return None
    # VR UN, and bulk data: text of some tool, perhaps
    return decode_text(leaf.value.rstrip(b"\0 "), leaf.charsets)


def _in_text(text: str, traces: Traces) -> str | None:
    words = words_of(text)
    compact = "".join(words)
    for trace in (*traces.names, *traces.numbers):
        if _has_words(words, trace.words) or _has_part(compact, trace):
            return trace.what
    if any(day in compact for day in traces.days):
        return "a date"
    return _in_uids(text, traces)


def _has_words(words: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    size, first = len(wanted), wanted[0]
    return any(word == first and words[at : at + size] == wanted for at, word in enumerate(words))


def _has_part(compact: str, trace: Trace) -> bool:
    part = trace.compact
    least = LEAST_PART if part.isascii() else 2
    return len(part) >= least and part in compact


def _in_decimals(text: str, traces: Traces) -> str | None:
    """Numbers are measures more often than not: only a value that is one, as a whole."""
    for value in text.split("\\"):
        whole = "".join(words_of(value))
        for trace in (*traces.names, *traces.numbers):
            if whole == trace.compact:
                return trace.what
    return None


def _in_uids(text: str, traces: Traces) -> str | None:
    for match in _UID.finditer(text):
        run = match[0]
        if len(run) > _LONGEST_UID:
            return "digits and dots, longer than any UID"
        if run in traces.uids or _extends_one(run, traces.uids):
            return "a UID"
    return None


def _extends_one(uid: str, known: frozenset[str]) -> bool:
    """Whether a UID is another's with something behind it."""
    parts = uid.split(".")
    return any(".".join(parts[:size]) in known for size in range(4, len(parts)))


def _in_bytes(value: bytes, traces: Traces, *, least: int) -> str | None:
    """Look in bytes as they are, and without NULs: so UTF-16 of plain letters is found, too."""
    views = {value} if least > LEAST_PART else {value, value.replace(b"\0", b"")}
    for view in views:
        if any(part in view for part in traces.seal):
            return "its seal"
        lowered = view.lower()
        for trace in (*traces.names, *traces.numbers):
            if any(len(each) >= least and each in lowered for each in _spellings(trace)):
                return trace.what
        if any(day.encode("ascii") in view for day in traces.days):
            return "a date"
        found = _in_uids(view.decode("latin-1"), traces)
        if found is not None:
            return found
    return None


@cache
def _spellings(trace: Trace) -> frozenset[bytes]:
    """Return how a trace may be written in bytes, ASCII letters small."""
    spelt = trace.spelt
    texts = {trace.compact, spelt, spelt.lower(), spelt.upper()}
    texts |= {separator.join(trace.words) for separator in (" ", "-", "_", "^")}
    found: set[bytes] = set()
    for codec in _CODECS:
        for text in texts:
            with suppress(UnicodeEncodeError):
                found.add(text.encode(codec).lower())
    return frozenset(found)
