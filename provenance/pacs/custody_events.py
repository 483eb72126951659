"""What a PACS says of an object in the log (docs/spec/custody-event.md). Bytes and bounds."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import ledger
from ledger import Event, decode_cbor, encode_cbor
from provenance.errors import MalformedError
from provenance.judging.verdict import Word
from provenance.pacs.consents import MOST_PERSONS, Consent, Matter, Step, steps_of
from provenance.policy.terms import Action

VERSION = 1
SALT_SIZE = 16
MAX_PLACE = 64
MAX_BODY = 1024
_VERSION, _FILE, _VERDICT, _ACTION, _POLICY, _ROUTE, _PLACE, _OUTCOME = range(1, 9)
_STEP, _PERSONS, _REASON, _EARLIER = range(9, 13)
_FIELDS: Mapping[Event, tuple[int, ...]] = {
    Event.INGESTED: (_ROUTE,),
    Event.VERIFIED: (_VERDICT, _ACTION, _POLICY),
    Event.QUARANTINED: (_VERDICT,),
    Event.RELEASED: (_OUTCOME,),
    Event.SENT: (_PLACE,),
}
_TYPES: Mapping[int, type] = {
    _VERSION: int,
    _FILE: bytes,
    _VERDICT: str,
    _ACTION: str,
    _POLICY: bytes,
    _ROUTE: str,
    _PLACE: str,
    _OUTCOME: bool,
    _STEP: str,
    _PERSONS: list,
    _REASON: bytes,
    _EARLIER: bytes,
}
ROUTES = ("dimse", "stow-rs", "rest", "orthanc")
_WORDS = frozenset(word.value for word in Word)
_ACTIONS = frozenset(action.value for action in Action)
_ENDS = frozenset({Step.CONFIRMED.value, Step.ALONE.value})
_BEFORE = frozenset({Step.PROPOSED.value, Step.WITHDRAWN.value})


@dataclass(frozen=True, slots=True)
class CustodyEvent:
    """One event to be logged: of an object that the log knows by ``seal_id``, or of none."""

    event: Event
    seal_id: bytes | None
    body: Mapping[int, object]
    at: datetime

    @property
    def encoded(self) -> bytes:
        """The body as bytes."""
        return encode_cbor(dict(self.body))


@dataclass(frozen=True, slots=True)
class Decided:
    """What persons did about an object, who they were, and the commitment to their reason."""

    step: Step
    to_archives: bool
    persons: tuple[Consent, ...]
    reason: bytes

    @property
    def says(self) -> Mapping[int, object]:
        """The fields of an event's body."""
        return {
            _OUTCOME: self.to_archives,
            _STEP: self.step.value,
            _PERSONS: [each.fields for each in self.persons],
            _REASON: self.reason,
        }


@dataclass(frozen=True, slots=True)
class Witnessed:
    """The object that events are about: its seal, if the log knows it, and which bytes were meant.

    ``salt`` is 16 random bytes that never leave the signer, ``sha256`` that of the file.
    """

    seal_id: bytes | None
    salt: bytes
    sha256: bytes

    def ingested(self, route: str, *, at: datetime) -> CustodyEvent:
        """It is on our disk."""
        return self._event(Event.INGESTED, at, {_ROUTE: route})

    def verified(
        self,
        word: Word,
        action: Action,
        *,
        policy: bytes,
        at: datetime,
        earlier: bytes | None = None,
    ) -> CustodyEvent:
        """It was judged, and decided about, by the policy with that SHA-256.

        Or as persons decided about the same bytes, ``earlier``: key 2 of that event.
        """
        says = {_VERDICT: word.value, _ACTION: action.value, _POLICY: policy}
        more = {} if earlier is None else {_EARLIER: earlier}
        return self._event(Event.VERIFIED, at, {**says, **more})

    def quarantined(self, word: Word, *, at: datetime) -> CustodyEvent:
        """It is kept apart."""
        return self._event(Event.QUARANTINED, at, {_VERDICT: word.value})

    def considered(self, word: Word, decided: Decided, *, at: datetime) -> CustodyEvent:
        """It is still kept apart, and a person has proposed what shall become of it, or taken that
        back.
        """
        return self._event(Event.QUARANTINED, at, {_VERDICT: word.value, **decided.says})

    def released(
        self, *, to_archives: bool, at: datetime, decided: Decided | None = None
    ) -> CustodyEvent:
        """It has left quarantine: to the archives, or for good."""
        says = {_OUTCOME: to_archives} if decided is None else decided.says
        return self._event(Event.RELEASED, at, says)

    def sent(self, place: str, *, at: datetime) -> CustodyEvent:
        """An archive has said that it has it."""
        return self._event(Event.SENT, at, {_PLACE: place})

    @property
    def meant(self) -> bytes:
        """Which bytes are meant, as the log has it: key 2 of a body."""
        return hashlib.sha256(self.salt + self.sha256).digest()

    def _event(self, event: Event, at: datetime, says: Mapping[int, object]) -> CustodyEvent:
        return CustodyEvent(event, self.seal_id, {_VERSION: VERSION, _FILE: self.meant, **says}, at)


def read_custody_body(event: Event, body: bytes) -> Mapping[int, object]:
    """Return the fields of a body by their keys; MalformedError if it is none of that event."""
    fields = _FIELDS.get(event)
    if fields is None:
        raise MalformedError(f"{event} is no custody event of a PACS")
    try:
        found = decode_cbor(body, max_size=MAX_BODY)
    except ledger.MalformedError as error:
        raise MalformedError(str(error)) from error
    if not isinstance(found, dict) or found.get(_VERSION) != VERSION:
        raise MalformedError("a custody event of another version")
    for key in (_VERSION, _FILE, *fields):
        if type(found.get(key)) is not _TYPES[key]:
            raise MalformedError(f"{event} without a proper field {key}")
    _check(found)
    _check_persons(event, found)
    return found


def _check(found: Mapping[int, object]) -> None:
    for key in (_FILE, _POLICY, _REASON, _EARLIER):
        value = found.get(key)
        if value is not None and (not isinstance(value, bytes) or len(value) != 32):
            raise MalformedError(f"field {key} of a custody event is not 32 bytes")
    for key, known in ((_VERDICT, _WORDS), (_ACTION, _ACTIONS), (_ROUTE, frozenset(ROUTES))):
        if key in found and found[key] not in known:
            raise MalformedError(f"field {key} of a custody event has a value that is not known")
    place = found.get(_PLACE, "x")
    if not isinstance(place, str) or not 1 <= len(place) <= MAX_PLACE:
        raise MalformedError("the place of a custody event has 1 to 64 characters")


def _check_persons(event: Event, found: Mapping[int, object]) -> None:
    """Persons, their step and their reason stand together, where persons decide, or not at all."""
    there = [key for key in (_STEP, _PERSONS, _REASON) if key in found]
    if event not in (Event.QUARANTINED, Event.RELEASED) or not there:
        return
    for key in (_OUTCOME, _STEP, _PERSONS, _REASON):
        if type(found.get(key)) is not _TYPES[key]:
            raise MalformedError(f"{event} by persons without a proper field {key}")
    last = found[_STEP]
    allowed = _ENDS if event is Event.RELEASED else _BEFORE
    if last not in allowed:
        raise MalformedError(f"{event} with a step that is not known there")
    persons = found[_PERSONS]
    assert isinstance(persons, list)
    if len(persons) > MOST_PERSONS:
        raise MalformedError(f"{len(persons)} persons")
    steps_of(Step(last), len(persons))
    if len({each.kid for each in map(Consent.parse, persons)}) != len(persons) and (
        last != Step.WITHDRAWN
    ):
        raise MalformedError("one person, where it takes two")


def decided_by(body: Mapping[int, object]) -> Decided | None:
    """Return what persons did, of a body that ``read_custody_body`` gave; None without persons."""
    match body:
        case {8: bool(to_archives), 9: str(step), 10: list(persons), 11: bytes(reason)}:
            consents = tuple(Consent.parse(each) for each in persons)
            return Decided(Step(step), to_archives, consents, reason)
    return None


def matter_of(body: Mapping[int, object], decided: Decided, origin: str) -> Matter:
    """Return what these persons consented to, in the log of that name."""
    meant = body[_FILE]
    assert isinstance(meant, bytes)  # read_custody_body has seen to it
    return Matter(origin, meant, decided.to_archives, decided.reason)
