"""The tables of scans: jobs, chunks of their objects, and one row for each object.

The same in a file of SQLite and in PostgreSQL. Moments are milliseconds since 1970 by the clock of
the database; nothing in here is secret, but uris may name patients.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

FORMAT: Final = 1
WAITING, TAKEN, DONE = 0, 1, 2
Number = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData()

job = Table(
    "radseal_scan_job",
    metadata,
    Column("id", Text, primary_key=True),
    Column("format", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("terms", Text, nullable=False),  # JSON: whom to believe, by which policy
    Column("created_at", Number, nullable=False),
    Column("cursor", Text),  # where the listing goes on
    Column("listed", Integer, nullable=False),  # 1 once it is at its end
    Column("objects", Number, nullable=False),  # how many are listed
    Column("chunks", Number, nullable=False),
    Column("skipped", Text, nullable=False),  # JSON: how many names were left out, and why
)

chunk = Table(
    "radseal_scan_chunk",
    metadata,
    Column("job", Text, primary_key=True),
    Column("number", Number, primary_key=True),
    Column("first", Number, nullable=False),  # numbers of its objects: first up to last
    Column("last", Number, nullable=False),
    Column("state", Integer, nullable=False),
    Column("holder", LargeBinary),  # a random name of the run that has it
    Column("until", Number),  # and has it so long, unless it says more
    Column("tries", Integer, nullable=False),
    Column("done_at", Number),
    ForeignKeyConstraint(["job"], ["radseal_scan_job.id"]),
    Index("radseal_scan_chunk_state", "job", "state", "number"),
)

object_ = Table(
    "radseal_scan_object",
    metadata,
    Column("job", Text, primary_key=True),
    Column("number", Number, primary_key=True),
    Column("uri", Text, nullable=False),
    Column("uri_hash", LargeBinary, nullable=False),  # SHA-256, 16 bytes: what comes twice is one
    Column("problem", Text),  # what kept it from being read when it was listed
    Column("verdict", Text),  # none: not judged yet
    Column("exit_code", Integer),
    Column("action", Text),
    Column("rule", Text),
    Column("sop_instance_uid", Text),
    Column("seal_id", Text),
    Column("codes", Text),  # by spaces
    Column("why", Text),
    Column("apart", Text),
    ForeignKeyConstraint(["job"], ["radseal_scan_job.id"]),
    UniqueConstraint("job", "uri_hash"),
)
