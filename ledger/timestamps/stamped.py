"""Checkpoints with their timestamps: as they lie in the log, and as files of a copy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, insert, select

from ledger.bounded_file import read_bounded
from ledger.checkpoints.base64text import decode_decimal
from ledger.checkpoints.note import MAX_NOTE
from ledger.errors import BusyError, NotFoundError, StoreError, UsageError
from ledger.storage import schema, stored_checkpoints
from ledger.timestamps.timestamp import MAX_TOKENS, stamped_message
from ledger.timestamps.timestamp_request import StampHash, TimestampRequest
from ledger.timestamps.timestamp_token import MAX_TOKEN

FOLDER = "timestamps"

_T = schema.timestamp.c
_C = schema.checkpoint.c


@dataclass(frozen=True, slots=True)
class Stamped:
    """A checkpoint's size, its note as it was stamped, and its tokens in their order."""

    size: int
    note: bytes
    tokens: tuple[bytes, ...] = ()

    def message(self) -> bytes:
        """Return what the next token has to be over."""
        return stamped_message(self.note, self.tokens)

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield the files of an export, the note first."""
        yield f"{FOLDER}/{self.size}/note", self.note
        for number, token in enumerate(self.tokens):
            yield f"{FOLDER}/{self.size}/{number}.tst", token


class TimestampSource(Protocol):
    """Whatever shows timestamps: a folder, a database."""

    def timestamps(self) -> Iterator[Stamped]:
        """Yield every stamped checkpoint, by its size."""


def request_for(
    stamped: Stamped, *, hash: StampHash, nonce: int, policy: str | None = None
) -> TimestampRequest:
    """Return what to send to a TSA for the next timestamp."""
    return TimestampRequest(hash, hash.digest(stamped.message()), nonce, policy)


def read_stamped(connection: Connection, size: int) -> Stamped:
    """Return a checkpoint as its next timestamp is over it; NotFoundError if there is none."""
    rows = connection.execute(
        select(_T.number, _T.note, _T.token).where(_T.size == size).order_by(_T.number)
    ).all()
    if not rows:
        note = stored_checkpoints.read_checkpoint(connection, size)
        if note is None:
            raise NotFoundError(f"no checkpoint of size {size} was signed")
        return Stamped(size, note)
    if [row.number for row in rows] != list(range(len(rows))) or len(
        {row.note for row in rows}
    ) > 1:
        raise StoreError(f"the timestamps of the checkpoint of {size} are not one chain")
    return Stamped(size, rows[0].note, tuple(row.token for row in rows))


def stamped_sizes(connection: Connection) -> list[int]:
    """Return the sizes of the checkpoints that have a timestamp."""
    return list(connection.scalars(select(_T.size).distinct().order_by(_T.size)))


def stamped_covering(connection: Connection, index: int, count: int) -> list[Stamped]:
    """Return the first stamped checkpoints that cover an entry, by size."""
    sizes = connection.scalars(
        select(_T.size).distinct().where(_T.size > index).order_by(_T.size).limit(count)
    ).all()
    return [read_stamped(connection, size) for size in sizes]


def find_asked(connection: Connection, request: TimestampRequest) -> Stamped:
    """Return the checkpoint that a request is about, the newest first; UsageError if none is."""
    stamped = set(stamped_sizes(connection))
    for size, note in connection.execute(select(_C.size, _C.note).order_by(_C.size.desc())):
        found = read_stamped(connection, size) if size in stamped else Stamped(size, note)
        if request.hash.digest(found.message()) == request.digest:
            return found
    raise UsageError("the request is for no checkpoint of this log as it is now: ask again")


def write_timestamp(connection: Connection, stamped: Stamped, token: bytes) -> None:
    """Add a token; BusyError if another came in between, which this one is not over."""
    if read_stamped(connection, stamped.size).tokens != stamped.tokens:
        raise BusyError(f"the checkpoint of {stamped.size} got another timestamp in the meantime")
    connection.execute(
        insert(schema.timestamp).values(
            size=stamped.size, number=len(stamped.tokens), note=stamped.note, token=token
        )
    )


def read_folder(folder: Path) -> Iterator[Stamped]:
    """Yield the stamped checkpoints among the files of a copy; nothing of them is believed."""
    sizes = []
    try:
        for path in (folder / FOLDER).iterdir():
            sizes.append(decode_decimal(path.name, bits=63))
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(f"cannot read {folder / FOLDER}: {error.strerror}") from error
    for size in sorted(sizes):
        place = folder / FOLDER / str(size)
        if not (place / "note").exists():
            continue  # its writer was stopped before the first file
        note = read_bounded(place / "note", MAX_NOTE)
        tokens: list[bytes] = []
        while len(tokens) < MAX_TOKENS and (place / f"{len(tokens)}.tst").exists():
            tokens.append(read_bounded(place / f"{len(tokens)}.tst", MAX_TOKEN))
        yield Stamped(size, note, tuple(tokens))
