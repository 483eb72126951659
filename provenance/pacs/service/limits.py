"""What clients of a service can make it spend."""

from dataclasses import dataclass

from provenance.servers.body_file import Bounds


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of one object, and left on the disk; requests with objects at once; seconds."""

    object_bytes: int = 1 << 31
    free_bytes: int = 1 << 30
    at_once: int = 64
    idle: float = 30.0
    body: float = 3600.0
    retry: int = 5

    @property
    def bounds(self) -> Bounds:
        """Those of a body."""
        return Bounds(self.object_bytes, self.idle, self.body, self.free_bytes)
