"""What it means that an archive does not store an object (PS3.4, B.2.3; PS3.7, annex C). Pure."""

from enum import Enum

DUPLICATE_INSTANCE = 0x0111
MOST_TRIES = 8  # of what an archive refuses in a way that seldom passes
_PASSING = (0x0110, 0x0213)  # processing failure, resource limitation


class Refusal(Enum):
    """What becomes of the delivery."""

    PASSING = "tried again, for as long as it takes"
    LASTING = "tried again some times, then held"
    DUPLICATE = "held, unless the archive has had these very bytes from here"


def refusal(status: int | None) -> Refusal:
    """Judge a failure status, or None for an archive that takes no such class or transfer syntax.

    PS3.4 gives C-STORE no status 0111: archives borrow it from the normalized services (PS3.7,
    annex C) to say that they hold an object under the same SOP Instance UID, this one or another.
    """
    if status == DUPLICATE_INSTANCE:
        return Refusal.DUPLICATE
    if status in _PASSING or (status is not None and 0xA700 <= status <= 0xA7FF):
        return Refusal.PASSING
    return Refusal.LASTING
