"""The spool: what was taken in and is not delivered yet, on disk before its sender is answered.

A folder for one gateway: `spool.db` (SQLite, WAL, synchronous FULL) and the objects' files. The
order of writes is file, row, answer; so a row always has its file, and a file without a row
belongs to a sender who got no answer and sends it again. Processes may share it.
"""

import hashlib
import secrets
import sqlite3
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Self

from provenance.errors import EvidenceError, UsageError
from provenance.judging.verdict import Word
from provenance.pacs.arrivals import Instance, Judged, Kept, Route, Sender, State
from provenance.pacs.custody.events import SALT_SIZE, CustodyEvent
from provenance.pacs.custody.queue import CustodyQueue
from provenance.pacs.quarantine.proposals import Proposals
from provenance.pacs.quarantine.purges import Purges
from provenance.pacs.spool.data_set import data_set_digest
from provenance.pacs.spool.database import open_database, writing
from provenance.pacs.spool.deliveries import Deliveries
from provenance.pacs.spool.files import INCOMING, OBJECTS, incoming_of, secure, sha256_of, sync
from provenance.pacs.spool.held import HeldDeliveries
from provenance.pacs.spool.memory import Forgotten, ForgottenError, Mark, Memory
from provenance.pacs.spool.reserve import give_up, is_full
from provenance.pacs.spool.rows import insert_object, read_object
from provenance.policy.terms import Action


@dataclass(frozen=True, slots=True)
class LetIn:
    """An object that was let in, and that whoever asked keeps: only the row is to be written.

    ``name`` is what it is asked about by; ``policy`` is that of `Spool.keep`.
    """

    name: str
    made: Kept
    policy: bytes


class Spool:
    """An open spool. Each thread opens its own."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self._database = connection
        self.custody = CustodyQueue(connection)
        self.proposals = Proposals(connection)
        self.purges = Purges(connection)
        self.memory = Memory(connection)
        self.deliveries = Deliveries(folder, connection, self.custody)
        self.held = HeldDeliveries(connection)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the spool in ``folder``, made if there is none; UsageError for another version."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in (INCOMING, OBJECTS):
            (folder / name).mkdir(mode=0o700, exist_ok=True)
        path = folder / "spool.db"
        try:
            return cls(folder, open_database(path))
        except UsageError as error:
            full = isinstance(error.__cause__, sqlite3.Error) and is_full(error.__cause__)
            if not full or not give_up(folder):
                raise
        return cls(folder, open_database(path))

    def close(self) -> None:
        """Let go of it."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def writing(self) -> AbstractContextManager[None]:
        """Hold one transaction: all of what is written in it, or nothing."""
        return writing(self._database)

    @property
    def is_writing(self) -> bool:
        """Whether a transaction is held."""
        return self._database.in_transaction

    def incoming(self) -> Path:
        """Return a new name to write an object to while it arrives."""
        return incoming_of(self.folder)

    def place(self, path: Path) -> Path:
        """Move a file of ``incoming`` to where objects are, not yet for good; return its path."""
        placed = self.folder / OBJECTS / path.name
        path.rename(placed)
        return placed

    def secure(self, path: Path) -> None:
        """Return once a placed file is on the disk, whatever happens to the machine."""
        secure(path)

    def sync_objects(self) -> None:
        """Return once the disk knows which files of objects were removed."""
        sync(self.folder / OBJECTS)

    def drop(self, path: Path) -> None:
        """Remove a file, unless it is that of an object, or that cannot be told."""
        with suppress(OSError, sqlite3.Error):
            if not self._database.execute(
                "select 1 from object where name = ?", (path.name,)
            ).fetchone():
                path.unlink(missing_ok=True)

    def recover(self) -> int:
        """Remove what nobody was told is here: half a file, or a file without a row.

        For the start, before anything is taken in. Returns how many there were.
        """
        known = {name for (name,) in self._database.execute("select name from object")}
        lost = [*(self.folder / INCOMING).iterdir()]
        lost += [p for p in (self.folder / OBJECTS).iterdir() if p.name not in known]
        for path in lost:
            path.unlink()
        return len(lost)

    def keep(
        self,
        path: Path,
        *,
        sender: Sender,
        instance: Instance,
        judged: Judged,
        archives: Sequence[str],
        policy: bytes,
        sealed_here: bool = False,
        arrived: bytes | None = None,
        earlier: int | None = None,
    ) -> Kept:
        """Take the file at ``path`` in; once this returns, nothing loses it.

        It is one of ``incoming``, or one that was placed and secured already.

        ``policy`` is the SHA-256 of the policy by which it was decided. A refused object leaves a
        row and no file: it is its sender's. So does one that is let in where there are no
        ``archives``: whoever asked keeps it. ``arrived`` is the SHA-256 of the file as it came,
        before it was sealed here. ``earlier`` is the object with the same bytes by whose release or
        rejection it was decided.
        """
        state = _state(judged.action)
        if state is State.FORWARDING and not archives:
            state = State.DELIVERED
        size, name = path.stat().st_size, path.name
        digest = sha256_of(path) if arrived is None or sealed_here else arrived
        content = None
        if state is State.QUARANTINED:
            content = data_set_digest(path, instance.transfer_syntax)
        salt = new_salt()
        made = Kept(0, sender, instance, judged, state, size, digest, salt, sealed_here)
        if state in (State.REFUSED, State.DELIVERED):
            path.unlink()
        elif path.parent.name == INCOMING:
            self.secure(self.place(path))
        with writing(self._database):
            made = replace(made, number=insert_object(self._database, name, made, arrived))
            if state is State.FORWARDING:
                self.deliveries.put(made.number, archives, sender.at)
            if content is not None:
                self.proposals.know(made.number, content)
            before = None if earlier is None else self.object(earlier).witnessed.meant
            self.custody.put(made.number, _first_events(made, policy, before))
        return made

    def write_down(self, let_in: Sequence[LetIn]) -> None:
        """Keep the rows and the custody events of what was let in: all, or none. Each once."""
        with writing(self._database):
            known = self.numbers([each.name for each in let_in])
            for each in let_in:
                if each.name in known:
                    continue
                number = insert_object(self._database, each.name, each.made, None)
                self.custody.put(number, _first_events(each.made, each.policy, None))

    def numbers(self, names: Sequence[str]) -> dict[str, int]:
        """Return the numbers of the objects that are here, by the names that they were given."""
        places = ",".join("?" * len(names))
        return dict(
            self._database.execute(
                f"select name, number from object where name in ({places})",  # noqa: S608
                tuple(names),
            )
        )

    def add_own(
        self, path: Path, *, instance: Instance, archives: Sequence[str], at: datetime
    ) -> int:
        """Send the archives an object that was made here, such as a rejection note.

        It came from nobody and was not verified: its custody begins with its being sent.
        """
        judged = Judged(Word.NOT_CHECKED, Action.ACCEPT, None, ("made here",), {})
        size, digest, salt = path.stat().st_size, sha256_of(path), new_salt()
        sender = Sender(Route.OWN, at)
        made = Kept(0, sender, instance, judged, State.FORWARDING, size, digest, salt)
        self.secure(self.place(path))
        with writing(self._database):
            number = insert_object(self._database, path.name, made, None)
            self.deliveries.put(number, archives, at)
        return number

    def object(self, number: int) -> Kept:
        """Return one object; UsageError if there is none of that number, ForgottenError if once."""
        row = self._database.execute("select * from kept where number = ?", (number,)).fetchone()
        if row is None and self.memory.had(number):
            raise ForgottenError(f"the spool has forgotten the object {number}: it was done")
        if row is None:
            raise UsageError(f"the spool has no object {number}")
        return read_object(row)

    def objects(
        self, state: State | None = None, *, after: int = 0, limit: int = 100
    ) -> list[Kept]:
        """Return objects by their numbers, those in ``state`` or all; the next page ``after``."""
        if state is None:
            rows = self._database.execute(
                "select * from kept where number > ? order by number limit ?", (after, limit)
            )
        else:
            rows = self._database.execute(
                "select * from kept where state = ? and number > ? order by number limit ?",
                (state, after, limit),
            )
        return [read_object(row) for row in rows]

    def of_instance(self, sop_instance: str) -> list[Kept]:
        """Return every object that came with that SOP Instance UID, oldest first."""
        rows = self._database.execute(
            "select * from kept where sop_instance = ? order by number", (sop_instance,)
        )
        return [read_object(row) for row in rows]

    def held_of_study(self, study: str) -> list[Kept]:
        """Return the objects of a study that wait for archives, or for persons, oldest first."""
        rows = self._database.execute(
            "select * from kept where state in ('forwarding', 'quarantined') and study = ?"
            " order by number",
            (study,),
        )
        return [read_object(row) for row in rows]

    def path(self, number: int) -> Path:
        """Return where an object's file is, or was."""
        (name,) = self._database.execute(
            "select name from object where number = ?", (number,)
        ).fetchone()
        return self.folder / OBJECTS / str(name)

    def content(self, number: int) -> bytes:
        """Return the file of an object; EvidenceError if it is not the one that was taken in."""
        kept = self.object(number)
        try:
            found = self.path(number).read_bytes()
        except FileNotFoundError as error:
            purged = ", and purged" if self.purges.of_object(number) is not None else ""
            raise UsageError(
                f"the file of the object {number} is not here: it is {kept.state}{purged}"
            ) from error
        if hashlib.sha256(found).digest() != kept.sha256:
            raise EvidenceError(f"the file of the object {number} is not the one that was taken in")
        return found

    def counts(self) -> dict[State, int]:
        """Return how many objects are in each state, with those that were forgotten since."""
        return self.memory.counts()

    def forget(self, *, before: datetime, after: Mark) -> Forgotten:
        """Forget what was done until a moment, one page of objects (Memory.forget)."""
        found = self.memory.forget(before=before, after=after)
        for name in found.names:  # a machine that stopped may have left it
            path = self.folder / OBJECTS / name
            if path.parent == self.folder / OBJECTS:
                path.unlink(missing_ok=True)
        return found

    def release(self, number: int, *, archives: Sequence[str], at: datetime) -> None:
        """Send a quarantined object on, without persons who sign for it (quarantine.py has them).

        UsageError if it is not in quarantine.
        """
        event = self.object(number).witnessed.released(to_archives=True, at=at)
        with writing(self._database):
            self.leave_quarantine(number, State.FORWARDING)
            self.deliveries.put(number, archives, at)
            self.custody.put(number, [event])

    def reject(self, number: int, *, at: datetime) -> None:
        """Keep a quarantined object from readers for good; its file stays. As above otherwise."""
        event = self.object(number).witnessed.released(to_archives=False, at=at)
        with writing(self._database):
            self.leave_quarantine(number, State.REJECTED)
            self.custody.put(number, [event])

    def leave_quarantine(self, number: int, state: State) -> None:
        """Move an object out of quarantine, within a transaction; UsageError if it is not there."""
        moved = self._database.execute(
            "update object set state = ? where number = ? and state = ?",
            (state, number, State.QUARANTINED),
        )
        if moved.rowcount != 1:
            raise UsageError(f"the object {number} is not in quarantine")

    def add_step(self, number: int, *, at: datetime, person: str, act: str, reason: str) -> None:
        """Write down what a person did about an object."""
        with writing(self._database):
            self.proposals.add_step(number, at=at, person=person, act=act, reason=reason)

    def steps(self, number: int) -> list[tuple[datetime, str, str, str]]:
        """Return what persons did about an object: when, who, what, and why, oldest first."""
        return self.proposals.steps(number)


def new_salt() -> bytes:
    """Return a new salt, by which the log does not tell which file an object was."""
    return secrets.token_bytes(SALT_SIZE)


def _state(action: Action) -> State:
    match action:
        case Action.ACCEPT | Action.TAG:
            return State.FORWARDING
        case Action.QUARANTINE:
            return State.QUARANTINED
        case Action.REFUSE:
            return State.REFUSED


def _first_events(made: Kept, policy: bytes, before: bytes | None) -> list[CustodyEvent]:
    about, judged, at = made.witnessed, made.judged, made.sender.at
    verified = about.verified(judged.word, judged.action, policy=policy, at=at, earlier=before)
    if made.state is State.REFUSED:
        return [verified]
    events = [about.ingested(made.sender.route.value, at=at), verified]
    if made.state is State.QUARANTINED:
        events.append(about.quarantined(judged.word, at=at))
    return events
