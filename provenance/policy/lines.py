"""On which line of a TOML text a key stands. A hint for people: tomllib keeps no lines.

What is written in an unusual way (dotted keys, inline tables, long strings) has no line, or that
of the table it is in; nothing rests on it.
"""

import re
from collections import Counter
from collections.abc import Mapping

from provenance.policy.flaw import Place

_TABLE = re.compile(r"^\s*(\[\[?)\s*([A-Za-z0-9_.\" -]{1,200}?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_-]{1,100}|\"[^\"\\]{1,100}\")\s*=")
_MULTILINE = re.compile(r'"""|\'\'\'')


def find_lines(text: str) -> Mapping[Place, int]:
    """Return the line of each table and key that is written plainly, from 1."""
    found: dict[Place, int] = {}
    counts: Counter[str] = Counter()
    table: Place = ()
    inside = False
    for number, line in enumerate(text.split("\n"), 1):
        quotes = len(_MULTILINE.findall(line))
        if inside or quotes:
            inside ^= quotes % 2 == 1
            if inside or not quotes:
                continue
        header = _TABLE.match(line)
        if header is not None:
            table = _table(header[1], header[2], counts)
            found.setdefault(table, number)
            continue
        key = _KEY.match(line)
        if key is not None:
            found.setdefault((*table, key[1].strip('"')), number)
    return found


def line_of(lines: Mapping[Place, int], place: Place) -> int | None:
    """Return the line of a place, or of the nearest thing around it."""
    while place:
        if place in lines:
            return lines[place]
        place = place[:-1]
    return None


def _table(brackets: str, name: str, counts: "Counter[str]") -> Place:
    first, *rest = (part.strip().strip('"') for part in name.split("."))
    if brackets == "[[":
        counts[first] += not rest
        return (first, counts[first] - 1, *rest)
    if first in counts:
        return (first, counts[first] - 1, *rest)
    return (first, *rest)
