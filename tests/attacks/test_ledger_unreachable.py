"""A ledger that was asked and cannot answer: the verdict says so, and nothing passes for fine."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest

from provenance import Outcome, Site, Word, seal, verify
from provenance.dicom.carrier import remove_carrier
from provenance.findings import Code

Edit = Callable[[bytes, Callable[[pydicom.Dataset], object]], bytes]


@pytest.mark.parametrize(
    "damage",
    [
        "update radseal_statement set encoded='text'",
        "update radseal_statement set encoded=x'00'",
        "update radseal_annex set ciphertext=zeroblob(60)",
        "drop table radseal_pseudonym",
        "drop table radseal_statement",
    ],
)
def test_a_damaged_ledger_is_not_silence(
    tmp_path: Path, make_dicom: Callable[..., bytes], edit: Edit, damage: str
) -> None:
    site = Site.init(tmp_path / "s", name="s")
    with site.device() as device:
        sealed = seal(make_dicom(), device=device).to_bytes()
    stripped = edit(sealed, remove_carrier)
    never = make_dicom()
    records = site.records()
    raw = sqlite3.connect(tmp_path / "s" / "ledger.sqlite")
    raw.execute(damage)
    raw.commit()
    raw.close()
    for data in (sealed, stripped, never):
        verdict = verify(data, trust=site.trust, records=records)
        codes = {check.code for check in verdict.checks}
        if Code.LEDGER_UNREACHABLE in codes:
            assert verdict.word is Word.NOT_CHECKED
        else:  # what this question needed was whole: the answer is the true one
            assert verdict.word is {sealed: Word.AUTHENTIC, never: Word.UNSEALED}[data]
    assert verify(stripped, trust=site.trust, records=records).word is Word.NOT_CHECKED
    assert verify(sealed, trust=site.trust).word is Word.AUTHENTIC


def test_a_ledger_cut_back_contradicts_the_receipt(
    tmp_path: Path, make_dicom: Callable[..., bytes]
) -> None:
    site = Site.init(tmp_path / "s", name="s")
    shutil.copytree(tmp_path / "s", tmp_path / "backup")
    with site.device() as device:
        sealed = seal(make_dicom(), device=device).to_bytes()
    backup = Site.open(tmp_path / "backup")
    verdict = verify(sealed, trust=site.trust, records=backup.records())
    assert verdict.word is Word.UNTRUSTED
    assert verdict.custody is Outcome.REFUTED
    with backup.device() as device:  # another seal takes the place that the receipt proves
        seal(make_dicom(), device=device)
    verdict = verify(sealed, trust=site.trust, records=backup.records())
    assert verdict.word is Word.UNTRUSTED
    assert Code.CHAIN_BROKEN in {check.code for check in verdict.checks}
    assert verify(sealed, trust=site.trust, records=site.records()).word is Word.AUTHENTIC
