"""Many of very many objects are erased: no byte of theirs is left, and every proof holds."""

import os
import random
import secrets
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ledger import (
    FIRST,
    Event,
    Role,
    Submission,
    TrustedLogs,
    hash_leaf,
    open_receipt,
    sign_statement,
)
from provenance import Site
from provenance.site.erasure import erase_objects, plan_erasure

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BATCH = 256
ANNEX = 1_500  # bytes: tile hashes, salts, a name
NAMES = 5
PART = 8  # bytes of a secret that count as found


@dataclass(frozen=True, slots=True)
class Erased:
    """What came of it."""

    objects: int
    erased: int
    megabytes: float
    secrets: int
    found_before: int
    found_after: int
    seconds: float
    single: float
    copy: float
    proofs: int
    findings: int

    @property
    def ok(self) -> bool:
        looked = self.found_before >= self.secrets > 0
        return looked and not (self.found_after or self.findings)

    def words(self) -> str:
        return (
            f"{self.erased} of {self.objects} objects ({self.megabytes:.0f} MB): {self.secrets} "
            f"secrets, parts of them found {self.found_before} times before, {self.found_after} "
            f"after; {self.seconds:.1f} s in all, {self.single:.2f} s for one more, "
            f"{self.copy:.1f} s to copy the file durably; {self.proofs} old receipts and as many "
            f"new ones hold; {self.findings} findings"
        )


def run(folder: Path, *, objects: int, erased: int) -> Erased:
    """Fill a log, erase some of its objects, and look at every byte of its files."""
    site = Site.init(folder / "site", name="erasure")
    return measure(folder, site, _fill(site, objects), erased=erased)


def measure(folder: Path, site: Site, ids: Sequence[bytes], *, erased: int) -> Erased:
    """Erase some of the objects of a log that was filled, and one more."""
    objects, temporary = len(ids), folder / "temporary"
    temporary.mkdir(exist_ok=True)
    os.environ["SQLITE_TMPDIR"] = str(temporary)
    chance = random.Random(1)
    *chosen, one = chance.sample(ids, erased + 1)
    kept = chance.sample(sorted(set(ids) - {*chosen, one}), min(erased, objects - erased - 1))
    path = site.folder / "ledger.sqlite"
    wanted = _secrets(path, chosen)
    before = _found(_files(site.folder, temporary), wanted)
    logs = site.trust.logs
    old = _receipts(site, [*chosen, *kept])
    began = time.perf_counter()
    _erase(site, chosen)
    seconds = time.perf_counter() - began
    after = _found(_files(site.folder, temporary), wanted)
    began = time.perf_counter()
    _erase(site, [one])
    single = time.perf_counter() - began
    proofs = _hold(old, logs) + _hold(_receipts(site, [*chosen, *kept]), logs)
    with site.reading_log() as log:
        findings = len(log.audit().findings)
    megabytes = path.stat().st_size / 1e6
    copy = _copy(path, folder / "copy")
    count = len(wanted)
    return Erased(
        objects,
        erased,
        megabytes,
        count,
        before,
        after,
        seconds,
        single,
        copy,
        proofs // 2,
        findings,
    )


def _fill(site: Site, objects: int) -> list[bytes]:
    signer, ids = site.signer(Role.DEVICE), []
    with site.writing_log() as log:
        link = FIRST
        for at in range(0, objects, BATCH):
            batch = []
            for _ in range(min(BATCH, objects - at)):
                ids.append(secrets.token_bytes(12))
                made = sign_statement(
                    event=Event.SEALED,
                    object_id=ids[-1],
                    object_link=FIRST,
                    actor_link=link,
                    claimed_at=NOON,
                    head_seen=None,
                    body={1: secrets.token_bytes(32)},
                    signer=signer,
                )
                link = link.next(hash_leaf(made))
                names = tuple(secrets.token_bytes(32) for _ in range(NAMES))
                batch.append(Submission(made, secrets.token_bytes(ANNEX), names))
            log.append(batch, at=NOON)
    return ids


def _erase(site: Site, ids: Sequence[bytes]) -> None:
    with site.writing_log() as log:
        plan = plan_erasure(log, ids)
        erase_objects(log, plan, archivist=site.signer(Role.ARCHIVIST), reason="retention", at=NOON)


def _secrets(path: Path, ids: Sequence[bytes]) -> list[bytes]:
    """All that the database holds of the objects, read as anyone could."""
    asked = (
        "select wrapped from radseal_annex_key where object_id = ?",
        "select nonce from radseal_annex where object_id = ?",
        "select ciphertext from radseal_annex where object_id = ?",
        "select pseudonym from radseal_pseudonym where object_id = ?",
    )
    with closing(sqlite3.connect(path)) as raw:
        return [row[0] for each in ids for sql in asked for row in raw.execute(sql, (each,))]


def _files(*folders: Path) -> Iterator[bytes]:
    for folder in folders:
        for path in folder.iterdir():
            if folder.name == "temporary" or path.name.startswith("ledger.sqlite"):
                yield path.read_bytes()


def _found(files: Iterator[bytes], wanted: Sequence[bytes]) -> int:
    """How often any aligned part of a secret lies anywhere in the files, at any offset."""
    parts = b"".join(each[: len(each) // PART * PART] for each in wanted)
    known = np.unique(np.frombuffer(parts, np.uint64))
    likely = np.zeros(1 << 24, bool)  # by the low 24 bits: nearly all words are out at once
    likely[known & np.uint64(0xFFFFFF)] = True
    count = 0
    for content in files:
        for shift in range(PART):
            usable = (len(content) - shift) // PART * PART
            if usable > 0:
                words = np.frombuffer(content, np.uint64, usable // PART, shift)
                words = words[likely[words & np.uint64(0xFFFFFF)]]
                at = np.minimum(np.searchsorted(known, words), known.size - 1)
                count += int((known[at] == words).sum())
    return count


def _receipts(site: Site, ids: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    with site.reading_log() as log:
        entries = [log.events(each)[0] for each in ids]
        return [(entry.statement, log.prove(entry.index)) for entry in entries]


def _hold(receipts: Sequence[tuple[bytes, bytes]], logs: TrustedLogs) -> int:
    """How many receipts there are; each must verify."""
    for statement, proof in receipts:
        open_receipt(statement, proof, logs=logs)
    return len(receipts)


def _copy(path: Path, target: Path) -> float:
    """What writing the file anew costs at least."""
    began = time.perf_counter()
    with path.open("rb") as source, target.open("wb") as copy:
        while block := source.read(1 << 20):
            copy.write(block)
        copy.flush()
        os.fsync(copy.fileno())
    return time.perf_counter() - began
