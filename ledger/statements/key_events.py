"""Bodies of the events the ledger itself reads: keys join a log or leave it, or are its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ledger.checkpoints.key_sets import check_announced
from ledger.checkpoints.note_keys import NoteKey
from ledger.cose.keys import Signer, VerificationKey
from ledger.errors import MalformedError
from ledger.links import FIRST
from ledger.roles import Event, Role
from ledger.statements.statement import sign_statement

MAX_CERTIFICATE = 16_384
MAX_REASON = 1_000


@dataclass(frozen=True, slots=True)
class KeyAdded:
    """A key, the role it stands in, and the certificate that vouches for it outside the log."""

    key: VerificationKey
    role: Role
    certificate: bytes | None


@dataclass(frozen=True, slots=True)
class KeyRevoked:
    """A key that signs nothing more from here on, and why."""

    kid: bytes
    reason: str


def key_added_body(
    spki: bytes, *, role: Role, certificate: bytes | None = None
) -> dict[int, object]:
    """Return the body of ``key-added`` for a DER SubjectPublicKeyInfo."""
    key = VerificationKey.from_spki(spki)
    return {1: key.kid, 2: int(key.algorithm), 3: role.value, 4: spki, 5: certificate}


def key_revoked_body(kid: bytes, *, reason: str) -> dict[int, object]:
    """Return the body of ``key-revoked``; the reason is public, name no person in it."""
    return {1: kid, 2: reason}


def read_key_added(body: Mapping[int, object]) -> KeyAdded:
    """Read the body of ``key-added``; MalformedError unless its parts agree with each other."""
    match body:
        case {
            1: bytes(kid),
            2: int(algorithm),
            3: str(name),
            4: bytes(spki),
            5: (bytes() | None) as certificate,
            **unknown,
        } if not unknown:
            pass
        case _:
            raise MalformedError("not the body of a key-added event")
    key = VerificationKey.from_spki(spki)
    if (kid, algorithm) != (key.kid, key.algorithm):
        raise MalformedError("key id and algorithm are not those of the public key")
    if certificate is not None and not 0 < len(certificate) <= MAX_CERTIFICATE:
        raise MalformedError(f"a certificate of {len(certificate)} bytes")
    try:
        role = Role(name)
    except ValueError as error:
        raise MalformedError(f"role {name[:40]!r} is not known") from error
    return KeyAdded(key, role, certificate)


def read_key_revoked(body: Mapping[int, object]) -> KeyRevoked:
    """Read the body of ``key-revoked``."""
    match body:
        case {1: bytes(kid), 2: str(reason), **unknown} if not unknown:
            if len(kid) == 32 and len(reason) <= MAX_REASON:
                return KeyRevoked(kid, reason)
    raise MalformedError("not the body of a key-revoked event")


def log_keys_body(sets: Sequence[Sequence[NoteKey]]) -> dict[int, object]:
    """Return the body of ``log-keys``: all sets the log signs with from here on."""
    check_announced(sets)
    return {1: [[str(key) for key in each] for each in sets]}


def read_log_keys(body: Mapping[int, object]) -> tuple[tuple[NoteKey, ...], ...]:
    """Read the body of ``log-keys``; MalformedError unless a log can sign with such sets."""
    match body:
        case {1: list(listed), **unknown} if not unknown:
            pass
        case _:
            raise MalformedError("not the body of a log-keys event")
    sets = tuple(_note_keys(each) for each in listed)
    check_announced(sets)
    return sets


def _note_keys(listed: object) -> tuple[NoteKey, ...]:
    match listed:
        case [str(first), str(second)]:
            return NoteKey.parse(first), NoteKey.parse(second)
    raise MalformedError("a set of log keys is two verifier keys")


def make_genesis(
    signer: Signer,
    *,
    role: Role = Role.ARCHIVIST,
    certificate: bytes | None = None,
    claimed_at: datetime,
) -> bytes:
    """Return statement 0 of a log: a key adds itself and from then on may add others."""
    return sign_statement(
        event=Event.KEY_ADDED,
        object_id=None,
        object_link=None,
        actor_link=FIRST,
        claimed_at=claimed_at,
        head_seen=None,
        body=key_added_body(signer.spki, role=role, certificate=certificate),
        signer=signer,
    )
