"""What a verifier is made with. Values only."""

from dataclasses import dataclass

from provenance.birth import MarkTerms
from provenance.mark_keys import mark_key_id
from provenance.records import ReadableLog, Records
from provenance.trust import TrustStore


@dataclass(frozen=True, slots=True)
class Verifier:
    """Whom to believe, whom to ask, and the keys of the marks to look for."""

    trust: TrustStore
    records: Records[ReadableLog] | None = None
    mark_key: bytes | None = None
    former_mark_keys: tuple[bytes, ...] = ()

    @property
    def mark_keys(self) -> tuple[bytes, ...]:
        """The keys to look with: the one in use first."""
        return (*(() if self.mark_key is None else (self.mark_key,)), *self.former_mark_keys)

    def keys_of(self, seal: MarkTerms) -> tuple[bytes, ...]:
        """Return the key that a seal names; none if it is not among ours."""
        return tuple(key for key in self.mark_keys if mark_key_id(key) == seal.key_id)
