"""What the evidence in a file says of itself. Trusts nothing and verifies nothing."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from ledger import (
    BIRTHS,
    LedgerError,
    Receipt,
    UnverifiedStatement,
    parse_note,
    parse_receipt,
    parse_statement,
)
from provenance.claims.annex import Annex
from provenance.claims.birth import BirthBody
from provenance.dicom.carrier import Carrier, read_carrier
from provenance.dicom.read import read_instance
from provenance.errors import MalformedError
from provenance.records import Lookup, uid_of
from provenance.trust.certificates import ROLE_OIDS, certificate_name, load_certificate


@dataclass(frozen=True, slots=True)
class CertificateView:
    """A certificate as it describes itself."""

    subject: str
    issuer: str
    serial: int
    valid_from: str
    valid_until: str
    role: str | None
    sha256: bytes


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """Where a receipt claims the seal to be, and the lines of the checkpoint it rests on."""

    index: int
    path_length: int
    checkpoint: tuple[str, ...]
    signers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inspection:
    """Everything a carrier holds; ``problems`` are the parts that cannot be read."""

    sop_instance_uid: str | None
    transfer_syntax: str
    notes: tuple[str, ...]
    carrier: Carrier | None
    statement: UnverifiedStatement | None
    body: BirthBody | None
    annex: Annex | None
    certificates: tuple[CertificateView, ...]
    receipt: ReceiptView | None
    problems: tuple[str, ...]


def inspect(source: bytes | Path) -> Inspection:
    """Take the carrier of one object apart. UnreadableError when it is no DICOM object."""
    instance = read_instance(source)
    problems: list[str] = []
    carrier: Carrier | None = None
    try:
        carrier = read_carrier(instance.dataset)
    except MalformedError as error:
        problems.append(f"carrier: {error}")
    uid = uid_of(instance.dataset, Lookup.INSTANCE)
    statement = _statement(carrier, problems)
    annex = _annex(carrier, problems)
    return Inspection(
        sop_instance_uid=None if uid is None else uid.decode("ascii", "replace"),
        transfer_syntax=str(instance.transfer_syntax),
        notes=tuple(str(note) for note in instance.notes),
        carrier=carrier,
        statement=statement,
        body=_body(statement, problems),
        annex=annex,
        certificates=tuple(_certificates(_listed(annex), problems)),
        receipt=_receipt(carrier, problems),
        problems=tuple(problems),
    )


def _statement(carrier: Carrier | None, problems: list[str]) -> UnverifiedStatement | None:
    if carrier is None:
        return None
    try:
        return parse_statement(carrier.statement)
    except LedgerError as error:
        problems.append(f"statement: {error}")
        return None


def _body(statement: UnverifiedStatement | None, problems: list[str]) -> BirthBody | None:
    if statement is None or statement.event not in BIRTHS:
        return None
    try:
        return BirthBody.from_cbor(statement.body, statement.event)
    except MalformedError as error:
        problems.append(f"statement: {error}")
        return None


def _annex(carrier: Carrier | None, problems: list[str]) -> Annex | None:
    if carrier is None:
        return None
    try:
        return Annex.decode(carrier.annex)
    except MalformedError as error:
        problems.append(f"annex: {error}")
        return None


def _listed(annex: Annex | None) -> tuple[bytes, ...]:
    """Return the certificates of the first signer, then those of the second."""
    if annex is None:
        return ()
    return (*annex.certificates, *(annex.second.certificates if annex.second else ()))


def _certificates(found: Iterable[bytes], problems: list[str]) -> Iterable[CertificateView]:
    for der in found:
        try:
            certificate = load_certificate(der)
        except MalformedError as error:
            problems.append(f"certificate: {error}")
            continue
        yield CertificateView(
            subject=certificate_name(certificate),
            issuer=certificate.issuer.rfc4514_string(),
            serial=certificate.serial_number,
            valid_from=f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M:%SZ}",
            valid_until=f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M:%SZ}",
            role=_role(certificate),
            sha256=hashlib.sha256(der).digest(),
        )


def _role(certificate: x509.Certificate) -> str | None:
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return None
    return next((role.value for role, oid in ROLE_OIDS.items() if oid in usages), None)


def _receipt(carrier: Carrier | None, problems: list[str]) -> ReceiptView | None:
    if carrier is None or carrier.receipt is None:
        return None
    try:
        receipt: Receipt = parse_receipt(carrier.receipt)
        note = parse_note(receipt.checkpoint)
        lines = tuple(note.text.decode("utf-8").splitlines())
    except LedgerError as error:
        problems.append(f"receipt: {error}")
        return None
    signers = tuple(f"{s.name} (key {s.key_id.hex()})" for s in note.signatures)
    return ReceiptView(receipt.index, len(receipt.path), lines, signers)
