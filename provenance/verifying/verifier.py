"""What a verifier is made with. Values only."""

from dataclasses import dataclass

from ledger import Role
from provenance.claims.birth import MarkTerms
from provenance.judging.depth import Depth
from provenance.keys.mark_keys import mark_key_id
from provenance.policy.policy import AcceptancePolicy
from provenance.policy.terms import SEALING_ROLES
from provenance.records import ReadableLog, Records
from provenance.trust.store import TrustStore


@dataclass(frozen=True, slots=True)
class Verifier:
    """Whom to believe, whom to ask, the keys of the marks to look for, and what a PACS demands.

    ``depth`` may keep it from looking as deep as it could. In which roles a seal counts at all is
    `sealing_roles`: a gateway's only where a policy can say for whom.
    """

    trust: TrustStore
    records: Records[ReadableLog] | None = None
    mark_key: bytes | None = None
    former_mark_keys: tuple[bytes, ...] = ()
    policy: AcceptancePolicy | None = None
    depth: Depth = Depth.MARK

    @property
    def sealing_roles(self) -> tuple[Role, ...]:
        """The roles in which somebody may have sealed."""
        return (Role.DEVICE,) if self.policy is None else SEALING_ROLES

    @property
    def reach(self) -> Depth:
        """How deep it looks: as deep as it may, and as it has whom to ask."""
        if self.records is None:
            return Depth.SEAL
        return self.depth if self.mark_keys else Depth.shallowest(self.depth, Depth.LEDGER)

    @property
    def mark_keys(self) -> tuple[bytes, ...]:
        """The keys to look with: the one in use first."""
        return (*(() if self.mark_key is None else (self.mark_key,)), *self.former_mark_keys)

    def keys_of(self, seal: MarkTerms) -> tuple[bytes, ...]:
        """Return the key that a seal names; none if it is not among ours."""
        return tuple(key for key in self.mark_keys if mark_key_id(key) == seal.key_id)
