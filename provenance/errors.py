"""What can go wrong, split by what the caller can do about it."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provenance.policy.flaw import Flaw

from provenance.findings import Code


class Unreadable(StrEnum):
    """Why an object cannot be decoded: the codes `radseal explain` knows."""

    TOO_LARGE = "too-large"
    NOT_DICOM = "not-dicom"
    TRUNCATED = "truncated"
    MALFORMED = "malformed-dataset"
    DUPLICATE = "duplicate-element"
    TOO_DEEP = "too-deep"
    TOO_MANY = "too-many-elements"
    INFLATE = "inflate"
    TRANSFER_SYNTAX = "transfer-syntax"
    CODEC_MISSING = "codec-missing"
    GEOMETRY = "geometry"
    PIXEL_BYTES = "pixel-bytes"
    FRAGMENTS = "fragments"
    CODESTREAM = "codestream"


class RadsealError(Exception):
    """Everything this package raises on purpose."""


class UsageError(RadsealError, ValueError):
    """Your mistake: an argument that no input could make right."""


class PolicyError(UsageError):
    """An acceptance policy is faulty; ``flaws`` are all its errors, with their places."""

    def __init__(self, flaws: "Sequence[Flaw]") -> None:
        more = f", and {len(flaws) - 1} more" if len(flaws) > 1 else ""
        super().__init__(f"{flaws[0] if flaws else 'faulty'}{more}")
        self.flaws = tuple(flaws)


class UnreadableError(RadsealError):
    """The object cannot be decoded; another file or another installation may help."""

    def __init__(self, reason: str, *, code: Unreadable) -> None:
        super().__init__(reason)
        self.code = code


class EvidenceError(RadsealError):
    """The evidence is there and refutes the claim."""


class MalformedError(EvidenceError):
    """The evidence is not of its format, so nothing can rest on it."""


class EvidenceMissingError(RadsealError):
    """The evidence is not there: nothing is proven and nothing is refuted."""


class SealError(RadsealError):
    """The object cannot be sealed or written; ``code`` says for which kind of reason."""

    def __init__(self, reason: str, *, code: str) -> None:
        super().__init__(reason)
        self.code = code


class KeyUnavailableError(RadsealError):
    """A key cannot sign now: its token is absent, its passphrase wrong; ``do`` says what helps."""

    def __init__(self, reason: str, *, do: str) -> None:
        super().__init__(reason)
        self.do = do


class TrustError(RadsealError):
    """The signer is not one this verifier trusts for what was signed; ``code`` says why."""

    def __init__(self, reason: str, *, code: Code = Code.SIGNER_UNKNOWN) -> None:
        super().__init__(reason)
        self.code = code


class OutOfReachError(RadsealError):
    """What a scan needs as a whole cannot be used now; what is done is kept, and it may go on."""


class NotProvenError(RadsealError):
    """A property that the caller requires is not proven."""
