"""The service over HTTP, as a plugin meets it: real processes on loopback."""

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from service_world import altered

from provenance.pacs.arrivals import State

CHECKOUT = Path(__file__).parents[3]


def test_each_object_is_judged_and_counted(
    run_service: Callable[..., Any], sealed: bytes, unsealed: bytes
) -> None:
    running = run_service()
    said = [
        running.ingest(sealed).json(),
        running.ingest(altered(sealed)).json(),
        running.ingest(unsealed).json(),
        running.ingest(unsealed, "SEALS").json(),
        running.ingest(b"no image at all", route="rest").json(),
    ]
    assert [(each["verdict"], each["action"], each["state"]) for each in said] == [
        ("AUTHENTIC", "accept", "delivered"),
        ("ALTERED", "refuse", "refused"),
        ("UNSEALED", "tag", "delivered"),
        ("STRIPPED", "quarantine", "quarantined"),
        ("UNREADABLE", "quarantine", "quarantined"),
    ]
    assert said[0]["seal_id"] is not None
    assert said[1]["report"]["checks"]
    assert said[3]["reasons"]
    health = running.ask("GET", "/health")
    assert health.status_code == 200
    assert health.json()["spool"] == {
        "forwarding": 0, "delivered": 2, "quarantined": 2, "rejected": 0, "refused": 1,
    }  # fmt: skip
    text = running.ask("GET", "/metrics").text
    assert 'radseal_objects_total{route="orthanc",action="accept",verdict="AUTHENTIC"} 1' in text
    assert 'radseal_spool_objects{state="quarantined"} 2' in text
    assert list((running.spool / "incoming").iterdir()) == []
    assert running.server.stop() == 0


def test_verify_says_the_same_and_keeps_nothing(
    run_service: Callable[..., Any], sealed: bytes, unsealed: bytes
) -> None:
    running = run_service()
    good = running.ask("POST", "/verify", sealed)
    assert good.headers["content-type"] == "application/json"
    assert (good.json()["verdict"], good.json()["decision"]["action"]) == ("AUTHENTIC", "accept")
    apart = running.ask("POST", "/verify?calling_ae=SEALS", unsealed).json()
    assert (apart["decision"]["action"], apart["decision"]["rule"]) == ("quarantine", "seals")
    assert sum(running.ask("GET", "/health").json()["spool"].values()) == 0
    for name in ("incoming", "objects"):
        assert list((running.spool / name).iterdir()) == []


def test_what_is_in_quarantine_is_shown_released_and_rejected(
    run_service: Callable[..., Any], unsealed: bytes
) -> None:
    running = run_service()
    one = running.ingest(unsealed, "SEALS").json()["number"]
    two = running.ingest(unsealed + b"\0\0", "SEALS").json()["number"]
    listed = running.ask("GET", "/objects?state=quarantined").json()
    assert [each["number"] for each in listed["objects"]] == [one, two]
    assert listed["next"] is None
    assert running.ask("GET", f"/objects?after={one}").json()["objects"][0]["number"] == two
    assert running.ask("GET", f"/objects/{one}/file").content == unsealed
    words = json.dumps({"person": "on duty", "reason": "the sender was asked"}).encode()
    for act in ("release", "reject"):  # two persons sign that, elsewhere
        no = running.ask("POST", f"/objects/{one}/{act}", words)
        assert (no.status_code, no.json()["type"]) == (403, "urn:radseal:problem:persons")
    (running.spool / "persons").write_text("1\n")
    freed = running.ask("POST", f"/objects/{one}/release", words)
    assert (freed.status_code, freed.json()["state"]) == (200, "forwarding")
    assert freed.json()["steps"][0]["person"] == "on duty"
    again = running.ask("POST", f"/objects/{one}/reject", words)
    assert (again.status_code, again.json()["type"]) == (409, "urn:radseal:problem:state")
    assert running.ask("POST", f"/objects/{two}/reject", words).json()["state"] == "rejected"
    shown = running.ask("GET", "/verdicts/1.2.3.4.5").json()["objects"]
    assert [each["state"] for each in shown] == ["forwarding", "rejected"]
    for path in ("/objects/77", "/objects/x", "/verdicts/9.9.9", "/trace/9.9.9"):
        assert running.ask("GET", path).status_code == 404
    for body in (b"", b"[]", b'{"person": "a"}', b'{"person": "", "reason": "b"}'):
        assert running.ask("POST", f"/objects/{two}/release", body).status_code == 400


def test_the_chain_of_custody_is_that_of_the_command(
    run_service: Callable[..., Any], door: Any, sealed: bytes, wait_until: Any
) -> None:
    running = run_service()
    seal_id = running.ingest(sealed).json()["seal_id"]
    wait_until(lambda: running.metric("radseal_custody_waiting") == 0, "custody is not written")
    found = running.ask("GET", f"/trace/{seal_id}").json()
    command = [sys.executable, "-m", "provenance.cli", "trace", seal_id, "--json"]
    shown = subprocess.run(
        [*command, "--site", str(door.site.folder)], capture_output=True, cwd=CHECKOUT, check=False
    )
    assert found == json.loads(shown.stdout)
    events = [each["event"] for each in found["objects"][0]["events"]]
    assert events == ["sealed", "ingested", "verified"]


def test_without_the_token_nothing_is_shown_or_taken(
    run_service: Callable[..., Any], unsealed: bytes
) -> None:
    running = run_service()
    words = b'{"person": "x", "reason": "y"}'
    secret = [
        ("POST", "/ingest", unsealed), ("POST", "/verify", unsealed), ("GET", "/objects", None),
        ("GET", "/objects/1", None), ("GET", "/objects/1/file", None),
        ("POST", "/objects/1/release", words), ("POST", "/objects/1/reject", words),
        ("GET", "/verdicts/1.2", None), ("GET", "/trace/1.2", None),
    ]  # fmt: skip
    for method, path, body in secret:
        for given in ("", "Bearer", "Bearer x" * 9, "Basic 0123456789abcdef0123456789abcdef"):
            refused = running.ask(method, path, body, Authorization=given)
            assert refused.status_code == 401, path
            assert refused.headers["www-authenticate"] == "Bearer"
    for path in ("/live", "/health", "/metrics", "/openapi.json"):
        assert running.ask("GET", path, Authorization="").status_code == 200
    assert sum(running.ask("GET", "/health").json()["spool"].values()) == 0


def test_started_without_a_token_it_takes_but_shows_nothing(
    run_service: Callable[..., Any], unsealed: bytes
) -> None:
    running = run_service(token=None)
    by_page = running.ask("POST", "/ingest", unsealed, Origin="https://page.example")
    assert by_page.status_code == 401
    assert running.ingest(unsealed).status_code == 200
    assert running.ask("GET", "/objects").status_code == 401


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"--policy": "none.toml"}, "policy"),
        ({"--policy": "bad.toml"}, "policy"),
        ({"--token": "short"}, "token"),
        ({"--listen": "0.0.0.0:0", "--token": None}, "token"),
        ({"--site": "nowhere"}, "site"),
        ({"--spool": "a file"}, "spool"),
    ],
)
def test_it_does_not_start_on_half_a_setting(
    door: Any, tmp_path: Path, change: dict[str, str | None], words: str
) -> None:
    (tmp_path / "bad.toml").write_text("version = 9\n")
    (tmp_path / "short").write_text("0123456789")
    (tmp_path / "token").write_text("0123456789abcdef0123456789abcdef")
    (tmp_path / "a file").write_text("x")
    options: dict[str, str | None] = {
        "--site": "site", "--policy": "policy.toml", "--spool": "s", "--token": "token",
        "--listen": "127.0.0.1:0", **change,
    }  # fmt: skip
    command = [sys.executable, "-m", "provenance.cli", "serve"]
    for name, value in options.items():
        command += [] if value is None else [name, value]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode in (2, 16), ended.stderr
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_policy_that_breaks_stops_it_and_a_new_one_counts_at_once(
    run_service: Callable[..., Any], tmp_path: Path, unsealed: bytes, wait_until: Any
) -> None:
    running, policy = run_service(), tmp_path / "policy.toml"
    before = policy.read_text()
    assert running.ingest(unsealed).json()["action"] == "tag"
    policy.write_text("nonsense")
    refused = running.ingest(unsealed)
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:radseal:problem:setting")
    assert int(refused.headers["retry-after"]) > 0
    assert running.ask("POST", "/verify", unsealed).status_code == 503
    wait_until(lambda: running.ask("GET", "/health").status_code == 503, "health sees no policy")
    seen = running.ask("GET", "/health").json()
    assert (seen["state"], seen["takes"], seen["troubles"][0]["what"]) == (
        "failing", False, "policy",
    )  # fmt: skip
    assert sum(seen["spool"].values()) == 1
    policy.write_text(before.replace('unsealed = "tag"', 'unsealed = "refuse"'))
    assert running.ingest(unsealed).json()["action"] == "refuse"
    assert list((running.spool / "incoming").iterdir()) == []


def test_a_full_disk_takes_nothing(run_service: Callable[..., Any], unsealed: bytes) -> None:
    running = run_service("--keep-free", str(1 << 40))
    refused = running.ingest(unsealed, "SEALS")
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:radseal:problem:disk")
    seen = running.ask("GET", "/health")
    assert (seen.status_code, seen.json()["takes"]) == (503, False)
    assert seen.json()["troubles"][0]["what"] == "disk"
    assert sum(seen.json()["spool"].values()) == 0
    assert list((running.spool / "incoming").iterdir()) == []


def test_a_disk_that_fills_up_takes_nothing_by_halves(
    run_service: Callable[..., Any], tmp_path: Path, unsealed: bytes
) -> None:
    """A disk of its own, of four megabytes."""
    folder = tmp_path / "service"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        running = run_service()
        for size in (6 << 20, 3 << 20):  # too large, and too large beside what is there
            running.ingest(unsealed + bytes(2 << 20), "SEALS")
            refused = running.ingest(bytes(size), "SEALS")
            assert (refused.status_code, refused.json()["type"]) == (
                503, "urn:radseal:problem:disk",
            )  # fmt: skip
        assert list((folder / "incoming").iterdir()) == []
        kept = running.ask("GET", "/objects").json()["objects"]
        assert [each["size"] for each in kept] == [len(unsealed) + (2 << 20)]
        assert running.ask("GET", f"/objects/{kept[0]['number']}/file").content.startswith(unsealed)
        assert running.server.stop() == 0
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_it_lives_while_it_judges_and_outlives_who_judges(
    run_service: Callable[..., Any], unsealed: bytes, wait_until: Any
) -> None:
    running = run_service("--jobs", "1")
    (examiner,) = running.examiners()
    examiner.suspend()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(running.ask, "POST", "/verify", unsealed)
        wait_until(lambda: running.metric("radseal_requests_on_their_way") == 1, "not asked")
        assert running.ask("GET", "/live").text == "live\n"
        assert not asked.done()
        examiner.kill()
        lost = asked.result(timeout=120)
    assert (lost.status_code, lost.json()["type"]) == (503, "urn:radseal:problem:busy")
    assert running.ask("POST", "/verify", unsealed).json()["verdict"] == "UNSEALED"


def test_what_was_acknowledged_outlives_a_kill(
    run_service: Callable[..., Any], make_dicom: Callable[..., bytes], wait_until: Any
) -> None:
    images = [
        make_dicom(np.full((32, 32), n, dtype=np.uint16), SOPInstanceUID=f"1.2.{n + 1}")
        for n in range(24)
    ]
    running = run_service("--jobs", "2")
    examiners = running.examiners()
    assert len(examiners) == 2
    acknowledged: list[int] = []

    def bring(number: int) -> None:
        try:
            said = running.ingest(images[number], "SEALS")
        except OSError:
            return
        if said.status_code == 200:
            acknowledged.append(number)
            if len(acknowledged) == 6:
                os.kill(running.server.process.pid, signal.SIGKILL)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(bring, range(24)))
    assert running.server.stop(signal.SIGKILL) == -signal.SIGKILL
    wait_until(lambda: not any(map(is_running, examiners)), "who judges outlives the service")
    again = run_service()
    kept = again.ask("GET", "/objects?state=quarantined").json()["objects"]
    digests = {each["sha256"] for each in kept}
    assert len(acknowledged) >= 6
    assert {hashlib.sha256(images[n]).hexdigest() for n in acknowledged} <= digests
    for each in kept:
        content = again.ask("GET", f"/objects/{each['number']}/file").content
        assert hashlib.sha256(content).hexdigest() == each["sha256"]
    for number in range(24):
        assert again.ingest(images[number], "SEALS").status_code == 200
    kept = again.ask("GET", "/objects?state=quarantined").json()["objects"]
    assert Counter(each["sop_instance_uid"] for each in kept) == {
        f"1.2.{n + 1}": 1 for n in range(24)
    }


def is_running(process: psutil.Process) -> bool:
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)


def test_no_object_waits_for_the_log(
    run_service: Callable[..., Any],
    door: Any,
    log_server: Callable[..., Any],
    sealed: bytes,
    wait_until: Any,
) -> None:
    log = log_server(door.site.folder)
    running = run_service("--log", log.url)
    assert running.ingest(sealed).json()["verdict"] == "AUTHENTIC"
    wait_until(lambda: running.metric("radseal_custody_waiting") == 0, "custody is not written")
    port = log.port
    log.stop()
    away = running.ingest(sealed)
    assert (away.status_code, away.json()["verdict"]) == (200, "NOT CHECKED")
    wait_until(lambda: running.ask("GET", "/health").status_code == 503, "health sees the log")
    seen = running.ask("GET", "/health").json()
    assert (seen["state"], seen["takes"]) == ("degraded", True)
    assert [each["what"] for each in seen["troubles"]] == ["log"]
    assert seen["custody_waiting"] > 0
    log_server(door.site.folder, f"127.0.0.1:{port}")
    wait_until(lambda: running.metric("radseal_custody_waiting") == 0, "custody is not caught up")
    wait_until(
        lambda: running.ingest(sealed).json()["verdict"] == "AUTHENTIC",  # once it is published
        "the log is not asked again",
    )
    wait_until(lambda: running.ask("GET", "/health").status_code == 200, "health is not well")


def test_one_spool_has_one_service(run_service: Callable[..., Any]) -> None:
    first = run_service()
    second = run_service()
    assert second.server.process.wait(timeout=120) == 2
    second.server.process.stdout.close()
    assert first.ask("GET", "/live").status_code == 200


def test_bodies_that_break_off_leave_nothing(
    run_service: Callable[..., Any], wait_until: Any
) -> None:
    running = run_service()
    with connected(running, "Content-Length: 100") as line:
        wait_until(lambda: running.metric("radseal_requests_on_their_way") == 1, "not begun")
        line.sendall(b"half")
    wait_until(lambda: running.metric("radseal_requests_on_their_way") == 0, "not ended")
    assert list((running.spool / "incoming").iterdir()) == []
    with connected(running, f"Content-Length: {3 << 30}") as line:
        assert line.recv(100).startswith(b"HTTP/1.1 413 ")
    assert sum(running.ask("GET", "/health").json()["spool"].values()) == 0


def test_too_many_at_once_are_told_to_come_again(
    run_service: Callable[..., Any], unsealed: bytes, wait_until: Any
) -> None:
    running = run_service()
    lines = [connected(running, "Content-Length: 100") for _ in range(64)]
    wait_until(lambda: running.metric("radseal_requests_on_their_way") == 64, "not begun")
    refused = running.ingest(unsealed)
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:radseal:problem:busy")
    assert int(refused.headers["retry-after"]) > 0
    for line in lines:
        line.close()
    wait_until(lambda: running.metric("radseal_requests_on_their_way") == 0, "not ended")
    assert running.ingest(unsealed).status_code == 200


def connected(running: Any, *lines: str) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", running.server.port), timeout=60)
    head = ["POST /ingest HTTP/1.1", "Host: x", f"Authorization: Bearer {running.token}", *lines]
    line.sendall("\r\n".join([*head, "", ""]).encode())
    return line


def test_parameters_are_of_their_form(run_service: Callable[..., Any], unsealed: bytes) -> None:
    running = run_service()
    for asked in (
        "route=dimse", "route=orthanc&route=rest", "calling_ae=", "calling_ae=A%5CB",
        "calling_ae=12345678901234567", "calling-ae=CT7", "address=%0a",
    ):  # fmt: skip
        assert running.ask("POST", f"/ingest?{asked}", unsealed).status_code == 400, asked
    good = running.ask(
        "POST", "/ingest?route=rest&calling_ae=CT%207&called_ae=X&address=::1", unsealed
    )
    assert good.status_code == 200
    (kept,) = running.ask("GET", "/objects").json()["objects"]
    assert (kept["calling_ae"], kept["called_ae"], kept["address"]) == ("CT 7", "X", "::1")


def test_lines_name_no_patient(
    run_service: Callable[..., Any], capfd: Any, sealed: bytes, unsealed: bytes
) -> None:
    running = run_service()
    running.ingest(sealed)
    running.ingest(unsealed, "SEALS")
    running.ask("GET", "/verdicts/1.2.3.4.5")
    assert running.server.stop() == 0
    told = capfd.readouterr().err
    lines = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    assert sum(line["says"] == "taken" for line in lines) == 2
    assert {line["level"] for line in lines} == {"info"}
    for secret in ("Phantom", "P-1", "1.2.3.4.5", "SEALS"):
        assert secret not in told
    assert not re.search(r"[0-9]+(\.[0-9]+){8,}", told)


def test_states_are_those_of_the_spool(run_service: Callable[..., Any]) -> None:
    running = run_service()
    for state in State:
        assert running.ask("GET", f"/objects?state={state}").json() == {
            "objects": [], "next": None,
        }  # fmt: skip
    assert running.ask("GET", "/objects?state=lost").status_code == 400
