"""Where passphrases and PINs come from: a file that the operator names, or a person at a terminal.

Never from the command line, which other users of a machine can read, nor from a variable itself.
"""

import os
import sys
from getpass import getpass
from pathlib import Path

from provenance.errors import KeyUnavailableError

PASSPHRASE_FILE = "RADSEAL_KEY_PASSPHRASE_FILE"  # noqa: S105 - names a file
MAX_SECRET = 1024  # bytes
# cryptography writes PKCS#8 with 2,048 rounds of PBKDF2, which delays nobody.
LEAST_PASSPHRASE = 16  # bytes


def key_passphrase(path: Path) -> bytes:
    """Return the passphrase of the key file ``path``; KeyUnavailableError if nobody says it."""
    source = passphrase_source()
    if source is not None:
        return read_secret(source)
    return _asked(
        f"passphrase of {path}: ",
        why=f"the key in {path} is encrypted, and nobody is here to say its passphrase",
        do=f"set {PASSPHRASE_FILE} to the path of a file that holds it, or run at a terminal",
    )


def new_passphrase(path: Path) -> bytes:
    """Return the passphrase that ``path`` shall get; at a terminal it is asked for twice."""
    said = key_passphrase(path)
    if len(said) < LEAST_PASSPHRASE:
        raise KeyUnavailableError(
            f"a new passphrase of {len(said)} bytes: whoever copies the file tries as many as they "
            "like",
            do=f"take one of at least {LEAST_PASSPHRASE}, drawn by chance: openssl rand -base64 24",
        )
    if passphrase_source() is None and getpass("once more: ").encode() != said:
        raise KeyUnavailableError("the two passphrases differ", do="try again: nothing was changed")
    return said


def passphrase_source() -> Path | None:
    """The file that the environment names for the passphrase of keys."""
    named = os.environ.get(PASSPHRASE_FILE)
    return Path(named) if named else None


def token_pin(token: str, source: Path | None) -> str:
    """Return the PIN of a token: from the file ``source``, or from whoever is at the terminal."""
    if source is None:
        pin = _asked(
            f"PIN of the token ({token}): ",
            why=f"the token ({token}) needs its PIN, and nobody is here to say it",
            do="name a file that holds the PIN with pin-source=/PATH in the key URI, or run at a "
            "terminal",
        )
    else:
        pin = read_secret(source)
    try:
        return pin.decode()
    except UnicodeDecodeError as error:
        raise KeyUnavailableError(
            f"the PIN of the token ({token}) is not UTF-8",
            do="write the PIN into its file as text",
        ) from error


def read_secret(path: Path) -> bytes:
    """Return what a file of one secret holds, without the end of its line."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SECRET + 1)
    except OSError as error:
        raise KeyUnavailableError(
            f"the file {path}, which should hold a passphrase or a PIN, cannot be read: "
            f"{error.strerror}",
            do="check its path, and that the user who runs radseal may read it",
        ) from error
    secret = content.removesuffix(b"\n").removesuffix(b"\r")
    if not secret or len(content) > MAX_SECRET:
        raise KeyUnavailableError(
            f"the file {path} must hold one passphrase or PIN, of at most {MAX_SECRET} bytes",
            do="write it into the file, on one line",
        )
    return secret


def _asked(prompt: str, *, why: str, do: str) -> bytes:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise KeyUnavailableError(why, do=do)
    said = getpass(prompt).encode()
    if not said:
        raise KeyUnavailableError("nothing was typed", do=do)
    return said
