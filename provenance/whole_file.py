"""Write a file: all of it or nothing, and over another only if told."""

import os
import secrets
from pathlib import Path

from provenance.errors import UsageError


def write_whole(path: Path, content: bytes, *, overwrite: bool = False) -> None:
    """Write ``content`` to ``path`` durably; UsageError if something is there, unless told.

    A reader sees the old file or the new one, never a part.
    """
    if not overwrite and path.exists():
        raise UsageError(f"{path} exists already: give another name, or --force to overwrite it")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
