"""The bracket of a claimed time, for a person."""

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger import Bracket

_WORTH = timedelta(hours=1)


def worth_saying(bracket: "Bracket") -> bool:
    """Whether a person wants to know: something does not fit, or it was logged much later."""
    delay = bracket.delay
    return bracket.finding is not None or (delay is not None and delay >= _WORTH)


def bracket_line(bracket: "Bracket") -> str:
    """Return the one line: the finding, if there is one, and the words."""
    finding = "" if bracket.finding is None else f"{bracket.finding}: "
    return finding + bracket.words()
