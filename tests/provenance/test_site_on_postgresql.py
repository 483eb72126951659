"""A site whose log is on PostgreSQL: the same commands, and no password in its folder."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from postgres_server import PASSWORD, PostgresServer

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
    refused = answer("log", "head", "--site", site, password="another", code=15)  # noqa: S106
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
