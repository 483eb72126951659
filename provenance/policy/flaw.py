"""What is wrong with a policy file, where, and what helps. Values only."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

Place = tuple[str | int, ...]


class Gravity(StrEnum):
    """Whether a policy with such a flaw is refused, is doubtful, or may be meant so."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing about a file: its place (``rules[2].match``), its line if known, and what helps."""

    gravity: Gravity
    place: str
    line: int | None
    says: str
    do: str = ""

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line is not None else ""
        named = f"{self.place}: " if self.place else ""
        return f"{where}{named}{self.says}" + (f" ({self.do})" if self.do else "")


def spelt(place: Place) -> str:
    """Return a place as a person writes it; rules are counted from 1."""
    words = ""
    for part in place:
        if isinstance(part, int):
            words += f"[{part + 1}]"
        else:
            words += f".{shown(part)}" if words else shown(part)
    return words


def shown(value: object) -> str:
    """Return a piece of the file as it may be printed: short, and on one line."""
    text = value if isinstance(value, str) else repr(value)
    if not text.isprintable():
        text = repr(text)[1:-1]
    return text if len(text) <= 64 else text[:61] + "..."


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint at the name that was meant; empty if none is near."""
    names = list(known)
    folded = word[:64].casefold().replace(" ", "_").replace("-", "_")
    near = difflib.get_close_matches(folded, names, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"known here: {', '.join(names)}"
