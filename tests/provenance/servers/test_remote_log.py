"""Sealing at a device that has neither ledger nor the keys of the log: they are behind a server."""

import json
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from provenance import Site, TrustStore, Word, seal, verify
from provenance.cli.root import cli
from provenance.errors import UsageError
from provenance.servers.witness_folder import WitnessFolder

NEEDED = (
    *("site.json", "trust", "certificates/device.pem"),
    *("keys/device.key.pem", "keys/lookup.key", "keys/mark.key"),
)


@pytest.fixture
def archive(tmp_path: Path) -> Site:
    return Site.init(tmp_path / "archive", name="here")


@pytest.fixture
def modality(archive: Site, tmp_path: Path) -> Site:
    """What a device needs of a site's folder, and no more."""
    return part_of(archive, tmp_path / "modality", NEEDED)


@pytest.fixture
def seal_by_command(
    modality: Site, tmp_path: Path, make_dicom: Callable[..., bytes]
) -> Callable[..., Result]:
    """Seal a new image.dcm into the folder out, by the command: ``seal_by_command(url)``."""

    def run(url: str, *more: str) -> Result:
        (tmp_path / "image.dcm").write_bytes(make_dicom())
        words = ["seal", str(tmp_path / "image.dcm"), "-o", str(tmp_path / "out"), *more]
        return CliRunner().invoke(cli, [*words, "--site", str(modality.folder), "--log", url])

    return run


@pytest.fixture
def start_witness(
    archive: Site, modality: Site, tmp_path: Path, witness_server: Callable[..., Any]
) -> Callable[[], Any]:
    """Start a witness, or start it again, without which both sites believe no checkpoint."""
    vkeys = (archive.folder / "trust/logs/site.vkeys").read_text().splitlines()
    made = WitnessFolder.make(tmp_path / "w", name="w.example", logs=vkeys)

    def start() -> Any:
        server = witness_server(tmp_path / "w")
        for site in (archive, modality):
            text = f"witness w {made.cosigner.vkeys[1]} {server.url}\nquorum w\n"
            (site.folder / "trust/policy").write_text(text)
        return server

    return start


def test_it_seals_over_the_line(
    archive: Site,
    modality: Site,
    make_dicom: Callable[..., bytes],
    log_server: Callable[..., Any],
) -> None:
    server = log_server(archive.folder)
    with modality.remote_device(server.url) as device:
        sealed = [seal(make_dicom(), device=device) for _ in range(2)]
        with archive.device() as local:  # another process could be that
            sealed.append(seal(make_dicom(), device=local))
        sealed.append(seal(make_dicom(), device=device))
    assert [each.log_index for each in sealed] == [5, 6, 7, 8]
    trust = TrustStore.load(archive.folder / "trust")
    for each in sealed:
        assert verify(each.to_bytes(), trust=trust).word is Word.AUTHENTIC
    assert server.stop() == 0
    records = archive.records()
    with records.log as log:
        assert log.audit().ok
        assert all(log.annex(each.seal_id) for each in sealed)


def test_the_command(
    archive: Site,
    tmp_path: Path,
    seal_by_command: Callable[..., Result],
    log_server: Callable[..., Any],
) -> None:
    server = log_server(archive.folder)
    result = seal_by_command(server.url, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["objects"][0]["log_index"] == 5
    shutil.rmtree(tmp_path / "out")
    result = seal_by_command("nowhere", "--json")
    assert result.exit_code == 2
    assert "nowhere is not the address of a log" in result.output


def test_a_server_that_is_down_for_a_moment_is_waited_for(
    archive: Site,
    modality: Site,
    make_dicom: Callable[..., bytes],
    log_server: Callable[..., Any],
) -> None:
    server = log_server(archive.folder)
    server.stop(signal.SIGKILL)
    again = threading.Timer(1, log_server, (archive.folder, f"127.0.0.1:{server.port}"))
    again.start()
    with modality.remote_device(server.url) as device:
        sealed = seal(make_dicom(), device=device)
    again.join()
    assert sealed.log_index == 5


def test_without_an_answer_nothing_is_written(
    tmp_path: Path, seal_by_command: Callable[..., Result], monkeypatch: Any
) -> None:
    monkeypatch.setattr("ledger.remote.log_client.ATTEMPTS", 1)
    result = seal_by_command("http://127.0.0.1:1")
    assert result.exit_code == 15
    assert not list(tmp_path.glob("out/*"))


def test_a_server_of_another_log_is_refused(
    modality: Site,
    tmp_path: Path,
    seal_by_command: Callable[..., Result],
    log_server: Callable[..., Any],
) -> None:
    other = Site.init(tmp_path / "other", name="there")
    server = log_server(other.folder)
    result = seal_by_command(server.url)
    assert result.exit_code == 15
    assert "not among the trusted ones" in result.output
    assert not list(tmp_path.glob("out/*"))
    (modality.folder / "trust/logs/site.vkeys").unlink()
    with pytest.raises(UsageError):
        modality.remote_device(server.url)


def test_under_witnesses_the_receipt_is_cosigned(
    archive: Site,
    modality: Site,
    tmp_path: Path,
    make_dicom: Callable[..., bytes],
    log_server: Callable[..., Any],
    start_witness: Callable[[], Any],
) -> None:
    start_witness()
    backup = tmp_path / "backup"
    shutil.copy(archive.folder / "ledger.sqlite", backup)
    server = log_server(archive.folder)
    with modality.remote_device(server.url) as device:
        sealed = seal(make_dicom(), device=device)
    trust = TrustStore.load(modality.folder / "trust")
    assert verify(sealed.to_bytes(), trust=trust).word is Word.AUTHENTIC
    assert server.stop() == 0
    shutil.copy(backup, archive.folder / "ledger.sqlite")
    words = ["log", "serve", "--site", str(archive.folder), "--listen", "127.0.0.1:0"]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 15, "a restored backup does not serve"
    assert "the database is an old copy" in result.output


def test_an_image_is_written_though_its_receipt_has_to_wait(
    archive: Site,
    modality: Site,
    tmp_path: Path,
    seal_by_command: Callable[..., Result],
    log_server: Callable[..., Any],
    start_witness: Callable[[], Any],
) -> None:
    witness = start_witness()
    server = log_server(archive.folder)
    witness.stop()
    result = seal_by_command(server.url)
    assert result.exit_code == 15
    assert "the seal is logged, and the file carries no receipt" in result.output
    sealed = tmp_path / "out" / "image.dcm"
    trust = TrustStore.load(modality.folder / "trust")
    assert verify(sealed, trust=trust).word is Word.NOT_CHECKED

    assert server.stop() == 0
    start_witness()
    server = log_server(archive.folder)
    gateway = part_of(archive, tmp_path / "gateway", (*ASKING, "certificates/gateway.pem"))
    words = ["log", "receipts", str(tmp_path / "out"), "--log", server.url]
    result = CliRunner().invoke(cli, [*words, "--site", str(gateway.folder)])
    assert result.exit_code == 0, result.output
    assert verify(sealed, trust=trust).word is Word.AUTHENTIC


ASKING = (
    *("site.json", "trust"),
    *(f"keys/{n}" for n in ("gateway.key.pem", "lookup.key", "mark.key")),
)


def test_it_verifies_over_the_line(
    archive: Site,
    stranger: Site,
    tmp_path: Path,
    make_dicom: Callable[..., bytes],
    edit: Any,
    log_server: Callable[..., Any],
) -> None:
    """Whoever has the right keys gets the verdicts of the ledger itself, carrier or not."""
    with archive.device() as device:
        whole = seal(make_dicom(), device=device).to_bytes()
    names = {name: tmp_path / f"{name}.dcm" for name in ("whole", "stripped", "unknown")}
    names["whole"].write_bytes(whole)
    names["stripped"].write_bytes(edit(whole, strip))
    names["unknown"].write_bytes(make_dicom())
    server = log_server(archive.folder)
    pacs = part_of(archive, tmp_path / "pacs", ASKING)
    files = [str(path) for path in names.values()]

    def words(*more: str, of: list[str] = files) -> list[tuple[str, str, object]]:
        result = CliRunner().invoke(cli, ["verify", *of, *more, "--json"])
        answer = json.loads(result.stdout)
        return [(each["verdict"], each["custody"], each["seal_id"]) for each in answer["objects"]]

    afar = words("--site", str(pacs.folder), "--log", server.url)
    assert afar == words("--site", str(archive.folder))
    assert [word for word, _, _ in afar[:2]] == ["AUTHENTIC", "STRIPPED"]
    without = part_of(archive, tmp_path / "thief", ASKING)
    shutil.copy(stranger.folder / "keys/gateway.key.pem", without.folder / "keys/gateway.key.pem")
    for site, url in ((without, server.url), (pacs, "http://127.0.0.1:9")):
        refused = words("--site", str(site.folder), "--log", url, of=[str(names["unknown"])])
        assert refused == [("NOT CHECKED", "unknown", None)]
    assert server.stop() == 0


def strip(dataset: Any) -> None:
    for element in [each for each in dataset if each.tag.is_private]:
        del dataset[element.tag]


def part_of(site: Site, folder: Path, names: tuple[str, ...]) -> Site:
    for name in names:
        source = site.folder / name
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, folder / name)
        else:
            shutil.copy(source, folder / name)
    return Site.open(folder)


def test_an_auditor_follows_it_over_the_line(
    archive: Site, tmp_path: Path, make_dicom: Callable[..., bytes], log_server: Callable[..., Any]
) -> None:
    server = log_server(archive.folder)
    words = ["--copy", str(tmp_path / "copy"), "--trust", str(archive.folder / "trust"), "--json"]

    def follow(source: str) -> tuple[int, Any]:
        result = CliRunner().invoke(cli, ["log", "monitor", source, *words])
        return result.exit_code, json.loads(result.stdout)

    code, answer = follow(server.url)
    assert (code, answer["before"], answer["size"], answer["alarm"]) == (0, 0, 5, None)
    with archive.remote_device(server.url) as device:
        seal(make_dicom(), device=device)
    code, answer = follow(f"{server.url}/")
    assert (code, answer["before"], answer["size"], answer["alarm"]) == (0, 5, 6, None)
    assert server.stop() == 0
    with archive.records().log as log:
        log.export(tmp_path / "www")
    assert follow(str(tmp_path / "www"))[1]["size"] == 6, "the same log from elsewhere"
    assert follow(str(tmp_path / "nothing"))[0] == 2
