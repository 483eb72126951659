"""An Orthanc that asks radseal: three routes, and what each sender is told. Nothing is lost."""

import io
import json
import re
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from benchmarks.orthanc.world import WAIT_SECONDS, World, missing
from ledger import Algorithm
from provenance import Site, seal
from provenance.pacs.arrivals import State
from provenance.pacs.spool.spool import Spool

pytest.importorskip("dicomweb_client", reason="dicomweb-client is not installed")
pytest.importorskip("starlette", reason="radseal[server] is not installed")

from orthanc_senders import ROUTES, Told, data_set, dimse, rest, stow_client

pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
    pytest.mark.xdist_group("orthanc"),
]
POLICY = """version = 1
[defaults]
depth = "ledger"
[defaults.actions]
authentic = "accept"
unsealed = "tag"
altered = "refuse"
header_changed = "tag"
[[rules]]
name = "kept apart"
match = {station_name = ["APART"]}
[rules.actions]
unsealed = "quarantine"
altered = "quarantine"
header_changed = "quarantine"
[[rules]]
name = "seals"
must_seal_ingest_since = 2020-01-01
match = {station_name = ["SEALS"]}
[rules.actions]
authentic = "accept"
unsealed = "tag"
stripped = "refuse"
[[rules]]
name = "copies"
match = {station_name = ["COPIES"]}
[rules.actions]
stripped = "tag"
derived = "tag"
[[rules]]
name = "by its title"
match = {calling_ae = ["UNKNOWN"]}
[rules.actions]
unsealed = "refuse"
"""
STORED, APART = Told(0), Told(0xB000)
HTTP_FOR = {"rest": {"stored": 200, "apart": 200, "refused": 400}}
HTTP_FOR["stow"] = {"stored": 200, "apart": 202, "refused": 409}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site.init(tmp_path_factory.mktemp("orthanc") / "site", algorithm=Algorithm.ED25519)


@pytest.fixture(scope="module")
def world(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World.open(tmp_path_factory.mktemp("world"), site, POLICY) as made:
        yield made


@pytest.fixture
def make(site: Site, make_dicom: Callable[..., bytes]) -> Callable[..., bytes]:
    """Make an object: ``make("altered", StationName="APART")``."""
    chance = np.random.default_rng()

    def made(kind: str, **attributes: object) -> bytes:
        pixels = chance.integers(0, 4096, (64, 80)).astype(np.uint16)
        plain = make_dicom(pixels, **{"StationName": "CT7", **attributes})
        if kind == "unsealed":
            return plain
        with site.device() as device:
            sealed = seal(plain, device=device, profile="none").to_bytes()
        if kind == "sealed":
            return sealed
        bad = bytearray(sealed)
        bad[sealed.index(pixels.tobytes()) + 40] ^= 1
        return bytes(bad)

    return made


def in_orthanc(world: World, content: bytes) -> str | None:
    """Return Orthanc's identifier of an object, if it has it."""
    uid = pydicom.dcmread(io.BytesIO(content)).SOPInstanceUID
    found: Any = world.orthanc.ask("POST", "/tools/lookup", uid.encode()).json
    return next((each["ID"] for each in found if each["Type"] == "Instance"), None)


def metadata(world: World, name: str) -> dict[str, str]:
    """Return what is written beside an instance, once it is."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        found: Any = world.orthanc.ask("GET", f"/instances/{name}/metadata?expand").json
        if "radseal-verdict" in found:
            return {key: found[key] for key in ("radseal-verdict", "radseal-action")}
        assert time.monotonic() < until, "no verdict was written"
        time.sleep(0.05)


def counts(world: World) -> tuple[int, int, int]:
    """How many are in Orthanc, in quarantine, and refused."""
    here: Any = world.orthanc.ask("GET", "/statistics").json
    with Spool.open(world.folder / "spool") as spool:
        found = spool.counts()
    return here["CountInstances"], found[State.QUARANTINED], found[State.REFUSED]


CASES = {
    "sealed": (("sealed", {}), "stored", "AUTHENTIC", "accept", 0),
    "unsealed": (("unsealed", {}), "stored", "UNSEALED", "tag", 0),
    "altered": (("altered", {}), "refused", "ALTERED", "refuse", 0xC0A1),
    "altered apart": (("altered", {"StationName": "APART"}), "apart", "ALTERED", "", 0xB000),
    "unsealed apart": (("unsealed", {"StationName": "APART"}), "apart", "UNSEALED", "", 0xB000),
    "stripped": (("unsealed", {"StationName": "SEALS"}), "refused", "STRIPPED", "", 0xC0A7),
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("case", CASES)
def test_what_becomes_of_it_and_what_its_sender_is_told(
    world: World, make: Callable[..., bytes], tmp_path: Path, route: str, case: str
) -> None:
    (kind, attributes), where, word, action, status = CASES[case]
    content = make(kind, **attributes)
    before = counts(world)
    told = ROUTES[route](world, content, tmp_path)
    if route == "rest" and where == "refused":
        status = 0xC000  # Orthanc has one body for all
    assert told == Told(status, HTTP_FOR[route][where] if route in HTTP_FOR else None)
    added = tuple(after - b for after, b in zip(counts(world), before, strict=True))
    assert added == (where == "stored", where == "apart", where == "refused")
    name = in_orthanc(world, content)
    assert (name is not None) == (where == "stored")
    if name is not None:
        assert metadata(world, name) == {"radseal-verdict": word, "radseal-action": action}
        kept = world.orthanc.ask("GET", f"/instances/{name}/file").body
        assert data_set(kept) == data_set(content)
        if route == "rest":
            assert kept == content
        report: Any = world.orthanc.ask("GET", f"/instances/{name}/metadata/radseal-report").json
        assert (report["verdict"], report["action"]) == (word, action)
    with Spool.open(world.folder / "spool") as spool:
        uid = pydicom.dcmread(io.BytesIO(content)).SOPInstanceUID
        (row,) = spool.of_instance(uid)
        assert row.judged.word == word
        if where == "apart":
            assert data_set(spool.path(row.number).read_bytes()) == data_set(content)


def test_dcmsend_is_told_the_same(world: World, make: Callable[..., bytes], tmp_path: Path) -> None:
    for kind, station, word in (
        ("sealed", "CT7", "SUCCESS"),
        ("unsealed", "APART", "WARNING"),
        ("altered", "CT7", "ERROR"),
    ):
        path = tmp_path / f"{kind}.dcm"
        path.write_bytes(make(kind, StationName=station))
        words = ["dcmsend", "-v", "-aec", "ORTHANC", "127.0.0.1", str(world.dicom), str(path)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=300)
        assert re.search(rf"with status {word} +: 1", done.stdout + done.stderr)


def test_a_title_is_told_to_the_policy(
    world: World, make: Callable[..., bytes], tmp_path: Path
) -> None:
    content = make("unsealed")
    assert dimse(world, content, tmp_path, "UNKNOWN") == Told(0xC0A2)
    assert dimse(world, content, tmp_path, "CT7") == Told(0)


def test_a_request_of_stow_is_answered_for_each(world: World, make: Callable[..., bytes]) -> None:
    kinds = [("sealed", "A"), ("altered", "B"), ("unsealed", "APART"), ("unsealed", "C")]
    files = [make(kind, StationName=station) for kind, station in kinds]
    sent = [pydicom.dcmread(io.BytesIO(content)) for content in files]
    said = stow_client(world).store_instances(sent)
    taken = {item.ReferencedSOPInstanceUID: item for item in said.ReferencedSOPSequence}
    failed = {item.ReferencedSOPInstanceUID: item for item in said.FailedSOPSequence}
    assert set(taken) == {sent[0].SOPInstanceUID, sent[2].SOPInstanceUID, sent[3].SOPInstanceUID}
    assert taken[sent[2].SOPInstanceUID].WarningReason == 0xB000
    assert failed[sent[1].SOPInstanceUID].FailureReason == 0xC0A1
    assert [in_orthanc(world, content) is not None for content in files] == [
        True,
        False,
        False,
        True,
    ]


def test_a_zip_fails_as_a_whole_when_one_is_refused(
    world: World, make: Callable[..., bytes]
) -> None:
    files = {"a.dcm": make("sealed"), "b.dcm": make("altered"), "c.dcm": make("sealed")}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    assert world.orthanc.ask("POST", "/instances", packed.getvalue()).status == 500
    assert in_orthanc(world, files["b.dcm"]) is None


def test_sent_again_it_is_the_same_and_other_bytes_are_a_duplicate(
    world: World, make: Callable[..., bytes], tmp_path: Path
) -> None:
    content = make("unsealed")
    uid = pydicom.dcmread(io.BytesIO(content)).SOPInstanceUID
    other = make("unsealed", SOPInstanceUID=uid)
    assert rest(world, content, tmp_path) == Told(0, 200)
    assert rest(world, content, tmp_path) == Told(0, 200)
    name = in_orthanc(world, content)
    assert rest(world, other, tmp_path).http == 400
    assert ROUTES["stow"](world, other, tmp_path) == Told(0x0111, 409)
    assert dimse(world, other, tmp_path) == Told(0x0111)
    assert world.orthanc.ask("GET", f"/instances/{name}/file").body == content


def test_a_copy_has_a_verdict_of_its_own(
    world: World, make: Callable[..., bytes], tmp_path: Path
) -> None:
    content = make("sealed", StationName="COPIES")
    rest(world, content, tmp_path)
    name = in_orthanc(world, content)
    study: Any = world.orthanc.ask("GET", f"/instances/{name}/study").json
    job = json.dumps({"Keep": ["StationName"], "Synchronous": True, "KeepSource": True}).encode()
    answer = world.orthanc.ask("POST", f"/studies/{study['ID']}/anonymize", job)
    assert answer.status == 200, answer.body
    copy: Any = answer.json
    instances: Any = world.orthanc.ask("GET", f"/studies/{copy['ID']}/instances").json
    (made,) = [each["ID"] for each in instances]
    kept = world.orthanc.ask("GET", f"/instances/{made}/file").body
    judged: Any = world.service_ask("POST", "/verify", kept).json
    assert judged["verdict"] != "AUTHENTIC"
    assert metadata(world, made)["radseal-verdict"] == judged["verdict"]
    assert name is not None
    assert metadata(world, name)["radseal-verdict"] == "AUTHENTIC"


def test_a_copy_that_is_not_let_in_fails_its_job_and_leaves_the_original(
    world: World, make: Callable[..., bytes], tmp_path: Path
) -> None:
    content = make("sealed", StationName="APART")
    rest(world, content, tmp_path)
    name = in_orthanc(world, content)
    study: Any = world.orthanc.ask("GET", f"/instances/{name}/study").json
    before = counts(world)
    job = json.dumps({"Replace": {"PatientName": "Other^Phantom"}, "Synchronous": True})
    answer = world.orthanc.ask("POST", f"/studies/{study['ID']}/modify", job.encode())
    assert answer.status != 200
    assert in_orthanc(world, content) == name
    after = counts(world)
    assert after[0] == before[0]
    assert after[1] == before[1] + 1


def test_verify_says_what_it_is_now(
    world: World, make: Callable[..., bytes], tmp_path: Path
) -> None:
    content = make("sealed")
    rest(world, content, tmp_path)
    name = in_orthanc(world, content)
    found: Any = world.orthanc.ask("GET", f"/radseal/verify?instance={name}").json
    assert (found["verdict"], found["decision"]["action"]) == ("AUTHENTIC", "accept")
    body = json.dumps({"instance": name}).encode()
    assert world.orthanc.ask("POST", "/radseal/verify", body).status == 200
    for bad, status in (("../x", 400), ("0" * 8 + "-00000000" * 4, 404)):
        assert world.orthanc.ask("GET", f"/radseal/verify?instance={bad}").status == status


def test_nobody_writes_a_verdict_over_http(
    world: World, make: Callable[..., bytes], tmp_path: Path
) -> None:
    content = make("unsealed")
    rest(world, content, tmp_path)
    name = in_orthanc(world, content)
    for place in ("metadata/radseal-verdict", "metadata/8097", "metadata/radseal-report"):
        for method in ("PUT", "DELETE"):
            answer = world.orthanc.ask(method, f"/instances/{name}/{place}", b"AUTHENTIC")
            assert answer.status == 403
    assert world.orthanc.ask("PUT", f"/instances/{name}/attachments/dicom", b"x").status >= 400
    assert world.orthanc.ask("GET", f"/instances/{name}/file").body == content
    assert name is not None
    assert metadata(world, name)["radseal-verdict"] == "UNSEALED"


def test_stow_of_the_dicomweb_plugin_is_closed(world: World) -> None:
    for place in ("/dicom-web/studies", "/dicom-web/studies/1.2.3", "//dicom-web//studies/"):
        assert world.orthanc.ask("POST", place, b"x").status == 403
    assert world.orthanc.ask("GET", "/dicom-web/studies").status == 200


@pytest.mark.parametrize(
    "body", [b"", b"--b", b"--b\r\n\r\nx", b"--b\r\n\r\nx\r\n--b--", b"\xff" * 99]
)
def test_what_is_no_multipart_body_is_refused(world: World, body: bytes) -> None:
    kind = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=b'}
    answer = world.orthanc.ask("POST", "/radseal/dicom-web/studies", body, kind)
    assert answer.status in (400, 409)


def test_metadata_of_wado_come_by_the_same_root(
    world: World, make: Callable[..., bytes], tmp_path: Path
) -> None:
    content = make("sealed")
    rest(world, content, tmp_path)
    sent = pydicom.dcmread(io.BytesIO(content))
    found = stow_client(world).search_for_instances(sent.StudyInstanceUID)
    assert [each["00080018"]["Value"] for each in found] == [[sent.SOPInstanceUID]]


@pytest.mark.parametrize("route", ROUTES)
def test_what_is_released_comes_into_orthanc_as_it_was(
    world: World, make: Callable[..., bytes], tmp_path: Path, route: str
) -> None:
    content = make("altered", StationName="APART")
    before = counts(world)
    assert ROUTES[route](world, content, tmp_path).status == 0xB000
    listed: Any = world.orthanc.ask("GET", "/radseal/quarantine").json
    with Spool.open(world.folder / "spool") as spool:
        uid = pydicom.dcmread(io.BytesIO(content)).SOPInstanceUID
        (row,) = spool.of_instance(uid)
    assert row.number in [each["number"] for each in listed["objects"]]
    place = f"/radseal/quarantine/{row.number}"
    shown: Any = world.orthanc.ask("GET", place).json
    assert shown["state"] == "quarantined"
    words = json.dumps({"person": "A. Reader", "reason": "looked at it"}).encode()
    (world.folder / "spool" / "persons").unlink(missing_ok=True)
    assert world.orthanc.ask("POST", f"{place}/release", words).status == 403
    (world.folder / "spool" / "persons").write_text("1\n")
    assert world.orthanc.ask("POST", f"{place}/release", b"{}").status == 400
    for _ in range(2):  # once more: it is the same
        answer = world.orthanc.ask("POST", f"{place}/release", words)
        assert answer.status == 200, answer.body
    name = in_orthanc(world, content)
    assert name is not None
    assert metadata(world, name)["radseal-verdict"] == "ALTERED"
    kept = world.orthanc.ask("GET", f"/instances/{name}/file").body
    assert data_set(kept) == data_set(content)
    after = counts(world)
    assert (after[0], after[1]) == (before[0] + 1, before[1])
    with Spool.open(world.folder / "spool") as spool:  # nothing of it waits for ever
        assert spool.object(row.number).state is State.DELIVERED
        assert not spool.path(row.number).exists()
        assert spool.deliveries.unclaimed(()) == 0


def test_what_is_rejected_stays_out(
    world: World, make: Callable[..., bytes], tmp_path: Path
) -> None:
    content = make("unsealed", StationName="APART")
    rest(world, content, tmp_path)
    with Spool.open(world.folder / "spool") as spool:
        (row,) = spool.of_instance(pydicom.dcmread(io.BytesIO(content)).SOPInstanceUID)
    place = f"/radseal/quarantine/{row.number}"
    words = json.dumps({"person": "A. Reader", "reason": "not ours"}).encode()
    (world.folder / "spool" / "persons").write_text("1\n")
    assert world.orthanc.ask("POST", f"{place}/reject", words).status == 200
    assert world.orthanc.ask("POST", f"{place}/release", words).status == 409
    assert in_orthanc(world, content) is None
