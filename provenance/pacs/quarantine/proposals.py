"""What persons proposed and decided about objects of a spool: kept beside them, reasons in clear.

Only commitments and key ids go to the ledger; this is where they can be opened.
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from provenance.errors import UsageError
from provenance.pacs.quarantine.consents import Consent, Matter, commit_reason
from provenance.pacs.spool.database import milliseconds, moment

LASTS = timedelta(days=7)
"""How long a proposal waits for a second person."""


class Became(StrEnum):
    """What has become of a proposal."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class NoteWish:
    """That a rejection note shall be written to ``folder``, with the title of that short name."""

    title: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one person proposed, and signed; ``number`` is 0 until it is kept."""

    number: int
    object: int
    to_archives: bool
    reason: str
    salt: bytes
    consent: Consent
    person: str
    note: NoteWish | None = None

    @property
    def until(self) -> datetime:
        """When it is void."""
        return self.consent.at + LASTS

    def matter(self, origin: str, file: bytes) -> Matter:
        """What was consented to, in the log ``origin``, about the bytes that ``file`` means."""
        return Matter(origin, file, self.to_archives, commit_reason(self.reason, self.salt))


@dataclass(frozen=True, slots=True)
class Settled:
    """What persons decided about these very bytes before; ``meant`` is how the log names them."""

    object: int
    to_archives: bool
    at: datetime | None
    persons: tuple[str, ...]

    @property
    def words(self) -> str:
        """How a decision that follows it is explained."""
        what = "released from quarantine" if self.to_archives else "rejected"
        who = f" by {' and '.join(self.persons)}" if self.persons else ""
        when = f" on {self.at:%Y-%m-%d}" if self.at is not None else ""
        return f"{what}{who}{when}, as object {self.object} of the spool"


class Proposals:
    """The proposals and steps of one spool. What writes is called within a transaction."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def of_object(self, number: int) -> Proposal | None:
        """Return the proposal that is open for an object, in time or not."""
        row = self._database.execute(
            "select number, object, to_archives, reason, salt, kid, at, signature, person,"
            " note_title, note_folder from proposal where object = ? and became = ?",
            (number, Became.OPEN),
        ).fetchone()
        if row is None:
            return None
        own, of, to_archives, reason, salt, kid, at, signature, person, title, folder = row
        return Proposal(
            own,
            of,
            bool(to_archives),
            reason,
            salt,
            Consent(kid, moment(at), signature),
            person,
            None if title is None else NoteWish(title, Path(folder)),
        )

    def put(self, made: Proposal) -> int:
        """Keep a new proposal; UsageError if another one is open for the object."""
        note = made.note
        row = (
            made.object,
            made.to_archives,
            made.reason,
            made.salt,
            made.consent.kid,
            milliseconds(made.consent.at),
            made.consent.signature,
            made.person,
            None if note is None else note.title,
            None if note is None else str(note.folder),
            Became.OPEN,
        )
        try:
            number = self._database.execute(
                "insert into proposal (object, to_archives, reason, salt, kid, at, signature,"
                " person, note_title, note_folder, became)"
                " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            ).lastrowid
        except sqlite3.IntegrityError as error:
            raise UsageError(
                f"a proposal is open for the object {made.object}: confirm or withdraw it"
            ) from error
        assert number is not None
        return number

    def close(
        self, number: int, became: Became, *, at: datetime, second: str | None = None
    ) -> None:
        """End an open proposal, once; UsageError if somebody else has."""
        closed = self._database.execute(
            "update proposal set became = ?, closed = ?, second = ?"
            " where number = ? and became = ?",
            (became, milliseconds(at), second, number, Became.OPEN),
        )
        if closed.rowcount != 1:
            raise UsageError("the proposal is not open any more: somebody was faster")

    def add_step(self, number: int, *, at: datetime, person: str, act: str, reason: str) -> None:
        """Write down what was done about an object, and by whom."""
        self._database.execute(
            "insert into step (object, at, person, act, reason) values (?, ?, ?, ?, ?)",
            (number, milliseconds(at), person, act, reason),
        )

    def steps(self, number: int) -> list[tuple[datetime, str, str, str]]:
        """Return what was done about an object: when, by whom, what, and why, oldest first."""
        rows = self._database.execute(
            "select at, person, act, reason from step where object = ? order by number", (number,)
        )
        return [(moment(at), person, act, reason) for at, person, act, reason in rows]

    def confirmed(self, number: int) -> tuple[datetime, Sequence[str]] | None:
        """Return when an object was released or rejected, and by whom."""
        row = self._database.execute(
            "select closed, person, second from proposal where object = ? and became = ?",
            (number, Became.CONFIRMED),
        ).fetchone()
        if row is None:
            return None
        closed, first, second = row
        return moment(closed), (first,) if second is None else (first, second)

    def know(self, number: int, data_set: bytes) -> None:
        """Note by which data set an object is known again, if somebody decides about it."""
        self._database.execute("insert into data_set values (?, ?)", (number, data_set))

    def settled(
        self, sha256: bytes, sop_instance: str, data_set: Callable[[], bytes | None]
    ) -> Settled | None:
        """Return what was decided about a file of that SHA-256 before; a rejection comes first.

        Bytes are rejected as they came and as they were kept. Released are those that were kept,
        and for the instance that they were. ``data_set`` returns the digest of the file's data set
        (`data_set_digest`): it is asked for if the instance was decided about in another file.
        """
        rejected = self._database.execute(
            "select number from object where state = 'rejected' and (sha256 = ? or arrived = ?)"
            " order by number limit 1",
            (sha256, sha256),
        ).fetchone()
        released = self._database.execute(
            "select number from object where sha256 = ? and sop_instance = ?"
            " and action = 'quarantine' and state in ('forwarding', 'delivered')"
            " order by number desc limit 1",
            (sha256, sop_instance),
        ).fetchone()
        found = rejected or released
        if found is not None:
            return self._settled(found[0], released=rejected is None)
        return self._of_data_set(sop_instance, data_set)

    def _of_data_set(
        self, sop_instance: str, data_set: Callable[[], bytes | None]
    ) -> Settled | None:
        decided = self._database.execute(
            "select number, state, digest from object join data_set on object = number"
            " where sop_instance = ? and state in ('forwarding', 'delivered', 'rejected')"
            " order by state = 'rejected' desc, number desc",
            (sop_instance,),
        ).fetchall()
        digest = data_set() if decided else None
        for number, state, known in decided:
            if known == digest:
                return self._settled(number, released=state != "rejected")
        return None

    def _settled(self, number: int, *, released: bool) -> Settled:
        at, persons = self.confirmed(number) or (None, ())
        return Settled(number, released, at, tuple(persons))
