"""The verifier's configuration: which logs count, and which keys each of them must sign with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from ledger.checkpoint import parse_checkpoint
from ledger.errors import ProofError, SignatureError, UnknownLogError, UsageError
from ledger.note import parse_note, verify_note
from ledger.note_keys import KeyType, NoteKey


@dataclass(frozen=True, slots=True)
class TrustedHead:
    """Size and root that every configured key of a log signed; ``open_checkpoint`` builds it."""

    origin: str
    size: int
    root: bytes
    cosigned_at: datetime | None


@dataclass(frozen=True, slots=True)
class TrustedLog:
    """A log by the origin line of its checkpoints; every one of ``keys`` must have signed."""

    origin: str
    keys: tuple[NoteKey, ...]

    def __post_init__(self) -> None:
        types = [key.type for key in self.keys]
        if not types or len(set(types)) != len(types):
            raise UsageError(f"{self.origin}: one key of a type, and at least one")
        if KeyType.ED25519_COSIGNATURE in types:
            raise UsageError(f"{self.origin}: a witness key is not the key of a log")


@dataclass(frozen=True, slots=True)
class TrustedLogs:
    """All logs a verifier trusts. Fixed once built: nothing read later can add to it."""

    logs: tuple[TrustedLog, ...] = ()

    def __post_init__(self) -> None:
        if len({log.origin for log in self.logs}) != len(self.logs):
            raise UsageError("a log is configured twice")

    @classmethod
    def from_vkeys(cls, vkeys: Iterable[str]) -> TrustedLogs:
        """Build from verifier keys whose names are the origins of their logs."""
        by_origin: dict[str, list[NoteKey]] = {}
        for vkey in vkeys:
            key = NoteKey.parse(vkey.strip())
            by_origin.setdefault(key.name, []).append(key)
        return cls(tuple(TrustedLog(origin, tuple(keys)) for origin, keys in by_origin.items()))

    def find(self, origin: str) -> TrustedLog:
        """Return the log of that origin; UnknownLogError if it is not configured."""
        for log in self.logs:
            if log.origin == origin:
                return log
        raise UnknownLogError(f"the log {origin[:200]!r} is not among the trusted ones")


def open_checkpoint(data: bytes, logs: TrustedLogs) -> TrustedHead:
    """Return the head a signed checkpoint proves.

    MalformedError, UnknownLogError, or SignatureError unless all configured keys signed.
    """
    note = parse_note(data)
    checkpoint = parse_checkpoint(note.text)
    log = logs.find(checkpoint.origin)
    times = dict(verify_note(note, log.keys).signed_by)
    if missing := [key for key in log.keys if key not in times]:
        raise SignatureError(f"no {missing[0].type.name} signature of {log.origin}")
    stamps = [stamp for stamp in times.values() if stamp]
    return TrustedHead(checkpoint.origin, checkpoint.size, checkpoint.root, _latest(stamps))


def _latest(stamps: list[int]) -> datetime | None:
    if not stamps:
        return None
    try:
        return datetime.fromtimestamp(max(stamps), tz=UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ProofError("a cosignature from beyond the year 9999") from error
