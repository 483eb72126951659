"""A site whose log is on PostgreSQL: the same commands, and no password in its folder."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from postgres_server import PASSWORD, PostgresServer

from ledger import FIRST, Event, Role, Submission, hash_leaf, sign_statement
from provenance import Site
from provenance.errors import RadsealError


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    made = PostgresServer()
    made.start()
    yield made
    made.remove()


def test_the_commands_work_as_on_a_file(server: PostgresServer, tmp_path: Path) -> None:
    url = server.url(server.new_database(), password=None)
    site = tmp_path / "site"

    def answer(*arguments: object, password: str = PASSWORD, code: int = 0) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "provenance.cli", *map(str, arguments), "--json"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PGPASSWORD": password},
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert password not in done.stdout + done.stderr
        return json.loads(done.stdout)

    assert answer("init", site, "--ledger", url)["ledger"] == url
    assert not (site / "ledger.sqlite").exists()
    assert answer("log", "head", "--site", site)["size"] == 5
    assert answer("log", "upgrade", "--site", site)["size"] == 5
    assert answer("log", "audit", "--site", site)["ok"]
    assert len(answer("log", "query", "--event", "key-added", "--site", site)["entries"]) == 5
    copy = tmp_path / "copy"
    assert answer("log", "monitor", site, "--copy", copy, "--trust", site / "trust")["size"] == 5
    refused = answer("log", "head", "--site", site, password="another", code=15)
    assert "PGPASSWORD" in json.dumps(refused)
    for path in site.rglob("*"):
        assert path.is_dir() or PASSWORD.encode() not in path.read_bytes(), path


def test_a_password_is_not_taken_into_the_folder(tmp_path: Path) -> None:
    for url in (
        "postgresql+psycopg://radseal:secret@db.example/radseal",
        "postgresql://radseal@db.example/radseal?password=secret",
        "mysql://db.example/radseal",
    ):
        with pytest.raises((RadsealError, ValueError)) as caught:
            Site.init(tmp_path / "site", name="here", ledger=url)
        assert "secret" not in str(caught.value)
    assert not list(tmp_path.rglob("*.key"))


def test_two_servers_on_one_database_register_together(
    server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    url = server.url(server.new_database(), password=None)
    site = Site.init(tmp_path / "site", name="here", ledger=url)
    command = [sys.executable, "-m", "provenance.cli", "log", "serve", "--listen", "127.0.0.1:0"]
    servers = [
        subprocess.Popen(
            [*command, "--site", str(site.folder), "--json"], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    try:
        addresses = []
        for each in servers:
            assert each.stdout is not None
            lines = iter(each.stdout.readline, "}\n")
            addresses.append(json.loads("".join(lines) + "}")["listening"])
        entries = []
        roles = (Role.DEVICE, Role.GATEWAY)
        for address, role in zip(addresses, roles, strict=True):
            device = site.remote_device(address, role)
            event = Event.SEALED if role is Role.DEVICE else Event.INGESTED
            link = device.log.actor_link(device.signer.kid)
            for number in range(5):
                statement = sign_statement(
                    event=event,
                    object_id=bytes(11) + bytes([number + 10 * (role is Role.DEVICE)]),
                    object_link=FIRST,
                    actor_link=link,
                    claimed_at=datetime.now(UTC),
                    head_seen=None,
                    body={},
                    signer=device.signer,
                )
                link = link.next(hash_leaf(statement))
                (entry,) = device.log.append([Submission(statement)], at=datetime.now(UTC))
                entries.append(entry)
            other = site.remote_device(addresses[0], role)
            assert other.log.receipt(entries[-1]), "each server proves what any has registered"
    finally:
        for each in servers:
            each.terminate()
        for each in servers:
            each.wait(60)
            assert each.stdout is not None
            each.stdout.close()
    assert [each.returncode for each in servers] == [0, 0]
    assert [entry.index for entry in entries] == list(range(5, 15))
    with site.reading_log() as log:
        assert log.head().size == 15
        assert log.audit().ok
