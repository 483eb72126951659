"""Where tests find images, sites and vectors."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import HealthCheck, settings
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

if TYPE_CHECKING:
    from provenance import Site

# The suite draws the same cases on every run: what is red on one machine is red on all.
# New cases are for `python3 dev.py fuzz`, which names the other profile.
_SLOW = [HealthCheck.too_slow]
settings.register_profile(
    "same", deadline=None, suppress_health_check=_SLOW, derandomize=True, database=None
)
settings.register_profile(
    "fuzz",
    deadline=None,
    suppress_health_check=_SLOW,
    derandomize=False,
    max_examples=1000,
    print_blob=True,
)
settings.load_profile("same")

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
    options: tuple[str, ...] = ()
    process: subprocess.Popen[str] = field(init=False)
    port: int = field(init=False)

    def start(self) -> None:
        words = [*self.verb, str(self.folder), *self.options]
        if self.place:  # else the file of a configuration says it
            words += ["--listen", self.place]
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


@pytest.fixture
def radseal_service() -> Iterator[Callable[..., Server]]:
    """Start services: ``radseal_service(site_folder, place, *options)``; stopped at the end."""
    yield from _servers(verb=("serve", "--site"))


@pytest.fixture
def configured_service() -> Iterator[Callable[..., Server]]:
    """Start services by a file: ``configured_service(file, "", *options)``; stopped at the end."""
    yield from _servers(verb=("serve", "--config"))


def _servers(**kind: tuple[str, ...]) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def started(folder: Path, place: str = "127.0.0.1:0", *options: str) -> Server:
        servers.append(Server(folder, place, options=options, **kind))
        servers[-1].start()
        return servers[-1]

    yield started
    for server in servers:
        if server.process.poll() is None:
            server.stop(signal.SIGKILL)


@dataclass
class TimeAuthority:
    """A real RFC 3161 responder: `openssl ts` with a CA of its own, over loopback HTTP."""

    folder: Path
    root: x509.Certificate
    root_key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    url: str = ""
    issuer: str = "root"
    answer: Callable[[bytes], bytes] | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)

    def reply(self, query: bytes) -> bytes:
        """Return what the responder answers; a rejection is an answer, too."""
        (self.folder / "query").write_bytes(query)
        words = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query"]
        subprocess.run([*words, "-out", "reply"], cwd=self.folder, check=True, capture_output=True)
        return (self.folder / "reply").read_bytes()

    def issue(self, key: Any, *, valid: timedelta, **changes: Any) -> x509.Certificate:
        """Certify a key for time-stamping; or for ``usage``, under the number ``serial``."""
        return _certify(
            key.public_key(),
            "tsa",
            (self.root_key, self.issuer),
            valid=valid,
            usage=changes.get("usage", ExtendedKeyUsageOID.TIME_STAMPING),
            serial=changes.get("serial"),
        )


def _certify(
    public: Any,
    name: str,
    issuer: tuple[ec.EllipticCurvePrivateKey, str],
    *,
    valid: timedelta,
    usage: x509.ObjectIdentifier | None,
    serial: int | None = None,
) -> x509.Certificate:
    key, issued_by = issuer
    now, ca = datetime.now(UTC), usage is None
    flags = dict.fromkeys(
        (
            *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
            *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
        ),
        False,
    )
    flags["key_cert_sign" if ca else "digital_signature"] = True
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issued_by)]))
        .public_key(public)
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + valid)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
        .add_extension(x509.KeyUsage(**flags), critical=True)
    )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
    return builder.sign(key, hashes.SHA256())


def time_authority(
    folder: Path,
    kind: str = "ec",
    *,
    digest: str = "sha256",
    valid: timedelta = timedelta(days=365),
    with_root: bool = False,
    between: bool = False,
) -> TimeAuthority:
    """Make a TSA: kind of key "ec" or "rsa", digest it signs with, how long it is certified."""
    root_key = ec.generate_private_key(ec.SECP256R1())
    root = _certify(
        root_key.public_key(), "root", (root_key, "root"), valid=timedelta(days=36_500), usage=None
    )
    key: Any = ec.generate_private_key(ec.SECP256R1())
    if kind == "rsa":
        key = rsa.generate_private_key(65537, 2048)
    authority = TimeAuthority(folder, root, root_key, root)
    chain = [root] if with_root else []
    if between:  # an authority under the root, whose certificate is in the tokens
        authority.root_key = ec.generate_private_key(ec.SECP256R1())
        authority.issuer = "between"
        public, years = authority.root_key.public_key(), timedelta(days=36_500)
        chain.append(_certify(public, "between", (root_key, "root"), valid=years, usage=None))
    authority.certificate = authority.issue(key, valid=valid)
    pem = serialization.Encoding.PEM
    (folder / "root.pem").write_bytes(root.public_bytes(pem))
    (folder / "chain.pem").write_bytes(b"".join(each.public_bytes(pem) for each in chain))
    (folder / "tsa.pem").write_bytes(authority.certificate.public_bytes(pem))
    (folder / "tsa.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(
        "[tsa]\ndefault_tsa = here\n[here]\nserial = serial\nsigner_cert = tsa.pem\n"
        f"signer_key = tsa.key\nsigner_digest = {digest}\ndefault_policy = 1.2.3.4\n"
        "other_policies = 1.2.3.5\ndigests = sha256, sha384, sha512\naccuracy = secs:1\n"
        "ess_cert_id_alg = sha256\n" + ("certs = chain.pem\n" if chain else "")
    )
    return authority


@pytest.fixture(scope="session")
def make_time_authority(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., TimeAuthority]]:
    """Make a TSA as ``time_authority`` does, and let it answer over HTTP."""
    pytest.importorskip("rfc3161_client", reason="rfc3161-client is not installed")
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to be the time-stamping authority")
    servers: list[ThreadingHTTPServer] = []

    def make(kind: str = "ec", **more: Any) -> TimeAuthority:
        authority = time_authority(tmp_path_factory.mktemp("tsa"), kind, **more)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                authority.asked.append((self.path, self.headers["Content-Type"]))
                answer = (authority.answer or authority.reply)(body)
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *words: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        Thread(target=server.serve_forever, daemon=True).start()
        authority.url = f"http://127.0.0.1:{server.server_address[1]}/tsa?x=1"
        return authority

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


@dataclass
class StudyScene:
    """A site, and a sealed series of small slices: one study, each slice of its own content."""

    site: "Site"
    study_uid: str
    series_uid: str
    slices: list[bytes]
    make: Callable[..., bytes]

    def slice(self, number: int, **attributes: object) -> bytes:
        """Return an unsealed slice of this study."""
        chance = np.random.default_rng(number)
        pixels = chance.integers(0, 4000, (24, 32)).astype(np.uint16)
        return self.make(
            pixels,
            **{
                "StudyInstanceUID": self.study_uid,
                "SeriesInstanceUID": self.series_uid,
                "InstanceNumber": number,
                "ImagePositionPatient": [0, 0, number * 2.5],
                **attributes,
            },
        )

    def seal(self, data: bytes) -> bytes:
        """Seal by the site's device, without a mark."""
        from provenance import seal

        with self.site.device() as device:
            return seal(data, device=device, profile="none").to_bytes()

    def write(self, folder: Path, files: "list[bytes] | None" = None) -> Path:
        """Write files, by default all slices, into a new folder."""
        folder.mkdir()
        for number, data in enumerate(self.slices if files is None else files):
            (folder / f"{number:03}.dcm").write_bytes(data)
        return folder


@pytest.fixture(scope="session")
def make_study(make_dicom: Callable[..., bytes]) -> "Callable[[Site], StudyScene]":
    """Return a maker of sealed studies of four slices at a site."""

    def make(site: "Site") -> StudyScene:
        scene = StudyScene(site, generate_uid(), generate_uid(), [], make_dicom)
        scene.slices = [scene.seal(scene.slice(number)) for number in range(1, 5)]
        return scene

    return make
