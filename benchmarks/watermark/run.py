"""Mark, attack and read: one image at a time, every method, every attack."""

import gc
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import watermark
from benchmarks.watermark.attacks import ATTACKS
from benchmarks.watermark.images import load
from benchmarks.watermark.methods import (
    Found,
    Hidden,
    Method,
    Peer,
    Radseal,
    RefusedError,
    payload_of,
)
from benchmarks.watermark.peers import open_workers
from benchmarks.watermark.picture import TAIL, Pixels, ends, mapped, view
from benchmarks.watermark.store import DEEP, EMBED, OURS, UNMARKED, Record, Store, digest_of

QUARTER_TURNS = ("rotation 90", "rotation 180", "rotation 270")

HOPELESS = 0.8
"""Bit accuracy at identity below which a method's other attacks on the image are not tried."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do.

    Attributes
    ----------
    files : sequence of Path
        The images.
    shared : sequence of Path
        Those of them that the peers get as well.
    attacks : sequence of str
        Names of ``ATTACKS``.
    peers : sequence of str
        Names of peers.
    keys : int
        Keys that unmarked images are read with.
    environment : Path
        Folder of the peers' environment.
    results : Path
        The file of records.
    jobs : int
        Processes.
    """

    files: Sequence[Path]
    shared: Sequence[Path]
    attacks: Sequence[str]
    peers: Sequence[str]
    keys: int
    environment: Path
    results: Path
    jobs: int


@dataclass(slots=True)
class Bench:
    """What a process holds for all its images."""

    plan: Plan
    methods: dict[str, Method]
    digests: dict[str, str]
    store: Store


_BENCH: list[Bench] = []
"""One bench a process; a pool hands its processes nothing else."""


def run(plan: Plan) -> dict[str, str]:
    """Do what is missing; return the peers that do not run, and why."""
    for library in ("OPENBLAS", "OMP", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "1"  # for the processes that are to come
    absent: dict[str, str] = {}
    start, done = time.monotonic(), 0
    with (
        tempfile.TemporaryDirectory() as scratch,
        ProcessPoolExecutor(
            plan.jobs,
            mp_context=get_context("spawn"),
            initializer=_set_up,
            initargs=(plan, scratch),
        ) as pool,
    ):
        waiting: set[Future[dict[str, str]]] = {pool.submit(_one, path) for path in plan.files}
        while waiting:
            finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                absent |= future.result()
                done += 1
            spent = time.monotonic() - start
            left = spent / done * len(waiting)
            print(
                f"{done} of {len(plan.files)} images, {spent / done:.0f} s each, "
                f"{left / 60:.0f} min left",
                file=sys.stderr,
            )
    return absent


def _set_up(plan: Plan, scratch: str) -> None:
    folder = Path(tempfile.mkdtemp(dir=scratch))
    methods: dict[str, Method] = {OURS: Radseal()}
    workers, absent = open_workers(plan.peers, plan.environment, folder)
    methods |= {name: Peer(worker) for name, worker in workers.items()}
    digests = {name: digest_of(name) for name in methods}
    _BENCH.append(Bench(plan, methods, digests, Store(plan.results)))
    _ABSENT.update(absent)


_ABSENT: dict[str, str] = {}


def _one(path: Path) -> dict[str, str]:
    """Measure one image and return the peers that do not run here."""
    bench = _BENCH[0]
    names = list(bench.methods) if path in bench.plan.shared else [OURS]
    subjects = [EMBED, *bench.plan.attacks, *(f"{UNMARKED} {n}" for n in range(bench.plan.keys))]
    todo = {}
    for name in names:
        extra = [] if name == OURS else [DEEP]
        digest = bench.digests[name]
        todo[name] = bench.store.missing(path.name, name, [*subjects, *extra], digest)
    if any(todo.values()):
        image, bits = load(path)
        for name, missing in todo.items():
            if missing:
                measure(bench, name, path.name, image, bits, missing)
            gc.collect()
    return _ABSENT


def measure(
    bench: Bench, name: str, title: str, image: Pixels, bits: int, missing: Sequence[str]
) -> None:
    """Try what is missing of one method on one image."""
    method = bench.methods[name]
    host, depth = (image, bits) if method.deep else (view(image), 8)
    common = partial(
        Record,
        image=title,
        method=name,
        source=bench.digests[name],
        pixels=image.size,
        bits=bits,
    )
    add = bench.store.add
    attacks = [subject for subject in missing if subject in ATTACKS]
    if attacks or EMBED in missing:
        try:
            hidden = method.embed(host, depth, payload_of(title))
        except RefusedError as error:
            for subject in (EMBED, *attacks):
                add(common(subject=subject, note=f"refused: {error}"))
        else:
            fresh = method.read(hidden.picture)
            if EMBED in missing:
                add(embed_record(common, method, image, host, depth, hidden))
            for subject in attacks:
                add(attack_record(common, method, subject, depth, hidden, fresh))
    for subject in missing:
        if subject.startswith(UNMARKED):
            found = method.read(host, key=int(subject.removeprefix(UNMARKED)))
            add(common(subject=subject, found=found.token is not None, cpu=found.cpu))
    if DEEP in missing:
        note = deep_note(method, image, bits, payload_of(title)) if bits > 8 else ""
        add(common(subject=DEEP, note=note))


def embed_record(
    common: "partial[Record]",
    method: Method,
    image: Pixels,
    host: Pixels,
    depth: int,
    hidden: Hidden,
) -> Record:
    """Return quality and cost of a fresh mark.

    For all methods alike, PSNR and SSIM are of what a viewer shows: the view of the original,
    and the marked picture under the same window.
    """
    read = method.read_timed(hidden.picture)
    low, high = ends(image, TAIL) if method.deep and image.dtype != "uint8" else (0, 255)
    shown = mapped(host, low, high), mapped(hidden.picture, low, high)
    seen = watermark.measure(*shown, bits_stored=8, margin=0.0)
    values = hidden.values | {
        "psnr": min(seen.psnr_db, 99.0),
        "ssim": seen.ssim,
        "change": seen.max_change,
        "read": read.cpu,
    }
    if method.name == OURS:
        own = watermark.measure(host, hidden.picture, bits_stored=depth, margin=0.0)
        start = time.process_time()
        watermark.detect(hidden.picture, key=bytes(32))
        values |= {
            "psnr native": min(own.psnr_db, 199.0),
            "ssim native": own.ssim,
            "mark to noise": own.mark_to_noise_median,
            "mark to noise p99": own.mark_to_noise_p99,
            "detect": time.process_time() - start,
        }
    return common(
        subject=EMBED,
        found=read.token is not None,
        exact=read.token == hidden.token,
        cpu=hidden.cpu,
        values=values,
    )


def attack_record(
    common: "partial[Record]",
    method: Method,
    subject: str,
    depth: int,
    hidden: Hidden,
    fresh: Found,
) -> Record:
    """Attack and read, unless the mark cannot be read from the marked picture itself."""
    if method.name != OURS and hopeless(hidden, fresh):
        return common(subject=subject, note="cannot be read fresh")
    attacked = ATTACKS[subject](hidden.picture, depth)
    found = method.read(attacked, turned=subject in QUARTER_TURNS)
    values = dict(found.values)
    if hidden.bits is not None:
        values["bits"] = accuracy(hidden.bits, found.bits)
    return common(
        subject=subject,
        found=found.token is not None,
        exact=found.token == hidden.token,
        cpu=found.cpu,
        values=values,
    )


def hopeless(hidden: Hidden, fresh: Found) -> bool:
    """Whether a fresh mark is not read, nor nearly."""
    if fresh.token == hidden.token:
        return False
    return hidden.bits is None or accuracy(hidden.bits, fresh.bits) < HOPELESS


def accuracy(hidden: str, found: str | None) -> float:
    """Return the share of bits that are right; 0.5 if there are none."""
    if found is None or len(found) != len(hidden):
        return 0.5
    return sum(a == b for a, b in zip(hidden, found, strict=True)) / len(hidden)


def deep_note(method: Method, image: Pixels, bits: int, payload: bytes) -> str:
    """Say what a peer makes of a picture of more than eight bits, given as it is."""
    try:
        hidden = method.embed(image, bits, payload)
    except RefusedError as error:
        return f"refuses ({str(error).split(':')[0]})"
    if hidden.picture.dtype != image.dtype:
        return f"returns {hidden.picture.dtype}"
    quality = watermark.measure(image, hidden.picture, bits_stored=bits, margin=0.0)
    alive = method.read(view(hidden.picture)).token == hidden.token
    return f"{quality.psnr_db:.0f} dB, {'read' if alive else 'lost'} in its 8-bit view"


def every(files: Sequence[Any], count: int) -> list[Any]:
    """Return ``count`` of these, evenly spread; all if there are not more, or count is 0."""
    if not count or count >= len(files):
        return list(files)
    return [files[index * len(files) // count] for index in range(count)]
