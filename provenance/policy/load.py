"""Read a policy from its file."""

from pathlib import Path

from provenance.errors import UsageError
from provenance.policy.parse import MAX_FILE, parse_acceptance_policy
from provenance.policy.policy import AcceptancePolicy


def load_policy(path: Path | str) -> AcceptancePolicy:
    """Return the acceptance policy in a file.

    Raises PolicyError, with every flaw, if there is any error in it; UsageError if it cannot be
    read. There is no policy then, and nothing may be let in.
    """
    return parse_acceptance_policy(read_policy_bytes(Path(path)))


def read_policy_bytes(path: Path) -> bytes:
    """Return what a policy file holds, and at most one byte more than it may; UsageError."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE + 1)
    except OSError as error:
        raise UsageError(f"{path}: the policy cannot be read: {error.strerror}") from error
