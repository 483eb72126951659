"""The benchmark of the ledger: the logs it makes up are logs, its rows say what they must."""

import hashlib
from pathlib import Path

import pytest

from benchmarks.ledger.plot import draw
from benchmarks.ledger.rows import Results, Row, markdown
from benchmarks.ledger.sealing import NOW, Sealer, opened
from benchmarks.ledger.synthetic import ASKED, HISTORY, statement_log, tile_log
from ledger import verify_consistency, verify_inclusion
from ledger.receipts.receipt import parse_receipt

TILES = 258  # more than one tile of level 1


def test_a_log_of_synthetic_tiles_proves_and_grows(tmp_path: Path) -> None:
    path = tmp_path / "tiles.db"
    size = tile_log(path, TILES)
    with opened(path, writable=False) as log:
        head = log.head()
        assert head.size == size == 256 * TILES
        for index in (0, 256 * 255 + 3, size - 1):
            tile = hashlib.shake_128((index // 256).to_bytes(8, "big")).digest(8192)
            leaf = tile[index % 256 * 32 :][:32]
            proof = parse_receipt(log.prove(index))
            verify_inclusion(leaf, index=index, size=size, path=proof.path, root=head.root)
    with opened(path) as log:
        log.append(Sealer(log).seal(3), at=NOW)
        log.checkpoint()
        grown = log.head()
        verify_consistency(
            old_size=size,
            old_root=head.root,
            new_size=grown.size,
            new_root=grown.root,
            path=log.consistency(size, grown.size),
        )


def test_a_log_of_statements_signed_by_nobody(tmp_path: Path) -> None:
    path = tmp_path / "statements.db"
    statement_log(path, 700)
    with opened(path, writable=False) as log:
        assert log.size == 700
        assert log.rehash(held=[log.checkpoint()]).ok
        assert len(log.events(ASKED)) == HISTORY
        found = {str(finding.code) for finding in log.audit().findings}
    assert found == {"signature"}


@pytest.mark.parametrize(
    ("value", "unit", "bar", "met"),
    [(0.3, "F", 0.3, True), (0.29, "F", 0.3, False), (10, "ms", 10, True), (11, "ms", 10, False),
     (5, "ms", None, None), (None, "", None, None)],
)  # fmt: skip
def test_a_bar_is_met_from_the_right_side(
    value: float | None, unit: str, bar: float | None, met: bool | None
) -> None:
    assert Row("what", "so much", value, unit, bar).met is met


def test_results_are_kept_for_a_run_that_goes_on(tmp_path: Path) -> None:
    rows = [Row("batches of 1", "9/s", 0.1, "V", 0.5, points=[("one process", 1, 0.1)])]
    Results(tmp_path / "r", "same").add("Batches", rows)
    assert Results(tmp_path / "r", "other").sections == {}
    again = Results(tmp_path / "r", "same").sections
    assert "| batches of 1 | 9/s | 0.10 V | 0.5 V | **missed** |" in markdown(again)
    assert draw(again)["batches"].startswith("<svg")
