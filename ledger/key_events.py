"""Bodies of the two events the ledger itself reads: a key joins a log, a key leaves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ledger.errors import MalformedError
from ledger.keys import Signer, VerificationKey
from ledger.links import FIRST
from ledger.roles import Event, Role
from ledger.statement import sign_statement

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
