"""Read the acceptance policy that a verb was given; a faulty one is told in words."""

from pathlib import Path
from typing import TYPE_CHECKING

from provenance.cli.failure import USAGE, CommandError, Failure

if TYPE_CHECKING:
    from provenance.policy.policy import AcceptancePolicy


def open_policy(file: Path) -> "AcceptancePolicy":
    """Return the policy in a file; CommandError if it is faulty: nothing is let in then."""
    from provenance.errors import PolicyError
    from provenance.policy.load import load_policy

    try:
        return load_policy(file)
    except PolicyError as error:
        raise CommandError(
            Failure(
                f"{file} is no acceptance policy: nothing was done",
                why=str(error),
                do=f"radseal policy check {file} says all that is wrong with it",
                exit_code=USAGE,
            )
        ) from error
