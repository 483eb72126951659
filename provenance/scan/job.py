"""A job: one scan of one source, from its first listing to its last result."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from sqlalchemy import Connection, func, insert, select, update

from provenance.errors import OutOfReachError, UsageError
from provenance.scan import tables
from provenance.scan.database import JobDatabase
from provenance.scan.source import Page, Source

CHUNK = 50  # objects, at most
_J, _C, _O = tables.job.c, tables.chunk.c, tables.object_.c


@dataclass(frozen=True, slots=True)
class Job:
    """What the table says of a job that is not going to change, and where it lies."""

    database: JobDatabase
    id: str
    source: str
    terms: str

    @classmethod
    def begin(cls, database: JobDatabase, job_id: str, *, source: str, terms: str) -> Self:
        """Write a new job down."""
        with database.write() as connection:
            connection.execute(
                insert(tables.job).values(
                    id=job_id,
                    format=tables.FORMAT,
                    source=source,
                    terms=terms,
                    created_at=database.now,
                    listed=0,
                    objects=0,
                    chunks=0,
                    skipped="{}",
                )
            )
        return cls(database, job_id, source, terms)

    @classmethod
    def open(cls, database: JobDatabase, job_id: str | None = None) -> Self:
        """Read a job, or the only one there is; UsageError if there is none."""
        wanted = select(_J.id, _J.format, _J.source, _J.terms)
        if job_id is not None:
            wanted = wanted.where(_J.id == job_id)
        with database.read() as connection:
            rows = connection.execute(wanted.limit(2)).all()
        if len(rows) != 1:
            raise UsageError(f"there is no job {job_id or ''} in {database.place}")
        found = rows[0]
        if found.format != tables.FORMAT:
            raise UsageError(f"a job of format {found.format}; this radseal knows {tables.FORMAT}")
        return cls(database, found.id, found.source, found.terms)

    @property
    def name(self) -> str:
        """By what it is opened again: the path of its file, or its id beside a ledger."""
        return self.database.place if self.database.of_one else self.id

    @property
    def listed(self) -> bool:
        """Whether the source is listed to its end."""
        with self.database.read() as connection:
            wanted = select(_J.listed).where(_J.id == self.id)
            return bool(connection.execute(wanted).scalar_one())

    def list(self, source: Source, stop: Callable[[], bool]) -> None:
        """List ``source``, from where an earlier listing has stopped, to its end or until ``stop``.

        Each page is one transaction. OutOfReachError if another run lists, too.
        """
        if self.listed:
            return
        with self.database.read() as connection:
            wanted = select(_J.cursor).where(_J.id == self.id)
            cursor: str | None = connection.execute(wanted).scalar_one()
        for page in source.pages(cursor):
            with self.database.write() as connection:
                self._write(connection, page, before=cursor)
            cursor = page.cursor
            if stop():
                return
        with self.database.write() as connection:
            ended = update(tables.job).where(
                _J.id == self.id, _J.cursor.is_not_distinct_from(cursor)
            )
            if connection.execute(ended.values(listed=1)).rowcount != 1:
                raise _raced()

    def _write(self, connection: Connection, page: Page, *, before: str | None) -> None:
        """Write the entries of one page that are new, in chunks."""
        same = update(tables.job).where(_J.id == self.id, _J.cursor.is_not_distinct_from(before))
        if connection.execute(same.values(cursor=page.cursor)).rowcount != 1:
            raise _raced()
        row = connection.execute(
            select(_J.objects, _J.chunks, _J.skipped).where(_J.id == self.id)
        ).one()
        named = {sha256(entry.uri.encode()).digest()[:16]: entry for entry in page.entries}
        known = set(
            connection.scalars(select(_O.uri_hash).where(_O.job == self.id, _O.uri_hash.in_(named)))
        )
        rows = [
            {
                "job": self.id,
                "number": row.objects + n,
                "uri": entry.uri,
                "uri_hash": uri_hash,
                "problem": entry.problem,
            }
            for n, (uri_hash, entry) in enumerate(
                (h, e) for h, e in named.items() if h not in known
            )
        ]
        starts = range(row.objects, row.objects + len(rows), CHUNK)
        end = row.objects + len(rows)
        chunks = [
            {
                "job": self.id,
                "number": row.chunks + n,
                "first": start,
                "last": min(start + CHUNK, end),
                "state": tables.WAITING,
                "tries": 0,
            }
            for n, start in enumerate(starts)
        ]
        if rows:
            connection.execute(insert(tables.object_), rows)
            connection.execute(insert(tables.chunk), chunks)
        skipped = Counter(json.loads(row.skipped)) + Counter(dict(page.skipped))
        connection.execute(
            update(tables.job)
            .where(_J.id == self.id)
            .values(
                objects=end,
                chunks=row.chunks + len(chunks),
                skipped=json.dumps(skipped),
            )
        )

    def skipped(self) -> Mapping[str, int]:
        """How many names were left out of the listing, and why."""
        with self.database.read() as connection:
            wanted = select(_J.skipped).where(_J.id == self.id)
            found: dict[str, int] = json.loads(connection.execute(wanted).scalar_one())
        return found

    def left(self) -> int:
        """How many objects are listed and not judged."""
        size = func.coalesce(func.sum(_C.last - _C.first), 0)
        wanted = select(size).where(_C.job == self.id, _C.state != tables.DONE)
        with self.database.read() as connection:
            return int(connection.execute(wanted).scalar_one())


def _raced() -> OutOfReachError:
    return OutOfReachError("another run lists the same job: wait for it, then go on")
