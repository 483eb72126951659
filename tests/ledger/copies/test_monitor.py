"""An auditor's copy follows an honest log, and no other."""

import json
import sqlite3
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    KeySet,
    LedgerError,
    LogKeys,
    MalformedError,
    Monitor,
    NoteKey,
    SignatureError,
    StoreError,
    TileFolder,
    TrustedLog,
    TrustedLogs,
    UnknownLogError,
    UsageError,
    hash_leaf,
    merkle_root,
    open_log,
)


class Shown:
    """A log as its operator shows it to one reader."""

    def __init__(self, keys: LogKeys, entries: list[bytes], *, signed: int | None = None) -> None:
        size = len(entries) if signed is None else signed
        self.entries = entries
        root = merkle_root(map(hash_leaf, entries[:size]))
        self.note = keys.sign_checkpoint(size=size, root=root, timestamp=1)

    def checkpoint(self) -> bytes:
        return self.note

    def statements(self, start: int, stop: int) -> Any:
        return iter(self.entries[start:stop])


KEYS = LogKeys.from_seeds("log.example", ed25519_seed=bytes(32), mldsa44_seed=bytes(32))
LOGS = TrustedLogs.from_vkeys(KEYS.vkeys)
ENTRIES = [b"entry %d" % number for number in range(700)]


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("through", ["database", "export"])
def test_it_follows_an_honest_log(site: Any, tmp_path: Path, through: str) -> None:
    logs = TrustedLogs.from_vkeys(site.keys.vkeys)
    copy = tmp_path / "copy"
    before = 0
    for number, count in enumerate((0, 1, 60, 200, 256, 0)):
        site.append(*site.seals(count))
        site.log.checkpoint()
        source = site.log
        if through == "export":
            site.log.export(tmp_path / f"export{number}")
            source = TileFolder(tmp_path / f"export{number}")
        followed = Monitor(copy, logs=logs).follow(source)
        assert followed.alarm is None
        assert (followed.before, followed.size) == (before, site.log.size)
        assert followed.root == site.log.head().root
        before = site.log.size
        entries = [entry.statement for entry in site.log.entries()]
        assert list(TileFolder(copy).statements(0, before)) == entries
    site.log.export(tmp_path / "last")
    assert _files(tmp_path / "last") <= _files(copy)  # the copy is such a folder itself
    for name in _files(tmp_path / "last"):
        assert (copy / name).read_bytes() == (tmp_path / "last" / name).read_bytes()
    again = Monitor(tmp_path / "copy of copy", logs=logs).follow(TileFolder(copy))
    assert (again.alarm, again.root) == (None, site.log.head().root)


@pytest.mark.parametrize("seen", [1, 2, 255, 256, 257, 400, 512])
def test_every_other_history_is_an_alarm(seen: int, tmp_path: Path) -> None:
    follow = Monitor(tmp_path, logs=LOGS).follow
    assert follow(Shown(KEYS, ENTRIES[:seen])).alarm is None
    good = (tmp_path / "checkpoint").read_bytes()
    edited = [*ENTRIES[: seen // 2], b"other", *ENTRIES[seen // 2 + 1 :]]
    at = max(seen - 1, 0)
    swapped = [*ENTRIES[:at], ENTRIES[at + 1], ENTRIES[at], *ENTRIES[at + 2 :]]
    alarms = []
    for other, words in (
        (Shown(KEYS, edited[:seen]), "two different trees"),
        (Shown(KEYS, edited), "does not go on"),
        (Shown(KEYS, swapped), "does not go on"),
        (Shown(KEYS, [*ENTRIES[: seen - 1], *ENTRIES[seen:]]), "does not go on"),
        (Shown(KEYS, ENTRIES[: seen - 1]), "were seen"),
        (Shown(KEYS, edited[: max(seen // 2 + 1, 1)]), "were seen" if seen > 2 else "two"),
    ):
        found = follow(other)
        assert found.alarm is not None
        assert words in found.alarm, found
        alarms.append(other.note)
    kept = {path.read_bytes() for path in (tmp_path / "alarms").iterdir()}
    assert kept == set(alarms)
    assert (tmp_path / "checkpoint").read_bytes() == good
    honest = follow(Shown(KEYS, ENTRIES))  # what was shown in between has left nothing
    assert (honest.alarm, honest.before, honest.size) == (None, seen, 700)
    assert list(TileFolder(tmp_path).statements(0, 700)) == ENTRIES


def test_a_rolled_back_log_and_a_rewritten_one_are_told_apart(tmp_path: Path) -> None:
    follow = Monitor(tmp_path, logs=LOGS).follow
    follow(Shown(KEYS, ENTRIES[:500]))
    back = follow(Shown(KEYS, ENTRIES[:300])).alarm
    rewritten = follow(Shown(KEYS, [b"x", *ENTRIES[1:300]])).alarm
    assert back == "the log shows 300 entries, and 500 were seen"
    assert rewritten == f"{back}; nor are they the same ones"


def test_entries_that_are_not_those_that_were_signed(tmp_path: Path) -> None:
    shown = Shown(KEYS, ENTRIES[:300])
    shown.entries = [*ENTRIES[:299], b"other"]
    found = Monitor(tmp_path, logs=LOGS).follow(shown)
    assert found.alarm == "the log does not show the entries it has signed"
    assert not (tmp_path / "checkpoint").exists()
    shown.entries = ENTRIES[:299]
    with pytest.raises(StoreError, match="signed 300 entries, and shows 299"):
        Monitor(tmp_path, logs=LOGS).follow(shown)
    shown.entries = [*ENTRIES[:299], bytes(70_000)]
    with pytest.raises(StoreError, match="65,535"):
        Monitor(tmp_path, logs=LOGS).follow(shown)


def test_only_what_the_log_has_signed_counts(tmp_path: Path) -> None:
    follow = Monitor(tmp_path, logs=LOGS).follow
    follow(Shown(KEYS, ENTRIES[:5]))
    with pytest.raises(UnknownLogError):
        follow(Shown(LogKeys.generate("other.example"), ENTRIES[:9]))
    with pytest.raises(SignatureError):
        follow(Shown(LogKeys.generate("log.example"), ENTRIES[:9]))
    other = LogKeys.generate("other.example")
    both = TrustedLogs.from_vkeys((*KEYS.vkeys, *other.vkeys))
    with pytest.raises(UsageError, match="the copy is of"):
        Monitor(tmp_path, logs=both).follow(Shown(other, ENTRIES[:9]))


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters").write_text("not a log")
    with pytest.raises(UsageError, match="folder of its own"):
        Monitor(tmp_path, logs=LOGS).follow(Shown(KEYS, ENTRIES))
    assert _files(tmp_path) == {"letters"}
    copy = tmp_path / "copy"
    with suppress(StoreError):  # cut off: full bundles are there, and no checkpoint
        Monitor(copy, logs=LOGS).follow(Shown(KEYS, ENTRIES[:600], signed=700))
    assert not (copy / "checkpoint").exists()
    assert Monitor(copy, logs=LOGS).follow(Shown(KEYS, ENTRIES)).alarm is None


def test_a_damaged_copy_is_not_gone_on_with(tmp_path: Path) -> None:
    follow = Monitor(tmp_path, logs=LOGS).follow
    follow(Shown(KEYS, ENTRIES[:300]))
    tile = tmp_path / "tile/0/001.p/44"
    data = tile.read_bytes()
    for bad in (bytes(len(data)), data[:-1], data + bytes(9000)):
        tile.write_bytes(bad)
        with pytest.raises((StoreError, MalformedError)):
            follow(Shown(KEYS, ENTRIES))
    tile.unlink()
    with pytest.raises(StoreError):
        follow(Shown(KEYS, ENTRIES))
    tile.write_bytes(data)
    assert follow(Shown(KEYS, ENTRIES)).alarm is None


def test_a_crash_at_any_write_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = 0
    real = Path.replace

    def failing(self: Path, target: Path) -> Path:
        nonlocal written
        written -= 1
        if written == 0:
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    for crash in range(1, 12):
        follow = Monitor(tmp_path / str(crash), logs=LOGS).follow
        written = 0
        assert follow(Shown(KEYS, ENTRIES[:200])).alarm is None
        written = crash
        with suppress(StoreError):
            follow(Shown(KEYS, ENTRIES[:600]))
        written = 0
        assert follow(Shown(KEYS, ENTRIES)).alarm is None
        assert list(TileFolder(tmp_path / str(crash)).statements(0, 700)) == ENTRIES


def test_a_log_rewritten_by_its_operator(site: Any, tmp_path: Path) -> None:
    logs = TrustedLogs.from_vkeys(site.keys.vkeys)
    site.append(*site.seals(20))
    site.log.checkpoint()
    assert Monitor(tmp_path / "copy", logs=logs).follow(site.log).alarm is None
    entries = [entry.statement for entry in site.log.entries()]
    del entries[10]
    root = merkle_root(map(hash_leaf, entries))
    note = site.keys.sign_checkpoint(size=len(entries), root=root, timestamp=1)
    raw = sqlite3.connect(site.path)
    raw.execute("delete from radseal_checkpoint")
    raw.execute("insert into radseal_checkpoint values (?, ?)", (len(entries), note))
    raw.commit()
    with open_log(site.path, keys=None, annex_key=None) as shown:
        found = Monitor(tmp_path / "copy", logs=logs).follow(shown)
    raw.execute("delete from radseal_checkpoint")
    raw.commit()
    raw.close()
    assert found.alarm is not None
    assert "nor are they the same ones" in found.alarm


@given(st.binary(max_size=80), st.integers(1, 256))
def test_arbitrary_bundles_raise_only_our_errors(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, width: int
) -> None:
    folder = tmp_path_factory.getbasetemp() / "bundles"
    path = folder / "tile/entries/000"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    try:
        entries = TileFolder(folder).bundle(0, width)
    except LedgerError:
        return
    encoded = b"".join(len(each).to_bytes(2, "big") + each for each in entries)
    assert data.startswith(encoded)
    assert len(entries) == width


@pytest.mark.corpus
def test_a_log_made_by_tessera(corpus_vectors: Path, tmp_path: Path) -> None:
    folder = corpus_vectors / "tlog-tiles" / "tessera-log-15"
    vkey = json.loads(folder.with_suffix(".json").read_text(encoding="utf-8"))["vkey"]
    key = NoteKey.parse(vkey)
    origin = (folder / "checkpoint.15").read_text(encoding="utf-8").split("\n")[0]
    logs = TrustedLogs((TrustedLog(origin, (KeySet((key,)),)),))
    tiles = TileFolder(folder)
    for size in (1, 2, 7, 15):
        shown = SimpleNamespace(
            checkpoint=(folder / f"checkpoint.{size}").read_bytes, statements=tiles.statements
        )
        followed = Monitor(tmp_path / "copy", logs=logs).follow(shown)
        assert (followed.alarm, followed.size) == (None, size)
        ours = TileFolder(tmp_path / "copy").tile_reader(size)(0, 0)
        assert ours == tiles.tile_reader(size)(0, 0)
    shown.checkpoint = (folder / "checkpoint.3").read_bytes
    assert Monitor(tmp_path / "copy", logs=logs).follow(shown).alarm is not None
