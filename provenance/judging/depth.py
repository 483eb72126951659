"""How deep a verifier looks: by the file alone, with the ledger, with the mark."""

from enum import StrEnum
from typing import Self


class Depth(StrEnum):
    """Each looks at what the one before does, and further."""

    SEAL = "seal"
    LEDGER = "ledger"
    MARK = "mark"

    def reaches(self, wanted: Self) -> bool:
        """Whether nothing that ``wanted`` looks at is left out."""
        order = tuple(Depth)
        return order.index(self) >= order.index(wanted)

    @classmethod
    def deepest(cls, *depths: "Depth") -> "Depth":
        """Return the deepest of some."""
        order = tuple(cls)
        return max(depths, key=order.index)

    @classmethod
    def shallowest(cls, *depths: "Depth") -> "Depth":
        """Return the shallowest of some."""
        order = tuple(cls)
        return min(depths, key=order.index)
