"""A body read to a file: its memory is that of one piece, whatever its size."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from provenance.servers.http_server import BodyError

PIECE = 1 << 20  # bytes that are written at once


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a body may ask for: bytes, seconds between pieces and for all, disk left after it."""

    most: int
    idle: float
    seconds: float
    free: int


async def read_pieces(request: Request, bounds: Bounds) -> AsyncIterator[bytes]:
    """Yield a body as it comes.

    BodyError for more than ``bounds.most`` bytes, for none within ``idle`` seconds, or not all
    within ``seconds``, and for a connection that breaks off.
    """
    words = f"a body has at most {bounds.most} bytes"
    with suppress(ValueError):
        if int(request.headers.get("content-length", "0")) > bounds.most:
            raise BodyError(413, words)
    count = 0
    loop = asyncio.get_running_loop()
    until = loop.time() + bounds.seconds
    stream = request.stream()
    while True:
        try:
            piece = await asyncio.wait_for(
                anext(stream), min(bounds.idle, max(0.0, until - loop.time()))
            )
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise BodyError(408, "the body did not arrive in time") from error
        except ClientDisconnect as error:
            raise BodyError(400, "the body broke off") from error
        count += len(piece)
        if count > bounds.most:
            raise BodyError(413, words)
        if piece:
            yield piece


async def body_to_file(request: Request, path: Path, bounds: Bounds) -> None:
    """Write a body to a new file. BodyError as above and of FileInPieces; OSError of the disk.

    The caller removes the file.
    """
    length = request.headers.get("content-length", "")
    expected = int(length) if length.isascii() and length.isdigit() else 0
    file = FileInPieces(path, bounds)
    try:
        await run_in_threadpool(require_room, path.parent, min(expected, bounds.most), bounds.free)
        async for piece in read_pieces(request, bounds):
            await file.write(piece)
        await file.close()
    except BaseException:
        await file.abandon()
        raise


class FileInPieces:
    """A new file that grows by large pieces, written in a thread; the event loop never waits.

    BodyError 413 for more bytes than a body may have, 503 if too few would be left on the disk.
    """

    def __init__(self, path: Path, bounds: Bounds) -> None:
        self._path = path
        self._bounds = bounds
        self._file: BinaryIO | None = None
        self._held = bytearray()
        self._count = 0

    async def write(self, data: bytes) -> None:
        """Take some bytes."""
        self._count += len(data)
        if self._count > self._bounds.most:
            raise BodyError(413, f"an object has at most {self._bounds.most} bytes")
        self._held += data
        if len(self._held) >= PIECE:
            await run_in_threadpool(self._flush)

    async def close(self) -> None:
        """Write what is left."""
        await run_in_threadpool(self._end)

    async def abandon(self) -> None:
        """Close it as it is."""
        self._held.clear()
        if self._file is not None:
            await run_in_threadpool(self._file.close)

    def _end(self) -> None:
        self._flush()
        assert self._file is not None
        self._file.close()

    def _flush(self) -> None:
        if self._file is None:
            self._file = self._path.open("xb", buffering=0)
        require_room(self._path.parent, len(self._held), self._bounds.free)
        left = memoryview(self._held)
        while left:
            left = left[self._file.write(left) :]
        left.release()
        self._held = bytearray()


def require_room(folder: Path, size: int, free: int) -> None:
    """Return only if a disk keeps ``free`` bytes beside ``size`` more; else BodyError 503."""
    if shutil.disk_usage(folder).free < size + free:
        raise BodyError(503, "the disk is full")
