"""What a PACS says of an object in the log (docs/spec/custody-event.md). Bytes and bounds."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import ledger
from ledger import Event, decode_cbor, encode_cbor
from provenance.errors import MalformedError
from provenance.judging.verdict import Word
from provenance.pacs.quarantine.consents import MOST_PERSONS, Consent, Matter, Step, steps_of
from provenance.policy.terms import Action

VERSION = 1
SALT_SIZE = 16
MAX_PLACE = 64
MAX_BODY = 1024
KEY_VERDICT, KEY_FILE, KEY_VERSION, KEY_ACTION, KEY_POLICY, KEY_ROUTE, KEY_PLACE, KEY_OUTCOME = (
    range(1, 9)
)
KEY_STEP, KEY_PERSONS, KEY_REASON, KEY_EARLIER = range(9, 13)
_FIELDS: Mapping[Event, tuple[int, ...]] = {
    Event.INGESTED: (KEY_ROUTE,),
    Event.VERIFIED: (KEY_VERDICT, KEY_ACTION, KEY_POLICY),
    Event.QUARANTINED: (KEY_VERDICT,),
    Event.RELEASED: (KEY_OUTCOME,),
    Event.SENT: (KEY_PLACE,),
    Event.PURGED: (KEY_VERDICT, KEY_OUTCOME, KEY_STEP, KEY_PERSONS, KEY_REASON),
}
_TYPES: Mapping[int, type] = {
    KEY_VERSION: int,
    KEY_FILE: bytes,
    KEY_VERDICT: str,
    KEY_ACTION: str,
    KEY_POLICY: bytes,
    KEY_ROUTE: str,
    KEY_PLACE: str,
    KEY_OUTCOME: bool,
    KEY_STEP: str,
    KEY_PERSONS: list,
    KEY_REASON: bytes,
    KEY_EARLIER: bytes,
}
ROUTES = ("dimse", "stow-rs", "rest", "orthanc")
_WORDS = frozenset(word.value for word in Word)
_ACTIONS = frozenset(action.value for action in Action)
_STEPS: Mapping[Event, frozenset[str]] = {
    Event.QUARANTINED: frozenset({Step.PROPOSED.value, Step.WITHDRAWN.value}),
    Event.RELEASED: frozenset({Step.CONFIRMED.value, Step.ALONE.value}),
    Event.PURGED: frozenset({Step.PURGED.value}),
}


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
            KEY_OUTCOME: self.to_archives,
            KEY_STEP: self.step.value,
            KEY_PERSONS: [each.fields for each in self.persons],
            KEY_REASON: self.reason,
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
        return self._event(Event.INGESTED, at, {KEY_ROUTE: route})

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
        says = {KEY_VERDICT: word.value, KEY_ACTION: action.value, KEY_POLICY: policy}
        more = {} if earlier is None else {KEY_EARLIER: earlier}
        return self._event(Event.VERIFIED, at, {**says, **more})

    def quarantined(self, word: Word, *, at: datetime) -> CustodyEvent:
        """It is kept apart."""
        return self._event(Event.QUARANTINED, at, {KEY_VERDICT: word.value})

    def considered(self, word: Word, decided: Decided, *, at: datetime) -> CustodyEvent:
        """It is still kept apart, and a person has proposed what shall become of it, or taken that
        back.
        """
        return self._event(Event.QUARANTINED, at, {KEY_VERDICT: word.value, **decided.says})

    def released(
        self, *, to_archives: bool, at: datetime, decided: Decided | None = None
    ) -> CustodyEvent:
        """It has left quarantine: to the archives, or for good."""
        says = {KEY_OUTCOME: to_archives} if decided is None else decided.says
        return self._event(Event.RELEASED, at, says)

    def purged(self, word: Word, decided: Decided, *, at: datetime) -> CustodyEvent:
        """Its file goes off the disk, as soon as the log says so; it was rejected before."""
        return self._event(Event.PURGED, at, {KEY_VERDICT: word.value, **decided.says})

    def sent(self, place: str, *, at: datetime) -> CustodyEvent:
        """An archive has said that it has it."""
        return self._event(Event.SENT, at, {KEY_PLACE: place})

    @property
    def meant(self) -> bytes:
        """Which bytes are meant, as the log has it: key 2 of a body."""
        return hashlib.sha256(self.salt + self.sha256).digest()

    def _event(self, event: Event, at: datetime, says: Mapping[int, object]) -> CustodyEvent:
        return CustodyEvent(
            event, self.seal_id, {KEY_VERSION: VERSION, KEY_FILE: self.meant, **says}, at
        )


def read_custody_body(event: Event, body: bytes) -> Mapping[int, object]:
    """Return the fields of a body by their keys; MalformedError if it is none of that event."""
    fields = _FIELDS.get(event)
    if fields is None:
        raise MalformedError(f"{event} is no custody event of a PACS")
    try:
        found = decode_cbor(body, max_size=MAX_BODY)
    except ledger.MalformedError as error:
        raise MalformedError(str(error)) from error
    if not isinstance(found, dict) or found.get(KEY_VERSION) != VERSION:
        raise MalformedError("a custody event of another version")
    for key in (KEY_VERSION, KEY_FILE, *fields):
        if type(found.get(key)) is not _TYPES[key]:
            raise MalformedError(f"{event} without a proper field {key}")
    _check(found)
    _check_persons(event, found)
    return found


def _check(found: Mapping[int, object]) -> None:
    for key in (KEY_FILE, KEY_POLICY, KEY_REASON, KEY_EARLIER):
        value = found.get(key)
        if value is not None and (not isinstance(value, bytes) or len(value) != 32):
            raise MalformedError(f"field {key} of a custody event is not 32 bytes")
    for key, known in (
        (KEY_VERDICT, _WORDS),
        (KEY_ACTION, _ACTIONS),
        (KEY_ROUTE, frozenset(ROUTES)),
    ):
        if key in found and (type(found[key]) is not str or found[key] not in known):
            raise MalformedError(f"field {key} of a custody event has a value that is not known")
    place = found.get(KEY_PLACE, "x")
    if not isinstance(place, str) or not 1 <= len(place) <= MAX_PLACE:
        raise MalformedError("the place of a custody event has 1 to 64 characters")


def _check_persons(event: Event, found: Mapping[int, object]) -> None:
    """Persons, their step and their reason stand together, where persons decide, or not at all."""
    there = [key for key in (KEY_STEP, KEY_PERSONS, KEY_REASON) if key in found]
    allowed = _STEPS.get(event)
    if allowed is None or not there:
        return
    for key in (KEY_OUTCOME, KEY_STEP, KEY_PERSONS, KEY_REASON):
        if type(found.get(key)) is not _TYPES[key]:
            raise MalformedError(f"{event} by persons without a proper field {key}")
    last = found[KEY_STEP]
    if last not in allowed:
        raise MalformedError(f"{event} with a step that is not known there")
    if event is Event.PURGED and found[KEY_OUTCOME] is not False:
        raise MalformedError("purged, and not rejected")
    persons = found[KEY_PERSONS]
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
    match tuple(map(body.get, (KEY_OUTCOME, KEY_STEP, KEY_PERSONS, KEY_REASON))):
        case (bool(to_archives), str(step), list(persons), bytes(reason)):
            consents = tuple(Consent.parse(each) for each in persons)
            return Decided(Step(step), to_archives, consents, reason)
    return None


def matter_of(body: Mapping[int, object], decided: Decided, origin: str) -> Matter:
    """Return what these persons consented to, in the log of that name."""
    meant = body[KEY_FILE]
    assert isinstance(meant, bytes)  # read_custody_body has seen to it
    return Matter(origin, meant, decided.to_archives, decided.reason)
