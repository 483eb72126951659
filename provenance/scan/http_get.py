"""Ask an archive over HTTP: no redirects, bounded answers, an end to every wait, asked again.

The connection is kept open between two questions.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from threading import Event, Timer
from typing import Self, TypeVar
from urllib.parse import urlsplit

from provenance.errors import MalformedError, OutOfReachError, UsageError
from provenance.scan.credentials import authorization
from provenance.scan.outcome import Apart
from provenance.scan.source import NotGivenError

SILENT_SECONDS = 60.0  # until the next byte
SECONDS = 600.0  # for one answer in all
ATTEMPTS = 5
FIRST_PAUSE = 0.2
_BLOCK = 1 << 20
_LATER = (429, 502, 503, 504)
_LOCKED_OUT = (401, 403, 407)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Got:
    """An answer."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Answering:
    """An answer whose body still comes."""

    status: int
    content_type: str
    pieces: Iterator[bytes]


@dataclass(slots=True)
class Http:
    """One archive by its address, and the words that let us in, which are never shown."""

    url: str
    _authorization: str | None = field(default=None, repr=False)
    _pause: Callable[[float], None] = time.sleep
    _tls: ssl.SSLContext | None = field(default=None, repr=False)
    _line: HTTPConnection | None = field(default=None, init=False, repr=False)

    @classmethod
    def at(
        cls,
        url: str,
        *,
        pause: Callable[[float], None] = time.sleep,
        tls: ssl.SSLContext | None = None,
    ) -> Self:
        """Name an archive; UsageError for what is no address, or one with a password in it.

        ``tls`` is the context for https, where that is not the usual one.
        """
        try:
            parts = urlsplit(url)
            named = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            parts, named = urlsplit(""), None
        if parts.username is not None or parts.password is not None:
            words = "the address of the archive holds a name or password, and would be kept"
            raise UsageError(f"{words}: put them into the environment or ~/.netrc (docs/scan.md)")
        printable = url.isascii() and url.isprintable() and " " not in url
        if not named or parts.query or parts.fragment or not printable:
            raise UsageError("not the address of an archive; it looks like http://HOST:PORT/ROOT")
        host, secure = str(parts.hostname), parts.scheme == "https"
        return cls(url.rstrip("/"), authorization(host, secure=secure), pause, tls)

    def ask(self, path: str, parse: Callable[[bytes], _T], *, most: int, accept: str) -> _T:
        """Return what an answer says; OutOfReachError for one that is not 200, or nonsense."""
        try:
            got = self.get(path, most=most, accept=accept)
            if got.status not in (200, 204):
                raise OutOfReachError(f"{self.url} answers {got.status} to {path}")
            return parse(got.body)
        except MalformedError as error:
            raise OutOfReachError(f"{self.url}: {error}") from error
        except NotGivenError as error:
            raise OutOfReachError(f"{self.url}: {error} (to {path})") from error

    def get(self, path: str, *, most: int, accept: str) -> Got:
        """Return the answer to one question.

        NotGivenError for more than ``most`` bytes; OutOfReachError if there is no answer after
        several attempts, or nobody lets us in.
        """
        wait = FIRST_PAUSE
        for attempt in range(ATTEMPTS):
            if attempt:
                self._pause(wait)
                wait *= 3
            try:
                got = self._once(path, most, accept)
            except (OSError, HTTPException) as error:
                self.close()
                why = str(error) or type(error).__name__
                continue
            if got.status in _LOCKED_OUT:
                words = "give name and password in the environment or ~/.netrc (docs/scan.md)"
                raise OutOfReachError(f"{self.url} answers {got.status}: {words}")
            if got.status not in _LATER:
                return got
            why = f"it answers {got.status}"
        raise OutOfReachError(f"{self.url} cannot be reached: {why}")

    @contextmanager
    def opened(
        self, path: str, *, accept: str, silent: float, seconds: float
    ) -> Iterator[Answering]:
        """Hold the answer to one question, to be read piece by piece; it is asked once.

        OSError or HTTPException if there is none: TimeoutError after ``silent`` seconds without a
        byte, or ``seconds`` in all. The line is closed at the end.
        """
        line = self._connected()
        line.timeout = silent
        try:
            with _cut_after(line, seconds) as was_cut:
                line.request("GET", urlsplit(self.url).path + path, headers=self._headers(accept))
                try:
                    with line.getresponse() as response:
                        kind = response.headers.get("content-type", "")
                        yield Answering(response.status, kind, _pieces(response))
                except (OSError, HTTPException) as error:
                    if was_cut():
                        raise TimeoutError(f"it took more than {seconds:.0f} s") from error
                    raise
                if was_cut():
                    raise TimeoutError(f"it took more than {seconds:.0f} s")
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def _once(self, path: str, most: int, accept: str) -> Got:
        line = self._connected()
        with _cut_after(line, SECONDS) as was_cut:
            line.request("GET", urlsplit(self.url).path + path, headers=self._headers(accept))
            with line.getresponse() as response:
                body = _body(response, most)
                kind = response.headers.get("content-type", "")
        if was_cut():
            raise TimeoutError(f"the answer took more than {SECONDS:.0f} s")
        if body is None:
            self.close()
            raise NotGivenError(f"more than the {most} bytes that are read", apart=Apart.TOO_LARGE)
        return Got(response.status, kind, body)

    def _headers(self, accept: str) -> dict[str, str]:
        known = self._authorization
        return {"Accept": accept} | ({} if known is None else {"Authorization": known})

    def _connected(self) -> HTTPConnection:
        if self._line is None:
            parts = urlsplit(self.url)
            host = str(parts.hostname)
            if parts.scheme == "https":
                context = self._tls or ssl.create_default_context()
                self._line = HTTPSConnection(
                    host, parts.port, timeout=SILENT_SECONDS, context=context
                )
            else:
                self._line = HTTPConnection(host, parts.port, timeout=SILENT_SECONDS)
        return self._line


def not_given(status: int) -> NotGivenError:
    """Return what an answer other than 200 to the question for one object means."""
    if status in (404, 410):
        return NotGivenError("the archive has it no more", apart=Apart.GONE)
    return NotGivenError(f"the archive answers {status}", apart=Apart.NOT_GIVEN)


@contextmanager
def _cut_after(line: HTTPConnection, seconds: float) -> Iterator[Callable[[], bool]]:
    """Cut a line that is still in use after so many seconds: who drips bytes ends as well."""
    if line.sock is None:
        line.connect()
    cut, held = Event(), line.sock  # a line that is to be closed forgets it before the body

    def end() -> None:
        cut.set()
        with suppress(OSError):
            held.shutdown(socket.SHUT_RDWR)

    timer = Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield cut.is_set
    finally:
        timer.cancel()


def _pieces(response: HTTPResponse) -> Iterator[bytes]:
    while block := response.read1(_BLOCK):
        yield block
    if response.length:
        raise HTTPException("the answer was cut off")


def _body(response: HTTPResponse, most: int) -> bytes | None:
    """Read to the end; None for more than ``most`` bytes, of which no more are kept."""
    if response.length is not None and response.length > most:
        return None
    blocks, size = [], 0
    for block in _pieces(response):
        size += len(block)
        if size > most:
            return None
        blocks.append(block)
    return b"".join(blocks)
