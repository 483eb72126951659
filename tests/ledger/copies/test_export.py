"""The exported folder is a tlog-tiles log that a reader of nothing but files can check."""

from pathlib import Path
from typing import Any

import pytest

from ledger import StoreError, TrustedLogs, UsageError, open_checkpoint
from ledger.tree.merkle import hash_leaf, verify_consistency, verify_inclusion
from ledger.tree.tiles import consistency_path, inclusion_path, root_at, tile_path, tiles_of


def _reader(folder: Path, size: int) -> Any:
    widths = {(level, number): width for level, number, width in tiles_of(size)}

    def read(level: int, number: int) -> bytes:
        return (folder / tile_path(level, number, widths[level, number])).read_bytes()

    return read


def _entries(data: bytes) -> list[bytes]:
    entries = []
    while data:
        length = int.from_bytes(data[:2], "big")
        entries.append(data[2 : 2 + length])
        data = data[2 + length :]
    return entries


@pytest.mark.parametrize("count", [0, 253, 254, 700])
def test_the_folder_alone_proves_every_entry(site: Any, tmp_path: Path, count: int) -> None:
    if count:
        site.append(*site.seals(count))
    target = tmp_path / "static"
    site.log.export(target)
    logs = TrustedLogs.from_vkeys(site.keys.vkeys)
    head = open_checkpoint((target / "checkpoint").read_bytes(), logs)
    assert head.size == count + 3
    read = _reader(target, head.size)
    assert root_at(head.size, read) == head.root
    statements = [
        entry
        for level, number, width in tiles_of(head.size)
        if level == 0
        for entry in _entries((target / tile_path("entries", number, width)).read_bytes())
    ]
    assert statements == [entry.statement for entry in site.log.entries()]
    for index in {0, 2, head.size // 2, head.size - 1}:
        verify_inclusion(
            hash_leaf(statements[index]),
            index=index,
            size=head.size,
            path=inclusion_path(index, head.size, read),
            root=head.root,
        )
    verify_consistency(
        old_size=2,
        old_root=root_at(2, read),
        new_size=head.size,
        new_root=head.root,
        path=consistency_path(2, head.size, read),
    )
    expected = {"checkpoint"}
    for level, number, width in tiles_of(head.size):
        expected.add(tile_path(level, number, width))
        if level == 0:
            expected.add(tile_path("entries", number, width))
    files = {str(p.relative_to(target)) for p in target.rglob("*") if p.is_file()}
    assert files == expected


def test_a_folder_with_something_in_it_is_left_alone(site: Any, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "note").write_text("mine")
    with pytest.raises(UsageError):
        site.log.export(full)
    with pytest.raises(UsageError):
        site.log.export(full / "note")
    with pytest.raises(StoreError):
        site.log.export(full / "note" / "below")
    assert [p.name for p in full.iterdir()] == ["note"]
    empty = tmp_path / "empty"
    empty.mkdir()
    site.log.export(empty)
    assert (empty / "checkpoint").exists()


def test_a_failed_export_leaves_nothing(
    site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_path: Path, _data: bytes) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr("ledger.copies.export._write", full)
    with pytest.raises(StoreError):
        site.log.export(tmp_path / "static")
    assert not [p for p in tmp_path.iterdir() if "static" in p.name]


def test_an_older_checkpoint_gets_its_own_partial_tiles(site: Any, tmp_path: Path) -> None:
    from ledger import open_log

    site.log.checkpoint()
    site.append(*site.seals(5))
    with open_log(site.path, keys=None, annex_key=None) as log:
        log.export(tmp_path / "static")
    assert (tmp_path / "static/tile/0/000.p/3").stat().st_size == 96
