"""What clients of a service can make it spend."""

from dataclasses import dataclass

from provenance.servers.body_file import Bounds


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of one object, and left on the disk; requests at once; seconds.

    ``at_once`` requests bring objects, ``readers`` ask for some: each holds a thread while an
    archive answers, and those who bring something need threads, too.
    """

    object_bytes: int = 1 << 31
    free_bytes: int = 1 << 30
    at_once: int = 64
    readers: int = 16
    idle: float = 30.0
    body: float = 3600.0
    retry: int = 5

    @property
    def bounds(self) -> Bounds:
        """Those of a body."""
        return Bounds(self.object_bytes, self.idle, self.body, self.free_bytes)

    @property
    def reading(self) -> Bounds:
        """Those of what is fetched for a reader: room is left for those who bring objects."""
        return Bounds(self.object_bytes, self.idle, self.body, 2 * self.free_bytes)
