"""Who may sign at which index: keys of a log with their roles and ranges. Immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ledger.cose.keys import VerificationKey
from ledger.errors import RefusedError
from ledger.roles import Role
from ledger.statements.key_events import KeyAdded


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as the log knows it; ``number`` counts the keys in the order they were added."""

    number: int
    key: VerificationKey
    role: Role
    certificate: bytes | None
    added_index: int
    revoked_index: int | None = None


@dataclass(frozen=True, slots=True)
class Keyring:
    """All keys ever added, by key id."""

    records: Mapping[bytes, KeyRecord] = field(default_factory=dict)

    def signer(self, kid: bytes, *, index: int) -> KeyRecord:
        """Return the key that signs number ``index``; RefusedError unless it stands there."""
        record = self.records.get(kid)
        if record is None or record.added_index >= index:
            raise RefusedError(f"key {kid.hex()} was not added before entry {index}")
        if record.revoked_index is not None and record.revoked_index <= index:
            raise RefusedError(f"key {kid.hex()} was revoked by entry {record.revoked_index}")
        return record

    def key(self, kid: bytes) -> VerificationKey | None:
        """Return a key that was ever added, in force or not."""
        record = self.records.get(kid)
        return None if record is None else record.key

    def add(self, added: KeyAdded, *, index: int) -> Keyring:
        """Return a ring with one key more; RefusedError for a key that was ever there."""
        kid = added.key.kid
        if kid in self.records:
            raise RefusedError(f"key {kid.hex()} was added before; a key is added once")
        record = KeyRecord(len(self.records), added.key, added.role, added.certificate, index)
        return Keyring({**self.records, kid: record})

    def revoke(self, kid: bytes, *, index: int) -> Keyring:
        """Return a ring in which ``kid`` ends here; the last archivist cannot be revoked."""
        record = self.records.get(kid)
        if record is None or record.revoked_index is not None:
            raise RefusedError(f"key {kid.hex()} is not in force, so it cannot be revoked")
        if record.role is Role.ARCHIVIST and not any(
            other.role is Role.ARCHIVIST and other.revoked_index is None
            for other in self.records.values()
            if other is not record
        ):
            raise RefusedError("the last archivist of a log cannot be revoked: add another first")
        return Keyring({**self.records, kid: replace(record, revoked_index=index)})
