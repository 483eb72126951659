"""The verifier's configuration: which logs count, and which keys each of them signs with."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from ledger.checkpoints.checkpoint import parse_checkpoint
from ledger.checkpoints.cosigner import cosigned_by
from ledger.checkpoints.key_sets import KeySet, group_keys, read_key_lines
from ledger.checkpoints.note import Note, parse_note, verify_note
from ledger.checkpoints.note_keys import NoteKey
from ledger.checkpoints.policy import Policy
from ledger.errors import ProofError, QuorumError, SignatureError, UnknownLogError, UsageError


@dataclass(frozen=True, slots=True)
class TrustedHead:
    """Size and root that all keys of a configured set signed; ``open_checkpoint`` builds it.

    ``cosigned_at`` is the log's own word, ``witnessed_at`` the time by which a quorum of the policy
    had cosigned; None without a policy, or for one that asks for no witness.
    """

    origin: str
    size: int
    root: bytes
    cosigned_at: datetime | None
    witnessed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TrustedLog:
    """A log by the origin line of its checkpoints, and the sets of keys it signs with.

    All keys of one set must have signed. Several sets in force are a log that changes its keys.
    """

    origin: str
    sets: tuple[KeySet, ...]

    def __post_init__(self) -> None:
        if not self.sets:
            raise UsageError(f"{self.origin}: no key is configured")
        if len(set(self.keys)) != len(self.keys):
            raise UsageError(f"{self.origin}: a key is there twice")

    @property
    def keys(self) -> tuple[NoteKey, ...]:
        """The keys of all sets."""
        return tuple(key for each in self.sets for key in each.keys)


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
        """Build from lines of verifier keys whose names are the origins of their logs.

        Keys below a line ``retired <size>`` count for checkpoints of at most that size. Logs that
        ``policy`` names are trusted too.
        """
        return cls.from_keys(read_key_lines(vkeys), policy=policy)

    @classmethod
    def from_keys(
        cls, keys: Iterable[tuple[NoteKey, int | None]], *, policy: Policy | None = None
    ) -> TrustedLogs:
        """Build from keys as ``read_key_lines`` reads them, perhaps out of several files."""
        named = () if policy is None else ((log.key, None) for log in policy.logs)
        sets = group_keys([*keys, *named])
        return cls(tuple(TrustedLog(origin, each) for origin, each in sets.items()), policy)

    def find(self, origin: str) -> TrustedLog:
        """Return the log of that origin; UnknownLogError if it is not configured."""
        for log in self.logs:
            if log.origin == origin:
                return log
        raise UnknownLogError(f"the log {origin[:200]!r} is not among the trusted ones")


@lru_cache(maxsize=64)
def open_checkpoint(data: bytes, logs: TrustedLogs) -> TrustedHead:
    """Return the head a signed checkpoint proves.

    MalformedError, UnknownLogError, SignatureError unless all keys of a set signed, or
    QuorumError unless the policy's witnesses cosigned. Heads are remembered by all that they
    follow from, the same bytes and the same logs: images of one hour name the same checkpoints.
    """
    note = parse_note(data)
    checkpoint = parse_checkpoint(note.text)
    log = logs.find(checkpoint.origin)
    times = dict(verify_note(note, log.keys).signed_by)
    signed = _signed_set(log, checkpoint.size, times)
    witnessed = None if logs.policy is None else _require_quorum(note, log, logs.policy)
    stamps = [stamp for key, stamp in times.items() if stamp and key in signed.keys]
    return TrustedHead(
        checkpoint.origin,
        checkpoint.size,
        checkpoint.root,
        _moment(max(stamps)) if stamps else None,
        None if witnessed is None else _moment(witnessed),
    )


def _signed_set(log: TrustedLog, size: int, signed: Container[NoteKey]) -> KeySet:
    """Return the set of which every key signed; SignatureError if there is none."""
    usable = [each for each in log.sets if each.reaches(size)]
    if not usable:
        raise SignatureError(f"the keys of {log.origin} were retired before entry {size - 1}")
    for each in usable:
        if all(key in signed for key in each.keys):
            return each
    missing = next(key for key in usable[0].keys if key not in signed)
    raise SignatureError(f"no {missing.type.name} signature of {log.origin}")


def _require_quorum(note: Note, log: TrustedLog, policy: Policy) -> int | None:
    """Return the second by which a quorum had cosigned; None if the policy asks for nobody.

    The log is no witness, under whatever name its keys may stand. One witness that lies about the
    time moves that of a quorum only as far as it could make up the quorum.
    """
    own = {key.public for key in log.keys}
    cosigned = cosigned_by(note, policy.witness_keys)
    signed = {key: time for key, time in cosigned.items() if key.public not in own}
    if not policy.is_met_by(signed):
        raise QuorumError(f"{len(signed)} witnesses cosigned {log.origin}: no quorum of the policy")
    return None if policy.quorum is None else _quorum_time(signed, policy)


def _quorum_time(signed: Mapping[NoteKey, int], policy: Policy) -> int:
    """Return the first second by which those who had cosigned were a quorum."""
    return next(
        time
        for time in sorted(signed.values())
        if policy.is_met_by([key for key, its_time in signed.items() if its_time <= time])
    )


def _moment(stamp: int) -> datetime:
    try:
        return datetime.fromtimestamp(stamp, tz=UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ProofError("a cosignature from beyond the year 9999") from error
