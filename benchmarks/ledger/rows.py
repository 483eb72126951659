"""Rows of the table: what was measured, against which bar, and whether it was met."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

RATES = ("F", "S", "V", "H")


@dataclass(frozen=True, slots=True)
class Row:
    """One line. ``value`` is in ``unit``: F, S, V, H, ms, s, B or MB; ``bar`` is in the same unit.

    Of F, S, V and H the bar is the least, of the others the most. ``points`` are for the plots:
    name of the curve, x, y.
    """

    what: str
    measured: str
    value: float | None = None
    unit: str = ""
    bar: float | None = None
    note: str = ""
    points: list[tuple[str, float, float]] = field(default_factory=list)

    @property
    def met(self) -> bool | None:
        """Whether the bar was reached; None without one."""
        if self.bar is None or self.value is None:
            return None
        return self.value >= self.bar if self.unit in RATES else self.value <= self.bar


class Results:
    """Sections that were measured, kept in a file as they come: a run that was stopped goes on."""

    def __init__(self, path: Path, settings: str) -> None:
        self._path = path
        self._settings = settings
        self.sections: dict[str, list[Row]] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                found = json.loads(line)
                if found["settings"] == settings:
                    self.sections[found["section"]] = [Row(**row) for row in found["rows"]]

    def add(self, section: str, rows: Sequence[Row]) -> None:
        """Keep a section."""
        self.sections[section] = list(rows)
        kept = {
            "settings": self._settings,
            "section": section,
            "rows": [asdict(row) for row in rows],
        }
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(kept) + "\n")


def markdown(sections: dict[str, list[Row]]) -> str:
    """Return all sections as tables."""
    parts = []
    for name, rows in sections.items():
        head = ["| what | measured | ratio | bar | |", "| --- | ---: | ---: | ---: | --- |"]
        parts.append("\n".join([f"### {name}", "", *head, *map(_line, rows)]))
    return "\n\n".join(parts) + "\n"


def _line(row: Row) -> str:
    word = {True: "met", False: "**missed**", None: ""}[row.met]
    told = "; ".join(part for part in (word, row.note) if part)
    ratio = f"{row.value:.2f} {row.unit}" if row.unit in RATES and row.value else ""
    bar = "" if row.bar is None else f"{row.bar:g} {row.unit}"
    return f"| {row.what} | {row.measured} | {ratio} | {bar} | {told} |"
