"""Where a server listens, and how its verb says so."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provenance.cli.failure import USAGE, CommandError, Failure
from provenance.cli.output import document, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain


@contextmanager
def listening(listen: str) -> Iterator[tuple[socket.socket, str]]:
    """Hold a socket that listens at ADDRESS:PORT, and its address as a URL."""
    place = _place(listen)
    family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
    try:
        listener = socket.create_server(place, family=family)
    except OSError as error:
        raise CommandError(
            Failure(
                f"nothing can listen at {listen}",
                why=error.strerror or str(error),
                do="stop what listens there, or give an address of this machine and a free port",
                exit_code=USAGE,
            )
        ) from error
    with listener:
        # inherited by each connection: else the body of an answer, which is a second segment, waits
        # for the client to acknowledge the first (RFC 896, RFC 1122 section 4.2.3.2): 40 ms
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener, f"http://{listen.rpartition(':')[0]}:{listener.getsockname()[1]}"


@contextmanager
def door_at(path: Path) -> Iterator[socket.socket]:
    """Hold a Unix socket that listens at a path; what a service left there before is replaced."""
    door = socket.socket(socket.AF_UNIX)
    try:
        if path.is_socket():
            path.unlink()
        door.bind(str(path))
        path.chmod(0o666)  # the token says who may come in, and the folder who may knock
        door.listen(64)
    except OSError as error:
        door.close()
        raise CommandError(
            Failure(
                f"there can be no door at {path}",
                why=error.strerror or str(error),
                do="name a short path, in a folder where this account may write",
                exit_code=USAGE,
            )
        ) from error
    with door:
        try:
            yield door
        finally:
            path.unlink(missing_ok=True)


def announce(session: Session, *, verb: str, name: str, url: str) -> None:
    """Print that a server listens, and where."""
    if session.as_json:
        print_json(document(verb, {"listening": url}, exit_code=0))
    else:
        say(f"{plain(name)} listens on {plain(url)}")


def server_missing(error: ModuleNotFoundError, *, extra: str = "server") -> CommandError:
    """Return the words for an installation without the extra that it needs."""
    return CommandError(
        Failure(
            "the server is not installed",
            why=f"the package {error.name} is missing",
            do=f"pip install 'radseal[{extra}]'",
            exit_code=USAGE,
        )
    )


def _place(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise CommandError(
            Failure(
                f"{listen} is not a place to listen",
                why="it takes an address and a port",
                do="give --listen 127.0.0.1:8099, for example",
                exit_code=USAGE,
            )
        )
    return host.removeprefix("[").removesuffix("]"), int(port)
