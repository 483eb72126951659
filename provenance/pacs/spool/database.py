"""The database of a spool: SQLite in WAL mode, every commit on the disk before it returns."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from provenance.errors import UsageError

VERSION = 1
BUSY_SECONDS = 30.0
_SCHEMA = """
create table object (
  number integer primary key, name text not null unique, state text not null,
  route text not null, at integer not null, calling_ae text, called_ae text, address text,
  sop_class text not null, sop_instance text not null, transfer_syntax text not null,
  study text not null, size integer not null, sha256 blob not null, sealed_here integer not null,
  word text not null, action text not null, rule text, reasons text not null,
  verdict text not null, seal_id blob, salt blob not null, arrived blob
);
create index object_state on object (state, number);
create index object_instance on object (sop_instance);
create index object_sha256 on object (sha256);
create index object_arrived on object (arrived) where arrived is not null;
create table delivery (
  object integer not null references object, archive text not null, attempts integer not null,
  due integer not null, sent integer, error text, primary key (object, archive)
);
create index delivery_due on delivery (archive, due) where sent is null;
create table custody (
  number integer primary key, object integer references object, event text not null,
  seal_id blob, body blob not null, at integer not null, statement blob, entry integer, error text
);
create index custody_open on custody (number) where entry is null and error is null;
create view kept as select
  number, route, at, calling_ae, called_ae, address, sop_class, sop_instance, transfer_syntax,
  study, word, action, rule, reasons, verdict, seal_id, state, size, sha256, salt, sealed_here
  from object;
create table step (
  number integer primary key, object integer not null references object, at integer not null,
  person text not null, act text not null, reason text not null
);
create table proposal (
  number integer primary key, object integer not null references object,
  to_archives integer not null, reason text not null, salt blob not null, kid blob not null,
  at integer not null, signature blob not null, person text not null,
  note_title text, note_folder text, became text not null, closed integer, second text
);
create unique index proposal_open on proposal (object) where became = 'open';
create index proposal_object on proposal (object);
"""
_LATER = """
create index if not exists custody_refused on custody (number) where error is not null;
create index if not exists custody_object on custody (object);
create table if not exists purge (
  object integer primary key references object, at integer not null, person text not null,
  removed integer
);
create index if not exists purge_open on purge (object) where removed is null;
create index if not exists step_object on step (object);
create index if not exists object_done on object (at, number)
  where state in ('delivered', 'refused') and action <> 'quarantine';
create table if not exists data_set (
  object integer primary key references object, digest blob not null
);
create table if not exists past_sender (
  number integer primary key, calling_ae text not null, called_ae text not null,
  unique (calling_ae, called_ae)
);
create table if not exists past (
  instance blob not null, file blob not null, sender integer not null references past_sender,
  at integer not null, primary key (instance, file)
) without rowid;
create table if not exists tally (
  state text primary key, here integer not null, forgotten integer not null
) without rowid;
"""  # spools that were made before lack it
_COUNT = (
    "insert or ignore into tally select state, count(*), 0 from object group by state",
    "insert or ignore into tally values ('forwarding', 0, 0), ('delivered', 0, 0),"
    " ('quarantined', 0, 0), ('rejected', 0, 0), ('refused', 0, 0)",
    "create trigger object_came after insert on object begin"
    " update tally set here = here + 1 where state = new.state; end",
    "create trigger object_changed after update of state on object"
    " when old.state <> new.state begin"
    " update tally set here = here - 1 where state = old.state;"
    " update tally set here = here + 1 where state = new.state; end",
    "create trigger object_forgotten after delete on object begin"
    " update tally set here = here - 1, forgotten = forgotten + 1 where state = old.state; end",
)
_COUNTS = "select 1 from sqlite_master where name = 'object_came'"


def open_database(path: Path) -> sqlite3.Connection:
    """Open the database, made if there is none; UsageError for one that cannot be used."""
    try:
        path.touch(mode=0o600)
        database = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        database.execute("pragma journal_mode = wal")
        database.execute("pragma synchronous = full")
        database.execute("pragma foreign_keys = on")
        with writing(database):
            (version,) = database.execute("pragma user_version").fetchone()
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    database.execute(statement)
                database.execute(f"pragma user_version = {VERSION}")
            if version in (0, VERSION):
                for statement in _LATER.split(";"):
                    database.execute(statement)
                if not database.execute(_COUNTS).fetchone():
                    for statement in _COUNT:
                        database.execute(statement)
    except (OSError, sqlite3.Error) as error:
        raise UsageError(f"the spool {path.parent} cannot be opened: {error}") from error
    if version not in (0, VERSION):
        database.close()
        raise UsageError(f"the spool {path.parent} has version {version}; this release knows 1")
    return database


@contextmanager
def writing(database: sqlite3.Connection) -> Iterator[None]:
    """Hold one transaction: all or nothing, and the lock from its beginning.

    Within another one it is a part of it, that can fail alone.
    """
    within = database.in_transaction
    database.execute("savepoint part" if within else "begin immediate")
    try:
        yield
        database.execute("release part" if within else "commit")
    except BaseException:
        # SQLite itself gives up the whole when the disk fails; what it did not give up must not
        # stay open, or the next one would be a part of it that is never committed
        if database.in_transaction:
            database.execute("rollback to part" if within else "rollback")
        raise


def milliseconds(at: datetime) -> int:
    """Return a moment as it is kept: milliseconds since 1970, UTC."""
    return round(at.timestamp() * 1000)


def moment(kept: int) -> datetime:
    """Return the moment that was kept."""
    return datetime.fromtimestamp(kept / 1000, UTC)
