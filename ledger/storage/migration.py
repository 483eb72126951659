"""Logs of an earlier format, brought up to the present one in place (alembic).

The format stands in radseal_log and nowhere else: alembic's own version table is not used. Earlier
releases refuse a log by that row, so it has to be right anyway, and two records of one fact could
differ. A revision bears the number of the format it leads to.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, select, update

from ledger.storage import schema
from ledger.storage.database import Database, transact

SCRIPTS = Path(__file__).with_name("migrations")


def bring_up_to_date(database: Database) -> None:
    """Change a log of an earlier format into one of this, in one transaction; leave any other."""
    with database.read() as connection:
        found = _format(connection)
    if found is not None and 1 <= found < schema.FORMAT:
        transact(database, _bring_up)


def migrate(connection: Connection, *, before: int, after: int) -> None:
    """Run the revisions that lead from one format to another; from 0 with no tables at all."""
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(SCRIPTS))
    lower = str(before) if before else "base"
    revisions = [
        each for each in scripts.iterate_revisions(str(after), lower) if each.revision != lower
    ]
    with Operations.context(MigrationContext.configure(connection)):
        for revision in reversed(revisions):
            revision.module.upgrade()


def _bring_up(connection: Connection) -> None:
    found = _format(connection)
    if found is None or not 1 <= found < schema.FORMAT:
        return  # another process was quicker
    if connection.dialect.name == "postgresql":
        from ledger.storage.postgresql import take_your_time

        take_your_time(connection)
    migrate(connection, before=found, after=schema.FORMAT)
    connection.execute(update(schema.log).values(format=schema.FORMAT))


def _format(connection: Connection) -> int | None:
    if not connection.dialect.has_table(connection, schema.log.name):
        return None
    return connection.execute(select(schema.log.c.format)).scalar_one_or_none()
