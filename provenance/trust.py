"""Whom a verifier believes: certificate authorities and logs. Built from bytes; reads no clock."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509

from ledger import (
    LedgerError,
    NoteKey,
    Policy,
    Role,
    TimestampAnchors,
    TrustedLogs,
    parse_policy,
    read_key_lines,
)
from provenance.certificates import validate_lasting_path, validate_path
from provenance.errors import UsageError
from provenance.second_demand import FILE as SECOND_FILE
from provenance.second_demand import SecondDemand

MAX_TRUST_FILE = 1 << 20


@dataclass(frozen=True, slots=True)
class TrustStore:
    """Root certificates for signers, verifier keys for logs."""

    roots: tuple[x509.Certificate, ...]
    logs: TrustedLogs
    timestamping: TimestampAnchors = field(default_factory=TimestampAnchors)
    second: SecondDemand = field(default_factory=SecondDemand)

    @classmethod
    def load(cls, folder: Path) -> "TrustStore":
        """Read ``roots/*.pem``, ``logs/*.vkeys`` and, if it is there, ``policy`` under ``folder``.

        ``tsa/*.pem`` are authorities of timestamps; ``tsa/policies``, if it is there, names the
        only policies of theirs that count, one a line.
        ``second-signatures``, if it is there, says whose seals must bear two (second_demand.py).
        With a policy (C2SP tlog-policy), receipts count only with the cosignatures of its quorum.
        UsageError when the folder holds neither: an empty store would judge everything untrusted
        without saying why.
        """
        roots = _certificates(folder / "roots")
        keys: list[tuple[NoteKey, int | None]] = []
        for path in sorted((folder / "logs").glob("*.vkeys")):
            try:
                keys.extend(read_key_lines(_read(path).decode("utf-8").splitlines()))
            except UnicodeDecodeError as error:
                raise UsageError(f"{path} is not a text file of verifier keys") from error
            except LedgerError as error:
                raise UsageError(f"{path} holds a line that is no verifier key: {error}") from error
        policy = read_policy(folder / "policy")
        if policy is not None and not keys and not policy.logs:
            raise UsageError(f"{folder} holds a policy, but no key of a log")
        if not roots and not keys and policy is None:
            raise UsageError(
                f"{folder} holds no trust: expected roots/*.pem and logs/*.vkeys (radseal init)"
            )
        try:
            logs = TrustedLogs.from_keys(keys, policy=policy)
        except LedgerError as error:
            raise UsageError(f"a verifier key under {folder}/logs is not valid: {error}") from error
        second = SecondDemand.load(folder / SECOND_FILE)
        return cls(roots, logs, _timestamping(folder / "tsa"), second)

    def vouch(self, chain: Sequence[x509.Certificate], *, role: Role, at: datetime) -> str:
        """Return the subject of the root that vouches for ``chain[0]``; else TrustError."""
        root = validate_path(chain, roots=self.roots, role=role, at=at)
        return root.subject.rfc4514_string()

    def vouch_lasting(self, chain: Sequence[x509.Certificate], *, role: Role, at: datetime) -> str:
        """The same for a second key: by ML-DSA keys alone, up to the root."""
        root = validate_lasting_path(chain, roots=self.roots, role=role, at=at)
        return root.subject.rfc4514_string()


def _certificates(folder: Path) -> tuple[x509.Certificate, ...]:
    found: list[x509.Certificate] = []
    for path in sorted(folder.glob("*.pem")):
        try:
            found.extend(x509.load_pem_x509_certificates(_read(path)))
        except ValueError as error:
            raise UsageError(f"{path} is not a PEM file of certificates") from error
    return tuple(found)


def _timestamping(folder: Path) -> TimestampAnchors:
    policies: list[str] = []
    if (folder / "policies").exists():
        try:
            policies = _read(folder / "policies").decode("ascii").split()
        except UnicodeDecodeError as error:
            raise UsageError(f"{folder / 'policies'} is not a list of policy numbers") from error
    try:
        return TimestampAnchors(_certificates(folder), frozenset(policies))
    except LedgerError as error:
        raise UsageError(f"{folder / 'policies'}: {error}") from error


def read_policy(path: Path) -> Policy | None:
    """Return the policy in a file; None if there is no such file, UsageError if it is none."""
    if not path.exists():
        return None
    try:
        return parse_policy(_read(path))
    except LedgerError as error:
        raise UsageError(f"{path} is not a policy: {error}") from error


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_TRUST_FILE:
            raise UsageError(f"{path} is too large for a trust file")
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
