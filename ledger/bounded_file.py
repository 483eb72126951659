"""Reading a file that somebody else may have written: never more than it may have."""

from __future__ import annotations

from pathlib import Path

from ledger.errors import MalformedError, NotFoundError, StoreError


def read_bounded(path: Path, most: int) -> bytes:
    """Return the bytes of a file; NotFoundError, StoreError, or MalformedError if too many."""
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no {path}") from error
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > most:
        raise MalformedError(f"{path} has more than {most} bytes")
    return data
