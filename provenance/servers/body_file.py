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


async def body_to_file(request: Request, path: Path, bounds: Bounds) -> int:
    """Write a body to a new file; return its size. BodyError as above; OSError of the disk.

    BodyError 503 if less than ``bounds.free`` bytes would be left on the disk. The caller removes
    the file.
    """
    length = request.headers.get("content-length", "")
    expected = int(length) if length.isascii() and length.isdigit() else 0
    await run_in_threadpool(require_room, path.parent, min(expected, bounds.most), bounds.free)
    count, held = 0, bytearray()
    with path.open("xb", buffering=0) as file:
        async for piece in read_pieces(request, bounds):
            held += piece
            if len(held) >= PIECE:
                count += len(held)
                await run_in_threadpool(_write, file, held)
                held.clear()
        count += len(held)
        await run_in_threadpool(_write, file, held)
    return count


def require_room(folder: Path, size: int, free: int) -> None:
    """Return only if a disk keeps ``free`` bytes beside ``size`` more; else BodyError 503."""
    if shutil.disk_usage(folder).free < size + free:
        raise BodyError(503, "the disk is full")


def _write(file: BinaryIO, data: bytearray) -> None:
    left = memoryview(bytes(data))
    while left:
        left = left[file.write(left) :]
