"""A site whose trust folder holds a policy: its log asks witnesses, and verifiers count them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ledger import TimeSource, parse_note
from provenance import Site, TrustStore, Word, seal, verify
from provenance.cli.root import cli
from provenance.errors import UsageError
from provenance.servers.witness_folder import WitnessFolder


def witnessed(site: Site, tmp_path: Path, witness_server: Callable[..., Any]) -> list[Any]:
    vkeys = (site.folder / "trust/logs/site.vkeys").read_text().splitlines()
    servers, lines = [], []
    for n in range(2):
        made = WitnessFolder.make(tmp_path / f"w{n}", name=f"w{n}.example", logs=vkeys)
        servers.append(witness_server(tmp_path / f"w{n}"))
        lines.append(f"witness w{n} {made.cosigner.vkeys[1]} {servers[n].url}\n")
    text = "".join(lines) + "group g any w0 w1\nquorum g\n"
    (site.folder / "trust/policy").write_text(text)
    return servers


def test_a_seal_under_witnesses_is_verified_by_their_policy(
    tmp_path: Path, make_dicom: Callable[..., bytes], witness_server: Callable[..., Any]
) -> None:
    site = Site.init(tmp_path / "site", name="here")
    with site.device() as device:
        before = seal(make_dicom(), device=device)
    servers = witnessed(site, tmp_path, witness_server)
    with site.device() as device:
        sealed = seal(make_dicom(), device=device)
        names = {each.name for each in parse_note(device.log.checkpoint()).signatures}
    assert names & {"w0.example", "w1.example"}
    trust = TrustStore.load(site.folder / "trust")
    assert verify(sealed.to_bytes(), trust=trust).word is Word.AUTHENTIC
    for records in (None, site.records()):  # by its receipt, and by the ledger
        found = verify(sealed.to_bytes(), trust=trust, records=records)
        assert {each.source for each in found.times} == {TimeSource.LOG, TimeSource.WITNESSES}
        assert "a quorum of witnesses" in str([c for c in found.checks if c.code == "TR112"])
    verdict = verify(before.to_bytes(), trust=trust)
    assert verdict.word is not Word.AUTHENTIC
    assert "no quorum" in str(verdict)
    for server in servers:
        server.stop()


def test_a_site_restored_from_a_backup_does_not_seal(
    tmp_path: Path, make_dicom: Callable[..., bytes], witness_server: Callable[..., Any]
) -> None:
    site = Site.init(tmp_path / "site", name="here")
    witnessed(site, tmp_path, witness_server)
    ledger = site.folder / "ledger.sqlite"
    shutil.copy(ledger, tmp_path / "backup")
    with site.device() as device:
        seal(make_dicom(), device=device)
    shutil.copy(tmp_path / "backup", ledger)
    (tmp_path / "image.dcm").write_bytes(make_dicom())
    words = ["seal", str(tmp_path / "image.dcm"), "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(cli, [*words, "--site", str(site.folder)])
    assert result.exit_code == 15
    assert "the database is an old copy, nothing is signed" in result.output
    assert "radseal log refill" in result.output
    assert not list(tmp_path.glob("out/*"))


def test_an_image_is_kept_though_no_witness_answers(
    tmp_path: Path, make_dicom: Callable[..., bytes], witness_server: Callable[..., Any]
) -> None:
    site = Site.init(tmp_path / "site", name="here")
    servers = witnessed(site, tmp_path, witness_server)
    sealed, image = tmp_path / "sealed.dcm", tmp_path / "image.dcm"
    image.write_bytes(make_dicom())
    policy = site.folder / "trust/policy"
    with site.device() as device:
        seal(make_dicom(), device=device)
        for server in servers:
            server.stop()
        made = seal(image, device=device)
    assert made.no_receipt is not None
    assert "no quorum" in made.no_receipt
    made.write(sealed)
    before = sealed.read_bytes()
    trust = TrustStore.load(site.folder / "trust")
    assert verify(before, trust=trust).word is Word.NOT_CHECKED

    def run(*words: Path | str) -> Any:
        given = [str(word) for word in words]
        return CliRunner().invoke(cli, ["log", "receipts", *given, "--site", str(site.folder)])

    result = run(sealed)
    assert result.exit_code == 15
    assert "no receipt yet" in result.output
    assert sealed.read_bytes() == before

    for n, server in enumerate(servers):
        back = witness_server(tmp_path / f"w{n}")
        policy.write_text(policy.read_text().replace(f"{server.url}\n", f"{back.url}\n"))
    result = run(sealed, image)
    assert result.exit_code == 0, result.output
    assert "1 not sealed here, 1 receipt written" in result.output
    after = sealed.read_bytes()
    assert verify(after, trust=trust).word is Word.AUTHENTIC
    assert json.loads(run(sealed, "--json").output)["summary"] == {"has a receipt": 1}
    assert sealed.read_bytes() == after


def test_a_receipt_from_before_the_policy_is_replaced(
    tmp_path: Path, make_dicom: Callable[..., bytes], witness_server: Callable[..., Any]
) -> None:
    site = Site.init(tmp_path / "site", name="here")
    sealed = tmp_path / "sealed.dcm"
    with site.device() as device:
        seal(make_dicom(), device=device).write(sealed)
    witnessed(site, tmp_path, witness_server)
    trust = TrustStore.load(site.folder / "trust")
    assert verify(sealed, trust=trust).word is Word.NOT_CHECKED
    words = ["log", "receipts", str(sealed), "--site", str(site.folder)]
    assert CliRunner().invoke(cli, words).exit_code == 0
    assert verify(sealed, trust=trust).word is Word.AUTHENTIC


@pytest.mark.parametrize("text", ["", "quorum w\n", "quorum none"])
def test_a_policy_that_is_none_is_a_mistake_of_the_folder(
    tmp_path: Path, site: Site, text: str
) -> None:
    folder = tmp_path / "trust"
    (folder / "logs").mkdir(parents=True)
    vkeys = (site.folder / "trust/logs/site.vkeys").read_text()
    (folder / "logs/site.vkeys").write_text(vkeys)
    assert TrustStore.load(folder).logs.policy is None
    (folder / "policy").write_text(text)
    with pytest.raises(UsageError, match="not a policy"):
        TrustStore.load(folder)


def test_stolen_keys_are_retired_before_the_witnesses_know_the_new_ones(
    tmp_path: Path, witness_server: Callable[..., Any]
) -> None:
    site = Site.init(tmp_path / "site", name="here")
    witnessed(site, tmp_path, witness_server)
    words = ["--site", str(site.folder)]
    assert CliRunner().invoke(cli, ["log", "add-keys", *words]).exit_code == 0
    result = CliRunner().invoke(cli, ["log", "retire-keys", "--without-witnesses", *words])
    assert result.exit_code == 15
    assert "know the keys of the log" in result.output
    assert not (site.folder / "keys" / "log.next.keys").exists()
    assert len(site.log_keys().sets) == 1
