"""The random values of a seal."""

import secrets
from dataclasses import dataclass
from typing import Self

from provenance.seal_root import SALT_SIZE

SEAL_ID_SIZE = 12


@dataclass(frozen=True, slots=True)
class Chance:
    """The random values of one seal; each is used once."""

    seal_id: bytes
    salt: bytes
    header_seed: bytes
    original_salt: bytes

    @classmethod
    def draw(cls) -> Self:
        """Draw from the operating system."""
        return cls(
            secrets.token_bytes(SEAL_ID_SIZE),
            secrets.token_bytes(SALT_SIZE),
            secrets.token_bytes(32),
            secrets.token_bytes(SALT_SIZE),
        )
