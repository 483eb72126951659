"""What can go wrong, split by what the caller does about it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger.links import Link


class Chain(StrEnum):
    """The chain a back link belongs to."""

    OBJECT = "object"
    ACTOR = "actor"


class LedgerError(Exception):
    """Base of every error this package raises on purpose."""


class UsageError(LedgerError, ValueError):
    """The caller's own mistake: an argument that can never be right."""


class MalformedError(LedgerError, ValueError):
    """Bytes that are not in the format they claim; nothing was judged."""


class ProofError(LedgerError):
    """Well-formed evidence that does not prove what it claims."""


class SignatureError(ProofError):
    """A signature that does not verify under the key it must verify under."""


class UnknownTsaError(ProofError):
    """A timestamp by an authority, under a policy or with a hash that is not trusted."""


class UnknownLogError(ProofError):
    """Evidence from a log that the verifier was not configured to trust."""


class QuorumError(ProofError):
    """A checkpoint without the cosignatures that the verifier's policy asks for."""


class RefusedError(LedgerError):
    """A statement the rules of the log do not admit: signer, role, signature or event."""


class ConflictError(LedgerError):
    """A back link that is no longer the newest: read ``current``, sign again, resubmit."""

    def __init__(self, words: str, *, current: Link, chain: Chain) -> None:
        super().__init__(words)
        self.current = current
        self.chain = chain


class NotFoundError(LedgerError, LookupError):
    """The log holds nothing under that index, size, key or name."""


class PrunedError(NotFoundError):
    """An entry below the log's minimum index: the words say which archive holds it."""


class ErasedError(NotFoundError):
    """What the log held under that name was erased on purpose."""


class ForbiddenError(LedgerError):
    """The key is known, and may not read this: it was revoked, or has another role."""


class NotSignedError(LedgerError):
    """A read that needs a signature, and has none that counts here and now: sign ``nonce``."""

    def __init__(self, words: str, *, nonce: bytes) -> None:
        super().__init__(words)
        self.nonce = nonce


class BusyError(LedgerError):
    """Another process holds the database: nothing was changed, try again."""


class RacedError(BusyError):
    """Another writer was quicker: nothing was changed, and the same work may be done again."""


class LeaseLostError(BusyError):
    """Another process took over the inbox: nothing was changed."""


class OverloadedError(BusyError):
    """More is waiting to be logged than may wait: nothing was changed, try again."""


class UnreachableError(LedgerError):
    """The server of a log did not answer, or not as it must; what was sent may be logged."""


class StoreError(LedgerError):
    """The database cannot be used, or does not hold what a log must hold."""


class WitnessError(LedgerError):
    """No quorum of witnesses could be had: entries are kept, nothing was published, try again."""


class RolledBackError(StoreError):
    """A witness holds a later or another state of this log, signed by its keys: sign nothing."""
