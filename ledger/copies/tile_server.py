"""A log as static files on a web server: a log server, or any server over an export of a log."""

from __future__ import annotations

import time

from ledger.copies.tile_files import TileFiles
from ledger.errors import NotFoundError, UnreachableError
from ledger.exchange import Pause, ask_again, exchange, log_address

SECONDS = 60.0  # for one file, of at most 16 MiB

_AGAIN = frozenset({408, 429, 500, 502, 503, 504})  # proxies before a server that is restarted


class TileServer(TileFiles):
    """Static files below one address. ``pause`` sleeps that many seconds before the next try."""

    def __init__(self, url: str, *, seconds: float = SECONDS, pause: Pause = time.sleep) -> None:
        self._url = log_address(url)
        self._seconds = seconds
        self._pause = pause

    def __str__(self) -> str:
        return self._url

    def _read(self, name: str, most: int) -> bytes:
        url = f"{self._url}/{name}"

        def ask() -> tuple[int, bytes]:
            return exchange("GET", url, None, seconds=self._seconds, most=most)

        status, answer = ask_again(ask, url=url, again=_AGAIN, pause=self._pause)
        match status:
            case 200:
                return answer
            case 404 | 410:
                raise NotFoundError(f"there is no {url}")
            case _:
                raise UnreachableError(f"{url} answered {status}")
