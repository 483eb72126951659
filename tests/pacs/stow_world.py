"""A study that is stored by STOW-RS, and the archive behind the service."""

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from benchmarks.workflow.orthanc import Orthanc
from benchmarks.workflow.tools import ToolMissingError
from provenance import seal

STUDY = "1.2.3.77"
FAILED, STORED, OTHER = "00081198", "00081199", "0008119A"


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Orthanc]:
    """An archive."""
    (tmp_path / "orthanc").mkdir()
    try:
        started = Orthanc.start(tmp_path / "orthanc")
    except ToolMissingError as error:
        pytest.skip(str(error))
    yield started
    started.stop()


@pytest.fixture
def image(door: Any, make_dicom: Callable[..., bytes]) -> Callable[..., bytes]:
    """Images of one study: ``image(number)``, and sealed: ``image(number, sealed=True)``."""

    def make(number: int, *, sealed: bool = False) -> bytes:
        pixels = np.random.default_rng(number).integers(0, 4096, (64, 80)).astype(np.uint16)
        made = make_dicom(
            pixels, SOPInstanceUID=f"1.2.3.77.{number + 1}", StudyInstanceUID=STUDY,
            SeriesInstanceUID="1.2.3.77.1000",
        )  # fmt: skip
        if not sealed:
            return made
        with door.site.device() as device:
            return seal(made, device=device, profile="none").to_bytes()

    return make


def parts(*contents: bytes, kind: str = "application/dicom", boundary: str = "radseal") -> bytes:
    made = b""
    for content in contents:
        head = f"--{boundary}\r\nContent-Type: {kind}\r\n\r\n"
        made += head.encode() + content + b"\r\n"
    return made + f"--{boundary}--".encode()


def store(running: Any, body: bytes, *, study: str | None = None, **headers: str) -> Any:
    headers = {
        "Content-Type": 'multipart/related; type="application/dicom"; boundary=radseal',
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    path = "/dicom-web/studies" + ("" if study is None else f"/{study}")
    return running.ask("POST", path, body, **headers)


def named(answer: Any, sequence: str, tag: str) -> dict[str, int | None]:
    """Return the instances of a sequence by their UIDs, and the reason given for each."""
    items = answer.json().get(sequence, {"Value": []})["Value"]
    return {
        each["00081155"]["Value"][0]: each[tag]["Value"][0] if tag in each else None
        for each in items
    }


def uid_of(content: bytes) -> str:
    return str(pydicom.dcmread(BytesIO(content)).SOPInstanceUID)


def counts(running: Any) -> dict[str, int]:
    with_states = running.ask("GET", "/health").json()["spool"]
    return dict(with_states)
