"""A sealed radiograph, and pictures of it as hospitals make them."""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from benchmarks.softhsm import SoftHsm, softhsm_module
from ledger import Algorithm, Event, Link, PrivateKeySigner, Role, parse_statement, sign_statement
from provenance import Site, Verdict, seal, verify
from provenance.claims.annex import Annex
from provenance.claims.birth import BirthBody
from provenance.claims.claim import Claim, open_claim
from provenance.dicom.attributes import canonical_attributes
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import read_instance
from provenance.header_tree import hash_header
from provenance.image_tree import PixelGeometry, hash_image
from provenance.keys.signers import generate_key
from provenance.seal_root import commit_object
from provenance.trust.certificates import certificate_der, issue_authority, issue_role

CHECKOUT = Path(__file__).resolve().parents[2]
Encode = Callable[[np.ndarray], bytes]


def body(*, seed: int, rows: int = 1024, columns: int = 896) -> np.ndarray:
    """Smooth structure of several sizes with grain: 12 bits, like a radiograph of about 1 MP."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:columns] / max(rows, columns)
    levels = 0.45 + 0.12 * np.cos(5 * x + seed) * np.cos(4 * y)
    for size in np.geomspace(0.3, 0.02, 60):
        row, column, height = chance.uniform(0, 1, 3)
        levels += (
            size**0.4
            * 0.35
            * (height - 0.5)
            * np.exp(-((x - column) ** 2 + (y - row) ** 2) / (2 * (size / 2) ** 2))
        )
    levels += chance.normal(0, 0.008, levels.shape)
    return np.clip(levels * 4095, 1, 4094).astype(np.uint16)


@dataclass(frozen=True)
class Original:
    """A sealed image: its file, its samples, and whom to ask about it."""

    path: Path
    samples: np.ndarray
    site: Site

    @property
    def shown(self) -> np.ndarray:
        """What a screen shows of it: 8 bits, windowed."""
        low, high = np.percentile(self.samples, [0.5, 99.5])
        return np.clip((self.samples - low) / (high - low) * 255, 0, 255).astype(np.uint8)

    def judge(self, source: bytes | Path) -> Verdict:
        """Ask trust, ledger and mark."""
        records = self.site.records()
        with records.log:
            return verify(
                source, trust=self.site.trust, records=records, mark_key=self.site.mark_key
            )


@pytest.fixture(scope="session")
def make_original(
    site: Site, make_dicom: Callable[..., bytes], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Original]:
    """Return a maker of sealed and marked images."""

    def make(samples: np.ndarray, **attributes: object) -> Original:
        path = tmp_path_factory.mktemp("original") / "image.dcm"
        with site.device() as device:
            sealed = seal(make_dicom(samples, **attributes), device=device)
        assert sealed.mark is not None
        sealed.write(path)
        instance = read_instance(path)
        geometry = pixel_geometry(instance)
        assert geometry is not None
        (frame,) = frames(instance, geometry)
        return Original(path, np.asarray(frame), site)

    return make


@pytest.fixture(scope="session")
def chest(make_original: Callable[..., Original]) -> Original:
    """A sealed image of about one megapixel."""
    return make_original(body(seed=1))


@pytest.fixture(scope="session")
def other_chest(make_original: Callable[..., Original]) -> Original:
    """Another one, of the same size."""
    return make_original(body(seed=2), PatientID="P-2")


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    """Return a writer of pictures: ``encode(levels, "PNG", **how) -> bytes``, by Pillow."""
    from io import BytesIO

    from PIL import Image

    def write(levels: np.ndarray, kind: str, **how: object) -> bytes:
        buffer = BytesIO()
        Image.fromarray(levels).save(buffer, kind, **how)
        return buffer.getvalue()

    return write


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftHsm]:
    """SoftHSM with a folder of tokens of its own; this process uses it."""
    pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed")
    module = softhsm_module()
    if module is None:
        pytest.skip("SoftHSM is not installed (Debian: softhsm2)")
    made = SoftHsm(tmp_path_factory.mktemp("hsm"), module)
    made.make()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(made.configuration))
        yield made


@pytest.fixture
def on_a_terminal() -> Callable[[list[str], list[str]], str]:
    """Return a runner of radseal at a terminal: it answers each question, returns what is shown."""
    import pty  # not on Windows

    def run(words: list[str], answers: list[str]) -> str:
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(CHECKOUT)
            os.execv(sys.executable, [sys.executable, "-m", "provenance.cli", *words])
        shown, left = b"", list(answers)
        while True:
            try:
                part = os.read(terminal, 4096)
            except OSError:  # Linux: the other side is closed
                break
            if not part:
                break
            shown += part
            if left and shown.endswith((b".pem: ", b"once more: ", b"): ")):
                os.write(terminal, left.pop(0).encode() + b"\n")
        os.close(terminal)
        os.waitpid(pid, 0)
        return shown.decode()

    return run


@dataclass(frozen=True)
class Identity:
    """A key and its own certificate, as PEM files."""

    key: Path
    certificate: Path


@pytest.fixture(scope="session")
def make_identity(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Identity]:
    """Return a maker of keys with certificates: ``make_identity("rsa" or a curve, name=...)``."""
    made: dict[object, Identity] = {}

    def make(
        kind: str = "rsa",
        *,
        bits: int = 2048,
        name: str = "signer",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Identity:
        asked = (kind, bits, name, since, until)
        if asked in made:
            return made[asked]
        key: Any
        if kind == "rsa":
            key = rsa.generate_private_key(65537, bits)
        elif kind == "ed25519":
            key = ed25519.Ed25519PrivateKey.generate()
        else:
            key = ec.generate_private_key(getattr(ec, kind)())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(since or now - timedelta(days=1))
            .not_valid_after(until or now + timedelta(days=365))
            .sign(key, None if kind == "ed25519" else hashes.SHA256())
        )
        folder = tmp_path_factory.mktemp("identity")
        identity = Identity(folder / "key.pem", folder / "certificate.pem")
        pem = serialization.Encoding.PEM
        secret = serialization.NoEncryption()
        form = serialization.PrivateFormat.TraditionalOpenSSL
        if kind == "ed25519":
            form = serialization.PrivateFormat.PKCS8
        identity.key.write_bytes(key.private_bytes(pem, form, secret))
        identity.certificate.write_bytes(certificate.public_bytes(pem))
        made[asked] = identity
        return identity

    return make


def made_claim() -> Claim:
    """Return a verified seal of a small image, made without site or ledger: in no time."""
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    authority_key = generate_key(Algorithm.ESP256)
    authority = issue_authority(
        authority_key, name="CA", serial=1, valid_from=at, valid_until=at + timedelta(days=9)
    )
    key = generate_key(Algorithm.ED25519)
    certificate = certificate_der(
        issue_role(
            key.public_key(),
            name="device",
            role=Role.DEVICE,
            authority=authority,
            authority_key=authority_key,
            serial=2,
            valid_from=at,
        )
    )
    geometry = PixelGeometry(200, 232, 1, 1, 12, False, "int", "grey", False)
    annex = Annex(
        salt=bytes(32),
        image=hash_image([np.zeros((200, 232), np.uint16)], geometry),
        header=hash_header(canonical_attributes(pydicom.Dataset()), bytes(32)),
        certificates=(certificate,),
        original=None,
        descriptor=None,
    )
    body = BirthBody(
        hashlib.sha256(certificate).digest(),
        commit_object(annex.salt, annex.root),
        None,
        None,
        None,
    )
    statement = sign_statement(
        event=Event.SEALED,
        object_id=b"seal-id-1234",
        object_link=Link(0, None),
        actor_link=Link(0, None),
        claimed_at=at,
        head_seen=None,
        body=body.to_cbor(),
        signer=PrivateKeySigner.from_private_key(key),
    )
    return open_claim(parse_statement(statement), annex)


@pytest.fixture(scope="session")
def quick_claim() -> Claim:
    """A verified seal, made once."""
    return made_claim()
