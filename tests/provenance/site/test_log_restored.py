"""A backup put back under real witnesses: refused, then refilled from a monitor's copy."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from provenance import Site, Word, seal, verify
from provenance.cli.root import cli
from provenance.servers.witness_folder import WitnessFolder


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


def test_refused_and_refilled(
    tmp_path: Path, witness_server: Callable[..., Any], make_dicom: Callable[..., bytes]
) -> None:
    site = Site.init(tmp_path / "site", name="here")
    vkeys = (site.folder / "trust/logs/site.vkeys").read_text(encoding="utf-8").split()
    made = WitnessFolder.make(tmp_path / "witness", name="w.example", logs=vkeys)
    url = witness_server(tmp_path / "witness").url
    text = f"witness w {made.cosigner.vkeys[1]} {url}\nquorum w\n"
    (site.folder / "trust" / "policy").write_text(text, encoding="utf-8")
    ledger, copy, backup = site.folder / "ledger.sqlite", tmp_path / "copy", tmp_path / "backup"
    with site.device() as device:
        early = seal(make_dicom(), device=device).to_bytes()
    shutil.copyfile(ledger, backup)
    with site.device() as device:
        late = seal(make_dicom(), device=device).to_bytes()
    monitor = ("log", "monitor", site.folder, "--copy", copy, "--trust", site.folder / "trust")
    assert run(*monitor).exit_code == 0
    shutil.copyfile(backup, ledger)

    acquired = tmp_path / "acquired.dcm"
    acquired.write_bytes(make_dicom())
    refused = run("seal", acquired, "-o", tmp_path / "out", "--site", site.folder)
    assert refused.exit_code == 15, refused.output
    assert "a witness has seen 7 entries" in refused.output
    assert "nothing is signed" in refused.output
    assert run(*monitor).exit_code == 10, "the auditor sees it, too"
    assert verify(late, trust=site.trust, records=site.records()).word is Word.UNTRUSTED

    refilled = run("log", "refill", copy, "--site", site.folder)
    assert refilled.output == "took 1 entry from the copy: 6 before, 7 now\n"
    with site.device() as device:
        third = seal(make_dicom(), device=device).to_bytes()
    for image in (early, late, third):
        assert verify(image, trust=site.trust, records=site.records()).word is Word.AUTHENTIC
    assert run(*monitor).exit_code == 0
    again = run("log", "refill", copy, "--site", site.folder, "--json")
    assert '"taken": 0' in again.output
