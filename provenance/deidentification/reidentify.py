"""Go the way back from a de-identified copy to its original: with the site's key, and proven."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ledger import (
    BIRTHS,
    Entry,
    Event,
    LedgerError,
    Log,
    Query,
    UnverifiedStatement,
    parse_statement,
)
from provenance.claims.birth import OBJECT_ID_SIZE, BirthBody
from provenance.claims.kept_annex import KeptAnnex
from provenance.deidentification.opening import Opening
from provenance.dicom.carrier import read_carrier
from provenance.dicom.read import read_instance
from provenance.errors import EvidenceError, EvidenceMissingError, MalformedError, UsageError
from provenance.records import ReadableLog


@dataclass(frozen=True, slots=True)
class Reidentified:
    """A copy, and the object it was made of; ``log_index`` is None if that was logged elsewhere."""

    object_id: bytes
    parent_id: bytes
    parent_leaf: bytes
    log_index: int | None


def object_id_of(subject: str) -> bytes:
    """Return the id of the object that a file carries, or that is written in hex.

    UsageError for other words, EvidenceMissingError or MalformedError for other files.
    """
    path = Path(subject)
    if not path.is_file():
        try:
            found = bytes.fromhex(subject)
        except ValueError as error:
            raise UsageError(f"{subject} is neither a file nor a seal id in hex") from error
        if len(found) != OBJECT_ID_SIZE:
            raise UsageError(f"a seal id has {2 * OBJECT_ID_SIZE} hex digits, not {len(subject)}")
        return found
    values = read_carrier(read_instance(path).dataset)
    if values is None:
        raise EvidenceMissingError("the file carries no seal: give its seal id, if you know it")
    try:
        object_id = parse_statement(values.statement).object_id
    except LedgerError as error:
        raise MalformedError(f"the seal cannot be read: {error}") from error
    if object_id is None:
        raise MalformedError("the statement in the file names no object")
    return object_id


def reidentify(object_id: bytes, log: ReadableLog, *, key: bytes) -> Reidentified:
    """Open the commitment of a copy with what is kept beside the log.

    Raises EvidenceMissingError (no such copy, or what led back was erased), EvidenceError (it was
    enciphered under another key, or does not open what was signed), MalformedError, LedgerError.
    """
    born = [said for said in map(_said, log.events(object_id)) if said.event in BIRTHS]
    if not born or born[0].event is not Event.DEIDENTIFIED:
        raise EvidenceMissingError(
            f"the ledger holds no de-identified copy with the id {object_id.hex()}"
        )
    origin = BirthBody.from_cbor(born[0].body, Event.DEIDENTIFIED).origin
    assert origin is not None
    annex = log.annex(object_id)
    sealed = None if annex is None else KeptAnnex.decode(annex).opening
    if sealed is None:
        raise EvidenceMissingError("nothing leads back any more: it was erased")
    opening = Opening.unseal(sealed, object_id, key=key)
    if opening.commitment != origin.commitment:
        raise EvidenceError("what was kept does not open the commitment that was signed")
    return Reidentified(object_id, opening.object_id, opening.leaf_hash, _index(opening, log))


def copies_of(parent_id: bytes, log: Log, *, key: bytes) -> Iterator[bytes]:
    """Yield the ids of the copies that lead back to an object, in the order of the log.

    No index leads there, on purpose: what is kept of each copy in the log is opened in turn.
    """
    for entry in log.query(Query(event=Event.DEIDENTIFIED)):
        object_id = _said(entry).object_id
        assert object_id is not None
        annex = log.annex(object_id)
        sealed = None if annex is None else KeptAnnex.decode(annex).opening
        if sealed is None:
            continue
        if Opening.unseal(sealed, object_id, key=key).object_id == parent_id:
            yield object_id


def _said(entry: Entry) -> UnverifiedStatement:
    return parse_statement(entry.statement)


def _index(opening: Opening, log: ReadableLog) -> int | None:
    """Return the entry of the original's birth; None if it was logged elsewhere."""
    entries = log.events(opening.object_id)
    return next((e.index for e in entries if e.leaf_hash == opening.leaf_hash), None)
