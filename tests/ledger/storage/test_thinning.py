"""Of old checkpoints the first of each ten minutes stays; nothing that anybody holds is lost."""

from datetime import timedelta
from typing import Any

import pytest

from ledger import NotFoundError, TrustedLogs, open_receipt
from ledger.storage import thinning


@pytest.fixture
def grown(site: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sixty entries a minute apart, each under a checkpoint of its own."""
    monkeypatch.setattr(thinning, "ALL_OF_ENTRIES", 10)
    site.receipts = []
    for _ in range(60):
        site.now += timedelta(seconds=59)
        _, entry = site.seal()
        site.log.checkpoint()
        site.receipts.append((entry, site.log.prove(entry.index)))
    return site


def sizes(site: Any) -> list[int]:
    return [row[0] for row in site.ask("select size from radseal_checkpoint order by size")]


@pytest.mark.both_databases
def test_one_of_ten_minutes_stays_and_all_of_late(grown: Any) -> None:
    kept = sizes(grown)
    assert kept[-10:] == list(range(grown.log.size - 9, grown.log.size + 1))
    assert 5 <= len(kept) - 10 <= 8
    logs = TrustedLogs.from_vkeys(grown.keys.vkeys)
    for entry, receipt in grown.receipts:
        assert open_receipt(entry.statement, receipt, logs=logs).index == entry.index
        assert grown.log.prove(entry.index)
    assert grown.log.audit(held=[grown.log.checkpoint()]).ok
    with pytest.raises(NotFoundError):
        grown.log.prove(8, size=next(size for size in range(10, 60) if size not in kept))


@pytest.mark.both_databases
def test_brackets_become_ten_minutes_wider_and_no_more(grown: Any) -> None:
    for entry, _ in grown.receipts[:-10]:
        bracket = grown.log.bracket(entry)
        assert timedelta() <= bracket.delay <= timedelta(minutes=21)
        assert bracket.finding is None


def test_what_was_stamped_stays(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thinning, "ALL_OF_ENTRIES", 10)
    stamped = []
    for number in range(40):
        site.seal()
        site.log.checkpoint()
        if number in (3, 17):
            stamped.append(site.log.size)
            with site.log._database.write() as connection:
                row = {"size": site.log.size, "number": 0, "note": b"n", "token": b"t"}
                connection.execute(thinning.schema.timestamp.insert(), row)
    assert set(stamped) <= set(sizes(site))
    assert len(sizes(site)) < 16
