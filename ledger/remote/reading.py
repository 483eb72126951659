"""What goes over the line when a log is asked about objects and keys (docs/spec/log-server.md).

Pure functions, the same for server and client.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.cose.keys import VerificationKey
from ledger.entries import Entry, LoggedKey
from ledger.errors import MalformedError
from ledger.remote.json_text import decode_hex, decode_object, encode_object, is_number
from ledger.roles import Role
from ledger.statements.statement import OBJECT_ID_SIZE
from ledger.tree.merkle import hash_leaf

HISTORY_PAGE = 256
MAX_HISTORY = HISTORY_PAGE * (8 + 2 + 65_535)

OBJECTS = "radseal/log-objects/1"
KEY = "radseal/log-key/1"

_INDEX, _LENGTH = 8, 2


def encode_objects(objects: Sequence[bytes]) -> bytes:
    """Return the answer that names objects."""
    return encode_object({"schema": OBJECTS, "objects": [each.hex() for each in objects]})


def parse_objects(body: bytes) -> tuple[bytes, ...]:
    """Read such an answer; MalformedError for anything else."""
    match decode_object(body):
        case {"schema": "radseal/log-objects/1", "objects": list(listed)}:
            return tuple(decode_hex(each, OBJECT_ID_SIZE) for each in listed)
        case _:
            raise MalformedError("not an answer about objects")


def encode_history(entries: Sequence[Entry]) -> bytes:
    """Return the entries, each as its index, the length of its statement, and the statement."""
    return b"".join(
        each.index.to_bytes(_INDEX, "big")
        + len(each.statement).to_bytes(_LENGTH, "big")
        + each.statement
        for each in entries
    )


def parse_history(body: bytes) -> list[Entry]:
    """Read such an answer; MalformedError unless it is exactly one of at most 256 entries."""
    entries: list[Entry] = []
    at = 0
    while at < len(body):
        front = at + _INDEX + _LENGTH
        index = int.from_bytes(body[at : at + _INDEX], "big")
        end = front + int.from_bytes(body[at + _INDEX : front], "big")
        if front > len(body) or end > len(body) or len(entries) == HISTORY_PAGE:
            raise MalformedError("a history that is cut short, or too long")
        if not is_number(index):
            raise MalformedError(f"the index {index}")
        statement = body[front:end]
        entries.append(Entry(index, statement, hash_leaf(statement)))
        at = end
    return entries


def encode_key(key: LoggedKey) -> bytes:
    """Return the answer that says what the log knows of a key."""
    return encode_object(
        {
            "schema": KEY,
            "role": str(key.role),
            "spki": key.spki.hex(),
            "certificate": None if key.certificate is None else key.certificate.hex(),
            "added": key.added_index,
            "revoked": key.revoked_index,
        }
    )


def parse_key(body: bytes) -> LoggedKey:
    """Read such an answer; MalformedError for anything else."""
    match decode_object(body):
        case {
            "schema": "radseal/log-key/1",
            "role": str(role),
            "spki": spki,
            "certificate": (str() | None) as certificate,
            "added": int(added),
            "revoked": (int() | None) as revoked,
        } if is_number(added) and (revoked is None or is_number(revoked)):
            pass
        case _:
            raise MalformedError("not an answer about a key")
    if role not in tuple(Role):
        raise MalformedError(f"role {role[:40]!r} is not known")
    key = VerificationKey.from_spki(decode_hex(spki, None))
    return LoggedKey(
        key.kid,
        key.algorithm,
        Role(role),
        key.spki,
        None if certificate is None else decode_hex(certificate, None),
        added,
        revoked,
    )
