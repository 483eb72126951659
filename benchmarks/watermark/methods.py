"""Watermarks behind one face: ours, called directly, and the peers, in processes."""

import hashlib
import time
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

import watermark
from benchmarks.watermark.peers import PeerError, Worker
from benchmarks.watermark.picture import Pixels, view
from benchmarks.watermark.store import OURS

KEYS = 8
"""Keys there are: number 0 marks, the others read what they did not mark."""


class RefusedError(Exception):
    """A method does not mark this image."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """A marked picture: its pixels, the text that a right reading gives, its raw bits if any."""

    picture: Pixels
    token: str
    bits: str | None
    cpu: float
    values: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """A reading: no token if there is no mark."""

    token: str | None
    bits: str | None
    cpu: float
    values: dict[str, float] = field(default_factory=dict)


class Method(Protocol):
    """A watermark."""

    name: str
    deep: bool
    """It takes pictures of more than eight bits; else it is given their view."""

    def embed(self, picture: Pixels, bits: int, payload: bytes) -> Hidden:
        """Mark with key 0; RefusedError if it cannot."""

    def read(self, picture: Pixels, *, key: int = 0, turned: bool = False) -> Found:
        """Read blindly: neither the original nor its size are known.

        ``turned`` spares peers that try the right angles the others; ours does not look at it.
        """

    def read_timed(self, picture: Pixels) -> Found:
        """Read as its package does, to be timed."""


def payload_of(name: str) -> bytes:
    """Return 32 bytes that an image's name fixes; each method hides as many as it can."""
    return hashlib.sha256(name.encode()).digest()


def key_of(number: int) -> bytes:
    """Return one of our mark keys."""
    return hashlib.sha256(f"key {number}".encode()).digest()


class Radseal:
    """The mark of this repository: 12 bytes, found by ``watermark.search``."""

    name = OURS
    deep = True

    def __init__(self) -> None:
        noise = np.random.default_rng(1).normal(2000, 30, (512, 512)).astype(np.uint16)
        self.embed(noise, 12, bytes(32))  # what is cached by key is there before it is timed

    def embed(self, picture: Pixels, bits: int, payload: bytes) -> Hidden:
        """Mark with key 0."""
        start = time.process_time()
        try:
            marked = watermark.embed(
                picture, payload[:12], key=key_of(0), bits_stored=bits, profile="radiograph"
            )
        except watermark.CapacityError as error:
            raise RefusedError(str(error)) from error
        cpu = time.process_time() - start
        share = len(marked.restore_data) / (picture.size * (1 if bits <= 8 else 2))
        values = {"margin": marked.margin, "side": share}
        return Hidden(marked.image, payload[:12].hex(), None, cpu, values)

    def read(self, picture: Pixels, *, key: int = 0, turned: bool = False) -> Found:
        """Search for the mark."""
        wall, start = time.monotonic(), time.process_time()
        reading = watermark.search(picture, key=key_of(key))
        cpu, seconds = time.process_time() - start, time.monotonic() - wall
        if reading is None:
            return Found(None, None, cpu, {"seconds": seconds})
        values = {
            "seconds": seconds,
            "margin": reading.score / reading.threshold,
            "attempts": reading.attempts,
        }
        return Found(reading.payload.hex(), None, cpu, values)

    def read_timed(self, picture: Pixels) -> Found:
        """Search for the mark."""
        return self.read(picture)


class Peer:
    """A peer: eight bits in and out."""

    deep = False

    def __init__(self, worker: Worker) -> None:
        self.name = worker.name
        self._worker = worker

    def embed(self, picture: Pixels, bits: int, payload: bytes) -> Hidden:
        """Mark with key 0."""
        try:
            marked, said = self._worker.embed(picture, payload, 1)
        except PeerError as error:
            raise RefusedError(str(error)) from error
        if marked.shape != picture.shape:
            raise RefusedError(f"the marked picture is {marked.shape}, not {picture.shape}")
        return Hidden(marked, said["token"], said["bits"], said["cpu"])

    def read(self, picture: Pixels, *, key: int = 0, turned: bool = False) -> Found:
        """Read from the view of a picture."""
        return self._read(picture, key, own=False, turned=turned)

    def read_timed(self, picture: Pixels) -> Found:
        """Read with the package's own code."""
        return self._read(picture, 0, own=True, turned=False)

    def _read(self, picture: Pixels, key: int, *, own: bool, turned: bool) -> Found:
        start = time.process_time()
        try:
            said = self._worker.read(view(picture), key + 1, own=own, turned=turned)
        except PeerError:
            return Found(None, None, time.process_time() - start)
        return Found(said["token"], said["bits"], said["cpu"])
