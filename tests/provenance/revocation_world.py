"""Authorities, revocation lists, devices and logs of a case of tests/vectors/revocation/cases.json.

All times are in days from when the tests run, since the timestamps are real and of that moment.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ledger import (
    Algorithm,
    Cosigner,
    Entry,
    LoggedKey,
    PrivateKeySigner,
    Role,
    StampHash,
    Submission,
    TimestampAnchors,
    key_added_body,
    parse_note,
    parse_receipt,
    request_for,
)
from ledger.checkpoints.checkpoint import parse_checkpoint
from provenance import Site, TrustStore, Verdict, seal, verify
from provenance.dicom.carrier import read_carrier, write_carrier
from provenance.dicom.read import read_instance
from provenance.dicom.write import instance_bytes
from provenance.keys.signers import generate_key
from provenance.records import Records
from provenance.sealing.chance import Chance
from provenance.sealing.seal import seal_at_time
from provenance.trust.certificates import (
    NO_EXPIRY,
    ROLE_OIDS,
    certificate_der,
    certificate_spki,
)
from provenance.trust.crl import EXPIRED_CERTS_ON_CRL

CASES = Path(__file__).resolve().parents[1] / "vectors" / "revocation" / "cases.json"
LONG_AGO = -400
PEM = serialization.Encoding.PEM
DER = serialization.Encoding.DER


def read_cases() -> list[dict[str, Any]]:
    """Return the table of cases."""
    found: list[dict[str, Any]] = json.loads(CASES.read_text(encoding="utf-8"))
    return found


@dataclass
class Authority:
    """A CA: its key and certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(
        cls,
        name: str,
        at: datetime,
        *,
        above: "Authority | None" = None,
        lists: bool = True,
        until: datetime = NO_EXPIRY,
    ) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        by = above.key if above else key
        issuer = above.certificate.subject if above else named(name)
        builder = begun(key.public_key(), named(name), issuer, by, at, until)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        builder = builder.add_extension(usage(authority=True, lists=lists), critical=True)
        return cls(key, builder.sign(by, hashes.SHA256()))

    def certify(
        self, public: Any, name: str, at: datetime, until: datetime, role: Role = Role.DEVICE
    ) -> x509.Certificate:
        """Issue the certificate of an actor."""
        builder = begun(public, named(name), self.certificate.subject, self.key, at, until)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        builder = builder.add_extension(usage(authority=False, lists=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ROLE_OIDS[role]]), critical=False)
        return builder.sign(self.key, hashes.SHA256())


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def begun(
    public: Any, name: x509.Name, issuer: x509.Name, by: Any, at: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(at)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False
        )
    )


def usage(*, authority: bool, lists: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority and lists,
        encipher_only=False,
        decipher_only=False,
    )


def make_list(
    authority: Authority,
    *,
    since: datetime,
    until: datetime,
    entries: Sequence[x509.RevokedCertificate] = (),
    flaw: str | None = None,
    keeps: bool = False,
    number: int = 1,
) -> bytes:
    """Return a list in DER; with a ``flaw``, one that must not count."""
    key = ec.generate_private_key(ec.SECP256R1()) if flaw == "forged" else authority.key
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(since)
        .next_update(until)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), False
        )
    )
    if keeps:
        begin = b"\x18\x0f20000101000000Z"
        builder = builder.add_extension(
            x509.UnrecognizedExtension(EXPIRED_CERTS_ON_CRL, begin), critical=False
        )
    match flaw:
        case "delta":
            builder = builder.add_extension(x509.DeltaCRLIndicator(1), critical=True)
        case "indirect" | "scoped":
            builder = builder.add_extension(scope(flaw), critical=True)
        case "critical":
            unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.25.1"), b"\x05\x00")
            builder = builder.add_extension(unknown, critical=True)
    for entry in entries:
        builder = builder.add_revoked_certificate(entry)
    der = builder.sign(key, hashes.SHA256()).public_bytes(DER)
    return der[:-1] + bytes([der[-1] ^ 1]) if flaw == "tampered" else der


def scope(flaw: str) -> x509.IssuingDistributionPoint:
    return x509.IssuingDistributionPoint(
        full_name=None,
        relative_name=None,
        only_contains_user_certs=False,
        only_contains_ca_certs=flaw == "scoped",
        only_some_reasons=None,
        indirect_crl=flaw == "indirect",
        only_contains_attribute_certs=False,
    )


def make_entry(
    serial: int,
    since: datetime,
    *,
    invalid: datetime | None = None,
    reason: str | None = None,
    flaw: str | None = None,
) -> x509.RevokedCertificate:
    """Return an entry of a list."""
    builder = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since)
    if invalid is not None:
        builder = builder.add_extension(x509.InvalidityDate(invalid), critical=False)
    if reason is not None:
        builder = builder.add_extension(x509.CRLReason(x509.ReasonFlags(reason)), critical=False)
    if flaw == "critical":
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.25.1"), b"\x05\x00")
        builder = builder.add_extension(unknown, critical=True)
    if flaw == "issuer":
        other = x509.CertificateIssuer([x509.DirectoryName(named("somebody"))])
        builder = builder.add_extension(other, critical=True)
    return builder.build()


@dataclass
class DatedLog:
    """A log whose clock says what the case wants; all else is the log's own."""

    log: Any
    at: datetime

    def append(self, submissions: Sequence[Submission], *, at: datetime) -> list[Entry]:
        entries: list[Entry] = self.log.append(submissions, at=self.at)
        return entries

    def __getattr__(self, name: str) -> Any:
        return getattr(self.log, name)


@dataclass
class RevokingLog:
    """A log that revoked the key of a seal before its entry, and took the seal all the same."""

    log: Any

    def key(self, kid: bytes) -> LoggedKey:
        found: LoggedKey = self.log.key(kid)
        return replace(found, revoked_index=found.added_index + 1)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.log, name)


@dataclass
class World:
    """What a case is played in."""

    folder: Path
    now: datetime
    tsa: Any
    other_tsa: Any
    image: bytes

    def day(self, number: float) -> datetime:
        return self.now + timedelta(days=number)

    def play(self, case: Mapping[str, Any]) -> Verdict:
        """Seal, revoke, prove and judge as a case says."""
        self.site = Site.init_at_time(
            self.folder / "site", name="s", algorithm=Algorithm.ED25519, at=self.day(LONG_AGO)
        )
        self.trust = self.folder / "trust"
        (self.trust / "roots").mkdir(parents=True)
        (self.trust / "logs").mkdir()
        keys = (self.site.folder / "trust" / "logs" / "site.vkeys").read_text()
        (self.trust / "logs" / "site.vkeys").write_text(keys)
        chain = self._authorities(case)
        key = generate_key(Algorithm.ED25519)
        wanted = case.get("certificate", {})
        until = NO_EXPIRY if "until" not in wanted else self.day(wanted["until"])
        begin = self.day(wanted.get("from", -100))
        leaf = self.chain[-1].certify(key.public_key(), "CT 3", begin, until)
        self.who = {"device": leaf, **self.certificates}
        signer = PrivateKeySigner.from_private_key(key)
        if "timestamp before the seal" in case.get("proofs", ()):
            self._stamp(self.tsa)
        sealed = self._seal(case, signer, (leaf, *chain))
        for proof in case.get("proofs", ()):
            match proof:
                case "timestamp":
                    self._stamp(self.tsa)
                case "timestamp by a stranger":
                    self._stamp(self.other_tsa)
                case "timestamp before the seal":
                    pass
                case "witnesses":
                    sealed = self._witness(sealed, [-1, -1])
                case "witnesses, one lies":
                    sealed = self._witness(sealed, [-30, 8])
                case _:
                    raise AssertionError(proof)
        if "lists" in case:
            self._write_lists(case["lists"])
        self.sealed = sealed
        return self._judge(case, sealed)

    def _write_lists_anew(self, lists: Sequence[Mapping[str, Any]]) -> None:
        for path in (self.trust / "crls").iterdir():
            path.unlink()
        (self.trust / "crls").rmdir()
        self._write_lists(lists)

    def _authorities(self, case: Mapping[str, Any]) -> tuple[x509.Certificate, ...]:
        at = self.day(LONG_AGO)
        self.chain = [Authority.make("root", at)]
        self.by = {
            "root": self.chain[0],
            "stranger": Authority.make("stranger", at),
            "namesake": Authority.make("root", at),
        }
        for name in case.get("path", ["root"])[1:]:
            lists = case.get("unsigning") != name
            ending = case.get("ending", {}).get(name)
            until = NO_EXPIRY if ending is None else self.day(ending)
            self.by[name] = Authority.make(name, at, above=self.chain[-1], lists=lists, until=until)
            self.chain.append(self.by[name])
        root = self.chain[0].certificate.public_bytes(PEM)
        (self.trust / "roots" / "root.pem").write_bytes(root)
        another = self.chain[0].certify(
            generate_key(Algorithm.ED25519).public_key(), "CT 4", at, NO_EXPIRY
        )
        self.certificates = {n: a.certificate for n, a in self.by.items()} | {"another": another}
        return tuple(a.certificate for a in reversed(self.chain[1:]))

    def _seal(
        self,
        case: Mapping[str, Any],
        signer: PrivateKeySigner,
        certificates: tuple[x509.Certificate, ...],
    ) -> bytes:
        claimed = case.get("claimed", -1)
        logged = self.day(case.get("logged", claimed))
        from ledger import Event, key_revoked_body

        with self.site.device(Role.ARCHIVIST) as archivist:
            body = key_added_body(
                certificate_spki(certificates[0]),
                role=Role.DEVICE,
                certificate=certificate_der(certificates[0]),
            )
            early = min(logged, self.day(-100))
            archivist.record(Event.KEY_ADDED, object_id=None, body=body, at=early)
        with self.site.device() as own:
            device = replace(
                own,
                signer=signer,
                certificates=tuple(certificate_der(each) for each in certificates),
                log=DatedLog(own.log, logged),  # type: ignore[arg-type]
            )
            sealed = seal_at_time(
                self.image,
                device=device,
                profile="none",
                at=self.day(claimed),
                chance=Chance.draw(),
            ).to_bytes()
        if case.get("key_revoked") == "after":
            with self.site.device(Role.ARCHIVIST) as archivist:
                revoked = key_revoked_body(signer.kid, reason="")
                archivist.record(Event.KEY_REVOKED, object_id=None, body=revoked, at=self.day(5))
        return sealed

    def _stamp(self, tsa: Any) -> None:
        place = self.trust / "tsa"
        place.mkdir(exist_ok=True)
        (place / "tsa.pem").write_bytes(self.tsa.root.public_bytes(PEM))
        with self.site.writing_log() as log:
            log.checkpoint()
            request = request_for(log.stamped(log.size), hash=StampHash.SHA256, nonce=7)
            anchors = TimestampAnchors((tsa.root,))
            log.add_timestamp(request, tsa.reply(bytes(request)), anchors=anchors, at=self.day(0.5))

    def _witness(self, sealed: bytes, days: Sequence[float]) -> bytes:
        """Let witnesses cosign the checkpoint of a receipt; the quorum is all of them."""
        instance = read_instance(sealed)
        carrier = read_carrier(instance.dataset)
        assert carrier is not None
        assert carrier.receipt is not None
        note = parse_receipt(carrier.receipt).checkpoint
        checkpoint = parse_checkpoint(parse_note(note).text)
        lines, names = [], []
        for number, day in enumerate(days):
            cosigner = Cosigner.generate(f"w{number}.example")
            stamp = int(self.day(day).timestamp())
            signed = cosigner.cosign(checkpoint, timestamp=stamp)[1]
            carrier = replace(carrier, receipt=carrier.receipt + cosignature_line(signed))
            names.append(f"w{number}")
            lines.append(f"witness w{number} {cosigner.vkeys[1]}\n")
        lines.append(f"group all all {' '.join(names)}\nquorum all\n")
        (self.trust / "policy").write_text("".join(lines))
        write_carrier(instance.dataset, carrier)
        return instance_bytes(instance)

    def _write_lists(self, lists: Sequence[Mapping[str, Any]]) -> None:
        folder = self.trust / "crls"
        folder.mkdir()
        for number, wanted in enumerate(lists):
            entries = [
                make_entry(
                    self.who[each["who"]].serial_number,
                    self.day(each["since"]),
                    invalid=self.day(each["invalid"]) if "invalid" in each else None,
                    reason=each.get("reason"),
                    flaw=each.get("flaw"),
                )
                for each in wanted.get("names", ())
            ]
            data = make_list(
                self.by[wanted["by"]],
                since=self.day(wanted["from"]),
                until=self.day(wanted["until"]),
                entries=entries,
                flaw=wanted.get("flaw"),
                keeps=wanted.get("keeps", False),
                number=number + 1,
            )
            (folder / f"{number}.crl").write_bytes(data)

    def _judge(self, case: Mapping[str, Any], sealed: bytes) -> Verdict:
        trust = TrustStore.load(self.trust)
        at = self.day(case.get("judged", 1))
        if case.get("ask") in ("nothing", "ledger alone"):
            sealed = without_receipt(sealed)
        if case.get("ask") in ("nothing", "receipt"):
            return verify(sealed, trust=trust, at=at)
        records = self.site.records()
        with records.log:
            if case.get("key_revoked") == "before":
                records = Records(RevokingLog(records.log), records.lookup_key)  # type: ignore
            return verify(sealed, trust=trust, records=records, at=at)


def cosignature_line(signed: Any) -> bytes:
    """Return the line of a note."""
    from base64 import b64encode

    encoded = b64encode(signed.key_id + signed.signature).decode()
    return f"\u2014 {signed.name} {encoded}\n".encode()


def without_receipt(sealed: bytes) -> bytes:
    """Return a sealed file that has lost its receipt."""
    instance = read_instance(sealed)
    carrier = read_carrier(instance.dataset)
    assert carrier is not None
    write_carrier(instance.dataset, replace(carrier, receipt=None))
    return instance_bytes(instance)


def world_maker(folder: Path, make_tsa: Callable[..., Any], image: bytes) -> Callable[[str], World]:
    """Return a maker of worlds that share two authorities of time."""
    tsa, other = make_tsa(), make_tsa()
    now = datetime.now(UTC).replace(microsecond=0)

    def make(name: str) -> World:
        place = folder / name
        place.mkdir()
        return World(place, now, tsa, other, image)

    return make


__all__ = ["Authority", "World", "make_entry", "make_list", "read_cases", "seal", "world_maker"]
