"""The four sentences that explain a verdict or a finding, and those that recur."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """Four sentences for a person."""

    says: str
    why: str
    do: str
    not_meant: str


NOTHING = "Nothing needs to be done."
QUARANTINE = (
    "Quarantine the file, keep it as it is, and ask the sender or the device for the original."
)
