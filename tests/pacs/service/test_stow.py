"""STOW-RS with its real peers: dicomweb-client and curl bring, Orthanc is the archive."""

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import psutil
import pydicom
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from gateway_world import dataset_bytes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from service_world import altered, archive_table
from stow_world import (
    FAILED,
    OTHER,
    STORED,
    STUDY,
    counts,
    image,
    named,
    orthanc,
    parts,
    store,
    uid_of,
)

from benchmarks.workflow.orthanc import Orthanc
from provenance.judging.verdict import Word
from provenance.pacs.arrivals import Instance
from provenance.pacs.service.stow_answer import (
    REASONS,
    WARNING_HELD,
    Outcome,
    Reason,
    dataset_of,
    status_of,
)

__all__ = ["image", "orthanc"]


def test_each_instance_has_its_own_answer(
    run_service: Callable[..., Any], orthanc: Orthanc, image: Any, wait_until: Any
) -> None:
    running = run_service("--stow-ae", "STOW", archives=archive_table(orthanc.dicom))
    good = [image(1, sealed=True), image(2, sealed=True), image(3)]
    bad = altered(image(4, sealed=True))
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {running.token}"
    client = DICOMwebClient(f"{running.server.url}/dicom-web", session=session)
    datasets = [pydicom.dcmread(BytesIO(each)) for each in [*good, bad]]
    response = client.store_instances(datasets)
    stored = {str(each.ReferencedSOPInstanceUID) for each in response.ReferencedSOPSequence}
    (failed,) = response.FailedSOPSequence
    assert stored == {uid_of(each) for each in good}
    assert failed.ReferencedSOPInstanceUID == uid_of(bad)
    assert failed.FailureReason == 0xC0A1
    assert REASONS[failed.FailureReason] == "the policy refuses it; the verdict is ALTERED"
    wait_until(lambda: counts(running)["delivered"] == 3, "the archive has not got them")
    names = json.loads(orthanc.ask("/instances"))
    assert len(names) == 3
    there = {dataset_bytes(orthanc.ask(f"/instances/{name}/file")) for name in names}
    assert there == {dataset_bytes(saved(each)) for each in good}
    assert counts(running) == {
        "forwarding": 0, "delivered": 3, "quarantined": 0, "rejected": 0, "refused": 1,
    }  # fmt: skip


def saved(content: bytes) -> bytes:
    """Return a file as dicomweb-client sends it."""
    buffer = BytesIO()
    pydicom.dcmread(BytesIO(content)).save_as(buffer)
    return buffer.getvalue()


def test_curl_stores_byte_for_byte(
    run_service: Callable[..., Any], orthanc: Orthanc, image: Any, tmp_path: Path, wait_until: Any
) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    running = run_service("--stow-ae", "STOW", archives=archive_table(orthanc.dicom))
    sealed = image(1, sealed=True)
    (tmp_path / "body").write_bytes(parts(sealed))
    command = [
        curl, "-sS", "-H", f"Authorization: Bearer {running.token}",
        "-H", 'Content-Type: multipart/related; type="application/dicom"; boundary=radseal',
        "-H", "Accept: application/dicom+json", "--data-binary", f"@{tmp_path / 'body'}",
        f"{running.server.url}/dicom-web/studies/{STUDY}",
    ]  # fmt: skip
    said = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert list(said) == [STORED]
    wait_until(lambda: counts(running)["delivered"] == 1, "the archive has not got it")
    (name,) = json.loads(orthanc.ask("/instances"))
    assert dataset_bytes(orthanc.ask(f"/instances/{name}/file")) == dataset_bytes(sealed)


def test_an_archive_that_is_away_gets_it_later(run_service: Callable[..., Any], image: Any) -> None:
    running = run_service("--stow-ae", "STOW", archives=archive_table())
    answer = store(running, parts(image(1, sealed=True)))
    assert (answer.status_code, list(answer.json())) == (200, [STORED])
    assert counts(running)["forwarding"] == 1
    assert running.server.stop() == 0


def test_what_is_kept_apart_was_stored_with_a_warning(
    run_service: Callable[..., Any], image: Any
) -> None:
    """A sender without a title may be one that must seal: that helps nothing in."""
    running = run_service(archives=archive_table())
    answer = store(running, parts(image(1), image(2, sealed=True)))
    assert answer.status_code == 202
    assert named(answer, STORED, "00081196") == {
        "1.2.3.77.2": WARNING_HELD, "1.2.3.77.3": None,
    }  # fmt: skip
    assert (counts(running)["quarantined"], counts(running)["forwarding"]) == (1, 1)


def test_other_studies_and_what_is_none(run_service: Callable[..., Any], image: Any) -> None:
    running = run_service("--stow-ae", "STOW", archives=archive_table())
    other = store(running, parts(image(1)), study="1.2.3.78")
    assert other.status_code == 409
    assert named(other, FAILED, "00081197") == {"1.2.3.77.2": Reason.OTHER_STUDY}
    mixed = store(running, parts(image(1), b"no image", b""), study=STUDY)
    assert mixed.status_code == 202
    assert named(mixed, STORED, "00081196") == {"1.2.3.77.2": None}
    reasons = [each["00081197"]["Value"] for each in mixed.json()[OTHER]["Value"]]
    assert reasons == [[Reason.NOT_UNDERSTOOD]] * 2
    assert running.metric("radseal_objects_unfit_total") == 3
    assert sum(counts(running).values()) == 1
    assert store(running, parts(image(1)), study="x").status_code == 404


def test_bodies_of_another_form_are_refused_whole(
    run_service: Callable[..., Any], image: Any
) -> None:
    running = run_service("--stow-ae", "STOW", archives=archive_table())
    good = parts(image(1))
    for_mail = good.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n", 1)
    refused = [
        (415, store(running, good, Content_Type="application/dicom")),
        (415, store(running, good, Content_Type="multipart/related; boundary=radseal")),
        (
            415,
            store(
                running,
                good,
                Content_Type='multipart/related; type="application/dicom+xml"; boundary=radseal',
            ),
        ),
        (400, store(running, good, Content_Type='multipart/related; type="application/dicom"')),
        (406, store(running, good, Accept="application/dicom+xml")),
        (400, store(running, good, Accept=";")),
        (400, store(running, good[:-2])),
        (400, store(running, good[:-30])),
        (400, store(running, parts())),
        (400, store(running, parts(image(1), kind="application/json"))),
        (
            400,
            store(
                running,
                for_mail,
            ),
        ),
        (401, store(running, good, Authorization="Bearer x")),
    ]
    for status, answer in refused:
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
    assert sum(counts(running).values()) == 0
    assert list((running.spool / "incoming").iterdir()) == []
    assert store(running, good, Accept="application/dicom+json, */*;q=0.1").status_code == 200


def test_a_full_disk_is_503_and_nothing_was_taken(
    run_service: Callable[..., Any], image: Any
) -> None:
    running = run_service(archives=archive_table(), keep_free=1 << 50)
    answer = store(running, parts(image(1)))
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:radseal:problem:disk")
    assert "retry-after" in answer.headers
    assert sum(counts(running).values()) == 0


def test_without_archives_there_is_no_such_door(
    run_service: Callable[..., Any], image: Any
) -> None:
    assert store(run_service(), parts(image(1))).status_code == 404


def test_memory_does_not_grow_with_the_body(run_service: Callable[..., Any], image: Any) -> None:
    """128 MB in one request, and the server's memory grows by less than half of it."""
    running = run_service("--stow-ae", "STOW", archives=archive_table())
    server = psutil.Process(running.server.process.pid)
    store(running, parts(image(1)))
    before = server.memory_info().rss

    def body() -> Iterator[bytes]:
        for _ in range(32):
            yield b"--radseal\r\nContent-Type: application/dicom\r\n\r\n"
            for _ in range(4):
                yield bytes(1 << 20)
            yield b"\r\n"
        yield b"--radseal--"

    answer = store(running, body())  # type: ignore[arg-type]
    assert answer.status_code == 409
    assert len(answer.json()[OTHER]["Value"]) == 32
    assert server.memory_info().rss - before < 64 << 20


def test_the_answer_as_a_whole() -> None:
    one = Instance("1.2.840.10008.5.1.4.1.1.2", "1.2.3", "1.2.840.10008.1.2.1", "1.2")
    good, held = Outcome(one), Outcome(one, warning=WARNING_HELD)
    bad, unknown = Outcome(one, failure=0xC0A1), Outcome(Instance("", "", "", ""), failure=0xC000)
    assert [status_of(each) for each in ([good], [good, held], [good, bad], [bad, unknown])] == [
        200, 202, 202, 409,
    ]  # fmt: skip
    made = dataset_of([good, held, bad, unknown])
    assert pydicom.Dataset.from_json(made).FailedSOPSequence[0].FailureReason == 0xC0A1
    assert set(made) == {FAILED, STORED, OTHER}
    assert set(dataset_of([good])) == {STORED}
    assert len(REASONS) == len(Reason) + len(Word)


def test_what_is_released_goes_to_the_archive(
    run_service: Callable[..., Any], orthanc: Orthanc, image: Any, wait_until: Any
) -> None:
    """Brought by STOW-RS without a title, kept apart, released: then the archive has it."""
    running = run_service(archives=archive_table(orthanc.dicom))
    assert store(running, parts(image(1))).status_code == 202
    (kept,) = running.ask("GET", "/objects?state=quarantined").json()["objects"]
    assert json.loads(orthanc.ask("/instances")) == []
    words = json.dumps({"person": "on duty", "reason": "the sender was asked"}).encode()
    (running.spool / "persons").write_text("1\n")
    freed = running.ask("POST", f"/objects/{kept['number']}/release", words)
    assert freed.status_code == 200
    wait_until(lambda: counts(running)["delivered"] == 1, "the archive has not got it")
    (name,) = json.loads(orthanc.ask("/instances"))
    assert dataset_bytes(orthanc.ask(f"/instances/{name}/file")) == dataset_bytes(image(1))


def test_hostile_bodies_are_answered_and_nothing_is_lost(
    run_service: Callable[..., Any], image: Any
) -> None:
    running = run_service("--stow-ae", "STOW", archives=archive_table())
    body = parts(image(1), image(2, sealed=True))
    answered: Counter[int] = Counter()
    stored: set[str] = set()
    cuts = st.tuples(st.integers(0, len(body)), st.integers(0, 400), st.binary(max_size=40))

    @settings(
        max_examples=60, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.lists(cuts, min_size=1, max_size=3), st.sampled_from(["radseal", "x", 'a"', ""]))
    def is_answered(changes: list[tuple[int, int, bytes]], boundary: str) -> None:
        changed = body
        for at, length, new in changes:
            changed = changed[:at] + new + changed[at + length :]
        kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
        answer = store(running, changed, Content_Type=kind)
        answered[answer.status_code] += 1
        stored.update(named(answer, STORED, "00081196") if answer.status_code < 300 else ())

    is_answered()
    assert set(answered) <= {200, 202, 400, 409, 415}, answered
    assert running.ask("GET", "/live").status_code == 200
    assert store(running, body).status_code == 200
    kept = [each for state in ("forwarding", "quarantined") for each in pages(running, state)]
    assert stored <= {each["sop_instance_uid"] for each in kept}
    assert list((running.spool / "incoming").iterdir()) == []
    assert len(list((running.spool / "objects").iterdir())) == len(kept)


def pages(running: Any, state: str) -> Iterator[dict[str, Any]]:
    """Return all objects in a state."""
    after: int | None = 0
    while after is not None:
        page = running.ask("GET", f"/objects?state={state}&after={after}").json()
        yield from page["objects"]
        after = page["next"]
