"""What the benchmark of scans is made of: its archive is what it says."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from benchmarks.scan import subjects
from benchmarks.scan.modality import Modality
from benchmarks.scan.subjects import Slices, kind_of
from ledger import Log
from provenance import Site, verify


def test_of_a_thousand_so_many_are_of_each_kind() -> None:
    found = Counter(kind_of(number) for number in range(7000, 8000))
    assert found == {"AUTHENTIC": 980, "ALTERED": 10, "HEADER CHANGED": 5, "UNSEALED": 5}


def test_a_folder_is_of_different_objects_with_the_verdicts_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subjects, "FOLDER", 70)
    (tmp_path / "making-0000").mkdir()  # a generation that was cut off
    archive = subjects.make(tmp_path, 70, jobs=1)
    assert archive.expected == {"AUTHENTIC": 67, "ALTERED": 1, "HEADER CHANGED": 1, "UNSEALED": 1}
    assert subjects.make(tmp_path, 70, jobs=1) == archive
    site = Site.open(archive.site)
    records = site.records()
    trust = site.trust.as_of(datetime.now(UTC))
    seals = set()
    for number in (0, 1, 17, 31, 61, 69):
        path = archive.folder / "0000" / f"{number:06}.dcm"
        found = verify(path, trust=trust, records=records, mark_key=site.mark_key)
        assert found.word.value == kind_of(number), number
        seals.add(found.seal_id)
    assert len(seals) == 6
    records.log.close()


def test_a_batch_is_one_append_with_a_receipt_for_each(tmp_path: Path) -> None:
    site = Site.init(tmp_path / "site", name="north")
    with site.public_log() as log:
        before = log.size
    modality = Modality.enrolled(site, "CT 1")
    slices = Slices.of_one_series("1.2.3", "P-1")
    chance = np.random.default_rng(1)
    pixels = [chance.integers(1, 4096, (32, 32)) for _ in range(5)]
    sealed = list(modality.seal(slices.slice(each, n) for n, each in enumerate(pixels)))
    assert isinstance(modality.statements.log, Log)
    assert modality.statements.log.size == before + 1 + 5  # its key, and the seals
    modality.close()
    trust = site.trust.as_of(datetime.now(UTC))
    words = [verify(data, trust=trust).word.value for data in sealed]  # by the receipt alone
    assert words == ["AUTHENTIC"] * 5
