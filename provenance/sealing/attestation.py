"""What an `attested` event says: that a person vouches for a sealed object, and for what.

docs/spec/attestation.md has the bytes. The purposes are those of ASTM E1762 that DICOM lists for
digital signatures (PS3.16 CID 7007) and that fit a person who stands by the device.
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Final

from ledger import Entry, Event, LoggedKey, Role, parse_statement
from provenance.errors import MalformedError, TrustError
from provenance.judging.evidence import Attestation
from provenance.records import ReadableLog
from provenance.trust.certificates import certificate_name, certificate_spki, load_certificate
from provenance.trust.existence import vouch_for_entry
from provenance.trust.store import TrustStore

PURPOSE: Final = 1
"""Key of the purpose in the body."""


class Purpose(IntEnum):
    """What a person vouches for, by the numbers of ASTM E1762."""

    AUTHOR = 1
    VERIFICATION = 5
    REVIEW = 13
    SOURCE = 14

    def __str__(self) -> str:
        return self.name.lower()


def attestation_body(purpose: Purpose) -> Mapping[int, object]:
    """Return the body of an `attested` event."""
    return {PURPOSE: int(purpose)}


def read_purpose(body: Mapping[int, object]) -> Purpose:
    """Return what a body says; MalformedError if it is none of ours."""
    number = body.get(PURPOSE)
    if type(number) is not int or number not in Purpose.__members__.values():
        raise MalformedError("an attestation without a purpose that is known here")
    return Purpose(number)


def find_attestations(
    entries: Sequence[Entry], log: ReadableLog, trust: TrustStore
) -> tuple[Attestation, ...]:
    """Return who has vouched for an object, by its events, whose signatures and links hold.

    An attestation whose signer nobody trusted vouches for, or that cannot be read, is returned
    with the problem: it counts for nothing.
    """
    found = []
    for entry in entries:
        statement = parse_statement(entry.statement)
        if statement.event is not Event.ATTESTED:
            continue
        key = log.key(statement.kid)
        name, purpose, problem = key.kid.hex()[:16], "", None
        try:
            purpose = str(read_purpose(statement.body))
            name = _vouched(key, entry, log, trust)
        except (MalformedError, TrustError) as error:
            problem = str(error)
        found.append(Attestation(entry.index, statement.claimed_at, name, purpose, problem))
    return tuple(found)


def _vouched(key: LoggedKey, entry: Entry, log: ReadableLog, trust: TrustStore) -> str:
    """Return the name of the operator that a trusted authority vouches for; else TrustError."""
    if key.role is not Role.OPERATOR:
        raise TrustError(f"its key is that of a {key.role}, not of an operator")
    if key.revoked_index is not None and key.revoked_index <= entry.index:
        raise TrustError(f"its key was revoked at entry {key.revoked_index}")
    if key.certificate is None:
        raise TrustError("its key has no certificate in the log")
    certificate = load_certificate(key.certificate)
    if certificate_spki(certificate) != key.spki:
        raise TrustError("the certificate logged with its key is that of another")
    vouch_for_entry(entry, certificate, role=Role.OPERATOR, log=log, trust=trust)
    return certificate_name(certificate)
