"""A small site with fixed keys: signers, a log, and short ways to say what happens to an image."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from postgres_server import PostgresServer
from sqlalchemy import text

import ledger
from ledger import (
    FIRST,
    Entry,
    Event,
    Link,
    Log,
    LogKeys,
    PrivateKeySigner,
    Role,
    Submission,
    key_added_body,
    make_genesis,
    sign_statement,
)

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ANNEX_KEY = hashlib.sha256(b"annex key").digest()


def seed(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def ed25519_signer(name: str) -> PrivateKeySigner:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed(name))
    return PrivateKeySigner.from_private_key(key)


def p256_signer(name: str) -> PrivateKeySigner:
    number = int.from_bytes(seed(name), "big") >> 1
    return PrivateKeySigner.from_private_key(ec.derive_private_key(number, ec.SECP256R1()))


def log_keys(origin: str = "archive.example/2026") -> LogKeys:
    return LogKeys.from_seeds(
        origin, ed25519_seed=seed(f"{origin} 1"), mldsa44_seed=seed(f"{origin} 6")
    )


@dataclass
class Site:
    """A log and everyone who writes to it; links are read from the log unless given."""

    log: Log
    path: Path | str
    keys: LogKeys
    folder: Path
    server: PostgresServer | None = None
    annex_key: bytes = ANNEX_KEY
    archivist: PrivateKeySigner = field(default_factory=lambda: ed25519_signer("archivist"))
    device: PrivateKeySigner = field(default_factory=lambda: p256_signer("device"))
    gateway: PrivateKeySigner = field(default_factory=lambda: ed25519_signer("gateway"))
    now: datetime = NOON
    objects: int = 0

    def signer(self, name: str) -> PrivateKeySigner:
        return ed25519_signer(name)

    def seed(self, name: str) -> bytes:
        return seed(name)

    def new_object(self) -> bytes:
        self.objects += 1
        return hashlib.sha256(f"object {self.objects}".encode()).digest()[:12]

    def statement(
        self,
        event: Event,
        signer: PrivateKeySigner,
        object_id: bytes | None = None,
        *,
        body: dict[int, object] | None = None,
        object_link: Link | None = None,
        actor_link: Link | None = None,
    ) -> bytes:
        if object_id is not None and object_link is None:
            object_link = self.log.object_link(object_id)
        return sign_statement(
            event=event,
            object_id=object_id,
            object_link=object_link,
            actor_link=actor_link or self.log.actor_link(signer.kid),
            claimed_at=self.now,
            head_seen=None,
            body=body or {},
            signer=signer,
        )

    def append(self, *statements: bytes, **aside: object) -> list[Entry]:
        self.now += timedelta(seconds=1)
        submissions = [Submission(each, **aside) for each in statements]  # type: ignore[arg-type]
        return self.log.append(submissions, at=self.now)

    def add_key(self, signer: PrivateKeySigner, role: Role) -> Entry:
        body = key_added_body(signer.spki, role=role)
        (entry,) = self.append(self.statement(Event.KEY_ADDED, self.archivist, body=body))
        return entry

    def seal(self, object_id: bytes | None = None, **aside: object) -> tuple[bytes, Entry]:
        object_id = object_id or self.new_object()
        (entry,) = self.append(self.statement(Event.SEALED, self.device, object_id), **aside)
        return object_id, entry

    def seals(self, count: int) -> list[bytes]:
        """Statements of many new objects, chained, not yet in the log."""
        link = self.log.actor_link(self.device.kid)
        made = []
        for _ in range(count):
            statement = self.statement(
                Event.SEALED, self.device, self.new_object(), object_link=FIRST, actor_link=link
            )
            link = link.next(ledger.hash_leaf(statement))
            made.append(statement)
        return made

    def ask(self, sql: str, **values: object) -> list[Any]:
        """The rows of a question to the tables, on either database."""
        with self.log._database.read() as connection:
            return list(connection.execute(text(sql), values).all())

    def change(self, sql: str, **values: object) -> None:
        """Change tables behind the back of the log, on either database."""
        with self.log._database.write() as connection:
            connection.execute(text(sql), values)

    def files(self) -> dict[str, bytes]:
        """What lies in the database's files."""
        if self.server is not None:
            return {"base": self.server.files(str(self.path).rpartition("/")[2])}
        assert isinstance(self.path, Path)
        names = self.path.parent.iterdir()
        return {p.name: p.read_bytes() for p in names if p.name.startswith(self.path.name)}

    def reopen(self) -> None:
        self.log.close()
        self.log = ledger.open_log(self.path, keys=self.keys, annex_key=self.annex_key)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test of ``both_databases`` on SQLite and on PostgreSQL."""
    marked = metafunc.definition.get_closest_marker
    if "bare_site" not in metafunc.fixturenames or marked("sqlite_alone"):
        return
    if marked("both_databases"):
        metafunc.parametrize("bare_site", ["sqlite", "postgresql"], indirect=True)
    elif marked("postgresql_alone"):
        metafunc.parametrize("bare_site", ["postgresql"], indirect=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for all tests of a session."""
    server = PostgresServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def bare_site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A log that holds nothing but its genesis."""
    path: Path | str = tmp_path / "custody.db"
    server: PostgresServer | None = None
    if getattr(request, "param", "sqlite") == "postgresql":
        server = request.getfixturevalue("postgres_server")
        path = server.url(name := server.new_database())
    keys = log_keys()
    genesis = make_genesis(ed25519_signer("archivist"), claimed_at=NOON)
    log = ledger.create_log(path, keys=keys, genesis=genesis, annex_key=ANNEX_KEY, at=NOON)
    site = Site(log, path, keys, tmp_path, server)
    yield site
    site.log.close()
    if server is not None:
        server.drop_database(name)


@pytest.fixture
def site(bare_site: Site) -> Site:
    """A log with a device and a gateway: three entries."""
    bare_site.add_key(bare_site.device, Role.DEVICE)
    bare_site.add_key(bare_site.gateway, Role.GATEWAY)
    return bare_site


@pytest.fixture
def spare_signer() -> PrivateKeySigner:
    """A key no log knows."""
    return ed25519_signer("spare")


@pytest.fixture
def fixed_log_keys() -> LogKeys:
    """The log keys of every test."""
    return log_keys()
