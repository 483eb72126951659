"""Archives as sources: a real Orthanc by REST and by DICOMweb, and answers of hostile ones."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.workflow.orthanc import Orthanc
from benchmarks.workflow.tools import ToolMissingError
from provenance import Site
from provenance.cli.root import cli
from provenance.errors import MalformedError, OutOfReachError, UsageError
from provenance.scan import dicomweb, http_get, orthanc, paged
from provenance.scan.credentials import authorization
from provenance.scan.dicomweb import DicomWeb, instance_paths
from provenance.scan.http_get import Http
from provenance.scan.multipart import single_part
from provenance.scan.orthanc import instance_names
from provenance.scan.outcome import Apart
from provenance.scan.source import NotGivenError, open_source

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([dicomweb.STUDY, dicomweb.SERIES, dicomweb.INSTANCE, "vr", "Value"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)
NAME = "0f4b1e2a-0f4b1e2a-0f4b1e2a-0f4b1e2a-0f4b1e2a"


def run(*words: object) -> Any:
    result = CliRunner().invoke(
        cli, [str(w) for w in (*words, "--json")], env={"RADSEAL_SITE": None}
    )
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def stored(
    site: Site, make_dicom: Callable[..., bytes], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Orthanc]:
    """A running Orthanc with 30 sealed objects, one altered and one that was never sealed."""
    folder = tmp_path_factory.mktemp("orthanc")
    try:
        running = Orthanc.start(folder)
    except ToolMissingError as error:
        pytest.skip(str(error))
    try:
        (folder / "in").mkdir()
        for n in range(31):
            data = make_dicom(np.full((32, 32), 50 + n, np.uint16), Modality="CT")
            (folder / "in" / f"{n:02}").write_bytes(data)
        words = ["seal", folder / "in", "-o", folder / "sealed", "--site", site.folder]
        assert run(*words)["exit_code"] == 0
        for n in range(30):
            running.store((folder / "sealed" / f"{n:02}").read_bytes())
        altered = pydicom.dcmread(folder / "sealed" / "30")
        altered.PixelData = b"\x07\x00" + altered.PixelData[2:]
        altered.save_as(folder / "altered")
        running.store((folder / "altered").read_bytes())
        running.store(make_dicom(np.full((32, 32), 9, np.uint16), Modality="CT"))
        yield running
    finally:
        running.stop()


@pytest.fixture(params=["orthanc", "dicomweb"])
def place(request: pytest.FixtureRequest, stored: Orthanc) -> str:
    if request.param == "dicomweb" and not stored.dicomweb:
        pytest.skip("the DICOMweb plugin of Orthanc is not installed")
    root = "/dicom-web" if request.param == "dicomweb" else ""
    return f"{request.param}+http://127.0.0.1:{stored.http}{root}"


def test_each_object_of_an_archive_is_judged(
    place: str, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orthanc, "PAGE", 7)
    monkeypatch.setattr(dicomweb, "PAGE", 7)
    found = run("scan", place, "--site", site.folder, "--job", tmp_path / "job", "--jobs", 2)
    assert found["summary"]["by_verdict"] == {"AUTHENTIC": 30, "ALTERED": 1, "UNSEALED": 1}
    assert found["exit_code"] == 10
    report = run("scan", "report", tmp_path / "job")
    assert len(report["objects"]) == 2
    assert all(each["sop_instance_uid"] for each in report["objects"])


def test_what_is_deleted_after_it_was_listed_is_said_to_be_gone(place: str) -> None:
    source = open_source(place)
    kind, _, rest = place.partition("+")
    uri = NAME if kind == "orthanc" else "1.2/3.4/5.6"
    with pytest.raises(NotGivenError) as told:
        source.fetch(uri)
    assert told.value.apart is Apart.GONE
    source.close()
    assert rest


def test_a_listing_goes_on_from_its_cursor(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orthanc, "PAGE", 7)
    monkeypatch.setattr(dicomweb, "PAGE", 7)
    source = open_source(place)
    pages = list(source.pages(None))
    uris = [entry.uri for page in pages for entry in page.entries]
    assert len(uris) == len(set(uris)) == 32
    rest = [entry.uri for page in source.pages(pages[1].cursor) for entry in page.entries]
    assert rest == uris[14:]
    source.close()


def test_an_archive_that_is_away_stops_the_scan(site: Site, tmp_path: Path) -> None:
    place = "orthanc+http://127.0.0.1:9"
    found = run("scan", place, "--site", site.folder, "--job", tmp_path / "job", "--jobs", 1)
    assert found["exit_code"] == 15
    assert "--resume" in found["error"]["do"]


@given(JSON, st.integers(0, 5))
def test_hostile_json_is_read_or_refused(value: object, limit: int) -> None:
    body = json.dumps(value).encode()
    for read in (instance_names, instance_paths):
        try:
            found = read(body, limit)
        except MalformedError:
            continue
        assert isinstance(value, list)
        assert len(found) == len(value) <= limit


@given(st.binary(max_size=60))
def test_hostile_bytes_are_no_json(body: bytes) -> None:
    for read in (instance_names, instance_paths):
        with suppress(MalformedError):
            assert read(body, 3) == []


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b"[" + b"9" * 10_000 + b"]",
        json.dumps([NAME + "/../../../system"]).encode(),
        json.dumps([NAME, NAME, NAME, NAME]).encode(),
    ],
)
def test_names_that_are_refused(body: bytes) -> None:
    with pytest.raises(MalformedError):
        instance_names(body, 3)


@pytest.mark.parametrize(
    "uid", ["../../x", "1.2?x=y", "", "1" * 65, "1.2/3", "1.2\r\nX: y", "١.2", 12, None, ["1.2"]]
)
def test_uids_that_are_refused(uid: object) -> None:
    whole = {tag: {"vr": "UI", "Value": ["1.2"]} for tag in ("0020000D", "0020000E", "00080018")}
    assert instance_paths(json.dumps([whole]).encode(), 1) == ["1.2/1.2/1.2"]
    for tag in whole:
        broken = {**whole, tag: {"vr": "UI", "Value": [uid]}}
        with pytest.raises(MalformedError):
            instance_paths(json.dumps([broken]).encode(), 1)


KIND = 'multipart/related; type="application/dicom"; boundary="a-line"'


@given(st.binary(max_size=200), st.sampled_from([b"", b"\r\n", b"preface\r\n"]))
def test_a_part_comes_back_to_the_byte(content: bytes, preface: bytes) -> None:
    head = preface + b"--a-line\r\nContent-Type: application/dicom\r\n\r\n"
    body = head + content + b"\r\n--a-line--\r\n"
    if b"\r\n--a-line" not in content + b"\r":
        assert single_part(KIND, body) == content
    for end in range(len(head)):
        with pytest.raises(MalformedError):
            single_part(KIND, body[:end])


@given(st.text(max_size=80), st.binary(max_size=200))
def test_a_hostile_part_is_refused(kind: str, body: bytes) -> None:
    for named in (kind, KIND, "multipart/related", f"multipart/related; boundary={kind}"):
        with suppress(MalformedError):
            assert single_part(named, body) in body


def test_two_parts_are_refused() -> None:
    body = b"--a-line\r\n\r\none\r\n--a-line\r\n\r\ntwo\r\n--a-line--"
    with pytest.raises(MalformedError, match="second part"):
        single_part(KIND, body)


@given(
    st.lists(st.tuples(st.integers(0, 40), st.booleans(), st.integers(0, 60)), max_size=6),
    st.integers(1, 9),
)
def test_a_moving_archive_loses_nothing_that_stays(
    moves: list[tuple[int, bool, int]], size: int
) -> None:
    """Deletions and insertions between two pages: what is there all the time is listed."""
    held = [f"o{n}" for n in range(30)]
    stays = set(held)
    steps = dict[int, list[tuple[bool, int]]]()
    for step, deletes, where in moves:
        steps.setdefault(step, []).append((deletes, where))
    asked = Counter[str]()

    def ask(since: int, limit: int) -> list[str]:
        for deletes, where in steps.get(asked["n"], ()):
            if deletes and held:
                stays.discard(held.pop(where % len(held)))
            else:
                held.insert(where % (len(held) + 1), f"new{asked['n']}-{where}")
        asked["n"] += 1
        return held[since : since + limit]

    listed = {entry.uri for page in paged.pages(ask, None, size=size) for entry in page.entries}
    assert stays <= listed


def test_an_archive_that_never_keeps_still_ends_the_listing() -> None:
    count = iter(range(10_000))

    def ask(since: int, limit: int) -> list[str]:
        return [f"{next(count)}" for _ in range(limit)]

    with pytest.raises(OutOfReachError, match="faster"):
        list(paged.pages(ask, None, size=3))


@given(st.text(max_size=40))
def test_a_cursor_is_read_or_refused(text: str) -> None:
    with suppress(MalformedError):
        assert paged.Cursor.read(text).count > 0
    assert paged.Cursor.read(paged.Cursor(3, text).text) == paged.Cursor(3, text)


class Hostile(BaseHTTPRequestHandler):
    """Answers as its path says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.seen.append((self.path, self.headers.get("Authorization")))  # type: ignore[attr-defined]
        match self.path.split("/")[1]:
            case "long":
                self.answer(200, b"x" * 5000)
            case "endless":
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"x" * 100_000)
                self.close_connection = True
            case "short":
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b"x")
                self.close_connection = True
            case "moved":
                self.send_response(302)
                self.send_header("Location", "http://127.0.0.1:9/")
                self.send_header("Content-Length", "0")
                self.end_headers()
            case "busy" if len(self.server.seen) < 3:  # type: ignore[attr-defined]
                self.answer(503, b"later")
            case "locked":
                self.answer(401, b"")
            case "drip":
                self.send_response(200)
                for n in range(90):
                    self.send_header(f"X-{n}", "x")
                    self.flush_headers()
                    self.server.patience.wait(1)  # type: ignore[attr-defined]
            case "slow":
                self.send_response(200)
                self.end_headers()
                for _ in range(90):
                    self.wfile.write(b"x")
                    self.server.patience.wait(1)  # type: ignore[attr-defined]
                self.close_connection = True
            case "drop":
                self.close_connection = True
            case _:
                self.answer(200, b"here")

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hostile() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    server.seen = []  # type: ignore[attr-defined]
    server.patience = Event()  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.patience.set()  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()
    thread.join(60)


def asking(server: ThreadingHTTPServer) -> Http:
    return Http.at(f"http://127.0.0.1:{server.server_port}", pause=lambda _: None)


def test_answers_are_bounded_and_asked_for_again(hostile: ThreadingHTTPServer) -> None:
    http = asking(hostile)
    assert http.get("/busy", most=100, accept="*/*").body == b"here"
    for path in ("/long", "/endless"):
        with pytest.raises(NotGivenError) as told:
            http.get(path, most=1000, accept="*/*")
        assert told.value.apart is Apart.TOO_LARGE
    for path in ("/short", "/drop"):
        before = len(hostile.seen)  # type: ignore[attr-defined]
        with pytest.raises(OutOfReachError):
            http.get(path, most=1000, accept="*/*")
        assert len(hostile.seen) == before + http_get.ATTEMPTS  # type: ignore[attr-defined]
    with pytest.raises(OutOfReachError, match="401"):
        http.get("/locked", most=1000, accept="*/*")
    assert http.get("/moved", most=1000, accept="*/*").status == 302  # and goes nowhere
    assert http.get("/x", most=1000, accept="*/*").body == b"here"
    with pytest.raises(OutOfReachError):
        http.ask("/long", instance_names_of_two, most=10, accept="*/*")
    with pytest.raises(OutOfReachError):
        http.ask("/x", instance_names_of_two, most=10, accept="*/*")
    http.close()


def test_an_answer_that_drips_is_cut(
    hostile: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_get, "SECONDS", 0.3)
    monkeypatch.setattr(http_get, "ATTEMPTS", 2)
    for path in ("/drip", "/slow"):
        with pytest.raises(OutOfReachError, match="cannot be reached"):
            asking(hostile).get(path, most=1000, accept="*/*")


def instance_names_of_two(body: bytes) -> list[str]:
    return instance_names(body, 2)


def test_an_answer_that_is_no_object_is_not_given(hostile: ThreadingHTTPServer) -> None:
    source = DicomWeb(asking(hostile))
    with pytest.raises(NotGivenError) as told:
        source.fetch("1.2/3.4/5.6")
    assert told.value.apart is Apart.NOT_GIVEN
    source.close()


def test_credentials_come_from_environment_or_netrc(
    hostile: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TOKEN", "USER", "PASSWORD"):
        monkeypatch.delenv(f"RADSEAL_SCAN_{name}", raising=False)
    file = tmp_path / "netrc"
    file.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(file))
    file.chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        authorization("127.0.0.1", secure=False)
    file.chmod(0o600)
    http = asking(hostile)
    http.get("/x", most=10, accept="*/*")
    assert hostile.seen[-1] == ("/x", "Basic bWU6c2VjcmV0")  # type: ignore[attr-defined]
    assert "bWU6" not in repr(http)
    http.close()
    assert authorization("archive.example", secure=True) is None
    monkeypatch.setenv("RADSEAL_SCAN_USER", "me")
    monkeypatch.setenv("RADSEAL_SCAN_PASSWORD", "other")
    assert authorization("archive.example", secure=True) == "Basic bWU6b3RoZXI="
    with pytest.raises(UsageError, match="in the clear"):
        authorization("archive.example", secure=False)
    monkeypatch.setenv("RADSEAL_SCAN_TOKEN", "abc")
    assert authorization("archive.example", secure=True) == "Bearer abc"
    monkeypatch.setenv("RADSEAL_SCAN_TOKEN", "abc\r\nX: y")
    with pytest.raises(UsageError):
        authorization("archive.example", secure=True)


@pytest.mark.parametrize(
    "place",
    [
        "orthanc+http://me@archive.example",
        "orthanc+http://",
        "dicomweb+https://archive.example/?x=y",
        "dicomweb+https://archive.example/a b",
        "orthanc+http://archive.example:99999",
        "dicomweb+https://archive.example/\r\nX: y",
    ],
)
def test_addresses_that_are_none(place: str) -> None:
    with pytest.raises(UsageError):
        open_source(place)
