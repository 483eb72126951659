"""Objects larger than may come, by STOW-RS and by Orthanc's three routes: refused for good.

Over an association of the gateway: test_gateway_faults.py. Nothing of them stays, whoever sent them
is told that sending again is of no use, and what came with them is taken.
"""

import shutil
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import requests

pytest.importorskip("dicomweb_client", reason="dicomweb-client is not installed")
pytest.importorskip("starlette", reason="radseal[server] is not installed")

from dicomweb_client.api import DICOMwebClient
from hypothesis import given
from hypothesis import strategies as st
from orthanc_senders import Told, dimse, rest, stow, stow_client
from service_world import archive_table
from stow_world import FAILED, OTHER, STORED, counts, image, named, orthanc, parts, store, uid_of

from benchmarks.orthanc.world import World, missing
from benchmarks.workflow.orthanc import Orthanc
from ledger import Algorithm
from provenance import Site
from provenance.pacs.dimse.statuses import TOO_LARGE
from provenance.pacs.first_elements import names_in_meta
from provenance.pacs.spool.spool import Spool

__all__ = ["image", "orthanc"]
MOST = 1 << 16
SMALL = np.zeros((64, 80), np.uint16)
LIMITS = f"[limits]\nobject_bytes = {MOST}\n"


@pytest.fixture
def large(make_dicom: Callable[..., bytes]) -> bytes:
    """128 KiB of pixels, where 64 KiB may come."""
    return make_dicom(np.zeros((256, 256), np.uint16), SOPInstanceUID="1.2.3.77.99")


def client_of(running: Any) -> tuple[DICOMwebClient, list[int]]:
    session, told = requests.Session(), list[int]()
    session.headers["Authorization"] = f"Bearer {running.token}"
    session.hooks["response"] = [lambda got, **_: told.append(got.status_code)]
    client = DICOMwebClient(f"{running.server.url}/dicom-web", session=session)
    client.set_http_retry_params(retry=False)
    return client, told


def test_by_stow_the_others_are_stored(
    run_service: Callable[..., Any], orthanc: Orthanc, image: Any, large: bytes, wait_until: Any
) -> None:
    running = run_service(
        "--stow-ae", "STOW", archives=archive_table(orthanc.dicom), object_bytes=MOST
    )
    client, told = client_of(running)
    first, second = image(1, sealed=True), image(2)
    datasets = [pydicom.dcmread(BytesIO(each)) for each in (first, large, second)]
    said = client.store_instances(datasets)
    assert told == [202]
    assert [each.ReferencedSOPInstanceUID for each in said.ReferencedSOPSequence] == [
        uid_of(first), uid_of(second),
    ]  # fmt: skip
    (failed,) = said.FailedSOPSequence
    assert failed.ReferencedSOPInstanceUID == uid_of(large)
    assert failed.ReferencedSOPClassUID == datasets[1].SOPClassUID
    assert failed.FailureReason == TOO_LARGE
    wait_until(lambda: counts(running)["delivered"] == 2, "the archive has not got the others")
    assert sum(counts(running).values()) == 2
    assert list((running.spool / "incoming").iterdir()) == []
    assert running.metric("radseal_objects_unfit_total") == 1


def test_by_stow_alone(run_service: Callable[..., Any], large: bytes) -> None:
    running = run_service(archives=archive_table(), object_bytes=MOST)
    client, told = client_of(running)
    with pytest.raises(requests.HTTPError) as refused:
        client.store_instances([pydicom.dcmread(BytesIO(large))])
    assert told == [409]
    (failed,) = pydicom.Dataset.from_json(refused.value.response.json()).FailedSOPSequence
    assert failed.FailureReason == TOO_LARGE
    assert sum(counts(running).values()) == 0
    assert list((running.spool / "incoming").iterdir()) == []


def test_by_stow_what_names_nothing(run_service: Callable[..., Any], image: Any) -> None:
    """Of many megabytes, so that it was on disk in part; and exactly the bytes that may come."""
    running = run_service("--stow-ae", "STOW", archives=archive_table(), object_bytes=MOST)
    answer = store(running, parts(bytes(5 << 20), image(1), bytes(MOST + 1)))
    assert answer.status_code == 202
    assert len(answer.json()[OTHER]["Value"]) == 2
    assert {each["00081197"]["Value"][0] for each in answer.json()[OTHER]["Value"]} == {TOO_LARGE}
    assert list(named(answer, STORED, "00081196")) == [uid_of(image(1))]
    assert FAILED not in answer.json()
    assert list((running.spool / "incoming").iterdir()) == []
    assert list((running.spool / "objects").iterdir()) != []
    just = image(2)
    just += bytes(MOST - len(just))
    assert len(just) == MOST
    assert store(running, parts(just)).json().get(FAILED) is None


def test_by_ingest(run_service: Callable[..., Any], large: bytes) -> None:
    running = run_service(archives=archive_table(), object_bytes=MOST)
    refused = running.ingest(large)
    assert (refused.status_code, refused.json()["type"]) == (413, "urn:radseal:problem:too-large")
    assert sum(counts(running).values()) == 0
    assert list((running.spool / "incoming").iterdir()) == []


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A real Orthanc with the plugin, whose service takes little."""
    if (why := missing()) is not None:
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("oversized")
    site = Site.init(folder / "site", algorithm=Algorithm.ED25519)
    policy = 'version = 1\n[defaults]\ndepth = "ledger"\n[defaults.actions]\nunsealed = "tag"\n'
    made = World._made(folder / "world", site, policy, jobs=1, with_script=True)
    here = folder / "world"
    (here / "service.toml").write_text(
        f'version = 1\nsite = "{site.folder}"\npolicy = "{here}/radseal-policy.toml"\n'
        f'spool = "{here}/spool"\n[listen]\nae_title = "RADSEAL"\nport = {made.service.port}\n'
        f"{LIMITS}{archive_table()}"
    )
    made.service.words = [
        *(sys.executable, "-m", "provenance.cli", "serve", "--config", str(here / "service.toml")),
        *("--token", str(here / "token"), "--door", str(made.door), "--jobs", "1"),
    ]
    try:
        made.service.start()
        made.orthanc.start()
        yield made
    finally:
        made.orthanc.stop()
        made.service.stop()
        shutil.rmtree(made.door.parent)


@pytest.mark.xdist_group("orthanc")
@pytest.mark.parametrize(
    ("send", "told"),
    [
        (dimse, Told(TOO_LARGE)),
        (rest, Told(0xC000, 400)),
        (stow, Told(TOO_LARGE, 409)),
    ],
    ids=["dimse", "rest", "stow"],
)
def test_by_orthanc(
    world: World,
    tmp_path: Path,
    large: bytes,
    make_dicom: Callable[..., bytes],
    send: Callable[[World, bytes, Path], Told],
    told: Told,
) -> None:
    there = world.orthanc.ask("GET", "/instances").json
    with Spool.open(world.folder / "spool") as spool:
        before = sum(spool.counts().values())
        for _ in range(2):  # and once more, over a connection that was kept
            assert send(world, large, tmp_path) == told
        assert sum(spool.counts().values()) == before
        assert world.orthanc.ask("GET", "/instances").json == there
        assert list((world.folder / "spool" / "incoming").iterdir()) == []
        small = make_dicom(SMALL, SOPInstanceUID=f"1.2.3.77.{told.http or 1}")
        assert send(world, small, tmp_path).status == 0  # the next one is let in


@pytest.mark.xdist_group("orthanc")
def test_by_orthanc_among_others(
    world: World, large: bytes, make_dicom: Callable[..., bytes]
) -> None:
    small = make_dicom(SMALL, SOPInstanceUID="1.2.3.77.55")
    client = stow_client(world)
    told: list[int] = []
    client._session.hooks["response"] = [lambda got, **_: told.append(got.status_code)]
    said = client.store_instances([pydicom.dcmread(BytesIO(each)) for each in (large, small)])
    assert told == [202]
    (stored,) = said.ReferencedSOPSequence
    (failed,) = said.FailedSOPSequence
    assert stored.ReferencedSOPInstanceUID == uid_of(small)
    assert (failed.ReferencedSOPInstanceUID, failed.FailureReason) == (uid_of(large), TOO_LARGE)


def test_what_a_file_begins_with_names_it(large: bytes) -> None:
    header = pydicom.dcmread(BytesIO(large))
    assert names_in_meta(large[:4096]) == (header.SOPClassUID, header.SOPInstanceUID)
    for cut in (0, 131, 140, 170, 200):
        assert names_in_meta(large[:cut]) is None
    bad = large[:4096].replace(b"1.2.3.77.99", b"1.2.3.<b>.9")
    assert names_in_meta(bad) is None


@given(st.binary(max_size=400))
def test_any_beginning_names_something_or_nothing(rest: bytes) -> None:
    for each in (rest, bytes(128) + b"DICM" + rest):
        found = names_in_meta(each)
        assert found is None or all(0 < len(name) <= 64 for name in found)
