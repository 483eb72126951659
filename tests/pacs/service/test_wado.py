"""WADO-RS with its real peers: dicomweb-client asks, Orthanc is the archive behind the service."""

import json
import re
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pydicom
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from gateway_world import dataset_bytes
from service_world import altered, archive_table
from stow_world import STUDY, counts, image, orthanc, parts, store, uid_of
from tls_authority import Authority
from wado_world import ANY, ONE, SERIES, get, hostile, http

from benchmarks.workflow.orthanc import Orthanc
from provenance.pacs.gateway.configuration import Archive, TlsFiles
from provenance.pacs.retrieve.archive_web import ArchiveFailsError, fetch, webs_of
from provenance.pacs.retrieve.asked import Asked
from provenance.pacs.service.limits import Limits
from provenance.servers.body_file import Bounds
from provenance.servers.multipart import Multipart, PartBegins, PartData

__all__ = ["image", "orthanc"]


def client_of(running: Any) -> DICOMwebClient:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {running.token}"
    return DICOMwebClient(f"{running.server.url}/dicom-web", session=session)


def split(answer: Any) -> list[tuple[dict[str, str], bytes]]:
    """Return header and content of each part."""
    boundary = re.search(r"boundary=(\w+)", answer.headers["content-type"])
    assert boundary is not None
    reader, found = Multipart(boundary[1], max_parts=99), []
    for event in reader.feed(answer.content):
        match event:
            case PartBegins(header):
                found.append((dict(header), b""))
            case PartData(data):
                found[-1] = (found[-1][0], found[-1][1] + data)
    reader.finish()
    return found


def has_nothing_left(running: Any) -> None:
    assert list((running.spool / "incoming").iterdir()) == []


def test_what_waits_is_given_from_disk_as_it_came(
    run_service: Callable[..., Any], image: Any
) -> None:
    """The archive is away: nobody needs it for an instance that is still here."""
    running = run_service("--stow-ae", "STOW", archives=archive_table(web=1))
    sealed, plain = image(1, sealed=True), image(2)
    assert store(running, parts(sealed, plain)).status_code == 200
    answer = get(running, ONE + uid_of(sealed))
    assert answer.status_code == 200
    assert answer.headers["radseal-verdicts"] == '"AUTHENTIC";action=accept;count=1'
    ((header, content),) = split(answer)
    assert content == sealed
    assert header["radseal-verdict"] == "AUTHENTIC"
    assert header["content-type"] == "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
    tagged = get(running, ONE + uid_of(plain))
    assert [(h["radseal-verdict"], h["radseal-action"]) for h, _ in split(tagged)] == [
        ("UNSEALED", "tag")
    ]
    whole = get(running, f"/dicom-web/studies/{STUDY}")
    assert (whole.status_code, whole.json()["type"]) == (502, "urn:radseal:problem:archive")
    has_nothing_left(running)


def test_an_archive_without_dicomweb_leaves_a_study_open(
    run_service: Callable[..., Any], image: Any
) -> None:
    running = run_service("--stow-ae", "STOW", archives=archive_table())
    sealed = image(1, sealed=True)
    store(running, parts(sealed))
    answer = get(running, f"/dicom-web/studies/{STUDY}")
    assert (answer.status_code, [content for _, content in split(answer)]) == (206, [sealed])
    assert get(running, f"/dicom-web/studies/{STUDY}.1").status_code == 404
    assert get(running, ONE + "1.2.3").status_code == 404
    other = f"/dicom-web/studies/{STUDY}/series/1.2.3/instances/{uid_of(sealed)}"
    assert get(running, other).status_code == 404


def test_what_has_gone_on_comes_back_verified(
    run_service: Callable[..., Any], orthanc: Orthanc, image: Any, wait_until: Any
) -> None:
    table = archive_table(orthanc.dicom, web=orthanc.http)
    running = run_service("--stow-ae", "STOW", archives=table)
    images = {uid_of(each): each for each in (image(1, sealed=True), image(2, sealed=True))}
    store(running, parts(*images.values()))
    wait_until(lambda: counts(running)["delivered"] == 2, "the archive has not got them")
    client = client_of(running)
    for level in (client.retrieve_study(STUDY), client.retrieve_series(STUDY, SERIES)):
        assert {str(each.SOPInstanceUID) for each in level} == set(images)
    for uid, sealed in images.items():
        original = pydicom.dcmread(BytesIO(sealed))
        assert client.retrieve_instance(STUDY, SERIES, uid) == original
        (frame,) = client.retrieve_instance_frames(STUDY, SERIES, uid, [1])
        assert frame == original.PixelData
        (told,) = (client.retrieve_instance_metadata(STUDY, SERIES, uid),)
        header = pydicom.Dataset.from_json(told)
        assert (header.Rows, header.PatientName) == (original.Rows, original.PatientName)
        assert "PixelData" not in header
        ((part, content),) = split(get(running, ONE + uid))
        assert dataset_bytes(content) == dataset_bytes(sealed)
        assert part["radseal-verdict"] == "AUTHENTIC"
    for found in (
        client.retrieve_study_metadata(STUDY),
        client.retrieve_series_metadata(STUDY, SERIES),
    ):
        assert {each["00080018"]["Value"][0] for each in found} == set(images)
    answer = get(running, f"/dicom-web/studies/{STUDY}")
    assert answer.status_code == 200
    assert answer.headers["radseal-verdicts"] == '"AUTHENTIC";action=accept;count=2'
    has_nothing_left(running)


def test_what_was_altered_in_the_archive_is_withheld(
    run_service: Callable[..., Any], orthanc: Orthanc, image: Any, wait_until: Any
) -> None:
    running = run_service(archives=archive_table(orthanc.dicom, web=orthanc.http))
    good, bad = image(1, sealed=True), image(2, sealed=True)
    store(running, parts(good, bad))
    wait_until(lambda: counts(running)["delivered"] == 2, "the archive has not got them")
    orthanc.store(altered(bad))
    for path in ("", "/metadata", "/frames/1"):
        answer = get(running, ONE + uid_of(bad) + path, accept="*/*")
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:radseal:problem:withheld")
        assert answer.json()["detail"].startswith("ALTERED: refuse")
        assert answer.headers["radseal-withheld"] == (
            f'"{uid_of(bad)}";verdict="ALTERED";action=refuse'
        )
    answer = get(running, f"/dicom-web/studies/{STUDY}")
    assert answer.status_code == 206
    assert [dataset_bytes(content) for _, content in split(answer)] == [dataset_bytes(good)]
    assert answer.headers["radseal-withheld-count"] == "1"
    assert 'ALTERED";action=refuse;count=1' in answer.headers["radseal-verdicts"]
    assert [
        each["00080018"]["Value"][0] for each in client_of(running).retrieve_study_metadata(STUDY)
    ] == [uid_of(good)]
    text = running.ask("GET", "/metrics").text
    assert 'radseal_retrieved_total{action="refuse",verdict="ALTERED"} 5' in text


def test_a_policy_that_tags_gives_it_with_its_verdict(
    run_service: Callable[..., Any], orthanc: Orthanc, image: Any, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    tags = 'altered = "refuse"\nheader_changed = "tag"'
    policy.write_text(policy.read_text().replace('altered = "refuse"', tags))
    dataset, buffer = pydicom.dcmread(BytesIO(image(1, sealed=True))), BytesIO()
    dataset.PatientName = "Somebody^Else"
    dataset.save_as(buffer)
    orthanc.store(buffer.getvalue())
    running = run_service("--stow-ae", "STOW", archives=archive_table(web=orthanc.http))
    answer = get(running, ONE + str(dataset.SOPInstanceUID))
    ((header, content),) = split(answer)
    assert (header["radseal-verdict"], header["radseal-action"]) == ("HEADER CHANGED", "tag")
    assert answer.headers["radseal-verdicts"] == '"HEADER CHANGED";action=tag;count=1'
    assert dataset_bytes(content) == dataset_bytes(buffer.getvalue())


def test_what_never_came_through_has_the_title_that_it_was_given(
    run_service: Callable[..., Any], image: Any
) -> None:
    plain, kind = image(1), 'multipart/related; type="application/dicom"; boundary=radseal'
    with hostile(lambda _asked: http(200, parts(plain), kind)) as port:
        running = run_service("--archive-ae", "OLD", archives=archive_table(web=port))
        ((header, content),) = split(get(running, ONE + uid_of(plain)))
    assert (header["radseal-verdict"], header["radseal-action"]) == ("UNSEALED", "tag")
    assert content == plain


def test_what_is_kept_apart_is_given_by_no_way(
    run_service: Callable[..., Any], orthanc: Orthanc, image: Any
) -> None:
    """In quarantine here; the archive has had it before, and nothing proves that it is another."""
    running = run_service(archives=archive_table(orthanc.dicom, web=orthanc.http))
    plain, sealed = image(1), image(2, sealed=True)
    assert store(running, parts(plain)).status_code == 202
    assert counts(running)["quarantined"] == 1
    alone = get(running, ONE + uid_of(plain))
    assert (alone.status_code, alone.json()["type"]) == (403, "urn:radseal:problem:withheld")
    for content in (plain, sealed):
        orthanc.store(content)
    again = get(running, ONE + uid_of(plain))
    assert again.status_code == 403
    for level in (f"/dicom-web/studies/{STUDY}", f"/dicom-web/studies/{STUDY}/series/{SERIES}"):
        answer = get(running, level)
        assert answer.status_code == 206
        assert [dataset_bytes(content) for _, content in split(answer)] == [dataset_bytes(sealed)]
        assert f'"{uid_of(plain)}"' in answer.headers["radseal-withheld"]
    number = running.ask("GET", "/objects?state=quarantined").json()["objects"][0]["number"]
    (running.spool / "persons").write_text("1\n")
    words = json.dumps({"person": "on duty", "reason": "nobody knows it"}).encode()
    assert running.ask("POST", f"/objects/{number}/reject", words).status_code == 200
    assert get(running, ONE + uid_of(plain)).status_code == 403
    has_nothing_left(running)


def test_what_persons_released_is_given_from_the_archive_too(
    run_service: Callable[..., Any], orthanc: Orthanc, image: Any, wait_until: Any
) -> None:
    """The archive got its data set over DIMSE, and has written a header of its own before it."""
    running = run_service(archives=archive_table(orthanc.dicom, web=orthanc.http))
    plain = image(1)
    assert store(running, parts(plain)).status_code == 202
    (kept,) = running.ask("GET", "/objects?state=quarantined").json()["objects"]
    (running.spool / "persons").write_text("1\n")
    words = json.dumps({"person": "on duty", "reason": "from an old scanner"}).encode()
    assert running.ask("POST", f"/objects/{kept['number']}/release", words).status_code == 200
    wait_until(lambda: counts(running)["delivered"] == 1, "the archive has not got it")
    answer = get(running, ONE + uid_of(plain))
    assert answer.status_code == 200, answer.text
    ((header, content),) = split(answer)
    assert (header["radseal-verdict"], header["radseal-action"]) == ("UNSEALED", "accept")
    assert dataset_bytes(content) == dataset_bytes(plain)
    assert content != plain
    dataset, buffer = pydicom.dcmread(BytesIO(plain)), BytesIO()
    dataset.PatientName = "Somebody^Else"
    dataset.save_as(buffer)
    orthanc.store(buffer.getvalue())
    assert get(running, ONE + uid_of(plain)).status_code == 403


def test_nothing_is_transcoded_and_accept_is_strict(
    run_service: Callable[..., Any], image: Any
) -> None:
    running = run_service("--stow-ae", "STOW", archives=archive_table(web=1))
    explicit = image(1)
    dataset = pydicom.dcmread(BytesIO(image(2)))
    dataset.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    buffer = BytesIO()
    dataset.save_as(buffer)
    rle = buffer.getvalue()
    assert store(running, parts(explicit, rle)).status_code == 200
    place, packed = ONE + uid_of(explicit), ONE + uid_of(rle)
    kind = 'multipart/related; type="application/dicom"'
    octets = 'multipart/related; type="application/octet-stream"'
    asked = {
        (packed, ANY): 200,
        (packed, "*/*"): 200,
        (packed, f"{kind}; transfer-syntax=1.2.840.10008.1.2.5"): 200,
        (packed, kind): 406,  # that is explicit VR little endian (PS3.18, 8.7.3)
        (packed, f"{kind}; transfer-syntax=1.2.840.10008.1.2.1, */*;q=0"): 406,
        (place, kind): 200,
        (place, f"{kind}; transfer-syntax=1.2.840.10008.1.2.5"): 406,
        (place, "application/dicom"): 406,
        (place, 'multipart/related; type="application/dicom+xml"'): 406,
        (place, "image/jpeg"): 406,
        (place, ";"): 400,
        (place, "x" * 2000): 400,
        (f"{place}/metadata", "application/dicom+json"): 200,
        (f"{place}/metadata", 'multipart/related; type="application/dicom+xml"'): 406,
        (f"{place}/frames/1", octets): 200,
        (f"{place}/frames/1,1", f"{octets}; transfer-syntax=*"): 200,
        (f"{place}/frames/2", octets): 404,
        (f"{place}/frames/0", octets): 400,
        (f"{place}/frames/1,", octets): 400,
        (f"{packed}/frames/1", octets): 406,
        (f"{packed}/frames/1", 'multipart/related; type="image/dicom-rle"'): 200,
        (f"{place}?accept={kind.replace(' ', '')}", "image/jpeg"): 200,
        (f"{place}?viewport=1", ANY): 400,
    }
    for (path, accept), status in asked.items():
        answer = get(running, path, accept)
        assert answer.status_code == status, (path, accept, answer.text[:300])
    assert get(running, place, Authorization="Bearer x").status_code == 401
    twice = split(get(running, f"{place}/frames/1,1", f"{octets}; transfer-syntax=*"))
    pixels = pydicom.dcmread(BytesIO(explicit)).PixelData
    assert [content for _, content in twice] == [pixels, pixels]
    ((header, content),) = split(get(running, f"{packed}/frames/1", "*/*"))
    assert header["content-type"] == "image/dicom-rle; transfer-syntax=1.2.840.10008.1.2.5"
    assert content == next(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1))
    has_nothing_left(running)


def test_without_a_token_nothing_is_given(run_service: Callable[..., Any], image: Any) -> None:
    running = run_service("--stow-ae", "STOW", token=None, archives=archive_table())
    sealed = image(1, sealed=True)
    assert store(running, parts(sealed)).status_code == 200
    assert get(running, ONE + uid_of(sealed)).status_code == 401


def test_an_archive_that_answers_otherwise_is_502_and_never_an_empty_success(
    run_service: Callable[..., Any], image: Any
) -> None:
    sealed, said = image(1, sealed=True), [b""]
    multipart = 'multipart/related; type="application/dicom"; boundary=radseal'
    body = parts(sealed)
    cases = [
        http(500, b"", "text/plain"),
        http(401, b"", "text/plain"),
        http(302, b"", "text/plain"),
        http(200, b"{}", "application/json"),
        http(200, body, "multipart/related"),
        http(200, body[:-20], multipart),
        http(200, body[:200], multipart, length=len(body)),
        http(200, b"", multipart),
        http(200, parts(), multipart),
        b"nonsense\r\n\r\n",
        b"",
    ]
    with hostile(lambda _asked: said[0]) as port:
        running = run_service("--stow-ae", "STOW", archives=archive_table(web=port))
        for case in cases:
            said[0] = case
            for path in (ONE + uid_of(sealed), f"/dicom-web/studies/{STUDY}"):
                answer = get(running, path)
                assert answer.status_code == 502, (case[:80], answer.text)
                assert answer.json()["type"] == "urn:radseal:problem:archive"
        for status in (204, 404, 410):
            said[0] = http(status, b"", "text/plain")
            assert get(running, ONE + uid_of(sealed)).status_code == 404
        said[0] = http(200, body, multipart)
        assert split(get(running, ONE + uid_of(sealed)))[0][1] == sealed
        other = get(running, ONE + "1.2.3.4")  # it gave another object
        assert (other.status_code, other.json()["type"]) == (403, "urn:radseal:problem:withheld")
        said[0] = http(200, parts(sealed, b"no image", b""), multipart)
        mixed = get(running, f"/dicom-web/studies/{STUDY}")
        assert (mixed.status_code, len(split(mixed))) == (206, 1)
        assert mixed.headers["radseal-withheld-count"] == "2"
        said[0] = http(200, parts(image(2)), multipart)  # of a sender who might have to seal
        unknown = get(running, ONE + uid_of(image(2)))
        assert unknown.status_code == 403
        assert unknown.headers["radseal-withheld"].endswith(";action=quarantine")
        said[0] = http(206, body, multipart)
        assert get(running, f"/dicom-web/studies/{STUDY}").status_code == 206
        has_nothing_left(running)


def test_an_archive_that_is_silent_is_504(run_service: Callable[..., Any], image: Any) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with closing(listener):
        table = archive_table(web=listener.getsockname()[1])
        running = run_service(archives=table, idle=1)
        answer = get(running, ONE + "1.2.3")
        assert (answer.status_code, answer.json()["type"]) == (
            504,
            "urn:radseal:problem:archive-late",
        )


def test_a_file_that_changed_in_the_spool_is_withheld(
    run_service: Callable[..., Any], image: Any
) -> None:
    with hostile(lambda _asked: http(404, b"", "text/plain")) as port:
        running = run_service("--stow-ae", "STOW", archives=archive_table(web=port))
        plain = image(1)
        store(running, parts(plain))
        (path,) = (running.spool / "objects").iterdir()
        path.write_bytes(plain[:-1] + bytes([plain[-1] ^ 1]))
        answer = get(running, ONE + uid_of(plain))
        assert answer.status_code == 403
        assert "not the one that was taken in" in answer.json()["detail"]


def test_a_client_that_goes_leaves_nothing(
    run_service: Callable[..., Any], image: Any, wait_until: Any
) -> None:
    running = run_service("--stow-ae", "STOW", archives=archive_table(web=1))
    pixels = np.zeros((3000, 3000), dtype=np.uint16)
    made = pydicom.dcmread(BytesIO(image(1)))
    made.Rows, made.Columns, made.PixelData = 3000, 3000, pixels.tobytes()
    buffer = BytesIO()
    made.save_as(buffer)
    store(running, parts(buffer.getvalue()))
    host, port = running.server.url.removeprefix("http://").split(":")
    head = f"GET {ONE}{made.SOPInstanceUID} HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n"
    with socket.create_connection((host, int(port))) as line:
        line.sendall(f"{head}Authorization: Bearer {running.token}\r\n\r\n".encode())
        assert line.recv(15) == b"HTTP/1.1 200 OK"
    wait_until(lambda: not list((running.spool / "incoming").iterdir()), "files are left")
    wait_until(lambda: running.metric("radseal_readers") == 0, "it still runs")


def test_readers_do_not_stand_in_the_way_of_senders(
    run_service: Callable[..., Any], image: Any, wait_until: Any
) -> None:
    """An archive that says nothing holds as many readers as there may be; others go on."""
    most = Limits().readers
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    with closing(listener), ThreadPoolExecutor(most) as pool:
        table = archive_table(web=listener.getsockname()[1])
        running = run_service("--stow-ae", "STOW", archives=table, idle=20)
        waiting = [pool.submit(get, running, ONE + "1.2.3") for _ in range(most)]
        wait_until(lambda: running.metric("radseal_readers") == most, "they do not wait")
        one_more = get(running, ONE + "1.2.3")
        assert (one_more.status_code, one_more.json()["type"]) == (503, "urn:radseal:problem:busy")
        assert store(running, parts(image(1, sealed=True))).status_code == 200
        assert running.ask("GET", "/health").json()["takes"] is True
        assert {each.result().status_code for each in waiting} == {504}


def test_memory_does_not_grow_with_the_study(
    run_service: Callable[..., Any], image: Any, tmp_path: Path
) -> None:
    """128 MB from an archive, and the memory of who listens grows by less than half of it."""
    policy = 'version = 1\n[defaults]\ndepth = "ledger"\n[defaults.actions]\nunsealed = "tag"\n'
    (tmp_path / "policy.toml").write_text(policy)
    dataset = pydicom.dcmread(BytesIO(image(1)))
    dataset.Rows, dataset.Columns, dataset.PixelData = 2048, 1024, bytes(4 << 20)
    contents = []
    for number in range(32):
        buffer = BytesIO()
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = (
            f"1.2.3.{number + 1}"
        )
        dataset.save_as(buffer)
        contents.append(buffer.getvalue())
    kind = 'multipart/related; type="application/dicom"; boundary=radseal'
    body = http(200, parts(*contents), kind)
    with hostile(lambda _asked: body) as port:
        running = run_service("--stow-ae", "STOW", archives=archive_table(web=port))
        running.ask("GET", "/health")
        server = psutil.Process(running.server.process.pid)
        before = server.memory_info().rss
        answer = get(running, f"/dicom-web/studies/{STUDY}")
        assert (answer.status_code, len(split(answer))) == (200, 32)
        assert server.memory_info().rss - before < 64 << 20
        has_nothing_left(running)


def test_an_archive_over_https(image: Any, tmp_path: Path) -> None:
    """The files of the table are those of DICOMweb, too: whom they do not know is not asked."""
    authority, sealed = Authority(tmp_path / "authority", "hospital"), image(1, sealed=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("archive"))
    kind = 'multipart/related; type="application/dicom"; boundary=radseal'
    bounds, names = Bounds(1 << 20, 30, 60, 0), iter(range(9))

    def got(port: int, files: TlsFiles) -> list[bytes]:
        url = f"https://localhost:{port}/dicom-web"
        webs = webs_of([Archive("a", "ARCHIVE", "localhost", 104, files, url)])
        found = fetch(
            webs,
            Asked(STUDY, SERIES, uid_of(sealed)),
            new_path=lambda: tmp_path / f"{next(names)}.dcm",
            bounds=bounds,
            gone=lambda: False,
        )
        return [path.read_bytes() for path in found.paths]

    with hostile(lambda _asked: http(200, parts(sealed), kind), context) as port:
        assert got(port, TlsFiles(authorities=authority.file)) == [sealed]
        with pytest.raises(ArchiveFailsError):
            got(port, TlsFiles())
