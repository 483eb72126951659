"""A row of the workflow matrix, and a case: one tool on one image, and what must be said of it."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.workflow.bench import Bench


def is_there(module: str) -> bool:
    """Whether this radseal has a module."""
    return find_spec(module) is not None


@dataclass(frozen=True, slots=True)
class Seen:
    """What was said of a file or a study: a word, codes of findings, whether places are named."""

    word: str
    codes: frozenset[str]
    regions: bool = False
    answers: frozenset[str] = frozenset()


Act = Callable[["Bench", Path], Path]
Look = Callable[["Bench", Path], Seen]


@dataclass(frozen=True, slots=True)
class Row:
    """What a hospital or an attacker does, and the verdicts that it may get.

    ``pending`` says what of the row is missing where radseal has no module ``needs``.
    """

    number: int
    operation: str
    words: tuple[str, ...]
    note: str = ""
    pending: str = ""
    needs: str = ""

    @property
    def waits(self) -> bool:
        """Whether something of the row is not there yet."""
        return bool(self.needs) and not is_there(self.needs)


@dataclass(frozen=True, slots=True)
class Case:
    """``act`` makes, of the sealed file it is given, the file that is judged.

    ``codes`` must be among the findings, ``regions`` says whether places must be named,
    ``proven`` whether all three answers must be, and ``why`` explains a word that is not among
    those of the row. ``look`` judges otherwise than by verifying the one file.
    """

    row: int
    what: str
    tool: str
    subject: str
    act: Act
    word: str
    codes: tuple[str, ...] = ()
    regions: bool = False
    proven: bool = False
    why: str = ""
    look: Look | None = None

    @property
    def name(self) -> str:
        """What names the case in tests."""
        return f"{self.row}: {self.what}, {self.subject}"
