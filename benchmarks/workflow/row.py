"""A row of the workflow matrix, and a case: one tool on one image, and what must be said of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.findings import Code
from provenance.verdict import Word

if TYPE_CHECKING:
    from benchmarks.workflow.bench import Bench

Act = Callable[["Bench", Path], Path]


@dataclass(frozen=True, slots=True)
class Row:
    """What a hospital or an attacker does, and the verdicts that it may get.

    ``pending`` says what of the row is not there yet.
    """

    number: int
    operation: str
    words: tuple[Word, ...]
    note: str = ""
    pending: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """``act`` makes, of the sealed file it is given, the file that is judged.

    ``codes`` must be among the findings, ``regions`` says whether places must be named,
    ``proven`` whether all three answers must be, and ``why`` explains a word that is not among
    those of the row.
    """

    row: int
    what: str
    tool: str
    subject: str
    act: Act
    word: Word
    codes: tuple[Code, ...] = ()
    regions: bool = False
    proven: bool = False
    why: str = ""

    @property
    def name(self) -> str:
        """What names the case in tests."""
        return f"{self.row}: {self.what}, {self.subject}"
