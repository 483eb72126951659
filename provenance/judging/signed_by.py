"""Who signed a seal, in the ways a policy can name them. Values only."""

from dataclasses import dataclass

from ledger import Event, Role


@dataclass(frozen=True, slots=True)
class SignedBy:
    """The name in the certificate that signed, and SHA-256 of certificate and public key.

    ``role`` is that in which a trusted authority vouches for it; None: none does. ``event`` is what
    was signed: a seal, or the birth of a copy.
    """

    name: str
    certificate: bytes
    key: bytes
    role: Role | None = None
    event: Event = Event.SEALED
