"""What of an object leads back to whose it is: names, numbers, UIDs, days. Values only.

Looked for in a copy by search.py. What is too short to be told from chance is not here: it is
compared in its own attribute alone (identity.py).
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from provenance.deidentification.elements import Leaf, every_element
from provenance.dicom.instance import Instance
from provenance.dicom.text import TEXTS

HASH_DIGITS = 16  # hexadecimal, of MD5, SHA-1 and SHA-256: pseudonyms that anyone can compute
LEAST_NAME, LEAST_NUMBER = 3, 4  # letters of a name, letters and digits of a number
# Identifiers of people, orders, places and devices: LO, SH, UT and the like, at any level.
NUMBERS = frozenset(
    {
        0x00080050,  # Accession Number
        0x00080054,  # Retrieve AE Title
        0x00080055,  # Station AE Title
        0x00080080,  # Institution Name
        0x00080081,  # Institution Address
        0x00081010,  # Station Name
        0x00081040,  # Institutional Department Name
        0x00100020,  # Patient ID
        0x00100021,  # Issuer of Patient ID
        0x00101000,  # Other Patient IDs
        0x00101040,  # Patient's Address
        0x00101090,  # Medical Record Locator
        0x00102154,  # Patient's Telephone Numbers
        0x00102155,  # Patient's Telecom Information
        0x00120040,  # Clinical Trial Subject ID
        0x00120042,  # Clinical Trial Subject Reading ID
        0x00181000,  # Device Serial Number
        0x00181003,  # Device ID
        0x00181004,  # Plate ID
        0x00181005,  # Generator ID
        0x00181007,  # Cassette ID
        0x00181008,  # Gantry ID
        0x00181009,  # Unique Device Identifier
        0x0018700A,  # Detector ID
        0x00200010,  # Study ID
        0x00380010,  # Admission ID
        0x00380060,  # Service Episode ID
        0x00400009,  # Scheduled Procedure Step ID
        0x00400241,  # Performed Station AE Title
        0x00400242,  # Performed Station Name
        0x00400253,  # Performed Procedure Step ID
        0x00401001,  # Requested Procedure ID
        0x00402016,  # Placer Order Number
        0x00402017,  # Filler Order Number
    }
)
# UIDs that name no instance: classes, templates, coding schemes, software.
_CLASSES = frozenset(
    {0x00080016, 0x0008001A, 0x0008001B, 0x00080062, 0x0008010C, 0x00080117, 0x00080118,
     0x00081150, 0x00081151, 0x0008115A, 0x00281199, 0x0040DB0C, 0x0040DB0D, 0x04000010,
     0x04000510}
)  # fmt: skip
_STANDARD_UIDS = "1.2.840.10008."  # PS3.6 annex A: well-known, they name nobody
_WORD = re.compile(r"[^\W_]+")
_DAY = re.compile(r"(?:18|19|20|21)[0-9]{6}")


@dataclass(frozen=True, slots=True)
class Trace:
    """Something that identifies: what it is, its words, and how it was spelt.

    ``compact`` is the words in one.
    """

    what: str
    words: tuple[str, ...]
    spelt: str

    @property
    def compact(self) -> str:
        """Its letters and digits alone."""
        return "".join(self.words)


@dataclass(frozen=True, slots=True)
class Traces:
    """All that is to be looked for; never to be printed. ``seal`` are parts of the seal itself."""

    names: tuple[Trace, ...] = field(repr=False)
    numbers: tuple[Trace, ...] = field(repr=False)
    uids: frozenset[str] = field(repr=False)
    days: frozenset[str] = field(repr=False)
    seal: tuple[bytes, ...] = field(repr=False, default=())


def traces_of(instance: Instance, seal: Iterable[bytes] = ()) -> Traces:
    """Collect what identifies in ``instance``, at every level, private attributes aside.

    ``seal`` are parts of its seal and annex, of which each is unlike anything else.
    """
    names: dict[Trace, None] = {}
    numbers: dict[Trace, None] = {}
    uids: set[str] = set()
    days: set[str] = set()
    for leaf in every_element(instance):
        tag = leaf.place.tag
        if leaf.vr not in TEXTS or tag >> 16 & 1:
            continue
        if leaf.vr == "PN":
            names |= dict.fromkeys(_names(leaf))
        elif leaf.vr == "UI":
            uids |= set() if tag in _CLASSES else _instances(leaf)
        elif leaf.vr in ("DA", "DT"):
            days |= {v[:8] for v in _values(leaf) if _DAY.match(v)}
        elif tag in NUMBERS:
            numbers |= dict.fromkeys(_numbers(leaf))
    return Traces(tuple(names), tuple(numbers), frozenset(uids), frozenset(days), tuple(seal))


def fold(text: str) -> str:
    """Return ``text`` without accents, case and compatibility forms."""
    if not text.isascii():
        apart = unicodedata.normalize("NFKD", text)
        text = "".join(c for c in apart if not unicodedata.combining(c))
    return text.casefold()


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of folded ``text``: runs of letters and digits."""
    return tuple(_WORD.findall(fold(text)))


def _values(leaf: Leaf) -> list[str]:
    assert leaf.vr is not None
    text = TEXTS[leaf.vr].decode(leaf.value, leaf.charsets)
    if text is None:
        text = leaf.value.decode("latin-1")
    return [value.strip(" \0") for value in text.split("\\")]


def _names(leaf: Leaf) -> Iterator[Trace]:
    """Yield each component of each spelling of each name: it may stand alone elsewhere."""
    for name in _values(leaf):
        for spelling in name.split("="):
            for component in spelling.split("^"):
                words = words_of(component)
                if _is_telling("".join(words)):
                    yield Trace("a name", words, component.strip())


def _is_telling(name: str) -> bool:
    least = LEAST_NAME if name.isascii() else 2  # two characters are a name in East Asia
    return len(name) >= least and any(c.isalpha() for c in name)


def _numbers(leaf: Leaf) -> Iterator[Trace]:
    for value in _values(leaf):
        words = words_of(value)
        if len("".join(words)) < LEAST_NUMBER:
            continue
        yield Trace("an identifier", words, value)
        for digest in (hashlib.md5, hashlib.sha1, hashlib.sha256):
            start = digest(value.encode()).hexdigest()[:HASH_DIGITS]
            yield Trace("the hash of an identifier", (start,), start)


def _instances(leaf: Leaf) -> set[str]:
    return {v for v in _values(leaf) if len(v) > 8 and not v.startswith(_STANDARD_UIDS)}
