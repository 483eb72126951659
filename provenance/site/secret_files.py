"""The secrets in a site's folder ``keys``: 32 bytes each, for their owner only."""

import secrets
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from provenance.errors import UsageError
from provenance.keys.mark_keys import mark_key_id
from provenance.keys.signers import write_secret
from provenance.site.certificate_files import read_file

FIRST: Final = ("annex", "lookup", "mark")
"""Those that every site has."""
SIZE: Final = 32
_FORMER: Final = "mark-until-"


def make_secret(folder: Path, name: str) -> None:
    """Make a secret of a site's folder; FileExistsError if there is one."""
    write_secret(_place(folder, name), secrets.token_bytes(SIZE))


def ensure_secret(folder: Path, name: str) -> bytes:
    """Return a secret, made now if there is none."""
    if not _place(folder, name).exists():
        with suppress(FileExistsError):
            make_secret(folder, name)
    return read_secret(folder, name)


def read_secret(folder: Path, name: str) -> bytes:
    """Return a secret; UsageError if it is missing or none."""
    path = _place(folder, name)
    secret = read_file(path)
    if len(secret) != SIZE:
        raise UsageError(f"{path} must hold {SIZE} bytes, not {len(secret)}")
    return secret


def former_mark_keys(folder: Path) -> tuple[bytes, ...]:
    """Return the keys of the marks made before, the newest first."""
    files = sorted((folder / "keys").glob(f"{_FORMER}*.key"), reverse=True)
    return tuple(read_secret(folder, path.stem) for path in files)


def renew_mark_key(folder: Path, *, at: datetime) -> bytes:
    """Make a new mark key from now on, keep the old one to read with; return the new id."""
    old, new = read_secret(folder, "mark"), secrets.token_bytes(SIZE)
    fresh = folder / "keys" / "mark.key.new"
    fresh.unlink(missing_ok=True)  # of a run that was cut off
    write_secret(fresh, new)
    try:
        write_secret(_place(folder, f"{_FORMER}{at.astimezone(UTC):%Y%m%dT%H%M%S}Z"), old)
    except FileExistsError as error:
        raise UsageError("the mark key was renewed in this very second") from error
    fresh.replace(_place(folder, "mark"))  # last: a key is never lost
    return mark_key_id(new)


def _place(folder: Path, name: str) -> Path:
    return folder / "keys" / f"{name}.key"
