"""What the commands about keys share: their roles, --key, and how a key is shown."""

from typing import TYPE_CHECKING

import click

from provenance.cli.named_key import key_name
from provenance.cli.output import document, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain

if TYPE_CHECKING:
    from ledger import LoggedKey
    from provenance.keys.key_places import KeyPlace

ROLES = ("archivist", "device", "operator", "gateway", "deidentifier", "auditor")
key_option = click.option(
    "--key",
    "named",
    metavar="URI",
    help="Where the private key lies: a pkcs11: URI (RFC 7512), or the path of a PKCS#8 file.",
)


def parse_place(named: str | None) -> "KeyPlace | None":
    """Return the place that --key names."""
    from provenance.keys.key_places import KeyPlace

    return None if named is None else KeyPlace.parse(named)


def tell_key(session: Session, found: "LoggedKey", name: str, words: str) -> int:
    """Say one thing about a key."""
    if session.as_json:
        print_json(document(name, key_fields(found), exit_code=0))
    else:
        say(f"{found.kid.hex()[:16]}  {plain(key_name(found))}  {words}")
    return 0


def key_fields(found: "LoggedKey") -> dict[str, object]:
    """Return a key as JSON values."""
    return {
        "key": found.kid.hex(),
        "role": str(found.role),
        "name": key_name(found),
        "algorithm": found.algorithm.name,
        "added": found.added_index,
        "revoked": found.revoked_index,
    }
