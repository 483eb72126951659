"""What a PACS has said of an object in the log, read back: and whether persons have signed it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ledger import (
    Event,
    LedgerError,
    LoggedKey,
    NotFoundError,
    Role,
    SignatureError,
    UnverifiedStatement,
    VerificationKey,
    encode_cbor,
)
from provenance.errors import MalformedError
from provenance.pacs.custody.events import (
    KEY_ACTION,
    KEY_EARLIER,
    KEY_OUTCOME,
    KEY_PLACE,
    KEY_ROUTE,
    KEY_VERDICT,
    Decided,
    decided_by,
    matter_of,
    read_custody_body,
)
from provenance.pacs.quarantine.consents import Consent, Matter, Step, steps_of, verify_consent
from provenance.pacs.quarantine.persons import ROLES
from provenance.records import ReadableLog
from provenance.trust.certificates import certificate_name, load_certificate

EVENTS = frozenset(
    {
        *(Event.INGESTED, Event.VERIFIED, Event.QUARANTINED, Event.RELEASED, Event.SENT),
        Event.PURGED,
    }
)
_SIGNERS = frozenset({Role.GATEWAY, Role.ARCHIVIST})


@dataclass(frozen=True, slots=True)
class ToldPerson:
    """Who took a step, by the certificate in the log; ``problem`` says why that is not proven."""

    kid: bytes
    name: str
    role: str
    step: Step
    at: datetime
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Custody:
    """The body of one event. ``problem`` if it is not one that this release can read."""

    problem: str | None = None
    route: str | None = None
    verdict: str | None = None
    action: str | None = None
    place: str | None = None
    to_archives: bool | None = None
    step: Step | None = None
    persons: tuple[ToldPerson, ...] = ()
    as_decided_before: bool = False


def read_custody(
    statement: UnverifiedStatement, index: int, role: Role, log: ReadableLog
) -> Custody | None:
    """Return what an event of a PACS says; None for any other event or signer.

    Raises LedgerError only if the log cannot be asked for a key.
    """
    if statement.event not in EVENTS or role not in _SIGNERS:
        return None
    try:
        body = read_custody_body(statement.event, encode_cbor(dict(statement.body)))
    except (MalformedError, LedgerError) as error:
        return Custody(problem=str(error))
    words = {key: value for key, value in body.items() if isinstance(value, str)}
    outcome = body.get(KEY_OUTCOME)
    decided = decided_by(body)
    persons: tuple[ToldPerson, ...] = ()
    if decided is not None:
        persons = told_persons(body, decided, index, log)
    return Custody(
        route=words.get(KEY_ROUTE),
        verdict=words.get(KEY_VERDICT),
        action=words.get(KEY_ACTION),
        place=words.get(KEY_PLACE),
        to_archives=outcome if isinstance(outcome, bool) else None,
        step=None if decided is None else decided.step,
        persons=persons,
        as_decided_before=KEY_EARLIER in body,
    )


def told_persons(
    body: Mapping[int, object], decided: Decided, index: int, log: ReadableLog
) -> tuple[ToldPerson, ...]:
    """Return who took which step, by the body of the entry ``index``, and whether that is proven.

    Raises LedgerError only if the log cannot be asked for a key.
    """
    matter = matter_of(body, decided, log.origin)
    told = []
    follows: Consent | None = None
    for step, made in zip(
        steps_of(decided.step, len(decided.persons)), decided.persons, strict=True
    ):
        told.append(_person(matter, step, made, follows, index, log))
        follows = made
    return tuple(told)


def _person(
    matter: Matter,
    step: Step,
    made: Consent,
    follows: Consent | None,
    index: int,
    log: ReadableLog,
) -> ToldPerson:
    name, role, problem = made.kid.hex()[:16], "unknown", None
    try:
        key = log.key(made.kid)
        role = key.role.value
        if key.certificate is not None:
            name = certificate_name(load_certificate(key.certificate))
        problem = _standing(key, index)
        verify_consent(matter, step, made, VerificationKey.from_spki(key.spki), follows=follows)
    except NotFoundError:
        problem = "the key is not in the log"
    except SignatureError:
        problem = "the signature does not hold"
    return ToldPerson(made.kid, name, role, step, made.at, problem)


def _standing(key: LoggedKey, index: int) -> str | None:
    if key.role not in ROLES:
        return f"the key is that of the {key.role}, who does not decide"
    if key.added_index >= index:
        return "the key was added later"
    if key.revoked_index is not None and key.revoked_index <= index:
        return f"the key was revoked by entry {key.revoked_index}"
    return None
