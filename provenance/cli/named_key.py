"""Which key of a log a user means, and how it is called."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from provenance.cli.failure import NOTHING_MATCHED, CommandError, Failure

if TYPE_CHECKING:
    from ledger import LoggedKey


def named_key(words: str, keys: Sequence["LoggedKey"]) -> bytes:
    """Return the one key that a user means: by id or its first 4 digits and more, name or role."""
    by_id = re.fullmatch("[0-9a-f]{4,64}", words.lower())
    found = [
        key
        for key in keys
        if (by_id and key.kid.hex().startswith(words.lower())) or words in (key_name(key), key.role)
    ]
    if len(found) == 1:
        return found[0].kid
    raise CommandError(
        Failure(
            f"{len(found)} keys of the log are meant by {words!r}",
            why="exactly one must be: by its id or at least 4 digits of it, its name or its role",
            do="see radseal key list, and give more digits of the id",
            exit_code=NOTHING_MATCHED,
        )
    )


def key_name(key: "LoggedKey") -> str:
    """Return what a person calls a key."""
    from provenance.trust.certificates import certificate_name, load_certificate

    if key.certificate is None:
        return key.kid.hex()[:16]
    return certificate_name(load_certificate(key.certificate))
