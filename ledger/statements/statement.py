"""Statements: one signed custody event each, in exact bytes (docs/spec/statement.md)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from ledger.cose.cbor import MAX_DEPTH, decode_cbor, decode_flat_map, encode_cbor
from ledger.cose.keys import Algorithm, Signer, VerificationKey
from ledger.cose.sign1 import MAX_SIZE, encode_sign1, parse_sign1, to_be_signed
from ledger.cose.signatures import SIGNATURE_SIZE
from ledger.errors import MalformedError, SignatureError, UsageError
from ledger.instants import from_milliseconds, require_milliseconds, to_milliseconds
from ledger.links import FIRST, Head, Link
from ledger.roles import Event
from ledger.statements.statement_header import protected_header, read_header
from ledger.statements.statement_pattern import Parts, match_statement
from ledger.tree.merkle import hash_leaf

VERSION = 1
OBJECT_ID_SIZE = 12

_INT = frozenset({int})


# Tuples, of which an audit makes one for each entry: a frozen dataclass takes ten times as long.
class UnverifiedStatement(NamedTuple):
    """What the bytes say, whoever wrote them."""

    encoded: bytes
    leaf_hash: bytes
    algorithm: Algorithm
    kid: bytes
    event: Event
    object_id: bytes | None
    object_link: Link | None
    actor_link: Link
    claimed_milliseconds: int  # since 1970
    head_seen: Head | None
    body: Mapping[int, object]
    signature: bytes
    signed: bytes

    @property
    def claimed_at(self) -> datetime:
        """When it was made, as its signer says."""
        return from_milliseconds(self.claimed_milliseconds)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.event}, {self.leaf_hash.hex()})"


class Statement(NamedTuple):
    """What the holder of ``kid`` said; ``verify_statement`` and ``Verifiers`` build one."""

    encoded: bytes
    leaf_hash: bytes
    algorithm: Algorithm
    kid: bytes
    event: Event
    object_id: bytes | None
    object_link: Link | None
    actor_link: Link
    claimed_milliseconds: int  # since 1970
    head_seen: Head | None
    body: Mapping[int, object]

    @property
    def claimed_at(self) -> datetime:
        """When it was made, as its signer says."""
        return from_milliseconds(self.claimed_milliseconds)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.event}, {self.leaf_hash.hex()})"


_FIELDS = len(Statement._fields)
assert UnverifiedStatement._fields[:_FIELDS] == Statement._fields


def parse_statement(encoded: bytes) -> UnverifiedStatement:
    """Read a statement strictly, without judging it; MalformedError for any other bytes."""
    if len(encoded) <= MAX_SIZE:
        parts = match_statement(encoded)
        if parts is not None:
            return _from_parts(encoded, parts)
    return parse_step_by_step(encoded)


def _from_parts(encoded: bytes, parts: Parts) -> UnverifiedStatement:
    (
        algorithm, kid, event, object_id, link, actor_link, claimed, head, body, signature, signed,
    ) = parts  # fmt: skip
    flat = decode_flat_map(body)
    try:
        return UnverifiedStatement(
            encoded,
            hash_leaf(encoded),
            algorithm,
            kid,
            event,
            object_id,
            None if link is None else _link(link),
            _link(actor_link),
            require_milliseconds(claimed),
            None if head is None else Head(*head),
            _read_deep_body(body) if flat is None else MappingProxyType(flat),
            signature,
            signed,
        )
    except UsageError as error:
        raise MalformedError(str(error)) from error


def parse_step_by_step(encoded: bytes) -> UnverifiedStatement:
    """Do the same by the general decoder, which says what is wrong."""
    envelope = parse_sign1(encoded)
    if envelope.unprotected or envelope.payload is None:
        raise MalformedError("a statement has an empty unprotected header and carries its payload")
    if len(envelope.signature) != SIGNATURE_SIZE:
        raise MalformedError(f"a signature of {len(envelope.signature)} bytes")
    match decode_cbor(envelope.payload, max_size=MAX_SIZE):
        case {
            1: int(version),
            2: str(name),
            3: (bytes() | None) as object_id,
            4: object_link,
            5: actor_link,
            6: int(claimed),
            7: head_seen,
            8: body,
            **unknown,
        } if not unknown:
            pass
        case _:
            raise MalformedError("the payload is not a map of the eight fields of an event")
    if version != VERSION or isinstance(version, bool):
        raise MalformedError(f"version {version} of the event is not known")
    if object_id is not None and len(object_id) != OBJECT_ID_SIZE:
        raise MalformedError(f"an object id of {len(object_id)} bytes")
    if (object_id is None) is not (object_link is None):
        raise MalformedError("an object link without an object, or an object without one")
    algorithm, kid = read_header(envelope.protected, object_id)
    return UnverifiedStatement(
        encoded=encoded,
        leaf_hash=hash_leaf(encoded),
        algorithm=algorithm,
        kid=kid,
        event=_read_event(name),
        object_id=object_id,
        object_link=None if object_link is None else _read_link(object_link),
        actor_link=_read_link(actor_link),
        claimed_milliseconds=require_milliseconds(claimed),
        head_seen=None if head_seen is None else _read_head(head_seen),
        body=_read_body(body),
        signature=envelope.signature,
        signed=to_be_signed(envelope.protected, envelope.payload),
    )


def verify_statement(statement: UnverifiedStatement, key: VerificationKey) -> Statement:
    """Return the verified statement; SignatureError unless ``key`` made the signature."""
    require_signed_by(statement, key)
    return as_verified(statement)


def require_signed_by(statement: UnverifiedStatement, key: VerificationKey) -> None:
    """Return only if ``key`` is the one the statement names, and made the signature."""
    if statement.kid != key.kid or statement.algorithm is not key.algorithm:
        raise SignatureError("the statement names another key than the one it is checked with")
    key.verify(statement.signature, statement.signed)


def as_verified(statement: UnverifiedStatement) -> Statement:
    """Return the statement as verified: for those alone who know that its key made it."""
    return Statement._make(statement[:_FIELDS])


def sign_statement(
    *,
    event: Event,
    object_id: bytes | None,
    object_link: Link | None,
    actor_link: Link,
    claimed_at: datetime,
    head_seen: Head | None,
    body: Mapping[int, object],
    signer: Signer,
) -> bytes:
    """Return the bytes of a new statement; ``claimed_at`` is aware, kept to the millisecond."""
    payload = encode_cbor(
        {
            1: VERSION,
            2: event.value,
            3: object_id,
            4: None if object_link is None else [object_link.seq, object_link.previous],
            5: [actor_link.seq, actor_link.previous],
            6: to_milliseconds(claimed_at),
            7: None if head_seen is None else [head_seen.size, head_seen.root],
            8: dict(body),
        }
    )
    protected = protected_header(signer.algorithm, signer.kid, object_id)
    signature = signer.sign(to_be_signed(protected, payload))
    encoded = encode_sign1(protected, payload, signature)
    try:
        parse_statement(encoded)
    except MalformedError as error:
        raise UsageError(f"these values make no statement: {error}") from error
    return encoded


def _read_body(value: object) -> Mapping[int, object]:
    if not isinstance(value, dict) or not _INT.issuperset(map(type, value)):
        raise MalformedError("the body of an event is a map with unsigned integers for keys")
    return MappingProxyType(value)


def _read_deep_body(encoded: bytes) -> Mapping[int, object]:
    return _read_body(decode_cbor(encoded, max_size=MAX_SIZE, max_depth=MAX_DEPTH - 1))


def _link(place: tuple[int, bytes | None]) -> Link:
    """Return the link of a number and a hash whose sizes the pattern has seen to."""
    seq, previous = place
    if seq and previous is not None:
        return tuple.__new__(Link, place)
    return FIRST if place == FIRST else Link(seq, previous)


def _read_event(name: str) -> Event:
    try:
        return Event(name)
    except ValueError as error:
        raise MalformedError(f"event {name[:40]!r} is not known") from error


def _read_link(value: object) -> Link:
    match value:
        case [int(seq), (bytes() | None) as previous]:
            try:
                return Link(_number(seq), previous)
            except UsageError as error:
                raise MalformedError(str(error)) from error
        case _:
            raise MalformedError("a link that is not a number and a hash")


def _read_head(value: object) -> Head:
    match value:
        case [int(size), bytes(root)]:
            try:
                return Head(_number(size), root)
            except UsageError as error:
                raise MalformedError(str(error)) from error
        case _:
            raise MalformedError("a log head that is not a size and a root")


def _number(value: int) -> int:
    if isinstance(value, bool):  # in Python, but not in CBOR, a truth value is a number
        raise MalformedError("a truth value where a number belongs")
    return value
