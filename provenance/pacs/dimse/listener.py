"""Accepts connections, each in a thread of its own, no more than there may be."""

import logging
import socket
import ssl
from dataclasses import dataclass
from threading import Event as Flag
from threading import Lock, Thread, current_thread

from provenance.pacs.dimse.line import Line, LineError
from provenance.pacs.dimse.storage_scp import StorageScp
from provenance.pacs.dimse.tls import accept_tls
from provenance.pacs.gateway.configuration import Limits

SPARE = 16  # connections beyond the associations: they hear that there is no room
_ACCEPT_SECONDS = 0.5
_STOP_SECONDS = 60.0

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Served:
    """How one connection is served, from its beginning to its end."""

    scp: StorageScp
    limits: Limits
    tls: ssl.SSLContext | None


class Listener:
    """Holds a listening socket and the threads of its connections."""

    def __init__(
        self,
        listening: socket.socket,
        scp: StorageScp,
        limits: Limits,
        *,
        tls: ssl.SSLContext | None,
        stopping: Flag,
    ) -> None:
        self._listening = listening
        self._scp = scp
        self._limits = limits
        self._tls = tls
        self._stopping = stopping
        self._threads: set[Thread] = set()
        self._lock = Lock()

    def change(self, scp: StorageScp, limits: Limits, tls: ssl.SSLContext | None) -> None:
        """Serve new connections in another way; those that there are go on as they began."""
        with self._lock:
            self._scp, self._limits, self._tls = scp, limits, tls

    @property
    def connections(self) -> int:
        """How many there are just now."""
        with self._lock:
            return len(self._threads)

    def run(self) -> None:
        """Accept until it is asked to stop; then objects under way are still taken."""
        self._listening.settimeout(_ACCEPT_SECONDS)
        while not self._stopping.is_set():
            try:
                connection, address = self._listening.accept()
            except TimeoutError:
                continue
            except OSError as error:  # out of descriptors, or the peer is gone already
                _logger.warning("a connection was not accepted: %s", error)
                self._stopping.wait(0.1)
                continue
            self._begin(connection, str(address[0]))
        self._listening.close()
        with self._lock:
            left = list(self._threads)
        for thread in left:
            thread.join(_STOP_SECONDS)

    def _begin(self, connection: socket.socket, address: str) -> None:
        with self._lock:
            count = len(self._threads)
            if count >= self._limits.associations + SPARE:
                connection.close()
                return
            room = count < self._limits.associations
            serve = _Served(self._scp, self._limits, self._tls)
            thread = Thread(
                target=self._serve,
                args=(serve, connection, address, room),
                name="radseal-association",
                daemon=True,
            )
            self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError as error:
            _logger.error("a connection was not accepted: %s", error)
            connection.close()
            self._forget(thread)

    def _serve(self, by: "_Served", connection: socket.socket, address: str, room: bool) -> None:
        try:
            if by.tls is not None:
                connection = accept_tls(connection, by.tls, within=by.limits.idle_seconds)
            line = Line(connection, idle=by.limits.idle_seconds)
            by.scp.serve(line, address, room=room)
            line.close()
        except LineError as error:
            _logger.info("a connection ended: %s", error, extra={"fields": {"peer": address}})
        except Exception:
            _logger.exception("a connection failed")
        finally:
            connection.close()
            self._forget()

    def _forget(self, thread: Thread | None = None) -> None:
        with self._lock:
            self._threads.discard(thread or current_thread())
