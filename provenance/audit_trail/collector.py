"""The line to a syslog receiver: TLS 1.2 or 1.3 and nothing else (RFC 5425, PS3.15 A.6)."""

import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from provenance.audit_trail.unacknowledged import unacknowledged
from provenance.errors import UsageError

PORT = 6514
_CONNECT_SECONDS = 10.0
_SEND_SECONDS = 30.0
_END_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Collector:
    """Where audit messages go, whom to trust there, and as whom.

    ``ca`` holds the authorities of the receiver's certificate as PEM, and no others are trusted.
    ``certificate`` (with its chain) and ``key`` are shown to a receiver that asks for them.
    ``server_name`` is the name in the receiver's certificate, where that is not ``host``.
    """

    host: str
    ca: Path
    port: int = PORT
    certificate: Path | None = None
    key: Path | None = None
    server_name: str = ""

    def context(self) -> ssl.SSLContext:
        """Read the files; UsageError if one cannot be used."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_verify_locations(cafile=self.ca)
        except OSError as error:
            raise UsageError(f"{self.ca} holds no certificates of authorities: {error}") from error
        if self.certificate is not None:
            try:
                context.load_cert_chain(self.certificate, self.key, password=_no_passphrase)
            except (OSError, ValueError) as error:
                raise UsageError(
                    f"{self.certificate} and its key cannot be used: {error}"
                ) from error
        return context


def _no_passphrase() -> str:
    raise ValueError("the key is encrypted, and nobody is there to type")


class Connection:
    """An open line. What is wrong with it is an OSError; ssl.SSLError is one."""

    def __init__(self, line: ssl.SSLSocket) -> None:
        self._line = line
        self._aborted = False
        self.protocol = line.version() or ""  # of TLS

    def send(self, frame: bytes) -> None:
        """Write a whole frame, if the receiver is still there."""
        self._require_peer()
        self._line.settimeout(_SEND_SECONDS)
        self._line.sendall(frame)

    def end(self) -> None:
        """Say that nothing more comes, and wait until the receiver closes: it has read all.

        Raises OSError if it does not, or breaks off: then nobody knows what it has read.
        """
        self._require_peer()
        self._line.settimeout(_END_SECONDS)
        try:
            self._line.unwrap()
        except ssl.SSLEOFError:  # a receiver that closes without close_notify
            if self._aborted or unacknowledged(self._line):
                raise

    def abort(self) -> None:
        """Close at once; whoever is sending gets an OSError."""
        self._aborted = True
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)
        self._line.close()

    def _require_peer(self) -> None:
        """Syslog has no answers: all there is to read is the end, or what belongs to TLS."""
        self._line.settimeout(0)
        try:
            received = self._line.recv(1)
        except ssl.SSLWantReadError:
            return
        reason = "sent something, which no syslog receiver does" if received else "closed"
        raise ConnectionResetError(f"the receiver {reason}")


def connect(collector: Collector) -> Connection:
    """Open the line; OSError if the receiver is not there, or is not who it must be.

    The files are read each time, so that renewed certificates need no restart.
    """
    context = collector.context()
    plain = socket.create_connection((collector.host, collector.port), timeout=_CONNECT_SECONDS)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux: a host that vanished is noticed
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(_SEND_SECONDS * 1000))
        name = collector.server_name or collector.host
        return Connection(context.wrap_socket(plain, server_hostname=name))
    except BaseException:
        plain.close()
        raise
