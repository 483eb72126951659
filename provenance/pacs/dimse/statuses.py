"""What the gateway answers to a C-STORE (PS3.4, B.2.3; PS3.7, annex C). Values only."""

from collections.abc import Mapping
from dataclasses import dataclass

from provenance.judging.verdict import Word

MAX_COMMENT = 64  # characters of (0000,0902) Error Comment, LO


@dataclass(frozen=True, slots=True)
class Status:
    """A status, and the words that go with a failure."""

    code: int
    comment: str = ""


TAKEN = Status(0x0000)
NO_ROOM = Status(0xA700, "no room on the disk of the gateway: nothing was taken")
OTHER_OBJECT = Status(0xA900, "class or instance UID is not that of the data set")
TOO_LARGE = 0xC0AF
"""By STOW-RS and by Orthanc, larger than an object may be; over an association that is cut off."""
FAILED = Status(0xC211, "the gateway failed: nothing was taken")
REFUSED: Mapping[Word, int] = {
    Word.ALTERED: 0xC0A1,
    Word.UNSEALED: 0xC0A2,
    Word.UNTRUSTED: 0xC0A3,
    Word.DERIVED: 0xC0A4,
    Word.UNREADABLE: 0xC0A5,
    Word.NOT_CHECKED: 0xC0A6,
    Word.STRIPPED: 0xC0A7,
    Word.HEADER_CHANGED: 0xC0A8,
    Word.CORRECTED: 0xC0A9,
    Word.AUTHENTIC: 0xC0AA,
}


def refused(word: Word, rule: str | None) -> Status:
    """Return the status for what the policy refuses: the verdict, and by which rule."""
    by = "" if rule is None else f", by {rule}"
    return Status(REFUSED[word], f"refused: {word}{by}")


def comment_text(comment: str) -> str:
    """Return a comment as it may stand in a command: short ASCII without backslash."""
    plain = comment.encode("ascii", "replace").decode("ascii").replace("\\", "/")
    return "".join(c if c.isprintable() else "?" for c in plain)[:MAX_COMMENT]
