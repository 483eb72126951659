"""Which logs and witnesses count, and how many of them (C2SP tlog-policy); pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from ledger.checkpoints.base64text import decode_decimal
from ledger.checkpoints.cosigner import COSIGNER_TYPES
from ledger.checkpoints.note_keys import KeyType, NoteKey
from ledger.errors import MalformedError

MAX_POLICY = 1 << 20
MAX_LOGS = MAX_GROUPS = 64
MAX_WITNESSES = 60  # with the log's own lines they fit the 64 signatures of a note
MAX_URL = 2_048

_NONE = b"none"
_LOG_TYPES = frozenset({KeyType.ED25519, KeyType.MLDSA44_COSIGNATURE})
_FORBIDDEN = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")
_URL = re.compile(r"https?://[!-~]+")


@dataclass(frozen=True, slots=True)
class PolicyLog:
    """A ``log`` line."""

    key: NoteKey
    url: str | None


@dataclass(frozen=True, slots=True)
class PolicyWitness:
    """A ``witness`` line; ``url`` is where its submission prefix is, if it is asked at all."""

    name: bytes
    key: NoteKey
    url: str | None


@dataclass(frozen=True, slots=True)
class PolicyGroup:
    """A ``group`` line: satisfied by ``threshold`` of its members."""

    name: bytes
    threshold: int
    members: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A whole policy; ``parse_policy`` builds it. ``quorum`` is None for ``quorum none``."""

    logs: tuple[PolicyLog, ...]
    witnesses: tuple[PolicyWitness, ...]
    groups: tuple[PolicyGroup, ...]
    quorum: bytes | None

    @property
    def witness_keys(self) -> tuple[NoteKey, ...]:
        """The keys of all witnesses."""
        return tuple(witness.key for witness in self.witnesses)

    def is_met_by(self, keys: Collection[NoteKey]) -> bool:
        """Whether cosignatures by ``keys``, all of them verified, are a quorum."""
        if self.quorum is None:
            return True
        satisfied = {witness.name for witness in self.witnesses if witness.key in keys}
        for group in self.groups:  # each names earlier lines only
            if len(satisfied.intersection(group.members)) >= group.threshold:
                satisfied.add(group.name)
        return self.quorum in satisfied


def parse_policy(data: bytes) -> Policy:
    """Read a policy; MalformedError for one that is not exactly in its form, or counts twice."""
    if len(data) > MAX_POLICY:
        raise MalformedError(f"a policy of {len(data)} bytes, where {MAX_POLICY} are allowed")
    if _FORBIDDEN.search(data):
        raise MalformedError("a policy with control characters")
    *lines, rest = data.split(b"\n")
    if rest:
        raise MalformedError("the last line of a policy has no line end")
    reader = _Reader()
    for number, line in enumerate(lines, 1):
        words = line.replace(b"\t", b" ").split(b" ")
        words = [word for word in words if word]
        if words and not words[0].startswith(b"#"):
            try:
                reader.read(words)
            except MalformedError as error:
                raise MalformedError(f"line {number} of the policy: {error}") from error
    return reader.finish()


@dataclass(slots=True)
class _Reader:
    logs: list[PolicyLog] = field(default_factory=list)
    witnesses: dict[bytes, PolicyWitness] = field(default_factory=dict)
    groups: dict[bytes, PolicyGroup] = field(default_factory=dict)
    parents: dict[bytes, bytes] = field(default_factory=dict)  # member to its group
    quorums: list[bytes | None] = field(default_factory=list)

    def read(self, words: list[bytes]) -> None:
        match words:
            case [b"log", vkey, *url] if len(url) <= 1:
                key = _key(vkey, _LOG_TYPES)
                _require_new(key, (log.key for log in self.logs))
                self.logs.append(PolicyLog(key, _url(url)))
                _require_room(self.logs, MAX_LOGS)
            case [b"witness", name, vkey, *url] if len(url) <= 1:
                self._require_free(name)
                key = _key(vkey, COSIGNER_TYPES)
                _require_new(key, (witness.key for witness in self.witnesses.values()))
                self.witnesses[name] = PolicyWitness(name, key, _url(url))
                _require_room(self.witnesses, MAX_WITNESSES)
            case [b"group", name, threshold, _, *_]:
                self._require_free(name)
                self.groups[name] = self._group(name, threshold, words[3:])
                _require_room(self.groups, MAX_GROUPS)
            case [b"quorum", name]:
                if self.quorums:
                    raise MalformedError("a second quorum")
                if name != _NONE:
                    self._require_known(name)
                self.quorums.append(None if name == _NONE else name)
            case _:
                raise MalformedError(f"not a line of a policy: {b' '.join(words)[:60]!r}")

    def _group(self, name: bytes, threshold: bytes, members: list[bytes]) -> PolicyGroup:
        for member in members:
            self._require_known(member)
            if member in self.parents:
                raise MalformedError(f"{member[:60]!r} is a member twice")
            self.parents[member] = name
        match threshold:
            case b"all":
                count = len(members)
            case b"any":
                count = 1
            case _:
                count = decode_decimal(threshold.decode("latin-1"), bits=16)
        if not 1 <= count <= len(members):
            raise MalformedError(f"{count} of {len(members)} members")
        return PolicyGroup(name, count, tuple(members))

    def _require_free(self, name: bytes) -> None:
        if name == _NONE or name in self.witnesses or name in self.groups:
            raise MalformedError(f"the name {name[:60]!r} is taken")

    def _require_known(self, name: bytes) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise MalformedError(f"{name[:60]!r} is not defined before it is used")

    def finish(self) -> Policy:
        if not self.quorums:
            raise MalformedError("a policy without a quorum")
        self._refuse_logs_as_witnesses()
        self._refuse_two_votes()
        return Policy(
            tuple(self.logs),
            tuple(self.witnesses.values()),
            tuple(self.groups.values()),
            self.quorums[0],
        )

    def _refuse_logs_as_witnesses(self) -> None:
        names = {log.key.name for log in self.logs}
        keys = {log.key.public for log in self.logs}
        for witness in self.witnesses.values():
            if witness.key.name in names or witness.key.public in keys:
                raise MalformedError(f"the log {witness.key.name} cannot be its own witness")

    def _refuse_two_votes(self) -> None:
        """One witness has one vote: two keys of one name are alternatives in one group."""
        seen: dict[str, bytes | None] = {}
        groups: Mapping[bytes, PolicyGroup] = self.groups
        for witness in self.witnesses.values():
            name, parent = witness.key.name, self.parents.get(witness.name)
            if name in seen:
                together = parent is not None and parent == seen[name]
                if parent is None or not together or groups[parent].threshold != 1:
                    raise MalformedError(f"two keys of {name} outside one group of `any`")
            seen[name] = parent


def _key(vkey: bytes, types: frozenset[KeyType]) -> NoteKey:
    try:
        key = NoteKey.parse(vkey.decode())
    except UnicodeDecodeError as error:
        raise MalformedError("a verifier key that is not UTF-8") from error
    if key.type not in types:
        raise MalformedError(f"the key of {key.name} is of type {key.type:#04x}")
    return key


def _url(words: list[bytes]) -> str | None:
    if not words:
        return None
    url = words[0].decode("latin-1")
    if len(url) > MAX_URL or not _URL.fullmatch(url):
        raise MalformedError(f"not a URL of http or https: {url[:60]!r}")
    return url.rstrip("/")


def _require_new(key: NoteKey, others: Iterable[NoteKey]) -> None:
    if any(other.public == key.public for other in others):
        raise MalformedError(f"the key of {key.name} is there twice")


def _require_room(found: Collection[object], limit: int) -> None:
    if len(found) > limit:
        raise MalformedError(f"more than {limit} lines of one kind")
