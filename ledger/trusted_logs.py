"""The verifier's configuration: which logs count, and which keys each of them must sign with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from ledger.checkpoint import parse_checkpoint
from ledger.cosigner import cosigned_by
from ledger.errors import ProofError, QuorumError, SignatureError, UnknownLogError, UsageError
from ledger.note import Note, parse_note, verify_note
from ledger.note_keys import KeyType, NoteKey
from ledger.policy import Policy


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
    """All logs a verifier trusts. Fixed once built: nothing read later can add to it.

    With a ``policy``, a checkpoint counts only with the cosignatures of its quorum.
    """

    logs: tuple[TrustedLog, ...] = ()
    policy: Policy | None = None

    def __post_init__(self) -> None:
        if len({log.origin for log in self.logs}) != len(self.logs):
            raise UsageError("a log is configured twice")

    @classmethod
    def from_vkeys(cls, vkeys: Iterable[str], *, policy: Policy | None = None) -> TrustedLogs:
        """Build from verifier keys whose names are the origins of their logs.

        Logs that ``policy`` names are trusted too.
        """
        keys = dict.fromkeys(NoteKey.parse(vkey.strip()) for vkey in vkeys)
        if policy is not None:
            keys |= dict.fromkeys(log.key for log in policy.logs)
        by_origin: dict[str, list[NoteKey]] = {}
        for key in keys:
            by_origin.setdefault(key.name, []).append(key)
        logs = tuple(TrustedLog(origin, tuple(keys)) for origin, keys in by_origin.items())
        return cls(logs, policy)

    def find(self, origin: str) -> TrustedLog:
        """Return the log of that origin; UnknownLogError if it is not configured."""
        for log in self.logs:
            if log.origin == origin:
                return log
        raise UnknownLogError(f"the log {origin[:200]!r} is not among the trusted ones")


def open_checkpoint(data: bytes, logs: TrustedLogs) -> TrustedHead:
    """Return the head a signed checkpoint proves.

    MalformedError, UnknownLogError, SignatureError unless all configured keys signed, or
    QuorumError unless the policy's witnesses cosigned.
    """
    note = parse_note(data)
    checkpoint = parse_checkpoint(note.text)
    log = logs.find(checkpoint.origin)
    times = dict(verify_note(note, log.keys).signed_by)
    if missing := [key for key in log.keys if key not in times]:
        raise SignatureError(f"no {missing[0].type.name} signature of {log.origin}")
    if logs.policy is not None:
        _require_quorum(note, log, logs.policy)
    stamps = [stamp for stamp in times.values() if stamp]
    return TrustedHead(checkpoint.origin, checkpoint.size, checkpoint.root, _latest(stamps))


def _require_quorum(note: Note, log: TrustedLog, policy: Policy) -> None:
    """Count the witnesses; the log is none, under whatever name its keys may stand."""
    own = {key.public for key in log.keys}
    signed = [key for key in cosigned_by(note, policy.witness_keys) if key.public not in own]
    if not policy.is_met_by(signed):
        raise QuorumError(f"{len(signed)} witnesses cosigned {log.origin}: no quorum of the policy")


def _latest(stamps: list[int]) -> datetime | None:
    if not stamps:
        return None
    try:
        return datetime.fromtimestamp(max(stamps), tz=UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ProofError("a cosignature from beyond the year 9999") from error
