"""Requests for a certificate: made for keys in files and on tokens, read strictly."""

import json
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import Algorithm, PrivateKeySigner, Role
from provenance import MalformedError, UsageError
from provenance.keys.signers import generate_key
from provenance.site.key_request import MAX_REQUEST, make_request, read_request, request_pem

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "key-request" / "cases.json"
CASES: list[dict[str, Any]] = json.loads(VECTORS.read_text(encoding="utf-8"))
SIGNER = PrivateKeySigner.from_private_key(generate_key(Algorithm.ESP256))
WHOLE = make_request(SIGNER, name="CT 3", role=Role.DEVICE)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_vectors(case: Mapping[str, Any]) -> None:
    data = b64decode(case["request"])
    if case["malformed"]:
        with pytest.raises(MalformedError):
            read_request(data)
        return
    found = read_request(data)
    told = (found.name, found.role, found.fingerprint)
    assert told == (case["common_name"], case["role"], case["fingerprint"])
    assert read_request(request_pem(data)) == found


def test_there_are_vectors_of_each_kind() -> None:
    assert sum(case["malformed"] for case in CASES) >= 12
    assert sum(not case["malformed"] for case in CASES) >= 4


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("algorithm", list(Algorithm))
@settings(max_examples=20)
@given(name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64))
def test_what_is_asked_is_read(algorithm: Algorithm, role: Role, name: str) -> None:
    signer = SIGNER
    if algorithm is Algorithm.ED25519:
        signer = PrivateKeySigner.from_private_key(generate_key(algorithm))
    fits = name.isprintable() and name == name.strip() and len(name.encode()) <= 64
    if not fits:
        with pytest.raises(UsageError, match="no name for a key"):
            make_request(signer, name=name, role=role)
        return
    found = read_request(make_request(signer, name=name, role=role))
    assert (found.name, found.role, found.key.spki) == (name, role, signer.spki)


@pytest.mark.parametrize("name", ["", "x" * 65, "two\nlines", " x", "bell\x07"])
def test_no_name(name: str) -> None:
    with pytest.raises(UsageError, match="no name for a key"):
        make_request(SIGNER, name=name, role=Role.DEVICE)


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_openssl_reads_it(algorithm: Algorithm, tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    signer = PrivateKeySigner.from_private_key(generate_key(algorithm))
    made = make_request(signer, name="Gerät 3", role=Role.DEVICE)
    (tmp_path / "request.csr").write_bytes(request_pem(made))
    words = [openssl, "req", "-verify", "-noout", "-subject", "-in", "request.csr"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "verify OK" in done.stdout + done.stderr
    assert "CN = Ger" in done.stdout


def test_a_request_of_openssl(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    words = "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj"
    command = [openssl, *words.split(), "/O=Vendor/CN=CT 3", "-keyout", "k", "-out", "r"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    found = read_request((tmp_path / "r").read_bytes())
    assert (found.name, found.role) == ("CT 3", None)


def test_too_much() -> None:
    with pytest.raises(MalformedError, match="are allowed"):
        read_request(bytes(MAX_REQUEST + 1))
    with pytest.raises(MalformedError):
        read_request(request_pem(WHOLE) * 2)


@given(data=st.binary(max_size=300))
def test_noise(data: bytes) -> None:
    with pytest.raises(MalformedError):
        read_request(data)


@given(at=st.integers(0, len(WHOLE) - 1), flip=st.integers(1, 255))
def test_a_byte_changed_proves_nothing(at: int, flip: int) -> None:
    damaged = bytearray(WHOLE)
    damaged[at] ^= flip
    with pytest.raises(MalformedError):
        read_request(bytes(damaged))


def test_it_is_what_cryptography_reads() -> None:
    csr = x509.load_der_x509_csr(WHOLE)
    assert csr.is_signature_valid
    assert [e.oid.dotted_string for e in csr.extensions] == ["2.5.29.37"]
