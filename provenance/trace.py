"""The custody chain of one object, as its log tells it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from ledger import (
    BIRTHS,
    Bracket,
    LedgerError,
    ObjectChain,
    UnverifiedStatement,
    parse_statement,
)
from provenance.claims.birth import BirthBody, Origin
from provenance.dicom.carrier import read_carrier
from provenance.dicom.read import read_instance
from provenance.errors import EvidenceMissingError, MalformedError
from provenance.marks.mark_search import read_mark, search_mark
from provenance.pacs.custody.told import Custody, read_custody
from provenance.pictures.picture_file import is_picture, read_head, read_picture_file
from provenance.records import Lookup, ReadableLog, Records, uid_of
from provenance.trust.certificates import certificate_name, load_certificate

SEAL_ID_HEX = 24


class Order(StrEnum):
    """Where the order of the log is not that of the signers; the codes are stable."""

    LATE = "late"
    RIVAL = "rival"


@dataclass(frozen=True, slots=True)
class TracedEvent:
    """One event of an object's life, whether its back link holds, and who signed it.

    Of the birth of a copy also what ``kind`` it is, and the ids of its ``parents``; of what a PACS
    says, its ``custody``. ``statement`` is what was signed, as the log holds it.
    """

    index: int
    event: str
    claimed_at: datetime
    role: str
    actor: str
    linked: bool
    bracket: Bracket | None = None
    order: Order | None = None
    kind: str | None = None
    parents: tuple[bytes, ...] = ()
    statement: bytes = field(default=b"", repr=False)
    custody: Custody | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """All events of one object, oldest first."""

    seal_id: bytes
    found_by: str
    events: tuple[TracedEvent, ...]

    @property
    def complete(self) -> bool:
        """Whether every event names its predecessor, or, of a device, its own last one."""
        return bool(self.events) and all(e.linked for e in self.events)

    @property
    def unproven(self) -> bool:
        """Whether an event names a person whose signature, key or role does not hold."""
        persons = (p for e in self.events if e.custody is not None for p in e.custody.persons)
        return any(person.problem is not None for person in persons)


def trace(
    subject: str, *, records: Records[ReadableLog], mark_keys: Sequence[bytes]
) -> tuple[Trace, ...]:
    """Find the objects that ``subject`` (a path, a seal id in hex, a UID) names, and their events.

    Raises EvidenceMissingError when the ledger knows none.
    """
    if Path(subject).is_file():
        seal_ids, found_by = _of_file(Path(subject), records, mark_keys)
        return _known(subject, seal_ids, found_by, records)
    return trace_name(subject, records=records)


def trace_name(name: str, *, records: Records[ReadableLog]) -> tuple[Trace, ...]:
    """Do the same by a seal id in hex or a UID: no file is looked for."""
    seal_ids, found_by = _resolve(name, records)
    return _known(name, seal_ids, found_by, records)


def _known(
    subject: str, seal_ids: tuple[bytes, ...], found_by: str, records: Records[ReadableLog]
) -> tuple[Trace, ...]:
    traces = tuple(
        Trace(seal_id, found_by, tuple(_events(seal_id, records))) for seal_id in seal_ids
    )
    known = tuple(t for t in traces if t.events)
    if not known:
        raise EvidenceMissingError(f"the ledger knows no object by {subject}")
    return known


def _resolve(subject: str, records: Records[ReadableLog]) -> tuple[tuple[bytes, ...], str]:
    if len(subject) == SEAL_ID_HEX:
        try:
            return (bytes.fromhex(subject),), "seal id"
        except ValueError:
            pass
    for lookup in (Lookup.INSTANCE, Lookup.SERIES, Lookup.STUDY):
        found = records.find(lookup, subject.encode("ascii", "replace"))
        if lookup is Lookup.STUDY:
            found += records.find(Lookup.MANIFEST, subject.encode("ascii", "replace"))
        if found:
            return found, lookup.value
    raise EvidenceMissingError(
        f"{subject} is no file, and the ledger knows no seal id and no UID like it"
    )


def _of_file(
    path: Path, records: Records[ReadableLog], mark_keys: Sequence[bytes]
) -> tuple[tuple[bytes, ...], str]:
    if is_picture(read_head(path)):
        mark = search_mark(read_picture_file(path).plane, mark_keys)
        if mark.seal_id is None:
            raise EvidenceMissingError(f"{path} is a picture without a mark of this site")
        return (mark.seal_id,), "the mark in the pixels"
    instance = read_instance(path)
    try:
        values = read_carrier(instance.dataset)
        if values is not None:
            object_id = parse_statement(values.statement).object_id
            if object_id is not None:
                return (object_id,), "the seal in the file"
    except (MalformedError, LedgerError):
        pass  # a broken carrier: the other ways to find the object remain
    uid = uid_of(instance.dataset, Lookup.INSTANCE)
    if uid is not None and (found := records.find(Lookup.INSTANCE, uid)):
        return found, "the file's SOP Instance UID"
    mark = read_mark(instance, mark_keys)
    if mark.seal_id is not None:
        return (mark.seal_id,), "the mark in the pixels"
    raise EvidenceMissingError(
        f"{path} carries no seal and no mark of this site, and the ledger does not know its UID"
    )


def _events(seal_id: bytes, records: Records[ReadableLog]) -> Iterator[TracedEvent]:
    chain, born = ObjectChain(), False
    for entry in records.log.events(seal_id):
        statement = parse_statement(entry.statement)
        key = records.log.key(statement.kid)
        actor = statement.kid.hex()[:16]
        if key.certificate is not None:
            actor = certificate_name(load_certificate(key.certificate))
        origin = _origin(statement)
        yield TracedEvent(
            index=entry.index,
            event=statement.event.value,
            claimed_at=statement.claimed_at,
            role=key.role.value,
            actor=actor,
            order=_order(statement, chain, born=born),
            linked=chain.follow(statement, key.role),
            bracket=records.log.bracket(entry),
            kind=None if origin is None else origin.kind,
            parents=() if origin is None else tuple(p.object_id for p in origin.parents),
            statement=entry.statement,
            custody=read_custody(statement, entry.index, key.role, records.log),
        )
        born = born or statement.event in BIRTHS


def _origin(statement: UnverifiedStatement) -> Origin | None:
    """Return how a copy was made; None for any other event, and for a body that is not read."""
    if statement.event not in BIRTHS:
        return None
    try:
        return BirthBody.from_cbor(statement.body, statement.event).origin
    except MalformedError:
        return None


def _order(statement: UnverifiedStatement, chain: ObjectChain, *, born: bool) -> Order | None:
    if born and statement.event in BIRTHS:
        return Order.RIVAL
    return None if statement.object_link == chain.newest else Order.LATE
