"""A disk full to the last byte: nothing is taken, nothing is half there, and then it goes on."""

import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gateway_faults.world import Door, Images, Sending, eventually, orthanc, uid_of
from ledger import Algorithm
from provenance import Site

SIZE = 24 << 20
_FULL = "Refused: OutOfResources"


class NoDiskError(Exception):
    """Nobody may mount a disk here."""


@dataclass(frozen=True, slots=True)
class FullDisk:
    """What came of it."""

    fillings: int
    sent: int
    refused: int
    otherwise: int
    half: int
    delivered_full: int
    went_on: int
    archived: int
    lost: int

    @property
    def ok(self) -> bool:
        return (
            self.went_on == self.fillings
            and self.refused > 0
            and self.delivered_full > 0
            and not (self.otherwise or self.half or self.lost)
        )

    def words(self) -> str:
        return (
            f"{self.fillings} times full: {self.refused} objects answered A700, {self.otherwise} "
            f"otherwise; {self.half} times something half was left; {self.delivered_full} times "
            f"all that waited was delivered while it was full; {self.went_on} times it went on by "
            f"itself when there was room; {self.sent} objects in, {self.archived} in the archive, "
            f"{self.lost} lost"
        )


@contextmanager
def small_disk(folder: Path, size: int = SIZE) -> Iterator[None]:
    """Mount a file system of so many bytes at ``folder``; NoDiskError where nobody may."""
    folder.mkdir(parents=True)
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None or os.geteuid() != 0:
        raise NoDiskError("only root may mount a disk")
    words = [mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        raise NoDiskError("this machine lets nobody mount a disk")
    try:
        yield
    finally:
        subprocess.run([umount, "-l", str(folder)], check=True)


def run(folder: Path, *, fillings: int, each: int) -> FullDisk:
    """Fill the spool's disk so many times, send ``each`` objects to it, and make room again."""
    site = Site.init(folder / "site", algorithm=Algorithm.ED25519)
    images = Images.make(fillings * each, site, folder / "images")
    archive, dicom = orthanc(folder / "orthanc")
    door = Door(folder / "gateway", site, dicom)
    refused = otherwise = half = delivered = went_on = 0
    with small_disk(door.spool):
        archive.start()
        door.start()
        try:
            paths = list(images.sealed)
            share = len(paths) // fillings
            for number in range(fillings):
                some = paths[number * share : (number + 1) * share]
                archive.stop(signal.SIGKILL)
                early, late = some[: share // 2], some[share // 2 :]
                _require_stored(door, early)
                _fill(door.spool / "filler")
                said = _answers(door, late)
                refused += said[_FULL]
                otherwise += said.total() - said[_FULL]
                half += not door.nothing_half()
                archive.start()
                eventually("it is delivered", lambda: not door.uids("forwarding"))
                delivered += 1
                (door.spool / "filler").unlink()
                _require_stored(door, late)
                went_on += 1
            eventually("archive and log have everything", door.nothing_waits)
            half += not door.nothing_half()
            door.end()
            count = len(set(door.uids("delivered")))
            lost = len({uid_of(path) for path in paths[: fillings * share]}) - count
        finally:
            if door.process is not None:
                door.end(signal.SIGKILL)
            archive.stop()
    sent = fillings * share
    return FullDisk(fillings, sent, refused, otherwise, half, delivered, went_on, count, lost)


def _require_stored(door: Door, paths: list[Path]) -> None:
    """Send until all are stored: room may be a moment away."""
    left = paths

    def stored() -> bool:
        nonlocal left
        sending = Sending(left, door.port)
        list(sending)
        left = [path for path, answer in sending.answers.items() if answer != "Success"]
        return not left

    eventually("all are stored", stored)


def _answers(door: Door, paths: list[Path]) -> Counter[str | None]:
    sending = Sending(paths, door.port)
    list(sending)
    return Counter(sending.answers.values())


def _fill(path: Path) -> None:
    """Write until not a byte is left."""
    with path.open("wb", buffering=0) as file:
        for piece in (bytes(1 << 16), bytes(4096), b"\0"):
            with suppress(OSError):
                while file.write(piece):
                    pass
