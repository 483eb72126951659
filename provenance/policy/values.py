"""Read single values of a policy file: each is of its type and within bounds, or a flaw."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TypeVar

from provenance.policy.flaw import Flaw, Gravity, Place, nearest, shown, spelt
from provenance.policy.lines import line_of

MAX_VALUES = MAX_TEXT = 256
MAX_NAME = 64
YEARS = range(2000, 2200)
_HASH = re.compile(r"[0-9a-f]{64}")
_NEVER = "never"
_DATES = 'such as 2026-01-31, or "never"'
_K = TypeVar("_K")


@dataclass(slots=True)
class Reading:
    """Collects what is wrong, so that all of it can be told at once."""

    lines: Mapping[Place, int]
    flaws: list[Flaw] = field(default_factory=list)

    def flaw(self, place: Place, says: str, do: str = "", gravity: Gravity = Gravity.ERROR) -> None:
        """Note that something is wrong at a place."""
        self.flaws.append(Flaw(gravity, spelt(place), line_of(self.lines, place), says, do))

    def sorted(self) -> tuple[Flaw, ...]:
        """Return what was noted, in the order of the lines."""
        return tuple(sorted(self.flaws, key=lambda flaw: flaw.line or 0))

    def table(self, value: object, place: Place) -> Mapping[str, object]:
        """Return a table; an empty one if it is none."""
        if isinstance(value, dict):
            return value
        self.flaw(place, f"a table is expected, not {_kind(value)}")
        return {}

    def known(self, table: Mapping[str, object], place: Place, keys: Collection[str]) -> None:
        """Note every key that is not known."""
        for key in table:
            if key not in keys:
                self.flaw((*place, key), "unknown key", nearest(key, keys))

    def text(self, value: object, place: Place, most: int = MAX_TEXT) -> str | None:
        """Return a short text that can be printed."""
        if not isinstance(value, str):
            self.flaw(place, f"a string is expected, not {_kind(value)}")
        elif not value.strip() or len(value) > most or not value.isprintable():
            self.flaw(place, f"1 to {most} printable characters are expected, not only spaces")
        else:
            return value
        return None

    def texts(self, value: object, place: Place, most: int = MAX_TEXT) -> tuple[str, ...] | None:
        """Return the texts of an array that is not empty and holds none twice."""
        if not isinstance(value, list):
            self.flaw(place, f"an array of strings is expected, not {_kind(value)}")
            return None
        if not 1 <= len(value) <= MAX_VALUES:
            self.flaw(place, f"1 to {MAX_VALUES} values are expected, not {len(value)}")
            return None
        read = [self.text(each, place, most) for each in value]
        found = tuple(each for each in read if each is not None)
        if len(found) < len(value):
            return None
        for twice in sorted({each for each in found if found.count(each) > 1}):
            self.flaw(place, f"{shown(twice)} stands twice")
        return found

    def choice(self, value: object, place: Place, choices: Mapping[str, _K]) -> _K | None:
        """Return what one of some words stands for."""
        if not isinstance(value, str):
            self.flaw(place, f"a string is expected, not {_kind(value)}")
        elif value not in choices:
            self.flaw(place, f"{shown(value)} is none of its values", nearest(value, choices))
        else:
            return choices[value]
        return None

    def flag(self, value: object, place: Place) -> bool | None:
        """Return true or false."""
        if isinstance(value, bool):
            return value
        self.flaw(place, f"true or false is expected, not {_kind(value)}")
        return None

    def day(self, value: object, place: Place) -> date | None:
        """Return a date; None for "never"."""
        if value == _NEVER:
            return None
        if isinstance(value, datetime) or not isinstance(value, date):
            self.flaw(place, f"a date is expected, not {_kind(value)}", _DATES)
            return None
        return value if self._year(value.year, place) else None

    def moment(self, value: object, place: Place) -> datetime | None:
        """Return a moment in UTC, of a date its beginning; None for "never"."""
        if value == _NEVER:
            return None
        if isinstance(value, datetime):
            if value.tzinfo is None:
                self.flaw(place, "a time needs its offset", "such as 2026-01-31T06:00:00+01:00")
                return None
            return value.astimezone(UTC) if self._year(value.year, place) else None
        if isinstance(value, date):
            begins = datetime(value.year, value.month, value.day, tzinfo=UTC)
            return begins if self._year(value.year, place) else None
        self.flaw(place, f"a date is expected, not {_kind(value)}", _DATES)
        return None

    def signers(self, value: object, place: Place) -> tuple[str, ...] | None:
        """Return terms that name signers."""
        found = self.texts(value, place)
        for term in found or ():
            prefix, colon, digits = term.partition(":")
            if colon and prefix in ("sha256", "key") and not _HASH.fullmatch(digits):
                self.flaw(place, f"{prefix}: wants 64 lower-case hexadecimal digits after it")
        return found

    def _year(self, year: int, place: Place) -> bool:
        if year not in YEARS:
            self.flaw(place, f"the year {year} is out of bounds", "2000 to 2199 are expected")
        return year in YEARS


def _kind(value: object) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", str: "a string"}
    names |= {list: "an array", dict: "a table", date: "a date", datetime: "a date with time"}
    return names.get(type(value), "a time")
