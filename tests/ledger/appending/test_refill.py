"""A log restored from an old backup takes back its entries from a copy, and only its own."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from ledger import (
    ConflictError,
    Cosigner,
    Event,
    FindingCode,
    LogKeys,
    Monitor,
    QuorumError,
    Role,
    SignatureError,
    StoreError,
    TileFolder,
    TrustedLogs,
    UnknownLogError,
    UsageError,
    hash_leaf,
    merkle_root,
    open_log,
    parse_policy,
    refill_log,
)


class Shown:
    """A copy that shows these statements under a checkpoint of these keys."""

    def __init__(self, keys: LogKeys, entries: list[bytes]) -> None:
        root = merkle_root(map(hash_leaf, entries))
        self.entries, self.note = (
            entries,
            keys.sign_checkpoint(size=len(entries), root=root, timestamp=1),
        )

    def checkpoint(self) -> bytes:
        return self.note

    def statements(self, start: int, stop: int) -> Any:
        return iter(self.entries[start:stop])


@pytest.fixture
def restored(site: Any, tmp_path: Path) -> Any:
    """300 entries were lost to a backup of 50; an auditor's copy has 280 of them."""
    site.append(*site.seals(47))
    site.erased, _ = site.seal(annex=b"annex", pseudonyms=(bytes(32),))
    site.log.close()
    backup = tmp_path / "backup"
    shutil.copyfile(site.path, backup)
    site.reopen()
    site.log.erase(site.statement(Event.ERASED, site.archivist, site.erased), at=site.now)
    site.append(*site.seals(200))
    late = site.signer("late")
    site.add_key(late, Role.DEVICE)
    site.append(site.statement(Event.SEALED, late, site.new_object()))
    site.copy = tmp_path / "copy"
    logs = TrustedLogs.from_vkeys(site.keys.vkeys)
    site.log.checkpoint()
    assert Monitor(site.copy, logs=logs).follow(site.log).alarm is None
    site.entries = [entry.statement for entry in site.log.entries()]
    site.root = site.log.head().root
    site.log.close()
    shutil.copyfile(backup, site.path)
    site.logs = logs
    yield site
    site.log = open_log(site.path, keys=site.keys, annex_key=site.annex_key)


def test_it_is_the_log_it_was(restored: Any) -> None:
    site = restored
    done = refill_log(site.path, TileFolder(site.copy), logs=site.logs)
    assert (done.before, done.size) == (51, len(site.entries))
    with open_log(site.path, keys=None, annex_key=None) as reader:
        assert reader.head().root == site.root
        assert [entry.statement for entry in reader.entries()] == site.entries
        # what the old backup had kept of an erased object is gone from the rows again
        assert {f.code for f in reader.audit().findings} == {FindingCode.ERASURE}
    with open_log(site.path, keys=site.keys, annex_key=site.annex_key) as log:
        assert log.audit().ok
        assert log.annex(site.erased) is None
        assert log.size == len(site.entries)
    again = refill_log(site.path, TileFolder(site.copy), logs=site.logs)
    assert again.before == again.size == len(site.entries)


def test_another_history_is_not_taken(restored: Any) -> None:
    site = restored
    rest = site.entries
    other = LogKeys.generate("other.example")
    forged = LogKeys.generate(site.keys.origin)
    both = TrustedLogs.from_vkeys((*site.keys.vkeys, *other.vkeys))
    policy = parse_policy(f"witness w {_witness()}\nquorum w\n".encode())
    cut = Shown(site.keys, rest)
    cut.entries = rest[:-1]
    swapped = [*rest[:60], rest[61], rest[60], *rest[62:]]
    rewritten = [*rest[:20], rest[-1], *rest[21:]]
    for copy, logs, error in (
        (cut, site.logs, StoreError),
        (Shown(site.keys, swapped), site.logs, ConflictError),
        (Shown(site.keys, rewritten), site.logs, StoreError),
        (Shown(site.keys, rewritten[:40]), site.logs, StoreError),
        (Shown(forged, rest), site.logs, SignatureError),
        (Shown(other, rest), site.logs, UnknownLogError),
        (Shown(other, rest), both, UsageError),
        (Shown(site.keys, rest), TrustedLogs(site.logs.logs, policy), QuorumError),
    ):
        with pytest.raises(error):
            refill_log(site.path, copy, logs=logs)
        with open_log(site.path, keys=None, annex_key=None) as reader:
            assert reader.size == 51
            assert reader.audit().ok


def _witness() -> str:
    return Cosigner.generate("w.example").vkeys[0]
