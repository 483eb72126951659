"""The rules a statement must meet to enter a log; the same at append and at audit.

Pure: knows no database. Each rule is one function that returns or raises, so that an audit can
tell which one is broken.
"""

from __future__ import annotations

from ledger.errors import Chain, ConflictError, MalformedError, RefusedError, SignatureError
from ledger.links import FIRST, Link
from ledger.roles import ABOUT_AN_OBJECT, ABOUT_THE_LOG, MAY_SIGN, Event, Role
from ledger.statements.key_events import KeyAdded, read_key_added, read_key_revoked, read_log_keys
from ledger.statements.keyring import KeyRecord, Keyring
from ledger.statements.statement import (
    Statement,
    UnverifiedStatement,
    as_verified,
    require_signed_by,
)

_Any = UnverifiedStatement | Statement
_SEALED, _ERASED = Event.SEALED, Event.ERASED  # the name of a member is slow to find
_DEVICE = Role.DEVICE


def check_signature(statement: UnverifiedStatement, signer: KeyRecord) -> Statement:
    """Return the verified statement; RefusedError if the signature is not the signer's."""
    require_signature(statement, signer)
    return as_verified(statement)


def require_signature(statement: UnverifiedStatement, signer: KeyRecord) -> None:
    """Return only if the signature is the signer's; RefusedError if not."""
    try:
        require_signed_by(statement, signer.key)
    except SignatureError as error:
        raise RefusedError(f"signature of key {statement.kid.hex()}: {error}") from error


def check_role(statement: _Any, role: Role) -> None:
    """Return only if that role may sign that event."""
    if statement.event not in MAY_SIGN[role]:
        raise RefusedError(f"the role {role} may not sign {statement.event}")


def check_subject(statement: _Any) -> None:
    """Return only if the event concerns an object where it must, and the log where it must."""
    event, link = statement.event, statement.object_link
    if statement.object_id is None:
        if event in ABOUT_AN_OBJECT:
            raise RefusedError(f"{event} is about an object, and names none")
    elif event in ABOUT_THE_LOG:
        raise RefusedError(f"{event} is about the log, not about an object")
    if event is _SEALED and link is not None and link.seq:
        raise RefusedError("a seal is the first that its device says of an object")
    if event is _ERASED and link is not None and not link.seq:
        raise RefusedError("the object to be erased is not in the log")


def names_own(statement: _Any, role: Role, own_next: Link) -> bool:
    """Whether a device, which may not know what others said, goes on from what it said itself.

    ``own_next`` counts its own statements about the object; the first of them is the seal.
    """
    if role is not _DEVICE or statement.object_link != own_next:
        return False
    return own_next != FIRST or statement.event is _SEALED


def check_links(
    statement: _Any, *, actor_next: Link, object_next: Link | None, late: bool = False
) -> None:
    """Return only if both back links name the newest; ConflictError with the current one.

    A ``late`` one goes on from its signer's own newest about the object: see ``names_own``.
    """
    if statement.object_link != object_next and not late:
        assert object_next is not None
        words = "another statement of this object came first"
        raise ConflictError(words, current=object_next, chain=Chain.OBJECT)
    if statement.actor_link != actor_next:
        words = "the signer's chain goes on at another place"
        raise ConflictError(words, current=actor_next, chain=Chain.ACTOR)


def follow_keys(statement: _Any, keyring: Keyring, *, index: int) -> Keyring:
    """Return the keys in force after the statement; RefusedError if it may not change them so."""
    if statement.event not in ABOUT_THE_LOG:
        return keyring
    try:
        if statement.event is Event.KEY_ADDED:
            return keyring.add(read_key_added(statement.body), index=index)
        if statement.event is Event.KEY_REVOKED:
            return keyring.revoke(read_key_revoked(statement.body).kid, index=index)
        if statement.event is Event.LOG_KEYS:
            read_log_keys(statement.body)
    except MalformedError as error:
        raise RefusedError(f"the body of {statement.event} cannot be read: {error}") from error
    return keyring


def open_genesis(statement: UnverifiedStatement) -> tuple[Statement, Keyring]:
    """Judge statement 0: an archivist's key that adds itself. RefusedError for any other."""
    if statement.event is not Event.KEY_ADDED or statement.object_id is not None:
        raise RefusedError("a log begins with the key of its archivist")
    try:
        added: KeyAdded = read_key_added(statement.body)
    except MalformedError as error:
        raise RefusedError(f"the first statement cannot be read: {error}") from error
    if added.key.kid != statement.kid or added.role is not Role.ARCHIVIST:
        raise RefusedError("the first key of a log is an archivist's, and adds itself")
    if statement.actor_link != FIRST:
        raise RefusedError("the first statement of a log has no predecessor")
    keyring = Keyring().add(added, index=0)
    return check_signature(statement, keyring.records[statement.kid]), keyring
