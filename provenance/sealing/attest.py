"""Vouch for a sealed object as a person: it is verified first, then the log keeps who said so."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ledger import Entry, Event
from provenance.errors import UsageError
from provenance.judging.verdict import Word
from provenance.sealing.attestation import Purpose, attestation_body
from provenance.site.device import Device
from provenance.verifying.verifier import Verifier
from provenance.verifying.verify import verify_with


@dataclass(frozen=True, slots=True)
class Attested:
    """An attestation in the log."""

    seal_id: bytes
    index: int
    purpose: Purpose


def attest(
    source: bytes | Path, *, operator: Device, verifier: Verifier, purpose: Purpose, at: datetime
) -> Attested:
    """Verify one object, and log that the operator vouches for it.

    ``operator`` signs with an operator's key. NotProvenError unless the object is AUTHENTIC or
    CORRECTED: nobody vouches for what was changed without a word. Errors of the ledger.
    """
    verdict = verify_with(source, verifier)
    verdict.require(Word.AUTHENTIC, Word.CORRECTED)
    assert verdict.seal_id is not None  # what is as it was sealed has a seal
    entry = operator.record(
        Event.ATTESTED, object_id=verdict.seal_id, body=attestation_body(purpose), at=at
    )
    if not isinstance(entry, Entry):
        raise UsageError("an operator is online: an attestation does not wait in an outbox")
    return Attested(verdict.seal_id, entry.index, purpose)
