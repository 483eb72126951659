"""Who decides about objects in quarantine: a key of the log, in the role operator or archivist."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ledger import NotFoundError, Role, VerificationKey
from provenance.errors import TrustError, UsageError
from provenance.records import ReadableLog
from provenance.trust.certificates import certificate_name, certificate_spki, load_certificate
from provenance.trust.store import TrustStore

ROLES = frozenset({Role.OPERATOR, Role.ARCHIVIST})


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody by whose key the site lets things be decided; ``find_person`` builds one."""

    key: VerificationKey
    name: str
    role: Role

    @property
    def words(self) -> str:
        """How a list of steps names this person."""
        return f"{self.name}, {self.role}, key {self.key.kid.hex()[:16]}"

    def is_same(self, other: "Person") -> bool:
        """Whether the two are one: by the key, or by the name that the authority certified."""
        return self.key.kid == other.key.kid or self.name == other.name


def find_person(kid: bytes, *, log: ReadableLog, trust: TrustStore, at: datetime) -> Person:
    """Return who holds the key ``kid``; TrustError unless it may decide at the moment ``at``.

    It must be in force in the log, in one of the two roles, and a trusted authority must vouch for
    its certificate in the log.
    """
    try:
        key = log.key(kid)
    except NotFoundError as error:
        raise TrustError("the log knows no such key: radseal key list") from error
    if key.role not in ROLES:
        raise TrustError(f"the key is that of the {key.role}: operators and archivists decide")
    if key.revoked_index is not None:
        raise TrustError(f"the key was revoked by entry {key.revoked_index}")
    if key.certificate is None:
        raise TrustError("the key has no certificate in the log")
    certificate = load_certificate(key.certificate)
    if certificate_spki(certificate) != key.spki:
        raise TrustError("the certificate logged with the key is that of another")
    trust.as_of(at).judge_signer([certificate], role=key.role, at=at)
    return Person(VerificationKey.from_spki(key.spki), certificate_name(certificate), key.role)


def one_is_enough(folder: Path) -> bool:
    """Whether the file ``persons`` of a spool lets one person decide: it holds 1 or 2.

    Two without it; UsageError for any other content.
    """
    try:
        with (folder / "persons").open("rb") as file:
            content = file.read(16)
    except FileNotFoundError:
        return False
    match content.strip():
        case b"1":
            return True
        case b"2":
            return False
    raise UsageError(f"{folder / 'persons'} must hold 1 or 2: how many persons decide")
