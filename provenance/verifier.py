"""What a verifier is made with. Values only."""

from dataclasses import dataclass

from provenance.records import Records
from provenance.trust import TrustStore


@dataclass(frozen=True, slots=True)
class Verifier:
    """Whom to believe, whom to ask, and the key of the marks to look for."""

    trust: TrustStore
    records: Records | None = None
    mark_key: bytes | None = None
