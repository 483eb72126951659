"""TLS of the gateway, both ends, as PS3.15 B.12 asks after BCP 195 (RFC 9325): 1.2 and later."""

import select
import socket
import ssl
import time
from collections.abc import Iterable

from provenance.errors import UsageError
from provenance.pacs.dimse.line import LineError
from provenance.pacs.gateway.configuration import Archive, TlsFiles

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"  # of TLS 1.2; those of 1.3 are all meant


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """Return the context to accept with; with authorities, senders must show a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _prepare(context, files)
    if files.authorities is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """Return the context to connect with; without authorities those of the system count."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _prepare(context, files)
    if files.authorities is None:
        context.load_default_certs()
    return context


def require_usable(archives: Iterable[Archive]) -> None:
    """Return only if the TLS files of all archives can be used; else UsageError."""
    for each in archives:
        if each.tls is not None:
            client_context(each.tls)


def accept_tls(
    connection: socket.socket, context: ssl.SSLContext, *, within: float
) -> ssl.SSLSocket:
    """Return the connection behind TLS, its handshake done in so many seconds; else LineError."""
    deadline = time.monotonic() + within
    wrapped: ssl.SSLSocket | None = None
    try:
        wrapped = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        wrapped.setblocking(False)
        while True:
            try:
                wrapped.do_handshake()
            except ssl.SSLWantReadError:
                _wait(wrapped, select.POLLIN, deadline)
            except ssl.SSLWantWriteError:
                _wait(wrapped, select.POLLOUT, deadline)
            else:
                return wrapped
    except (OSError, LineError) as error:
        (wrapped or connection).close()
        raise LineError(f"no TLS: {error}") from error


def _wait(connection: ssl.SSLSocket, what: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(connection, what)
    left = deadline - time.monotonic()
    if left <= 0 or not poll.poll(left * 1000):
        raise LineError("the handshake did not end in time")


def _prepare(context: ssl.SSLContext, files: TlsFiles) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    try:
        if files.certificate is not None:
            context.load_cert_chain(files.certificate, files.key)
        if files.authorities is not None:
            context.load_verify_locations(files.authorities)
    except (OSError, ssl.SSLError) as error:
        names = ", ".join(str(p) for p in (files.certificate, files.key, files.authorities) if p)
        raise UsageError(f"TLS cannot be set up from {names}: {error}") from error
