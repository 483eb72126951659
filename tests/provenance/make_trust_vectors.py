"""Write tests/vectors/revocation/lists.json and tests/vectors/key-request/cases.json anew.

`python tests/provenance/make_trust_vectors.py`. Keys are drawn, so every byte changes.
"""

import json
import sys
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import AttributeOID, NameOID

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).resolve().parents[2])]

from revocation_world import DER, Authority, make_entry, make_list

from ledger import PrivateKeySigner, Role
from provenance.site.key_request import make_request
from provenance.trust.certificates import ROLE_OIDS

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
LATER = datetime(2026, 6, 6, tzinfo=UTC)
FLAWS = (None, "delta", "indirect", "scoped", "critical", "forged", "tampered")


def lists() -> list[dict[str, Any]]:
    by = Authority.make("vendor", NOW)
    cases = []

    def add(name: str, data: bytes, **told: Any) -> None:
        certificate = b64encode(by.certificate.public_bytes(DER)).decode()
        cases.append({"name": name, "list": b64encode(data).decode(), "by": certificate, **told})

    def read(name: str, data: bytes, **told: Any) -> None:
        add(name, data, **{"malformed": False, "signed": True, "unfit": None, **told})

    def entry(number: int, **how: Any) -> x509.RevokedCertificate:
        return make_entry(number, datetime(2026, 5, number, tzinfo=UTC), **how)

    common: dict[str, Any] = {"since": NOW, "until": LATER}
    three = {"3": "2026-05-03T00:00:00+00:00"}
    for flaw in FLAWS:
        name = "whole" if flaw is None else f"{flaw}_fail"
        made = make_list(by, **common, entries=[entry(3)], flaw=flaw)
        unfit = flaw if flaw not in (None, "forged", "tampered") else None
        signed = flaw not in ("forged", "tampered")
        read(name, made, unfit=unfit, revoked=three, signed=signed)
    early = datetime(2026, 4, 1, tzinfo=UTC)
    made = make_list(by, **common, entries=[entry(3, invalid=early)])
    read("invalid-earlier", made, revoked={"3": early.isoformat()})
    made = make_list(by, **common, entries=[entry(4), entry(3, reason="certificateHold")])
    read("hold", made, revoked={**three, "4": "2026-05-04T00:00:00+00:00"})
    read("nobody", make_list(by, **common, keeps=True), revoked={})
    made = make_list(by, **common, entries=[entry(3, flaw="critical")])
    read("critical-entry_fail", made, revoked=three, unfit="critical")
    made = make_list(by, **common, entries=[entry(3, flaw="issuer")])
    read("of-issuers_fail", made, revoked=three, unfit="other authorities")
    made = endless(make_list(by, **common, entries=[entry(3)]), by)
    read("endless_fail", made, revoked=three, unfit="next one is due")
    whole = make_list(by, **common, entries=[entry(3)])
    add("cut_fail", whole[:-1], malformed=True)
    add("longer_fail", whole + b"\x00", malformed=True)
    add("certificate_fail", by.certificate.public_bytes(DER), malformed=True)
    add("empty_fail", b"", malformed=True)
    return cases


def endless(data: bytes, by: Authority) -> bytes:
    """Return a list without nextUpdate, signed anew: version, algorithm, issuer, thisUpdate, ..."""
    tbs = x509.load_der_x509_crl(data).tbs_certlist_bytes
    parts = list(elements(content(tbs)))
    del parts[4]
    inner = wrap(b"\x30", b"".join(parts))
    signature = by.key.sign(inner, ec.ECDSA(hashes.SHA256()))
    return wrap(b"\x30", inner + parts[1] + wrap(b"\x03", b"\x00" + signature))


def content(element: bytes) -> bytes:
    return element[header(element) :]


def header(element: bytes) -> int:
    return 2 + (element[1] & 0x7F if element[1] & 0x80 else 0)


def elements(data: bytes) -> Any:
    while data:
        front = header(data)
        size = data[1] if data[1] < 0x80 else int.from_bytes(data[2:front], "big")
        yield data[: front + size]
        data = data[front + size :]


def wrap(tag: bytes, inner: bytes) -> bytes:
    size = len(inner)
    if size < 0x80:
        return tag + bytes([size]) + inner
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return tag + bytes([0x80 | len(octets)]) + octets + inner


def requests() -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = []
    device = x509.ExtendedKeyUsage([ROLE_OIDS[Role.DEVICE]])

    def good(name: str, der: bytes, common_name: str, role: str | None, key: Any) -> None:
        signer = PrivateKeySigner.from_private_key(key)
        told = {"malformed": False, "common_name": common_name, "role": role}
        cases.append({"name": name, "request": text(der), **told, "fingerprint": signer.kid.hex()})

    def bad(name: str, der: bytes) -> None:
        cases.append({"name": name, "request": text(der), "malformed": True})

    def text(der: bytes) -> str:
        return b64encode(der).decode()

    p256, other = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
    for name, key in (("p256", p256), ("ed25519", other)):
        signer = PrivateKeySigner.from_private_key(key)
        made = make_request(signer, name="CT 3", role=Role.DEVICE)
        good(name, made, "CT 3", "device", key)
    good("no-role", asked(p256), "CT 3", None, p256)
    good("more-names", asked(p256, organisation="Vendor"), "CT 3", None, p256)
    bad("rsa_fail", asked(rsa.generate_private_key(65537, 2048), device))
    bad("p384_fail", asked(ec.generate_private_key(ec.SECP384R1()), device))
    bad("authority_fail", asked(p256, x509.BasicConstraints(ca=True, path_length=None)))
    names = x509.SubjectAlternativeName([x509.DNSName("ct.example")])
    bad("another-name_fail", asked(p256, names))
    bad("two-roles_fail", asked(p256, x509.ExtendedKeyUsage(list(ROLE_OIDS.values())[:2])))
    foreign = x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.1")])
    bad("foreign-use_fail", asked(p256, foreign))
    bad("control-character_fail", asked(p256, name="CT\x1b[2J"))
    bad("space_fail", asked(p256, name="CT "))
    bad("nameless_fail", asked(p256, name=None))
    bad("attribute_fail", asked(p256, device, attribute=b"challenge"))
    whole = asked(p256, device)
    bad("tampered_fail", whole[:-1] + bytes([whole[-1] ^ 1]))
    bad(
        "of-another-key_fail",
        whole.replace(point(p256), point(ec.generate_private_key(p256.curve))),
    )
    bad("longer_fail", whole + b"\x00")
    bad("cut_fail", whole[:-1])
    bad("empty_fail", b"")
    return cases


def asked(
    key: Any,
    extension: Any = None,
    *,
    name: str | None = "CT 3",
    organisation: str | None = None,
    attribute: bytes | None = None,
) -> bytes:
    parts = [] if name is None else [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organisation is not None:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(parts))
    if extension is not None:
        builder = builder.add_extension(extension, critical=False)
    if attribute is not None:
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, attribute)
    return builder.sign(key, hashes.SHA256()).public_bytes(DER)


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    numbers = key.public_key().public_numbers()
    return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def write(path: Path, cases: list[dict[str, Any]]) -> None:
    lines = ",\n".join(f"  {json.dumps(case)}" for case in cases)
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    write(VECTORS / "revocation" / "lists.json", lists())
    write(VECTORS / "key-request" / "cases.json", requests())
