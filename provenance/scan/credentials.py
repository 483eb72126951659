"""How an archive lets us in: from the environment or a netrc file, never from the command line.

RADSEAL_SCAN_TOKEN                          a bearer token (RFC 6750)
RADSEAL_SCAN_USER, RADSEAL_SCAN_PASSWORD    Basic (RFC 7617)
NETRC, or else ~/.netrc                     the same, by host
"""

import os
import stat
from base64 import b64encode
from ipaddress import ip_address
from netrc import NetrcParseError, netrc
from pathlib import Path

from provenance.errors import UsageError

MAX_NETRC = 1 << 20


def authorization(host: str, *, secure: bool) -> str | None:
    """Return the value of the header Authorization for ``host``, or None if nothing is known.

    UsageError if it would go over a network in the clear.
    """
    value = _from_environment() or _from_netrc(host)
    if value is not None and not secure and not _is_here(host):
        words = f"the password for {host} would go over the network in the clear"
        raise UsageError(f"{words}: give an https:// address")
    return value


def _from_environment() -> str | None:
    token = os.environ.get("RADSEAL_SCAN_TOKEN")
    if token:
        if not token.isascii():
            raise UsageError("the token for the archive is no ASCII")
        return f"Bearer {_plain(token)}"
    user = os.environ.get("RADSEAL_SCAN_USER")
    if user:
        return _basic(user, os.environ.get("RADSEAL_SCAN_PASSWORD", ""))
    return None


def _from_netrc(host: str) -> str | None:
    named = os.environ.get("NETRC")
    path = Path(named) if named else Path.home() / ".netrc"
    try:
        kind = path.stat()
    except OSError as error:
        if named:
            raise UsageError(f"NETRC names {path}: {error.strerror}") from error
        return None
    if kind.st_size > MAX_NETRC or not stat.S_ISREG(kind.st_mode):
        raise UsageError(f"{path} is no netrc file")
    try:
        found = netrc(str(path)).authenticators(host)
    except (NetrcParseError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"{path} cannot be read as a netrc file") from error
    if found is None:
        return None
    if os.name == "posix" and stat.S_IMODE(kind.st_mode) & 0o077:
        raise UsageError(f"others can read {path}: chmod 600 {path}")
    login, _, password = found
    return _basic(login or "", password or "")


def _basic(user: str, password: str) -> str:
    if ":" in user:
        raise UsageError("the name for the archive holds a colon")
    return "Basic " + b64encode(f"{_plain(user)}:{_plain(password)}".encode()).decode("ascii")


def _plain(text: str) -> str:
    if not text.isprintable():
        raise UsageError("name, password or token for the archive hold what cannot be sent")
    return text


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
