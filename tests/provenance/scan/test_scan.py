"""`radseal scan`: each object judged once, whatever is killed, stopped or poisoned."""

import csv
import io
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from scan_world import (
    Named,
    Tally,
    Unopened,
    ask,
    children,
    kill,
    never,
    new_job,
    start,
    until,
    verdicts,
    work,
)

from provenance import Site
from provenance.cli.root import cli
from provenance.errors import OutOfReachError, UsageError
from provenance.scan import folder as folder_module
from provenance.scan.chunks import Claim
from provenance.scan.database import JobDatabase
from provenance.scan.folder import Folder, path_of, uri_of
from provenance.scan.job import Job
from provenance.scan.local import LocalProcesses
from provenance.scan.outcome import Apart, Outcome
from provenance.scan.results import count, page, rows
from provenance.schema import schema_text
from provenance.walk import walk

TAKEN = "select count(*) from radseal_scan_chunk where state = 1"


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(w) for w in words], env={"RADSEAL_SITE": None})


def answer(*words: object) -> dict[str, Any]:
    """Run with --json; the answer fits its schema and tells the exit code."""
    result = run(*words, "--json")
    found: dict[str, Any] = json.loads(result.stdout)
    assert found["exit_code"] == result.exit_code
    check(found)
    return found


def check(found: dict[str, Any]) -> None:
    if found["schema"] != "radseal/error/1":
        name = found["schema"].split("/")[1]
        jsonschema_rs.validate(json.loads(schema_text(f"{name}-1")), found)


@pytest.fixture(scope="module")
def archive(
    site: Site, make_dicom: Callable[..., bytes], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Sealed copies in many folders, among them what is altered, unsealed, no file, no DICOM."""
    made = tmp_path_factory.mktemp("scan")
    (made / "in").mkdir()
    for n in range(3):
        pixels = np.full((32, 32), 100 + n, np.uint16)
        (made / "in" / f"{n}.dcm").write_bytes(make_dicom(pixels, Modality="CT"))
    assert run("seal", made / "in", "-o", made / "sealed", "--site", site.folder).exit_code == 0
    archive = made / "archive"
    for n in range(600):
        place = archive / f"{n % 7}"
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(made / "sealed" / f"{n % 3}.dcm", place / f"{n:04}.dcm")
    altered = bytearray((made / "sealed" / "0.dcm").read_bytes())
    place = altered.rindex((100).to_bytes(2, "little") * 32)
    altered[place : place + 2] = b"\x07\x00"
    (archive / "altered.dcm").write_bytes(altered)
    (archive / "new.dcm").write_bytes(make_dicom(np.full((32, 32), 9, np.uint16), Modality="CT"))
    (archive / "x=\x1b[31m100%.txt").write_text("no image")
    (archive / "lost").symlink_to("nowhere")
    (archive / "again").symlink_to("0")
    os.mkfifo(archive / "pipe")
    (archive / ".hidden").write_text("")
    return archive


ALL = {"AUTHENTIC": 600, "ALTERED": 1, "UNSEALED": 1, "UNREADABLE": 2}


def test_every_object_once_whatever_is_killed(site: Site, archive: Path, tmp_path: Path) -> None:
    job = tmp_path / "job"
    words = ("scan", archive, "--site", site.folder, "--job", job, "--jobs", 2, "--json")
    running = start(*words)
    try:
        killed: list[int] = []

        def kills() -> bool:
            workers = children(running.pid)
            if not workers or not ask(job, TAKEN):
                return False
            kill(workers[0])
            killed.append(workers[0])
            return True

        for _ in range(3):
            until(kills, "no worker works")
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=180)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == 130, err
    assert len(killed) == 3
    stopped = json.loads(out)
    check(stopped)
    assert stopped["run"]["stopped"]
    assert stopped["run"]["workers_died"] >= 1
    assert f"radseal scan --resume {job} --site {site.folder}" in err
    assert stopped["summary"]["waiting"] == verdicts(job)["none"] > 0
    assert ask(job, TAKEN) == 0

    part = answer("scan", "report", job)
    assert (part["exit_code"], part["job"]["done"]) in ((15, False), (10, False))

    ended = answer("scan", "--resume", job, "--site", site.folder, "--jobs", 2)
    assert ended["exit_code"] == 10
    assert ended["job"]["done"]
    assert ended["summary"]["by_verdict"] == ALL == dict(verdicts(job))
    assert ended["summary"]["skipped"] == {"hidden": 1, "special": 1, "repeated": 1}
    assert stopped["run"]["objects"] + ended["run"]["objects"] == 604
    assert ask(job, "select count(distinct uri) from radseal_scan_object") == 604
    again = answer("scan", "--resume", job, "--site", site.folder, "--jobs", 1)
    assert again["run"]["objects"] == 0


def test_the_report(site: Site, archive: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    for name in ("altered.dcm", "new.dcm", "x=\x1b[31m100%.txt", "0/0000.dcm"):
        shutil.copy(archive / name, small)
    (small / "=cmd().dcm").write_text("")
    assert run("scan", small, "--site", site.folder, "--jobs", 1).exit_code == 10
    (job,) = (site.folder / "scans").glob("*.sqlite")
    assert job.stat().st_mode & 0o077 == 0
    try:
        words = run("scan", "report", job.stem, "--site", site.folder)
        assert words.exit_code == 10
        assert "ALTERED         altered.dcm" in words.stdout
        assert "[PX101" in words.stdout
        assert "x=%1B[31m100%25.txt" in words.stdout
        assert "\x1b" not in words.stdout
        assert "1 AUTHENTIC" in words.stdout
        assert "0000.dcm" not in words.stdout

        first = answer("scan", "report", job, "--limit", 3)
        second = answer("scan", "report", job, "--limit", 3, "--after", first["next_after"])
        assert second["next_after"] is None
        listed = [each["uri"] for each in first["objects"] + second["objects"]]
        assert listed == ["=cmd().dcm", "altered.dcm", "new.dcm", "x=%1B[31m100%25.txt"]
        assert first["objects"][1]["seal_id"]
        assert len(answer("scan", "report", job, "--all")["objects"]) == 5

        done = run("scan", "report", job, "--csv", "--all")
        assert done.exit_code == 10
        table = list(csv.DictReader(io.StringIO(done.stdout)))
        assert [row["uri"] for row in table][:2] == ["0000.dcm", "'=cmd().dcm"]
        assert [row["verdict"] for row in table].count("UNREADABLE") == 2
    finally:
        job.unlink()


def test_a_policy_decides(site: Site, archive: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    example = run("policy", "example").stdout
    policy.write_text(example)
    words = ("--site", site.folder, "--policy", policy)
    some = tmp_path / "some"
    some.mkdir()
    shutil.copy(archive / "altered.dcm", some)
    found = answer("scan", some, *words, "--job", tmp_path / "job", "--jobs", 1)
    alone = json.loads(run("verify", some, *words, "--json").stdout)
    assert found["exit_code"] == alone["exit_code"]
    assert found["summary"]["by_action"] == alone["summary"]["by_action"]
    assert answer("scan", "report", tmp_path / "job")["exit_code"] == alone["exit_code"]
    policy.write_text(example + "\n# another one\n")
    refused = answer("scan", "--resume", tmp_path / "job", *words)
    assert refused["exit_code"] == 2
    assert "another policy" in refused["error"]["why"]


def test_who_goes_on_says_whom_to_believe(site: Site, stranger: Site, tmp_path: Path) -> None:
    (tmp_path / "some").mkdir()
    job = tmp_path / "job"
    first = answer("scan", tmp_path / "some", "--trust", site.folder / "trust", "--job", job)
    assert first["exit_code"] == 16
    assert answer("scan", "--resume", job)["exit_code"] == 2
    other = answer("scan", "--resume", job, "--trust", stranger.folder / "trust")
    assert other["exit_code"] == 2
    assert "another trust" in other["error"]["why"]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("in", "--resume", "job"),
        ("in", "--jobs", "2", "--dask", "tcp://127.0.0.1:1"),
        ("in", "--trust", "in", "--log", "http://127.0.0.1:1"),
        ("orthanc+http://user:secret@127.0.0.1:8042", "--site", "site"),
        ("nowhere", "--site", "site"),
        ("in", "--trust", "trust"),
        ("in", "--site", "site", "--job", "in/job"),
        ("--resume", "nothing", "--site", "site"),
        ("--resume", "20260301T120000-aaaaaa", "--site", "site"),
        ("report", "in"),
    ],
)
def test_mistakes_are_told(words: tuple[str, ...], site: Site, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    places = {"in": tmp_path / "in", "in/job": tmp_path / "in/job", "site": site.folder,
              "trust": site.folder / "trust"}  # fmt: skip
    result = run("scan", *(places.get(word, word) for word in words))
    assert result.exit_code == 2, result.output
    assert "secret" not in result.output


def test_another_file_is_no_job(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x" * 5000)
    assert run("scan", "report", tmp_path / "x").exit_code == 2


def test_a_poison_item_is_set_apart_and_the_scan_goes_on(tmp_path: Path) -> None:
    uris = [f"u{n}" for n in range(100)]
    uris[50:50] = ["poison"]
    job = new_job(tmp_path / "job", uris)
    bench = Tally(str(tmp_path / "judged"))
    ran = work(job, LocalProcesses(bench, 2))
    assert ran.deaths == 1 + LocalProcesses.tries
    assert ran.objects == 101
    (row,) = page(job)
    assert (row.uri, row.verdict, row.apart) == ("poison", "NOT CHECKED", Apart.CRASHED.value)
    assert count(job).exit_code(by_policy=False) == 15


def test_a_killed_worker_is_replaced_and_nothing_is_lost(tmp_path: Path) -> None:
    job = new_job(tmp_path / "job", [f"u{n}" for n in range(200)])
    bench = Tally(str(tmp_path / "judged"), seconds=0.02)
    engine = LocalProcesses(bench, 2)
    killed: list[int] = []

    def advance(_: int) -> None:
        alive = [pid for pid in bench.pids() if pid not in killed]
        if alive and len(killed) < 3:
            killed.append(alive[0])
            kill(killed[-1])

    ran = work(job, engine, advance=advance)
    assert len(killed) == 3
    assert ran.objects == 200
    assert verdicts(tmp_path / "job") == {"AUTHENTIC": 200}


def test_workers_that_cannot_begin_end_the_run_not_the_objects(tmp_path: Path) -> None:
    job = new_job(tmp_path / "job", ["a", "b"])
    with pytest.raises(OutOfReachError, match="before they could begin"):
        work(job, LocalProcesses(Unopened(), 1))
    assert job.left() == 2
    assert ask(tmp_path / "job", TAKEN) == 0


def test_what_a_silent_run_held_is_taken_over_and_its_results_refused(tmp_path: Path) -> None:
    job = new_job(tmp_path / "job", [f"u{n}" for n in range(60)])
    silent = Claim(job, b"silent", seconds=0.1)
    chunk = silent.take()
    assert chunk is not None
    bench = Tally(str(tmp_path / "judged"))
    ran = work(job, LocalProcesses(bench, 1))  # waits until the lease is over
    assert (ran.objects, ran.chunks) == (60, 2)
    late = [Outcome(item.number, "ALTERED", 10) for item in chunk.items]
    assert not silent.complete(chunk, late)
    assert verdicts(tmp_path / "job") == {"AUTHENTIC": 60}


def test_a_chunk_whose_run_died_is_worked_on_one_by_one(tmp_path: Path) -> None:
    job = new_job(tmp_path / "job", ["a", "poison", "b"])
    assert Claim(job, b"dead", seconds=0.1).take() is not None
    bench = Tally(str(tmp_path / "judged"))
    ran = work(job, LocalProcesses(bench, 1))
    assert ran.deaths == LocalProcesses.tries  # no death more, over all of them
    assert dict(verdicts(tmp_path / "job")) == {"AUTHENTIC": 2, "NOT CHECKED": 1}


def test_two_runs_share_a_job(tmp_path: Path) -> None:
    job = new_job(tmp_path / "job", [f"u{n}" for n in range(100)])
    first, second = Claim(job, b"1"), Claim(job, b"2")
    chunks = [first.take(), second.take(), first.take(), second.take()]
    numbers = [chunk.number for chunk in chunks if chunk is not None]
    assert numbers == [0, 1, 2]
    assert chunks[1] is not None
    assert not first.complete(chunks[1], [Outcome(i.number, "x", 0) for i in chunks[1].items])
    second.give_back([chunks[1]])
    assert first.take() == chunks[1]


def test_stopped_the_begun_is_done_and_the_rest_waits(tmp_path: Path) -> None:
    job = new_job(tmp_path / "job", [f"u{n}" for n in range(400)])
    asked: list[int] = []
    bench = Tally(str(tmp_path / "judged"))
    ran = work(job, LocalProcesses(bench, 1), stop=lambda: bool(asked), advance=asked.append)
    assert ran.stopped
    assert 40 <= ran.objects < 400
    assert job.left() == 400 - ran.objects
    assert ask(tmp_path / "job", TAKEN) == 0
    work(job, LocalProcesses(bench, 1))
    assert count(job).done
    assert len(bench.pids()) == 400  # nothing twice


def test_a_listing_goes_on_where_it_stopped(tmp_path: Path) -> None:
    uris = [f"u{n}" for n in range(200)]
    stopped = JobDatabase.create(tmp_path / "job")
    job = Job.begin(stopped, "j", source="names", terms="{}")
    for _ in range(4):
        job.list(Named(tuple(uris)), lambda: True)
        assert not job.listed
    job.list(Named(tuple(uris)), never)
    job.list(Named(("another",)), never)  # never again
    assert [row.uri for row in rows(job, every=True)] == uris


def test_what_comes_twice_is_one(tmp_path: Path) -> None:
    job = new_job(tmp_path / "job", [*(f"u{n}" for n in range(60)), "u3", "u59", "v"])
    assert [row.uri for row in rows(job, every=True)] == [*(f"u{n}" for n in range(60)), "v"]


def test_the_folder_is_listed_as_it_is_walked(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "PAGE", 7)
    source = Folder.at(archive)
    pages = list(source.pages(None))
    found = [entry for each in pages for entry in each.entries]
    walked = walk([archive])
    assert [archive / path_of(entry.uri) for entry in found] == [f.path for f in walked.files]
    assert [entry.problem for entry in found] == [f.problem for f in walked.files]
    for at in (0, 3, 50, len(pages) - 1):
        rest = list(source.pages(pages[at].cursor))
        again = [entry for each in rest for entry in each.entries]
        assert again == [entry for each in pages[at + 1 :] for entry in each.entries]


NAMES = st.binary(min_size=1, max_size=20).filter(lambda name: b"\0" not in name)


@given(NAMES)
def test_the_uri_of_any_name_leads_back_to_it(name: bytes) -> None:
    path = Path(os.fsdecode(name))
    uri = uri_of(path)
    assert path_of(uri) == path
    assert uri.encode().decode().isprintable() or not any(ord(c) < 32 for c in uri)


def test_a_folder_that_went_away_stops_the_scan(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_text("")
    source = Folder.at(tmp_path / "in")
    (tmp_path / "in").rename(tmp_path / "out")
    with pytest.raises(OutOfReachError):
        source.fetch("a")
    with pytest.raises(OutOfReachError):
        list(source.pages(None))
    with pytest.raises(UsageError):
        Folder.at(tmp_path / "in")


def test_a_job_beside_a_ledger_on_postgresql(
    make_dicom: Callable[..., bytes], tmp_path: Path
) -> None:
    from postgres_server import PASSWORD, PostgresServer

    server = PostgresServer()
    server.start()
    try:
        url = server.url(server.new_database(), password=None)
        patch = pytest.MonkeyPatch()
        patch.setenv("PGPASSWORD", PASSWORD)
        site = tmp_path / "site"
        assert run("init", site, "--ledger", url).exit_code == 0
        (tmp_path / "in").mkdir()
        for n in range(3):
            (tmp_path / "in" / f"{n}").write_bytes(make_dicom(np.full((32, 32), n, np.uint16)))
        (tmp_path / "in" / "a\0b".replace("\0", "\udcff")).write_bytes(b"x")
        words = ("scan", tmp_path / "in", "--site", site, "--jobs", 1)
        for _ in range(2):
            found = answer(*words)
            assert found["exit_code"] == 14
            assert found["summary"]["by_verdict"] == {"UNSEALED": 3, "UNREADABLE": 1}
            assert "password" not in json.dumps(found)
            report = answer("scan", "report", found["job"]["id"], "--site", site)
            assert len(report["objects"]) == 4
        assert not (site / "scans").exists()
        resumed = answer("scan", "--resume", found["job"]["id"], "--site", site, "--jobs", 1)
        assert resumed["run"]["objects"] == 0
    finally:
        patch.undo()
        server.remove()
