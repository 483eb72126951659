"""The service or Orthanc is killed, or away: nothing is lost, nothing comes in unjudged."""

import base64
import io
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from benchmarks.orthanc.page import Page
from benchmarks.orthanc.world import WAIT_SECONDS, World, missing
from ledger import Algorithm
from provenance import Site
from provenance.pacs.arrivals import State
from provenance.pacs.spool.spool import Spool

pytest.importorskip("dicomweb_client", reason="dicomweb-client is not installed")
pytest.importorskip("starlette", reason="radseal[server] is not installed")

from orthanc_senders import Told, dimse, rest, stow

pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
    pytest.mark.xdist_group("orthanc"),
]
POLICY = """version = 1
[defaults]
depth = "ledger"
[defaults.actions]
unsealed = "tag"
[[rules]]
name = "kept apart"
match = {station_name = ["APART"]}
[rules.actions]
unsealed = "quarantine"
"""
AWAY = [(dimse, Told(0xA700)), (rest, Told(0xA700, 500)), (stow, Told(0xA700, 503))]


@pytest.fixture
def world(tmp_path: Path) -> Any:
    site = Site.init(tmp_path / "site", algorithm=Algorithm.ED25519)
    with World.open(tmp_path, site, POLICY) as made:
        yield made


@pytest.fixture
def make(make_dicom: Callable[..., bytes]) -> Callable[[str], bytes]:
    """Make an unsealed object of a station."""
    chance = np.random.default_rng()

    def made(station: str) -> bytes:
        pixels = chance.integers(0, 4096, (64, 80)).astype(np.uint16)
        return make_dicom(pixels, StationName=station)

    return made


def wait_for(condition: Callable[[], bool], why: str) -> None:
    """Wait until it holds."""
    until = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < until, why
        time.sleep(0.2)


def in_orthanc(world: World) -> dict[str, dict[str, str]]:
    """Return the verdicts of all instances, by SOP Instance UID."""
    found: Any = world.orthanc.ask("GET", "/instances?expand").json
    kept = {}
    for each in found:
        said: Any = world.orthanc.ask("GET", f"/instances/{each['ID']}/metadata?expand").json
        uid = each["MainDicomTags"]["SOPInstanceUID"]
        named = ("radseal-verdict", "radseal-action")
        kept[uid] = {key: value for key, value in said.items() if key in named}
    return kept


def test_while_the_service_is_away_every_sender_keeps_its_own(
    world: World, make: Callable[[str], bytes], tmp_path: Path
) -> None:
    files = [make("CT7") for _ in AWAY]
    assert rest(world, make("CT7"), tmp_path) == Told(0, 200)  # there is a kept connection
    world.service.stop(signal.SIGKILL)
    for (send, told), content in zip(AWAY, files, strict=True):
        assert send(world, content, tmp_path) == told
    assert len(in_orthanc(world)) == 1
    world.service.start()
    for (send, _), content in zip(AWAY, files, strict=True):
        assert send(world, content, tmp_path).status == 0
    assert len(in_orthanc(world)) == 4


def test_a_service_that_is_started_again_is_asked_again(
    world: World, make: Callable[[str], bytes], tmp_path: Path
) -> None:
    assert dimse(world, make("CT7"), tmp_path) == Told(0)
    world.service.stop()
    world.service.start()
    assert dimse(world, make("CT7"), tmp_path) == Told(0)


def test_a_service_that_cannot_judge_lets_nothing_in(
    world: World, make: Callable[[str], bytes], tmp_path: Path
) -> None:
    (tmp_path / "radseal-policy.toml").write_text("this is no policy")
    for send, told in AWAY:
        assert send(world, make("CT7"), tmp_path) == told
    assert in_orthanc(world) == {}


def test_orthanc_killed_in_the_middle_loses_nothing_and_its_verdicts_come_after(
    world: World, make: Callable[[str], bytes], tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    sent = {}
    for number in range(60):
        content = make("APART" if number % 10 == 0 else "CT7")
        uid = str(pydicom.dcmread(io.BytesIO(content)).SOPInstanceUID)
        (folder / f"{number:03}.dcm").write_bytes(content)
        sent[uid] = number % 10 == 0
    sending = world.storescu(folder)
    wait_for(lambda: len(in_orthanc(world)) >= 5, "nothing arrived")
    world.orthanc.stop(signal.SIGKILL)
    assert sending.wait(WAIT_SECONDS) != 0
    world.orthanc.start()
    assert world.storescu(folder).wait(WAIT_SECONDS) == 0
    apart = {uid for uid, kept_apart in sent.items() if kept_apart}
    assert set(in_orthanc(world)) == set(sent) - apart
    with Spool.open(tmp_path / "spool") as spool:
        held = spool.objects(State.QUARANTINED)
    assert {each.instance.sop_instance for each in held} == apart
    assert len(held) == len(apart)
    said = {"radseal-verdict": "UNSEALED", "radseal-action": "tag"}
    wait_for(lambda: all(each == said for each in in_orthanc(world).values()), "no verdicts")


def test_a_service_killed_in_the_middle_is_told_again_of_what_it_let_in(
    world: World, make: Callable[[str], bytes], tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number:03}.dcm").write_bytes(make("CT7"))
    sending = world.storescu(folder)
    wait_for(lambda: len(in_orthanc(world)) >= 5, "nothing arrived")
    world.service.stop(signal.SIGKILL)
    assert sending.wait(WAIT_SECONDS) != 0
    here = set(in_orthanc(world))
    world.service.start()
    said = {"radseal-verdict": "UNSEALED", "radseal-action": "tag"}
    wait_for(lambda: all(each == said for each in in_orthanc(world).values()), "no verdicts")
    assert set(in_orthanc(world)) == here
    with Spool.open(tmp_path / "spool") as spool:
        known = [each.instance.sop_instance for each in spool.objects(limit=1000)]
    assert here <= set(known)


def test_processes_that_judge_are_replaced_when_they_are_killed(
    world: World, make: Callable[[str], bytes], tmp_path: Path
) -> None:
    assert dimse(world, make("CT7"), tmp_path) == Told(0)
    assert world.service.running is not None
    service = world.service.running.pid
    children = Path(f"/proc/{service}/task/{service}/children").read_text().split()
    judging = [
        int(each)
        for each in children
        if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()
    ]
    assert judging
    for each in judging:
        os.kill(each, signal.SIGKILL)
    wait_for(lambda: dimse(world, make("CT7"), tmp_path) == Told(0), "nobody judges")


def test_what_was_stored_without_the_script_is_judged_after(
    world: World, make: Callable[[str], bytes], tmp_path: Path
) -> None:
    script = tmp_path / "etc" / "python.json"
    content = script.read_text()
    world.orthanc.stop()
    script.unlink()
    world.orthanc.start()
    assert rest(world, make("CT7"), tmp_path) == Told(0, 200)
    assert list(in_orthanc(world).values()) == [{}]
    world.orthanc.stop()
    script.write_text(content)
    world.orthanc.start()
    said = {"radseal-verdict": "UNSEALED", "radseal-action": "tag"}
    wait_for(lambda: list(in_orthanc(world).values()) == [said], "no verdict")


def test_eight_associations_at_once(
    world: World, make: Callable[[str], bytes], tmp_path: Path
) -> None:
    sending = []
    for number in range(8):
        folder = tmp_path / f"from-{number}"
        folder.mkdir()
        for count in range(6):
            (folder / f"{count}.dcm").write_bytes(make("CT7"))
        sending.append(world.storescu(folder))
    assert rest(world, make("CT7"), tmp_path).status == 0
    assert stow(world, make("CT7"), tmp_path).status == 0
    assert [each.wait(WAIT_SECONDS) for each in sending] == [0] * 8
    assert len(in_orthanc(world)) == 50
    said = {"radseal-verdict": "UNSEALED", "radseal-action": "tag"}
    wait_for(lambda: all(each == said for each in in_orthanc(world).values()), "no verdicts")


@pytest.mark.parametrize(
    "change",
    [
        {"IngestTranscoding": "1.2.840.10008.1.2.4.80"},
        {"WebDavEnabled": True},
        {"StoreMD5ForAttachments": False},
        {"UserMetadata": {}},
        {"Radseal": {"Uri": "http://127.0.0.1:1"}},
        {"Radseal": {"TokenFile": "/nowhere"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_orthanc_does_not_start_with_what_would_lose_or_lie(
    change: dict[str, object], tmp_path: Path
) -> None:
    from benchmarks.ports import free_port
    from benchmarks.workflow.orthanc import PROGRAM

    (tmp_path / "db").mkdir()
    token = tmp_path / "token"
    token.write_text("x" * 40)
    ports = {"http": free_port(), "dicom": free_port()}
    etc = Page.read().write(
        tmp_path,
        **ports,
        url="http://127.0.0.1:1",
        door=tmp_path / "door",
        token=token,
        with_script=True,
    )
    settings = json.loads((etc / "orthanc.json").read_text())
    (etc / "orthanc.json").write_text(json.dumps({**settings, **change}))
    done = subprocess.run([PROGRAM, str(etc)], capture_output=True, text=True, timeout=WAIT_SECONDS)
    assert done.returncode != 0
    assert "ValueError" in done.stderr or "FileNotFoundError" in done.stderr


def test_with_users_of_orthanc_the_script_still_reaches_it(
    world: World, make: Callable[[str], bytes], tmp_path: Path
) -> None:
    file = tmp_path / "etc" / "orthanc.json"
    users = {"AuthenticationEnabled": True, "RegisteredUsers": {"reader": "secret"}}
    settings = json.loads(file.read_text())
    world.orthanc.stop()
    file.write_text(json.dumps({**settings, **users}))
    world.orthanc.start()
    body = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + make("CT7") + b"\r\n--b--\r\n"
    kind = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=b'}
    right = {"Authorization": "Basic " + base64.b64encode(b"reader:secret").decode()}
    place = "/radseal/dicom-web/studies"
    assert world.orthanc.ask("POST", place, body, kind).status == 401
    assert world.orthanc.ask("POST", place, body, {**kind, **right}).status == 200
    (name,) = json.loads(world.orthanc.ask("GET", "/instances", headers=right).body)
    verify = f"/radseal/verify?instance={name}"
    assert world.orthanc.ask("GET", verify).status == 401
    assert json.loads(world.orthanc.ask("GET", verify, headers=right).body)["verdict"] == "UNSEALED"
