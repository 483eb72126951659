"""Where tests find images, sites and vectors."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, settings
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

if TYPE_CHECKING:
    from provenance import Site

if "CI" not in os.environ:  # where it is, Hypothesis has a profile of its own
    settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("here")

DIGITAL_XRAY = "1.2.840.10008.5.1.4.1.1.1.1"
CHECKOUT = Path(__file__).resolve().parents[1]


def _corpus(folder: str) -> Path:
    root = Path(os.environ.get("RADSEAL_CORPUS", CHECKOUT.parent / "shared"))
    if not (root / folder).is_dir():
        pytest.skip(f"the corpus folder {folder} is not here (RADSEAL_CORPUS names its parent)")
    return root / folder


@pytest.fixture(scope="session")
def corpus_data() -> Path:
    """Real and AI-made radiographs, DICOM formats; MANIFEST.csv lists them."""
    return _corpus("data")


@pytest.fixture(scope="session")
def corpus_vectors() -> Path:
    """Published test vectors: Merkle proofs, notes, tlog-proofs, COSE."""
    return _corpus("vectors")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> "Site":
    """A site with its own CA, keys and ledger."""
    from provenance import Site  # watermark and ledger are tested without it

    return Site.init(tmp_path_factory.mktemp("site") / "here", name="here")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> "Site":
    """Another site, that the first one knows nothing of."""
    from provenance import Site

    return Site.init(tmp_path_factory.mktemp("stranger") / "there", name="there")


def radiograph(rows: int = 200, columns: int = 232, *, bits: int = 12, seed: int = 1) -> np.ndarray:
    """A smooth picture with grain, like a small radiograph."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:columns]
    smooth = 0.5 + 0.2 * np.sin(x / 31) + 0.2 * np.cos(y / 23) + 0.05 * np.sin(x * y / 900)
    grain = chance.normal(0, 0.01, (rows, columns))
    top = (1 << bits) - 1
    dtype = np.uint8 if bits <= 8 else np.uint16
    return np.clip((smooth + grain) * top, 0, top).astype(dtype)


@pytest.fixture(scope="session")
def make_dicom() -> Callable[..., bytes]:
    """Return a maker of DICOM files: ``make(pixels, bits=12, **attributes) -> bytes``."""

    def make(pixels: np.ndarray | None = None, *, bits: int = 12, **attributes: object) -> bytes:
        pixels = radiograph(bits=bits) if pixels is None else pixels
        dataset = pydicom.Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.file_meta.MediaStorageSOPClassUID = DIGITAL_XRAY
        dataset.SOPClassUID = DIGITAL_XRAY
        dataset.SOPInstanceUID = generate_uid()
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.StudyInstanceUID = generate_uid()
        dataset.SeriesInstanceUID = generate_uid()
        dataset.Modality = "DX"
        dataset.PatientName = "Test^Phantom"
        dataset.PatientID = "P-1"
        dataset.PatientBirthDate = "19700101"
        dataset.PatientSex = "O"
        dataset.ImageLaterality = "R"
        dataset.PixelSpacing = [0.15, 0.15]
        dataset.PhotometricInterpretation = "MONOCHROME2"
        dataset.SamplesPerPixel = 1
        dataset.Rows, dataset.Columns = pixels.shape
        dataset.BitsAllocated = pixels.dtype.itemsize * 8
        dataset.BitsStored = bits
        dataset.HighBit = bits - 1
        dataset.PixelRepresentation = 1 if pixels.dtype.kind == "i" else 0
        dataset.PixelData = pixels.tobytes()
        for keyword, value in attributes.items():
            setattr(dataset, keyword, value)
        return to_bytes(dataset)

    return make


def to_bytes(dataset: pydicom.Dataset) -> bytes:
    """Save with pydicom, not with radseal."""
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def edited(data: bytes, change: Callable[[pydicom.Dataset], object]) -> bytes:
    """Read with pydicom, change, save with pydicom."""
    dataset = pydicom.dcmread(BytesIO(data))
    change(dataset)
    return to_bytes(dataset)


@pytest.fixture(scope="session")
def edit() -> Callable[[bytes, Callable[[pydicom.Dataset], object]], bytes]:
    """An edit as any toolkit would make it."""
    return edited


@dataclass
class Server:
    """A running witness or log: a process of its own."""

    folder: Path
    place: str = "127.0.0.1:0"
    verb: tuple[str, ...] = ("witness", "serve", "--dir")
    process: subprocess.Popen[str] = field(init=False)
    port: int = field(init=False)

    def start(self) -> None:
        words = [*self.verb, str(self.folder), "--listen", self.place]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "provenance.cli", *words, "--json"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=CHECKOUT,
        )
        assert self.process.stdout is not None
        answer = ""
        while not answer.endswith("}\n"):
            line = self.process.stdout.readline()
            assert line, "the server did not start"
            answer += line
            try:
                self.port = int(json.loads(answer)["listening"].rpartition(":")[2])
                break
            except ValueError:
                continue

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str, bytes]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.request(method, path, body, {"Connection": "close"})
            with connection.getresponse() as response:
                kind = response.headers["content-type"] or ""
                return response.status, kind, response.read()

    def add(self, body: bytes) -> tuple[int, str, bytes]:
        return self.ask("POST", "/add-checkpoint", body)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        os.kill(self.process.pid, number)
        code = self.process.wait(timeout=20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture
def witness_server() -> Iterator[Callable[..., Server]]:
    """Start witnesses: ``witness_server(folder, place)``; all are stopped at the end."""
    yield from _servers()


@pytest.fixture
def log_server() -> Iterator[Callable[..., Server]]:
    """Start log servers: ``log_server(site_folder, place)``; all are stopped at the end."""
    yield from _servers(verb=("log", "serve", "--site"))


def _servers(**kind: tuple[str, ...]) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def started(folder: Path, place: str = "127.0.0.1:0") -> Server:
        servers.append(Server(folder, place, **kind))
        servers[-1].start()
        return servers[-1]

    yield started
    for server in servers:
        if server.process.poll() is None:
            server.stop(signal.SIGKILL)
