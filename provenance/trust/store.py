"""Whom a verifier believes: certificate authorities and logs. Built from bytes; reads no clock."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from cryptography import x509

from ledger import (
    Existence,
    LedgerError,
    NoteKey,
    Policy,
    Role,
    TimestampAnchors,
    TrustedLogs,
    parse_policy,
    read_key_lines,
)
from provenance.errors import MalformedError, UsageError
from provenance.trust.certificates import NO_EXPIRY, find_lasting_path, find_path
from provenance.trust.crl import MAX_CRL, parse_crl
from provenance.trust.revocation import Notice, Revocations, require_standing
from provenance.trust.second_demand import FILE as SECOND_FILE
from provenance.trust.second_demand import SecondDemand

MAX_TRUST_FILE = 1 << 20
MAX_LISTS = 4_096
MAX_LISTED = 500_000  # entries of all lists together


@dataclass(frozen=True, slots=True)
class Standing:
    """Who vouches for a signer, and what there is to say about it."""

    path: tuple[x509.Certificate, ...]
    notices: tuple[Notice, ...] = ()

    @property
    def authority(self) -> str:
        """The subject of the root."""
        return self.path[-1].subject.rfc4514_string()

    @property
    def between(self) -> tuple[x509.Certificate, ...]:
        """The certificates between the signer's own and the root."""
        return self.path[1:-1]


@dataclass(frozen=True, slots=True)
class TrustStore:
    """Root certificates for signers, verifier keys for logs, revocation lists, time authorities.

    ``judged_at`` is the moment of judging: what depends on it, as whether a list is still good, is
    not believed without it.
    """

    roots: tuple[x509.Certificate, ...]
    logs: TrustedLogs
    timestamping: TimestampAnchors = field(default_factory=TimestampAnchors)
    revocations: Revocations = field(default_factory=Revocations)
    second: SecondDemand = field(default_factory=SecondDemand)
    judged_at: datetime | None = None

    @classmethod
    def load(cls, folder: Path) -> "TrustStore":
        """Read ``roots/*.pem``, ``logs/*.vkeys`` and, if it is there, ``policy`` under ``folder``.

        ``tsa/*.pem`` are authorities of timestamps; ``tsa/policies``, if it is there, names the
        only policies of theirs that count, one a line. ``crls/*.crl`` are revocation lists, DER or
        PEM: once that folder is there, every certificate below a root needs one.
        ``second-signatures``, if it is there, says whose seals must bear two (second_demand.py).
        With a policy (C2SP tlog-policy), receipts count only with the cosignatures of its quorum.
        UsageError when the folder holds neither: an empty store would judge everything untrusted
        without saying why.
        """
        roots, logs = _certificates(folder / "roots"), load_logs(folder)
        if not roots and not logs.logs and logs.policy is None:
            raise UsageError(
                f"{folder} holds no trust: expected roots/*.pem and logs/*.vkeys (radseal init)"
            )
        return cls(
            roots,
            logs,
            _timestamping(folder / "tsa"),
            _revocations(folder / "crls"),
            SecondDemand.load(folder / SECOND_FILE),
        )

    def as_of(self, at: datetime) -> "TrustStore":
        """Return the same trust, to judge at the aware moment ``at``."""
        if at.tzinfo is None:
            raise UsageError("the moment of judging needs a time zone")
        return replace(self, judged_at=at)

    def vouch(
        self,
        chain: Sequence[x509.Certificate],
        *,
        role: Role,
        at: datetime,
        existence: Existence | None = None,
    ) -> str:
        """Return the subject of the root that vouches for ``chain[0]``; else TrustError.

        ``at`` is when it signed by its own clock, ``existence`` by when others saw what it signed:
        it decides whether certificates stood that ended or were revoked since.
        """
        return self.judge_signer(chain, role=role, at=at, existence=existence).authority

    def judge_signer(
        self,
        chain: Sequence[x509.Certificate],
        *,
        role: Role,
        at: datetime,
        existence: Existence | None = None,
    ) -> Standing:
        """Return the same with everything there is to say about it."""
        path = find_path(chain, roots=self.roots, role=role, at=at)
        notices = require_standing(
            path,
            existence=existence or Existence(),
            revocations=self.revocations,
            at=self.judged_at,
        )
        return Standing(path, notices)

    def vouch_lasting(
        self,
        chain: Sequence[x509.Certificate],
        *,
        role: Role,
        at: datetime,
        existence: Existence | None = None,
    ) -> str:
        """The same for a second key: by ML-DSA keys alone, up to the root.

        A list that names one of them counts; none is required, since the first key's have theirs.
        """
        path = find_lasting_path(chain, roots=self.roots, role=role, at=at)
        require_standing(
            path,
            existence=existence or Existence(),
            revocations=replace(self.revocations, required=False),
            at=self.judged_at,
        )
        return path[-1].subject.rfc4514_string()

    def asks_for_time(self, chain: Sequence[x509.Certificate]) -> bool:
        """Whether it matters by when something existed that ``chain[0]`` signed."""
        policy = self.logs.policy
        return (
            self.revocations.required
            or bool(self.revocations.lists)
            or bool(self.timestamping.authorities)
            or (policy is not None and policy.quorum is not None)
            or any(each.not_valid_after_utc < NO_EXPIRY for each in chain)
        )


def load_logs(folder: Path) -> TrustedLogs:
    """Read ``logs/*.vkeys`` and ``policy`` under ``folder``: all that who writes to a log needs."""
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
    try:
        return TrustedLogs.from_keys(keys, policy=policy)
    except LedgerError as error:
        raise UsageError(f"a verifier key under {folder}/logs is not valid: {error}") from error


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


def _revocations(folder: Path) -> Revocations:
    if not folder.exists():
        return Revocations()
    paths = sorted(folder.glob("*.crl"))
    if len(paths) > MAX_LISTS:
        raise UsageError(f"{folder} holds {len(paths)} lists, where {MAX_LISTS} are allowed")
    try:
        lists = tuple(parse_crl(_read(path, MAX_CRL), path.name) for path in paths)
    except MalformedError as error:
        raise UsageError(f"{folder}: {error}") from error
    if sum(len(each.revoked) for each in lists) > MAX_LISTED:
        raise UsageError(f"{folder}: the lists together have more than {MAX_LISTED} entries")
    return Revocations(lists, required=True)


def read_policy(path: Path) -> Policy | None:
    """Return the policy in a file; None if there is no such file, UsageError if it is none."""
    if not path.exists():
        return None
    try:
        return parse_policy(_read(path))
    except LedgerError as error:
        raise UsageError(f"{path} is not a policy: {error}") from error


def _read(path: Path, most: int = MAX_TRUST_FILE) -> bytes:
    try:
        if path.stat().st_size > most:
            raise UsageError(f"{path} is too large for a trust file")
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
