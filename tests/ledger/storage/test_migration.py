"""A log of any earlier format becomes the same as one made today, whole or not at all."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, inspect, text

from ledger import StoreError, open_log
from ledger.storage import migration, schema
from ledger.storage.database import create_database

pytestmark = pytest.mark.both_databases


def _described(connection: Connection) -> dict[str, object]:
    """Every table as the database describes it."""
    there = inspect(connection)
    by_name = {"key": lambda each: str(each.get("name") or each)}
    described: dict[str, object] = {}
    for name in sorted(there.get_table_names()):
        described[name] = (
            [{**each, "type": str(each["type"])} for each in there.get_columns(name)],
            there.get_pk_constraint(name),
            sorted(there.get_foreign_keys(name), key=str),
            sorted(there.get_unique_constraints(name), key=str),
            sorted(there.get_check_constraints(name), key=str),
            sorted(map(_spelled, there.get_indexes(name)), **by_name),  # type: ignore[call-overload]
        )
    if connection.dialect.name == "postgresql":
        columns = "attname, attstattarget, attstorage::text"
        described["storage"] = connection.execute(
            text(
                f"select relname, {columns} from pg_attribute join pg_class on attrelid = oid"
                " where relname like 'radseal%' and relkind = 'r' and attnum > 0 order by 1, 2"
            )
        ).all()
        described["constraints"] = connection.execute(
            text(
                "select conrelid::regclass::text, conname, pg_get_constraintdef(oid)"
                " from pg_constraint where conrelid::regclass::text like 'radseal%' order by 1, 2"
            )
        ).all()
    return described


def _spelled(index: Any) -> dict[str, Any]:
    """The words of a partial index, not the object that holds them."""
    options = index.get("dialect_options", {})
    return {**index, "dialect_options": {name: str(words) for name, words in options.items()}}


def _drop_all(site: Any) -> None:
    with site.log._database.write() as connection:
        schema.metadata.drop_all(connection)


@pytest.mark.parametrize("first", [1, 2, 3])
def test_a_log_made_today_equals_one_brought_up(bare_site: Any, first: int) -> None:
    database = bare_site.log._database
    with database.read() as connection:
        fresh = _described(connection)
    _drop_all(bare_site)
    with database.write() as connection:
        migration.migrate(connection, before=0, after=first)
        assert _described(connection) != fresh
    with database.write() as connection:
        migration.migrate(connection, before=first, after=schema.FORMAT)
    with database.read() as connection:
        assert _described(connection) == fresh
    bare_site.log._keys = None  # nothing is there to be signed
    assert set(fresh) - {"storage", "constraints"} == set(schema.metadata.tables)


def _as_format(site: Any, number: int) -> None:
    """Move the rows of a log into tables of an earlier format."""
    database = site.log._database
    with database.write() as connection:
        rows = {
            name: [
                dict(row) for row in connection.execute(text(f"select * from {name}")).mappings()
            ]
            for name in schema.metadata.tables
        }
        schema.metadata.drop_all(connection)
        migration.migrate(connection, before=0, after=number)
        there = inspect(connection)
        for table in schema.metadata.sorted_tables:
            if not there.has_table(table.name):
                continue
            names = [each["name"] for each in there.get_columns(table.name)]
            words = f"insert into {table.name} ({', '.join(names)}) values"
            for row in rows[table.name]:
                values = {name: row[name] for name in names}
                connection.execute(
                    text(f"{words} ({', '.join(':' + name for name in names)})"), values
                )
        connection.execute(text("update radseal_log set format = :number"), {"number": number})


@pytest.fixture
def kept(site: Any) -> Any:
    """A log with an image, its annex and its names."""
    site.seal(annex=b"annex", pseudonyms=(bytes(32),))
    site.append(*site.seals(20))
    site.log.checkpoint()
    return site


@pytest.mark.parametrize("number", [1, 2, 3])
def test_everything_is_as_before_once_it_is_brought_up(kept: Any, number: int) -> None:
    statements = "select idx, event, claimed_at from radseal_statement order by idx"
    before, receipt, rows = list(kept.log.entries()), kept.log.prove(5), kept.ask(statements)
    _as_format(kept, number)
    kept.log.close()
    with pytest.raises(StoreError, match=f"format {number}; this release reads {schema.FORMAT}"):
        open_log(kept.path, keys=None, annex_key=None)
    kept.log = open_log(kept.path, keys=kept.keys, annex_key=kept.annex_key)
    assert (list(kept.log.entries()), kept.log.prove(5)) == (before, receipt)
    assert kept.ask(statements) == rows
    assert kept.log.audit().ok
    kept.seal()
    assert kept.log.audit().ok


def test_an_upgrade_that_is_cut_off_leaves_the_old_format(
    kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _as_format(kept, 1)
    kept.log.close()
    real = migration.migrate

    def crash(connection: Connection, **named: int) -> None:
        real(connection, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(migration, "migrate", crash)
        with pytest.raises(KeyboardInterrupt):
            open_log(kept.path, keys=kept.keys, annex_key=None)
    with pytest.raises(StoreError, match="the log has format 1"):
        open_log(kept.path, keys=None, annex_key=None)
    kept.log = open_log(kept.path, keys=kept.keys, annex_key=kept.annex_key)
    assert kept.log.audit().ok


def test_every_earlier_format_has_a_revision() -> None:
    folder = Path(migration.__file__).with_name("migrations") / "versions"
    found = sorted(path.name for path in folder.glob("*.py"))
    assert found == [f"format_{number}.py" for number in range(1, schema.FORMAT + 1)]


def test_numbers_have_64_bits_and_bytes_are_bytes(bare_site: Any) -> None:
    if bare_site.server is None:
        return
    found = bare_site.ask(
        "select distinct data_type from information_schema.columns where table_name like 'radseal%'"
    )
    assert {kind for (kind,) in found} == {"bigint", "bytea", "character varying"}


def test_create_takes_no_database_that_has_a_log(bare_site: Any) -> None:
    with pytest.raises(ValueError, match="there is already a"):
        create_database(bare_site.path)
    assert bare_site.log.audit().ok
