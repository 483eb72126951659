"""`radseal key`: the keys that may sign in a site's log."""

from datetime import datetime
from pathlib import Path

import click

from provenance.cli.failure import USAGE, CommandError, Failure
from provenance.cli.key_crl import crl, days_option, list_fields, since_option, tell_list, utc
from provenance.cli.key_output import ROLES, key_fields, key_option, parse_place, tell_key
from provenance.cli.key_request import request, sign_request
from provenance.cli.named_key import key_name, named_key
from provenance.cli.options import common, open_site, site_option
from provenance.cli.output import document, path_text, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain

RENEWED = ("archivist", "device", "operator", "gateway", "deidentifier", "auditor")


@click.group(short_help="Keys that may sign in the log: list, add, renew, revoke.")
def key() -> None:
    """List the keys that may sign in the site's log; add, renew and revoke them.

    \b
    Example
      radseal key list --site /srv/radseal
    """


@key.command("list", short_help="Show every key the log knows.")
@site_option
@common
@click.pass_obj
def list_keys(session: Session, site: Path | None) -> int:
    """Show every key that was ever added: its role, its name, and where in the log it stood.

    \b
    Example
      radseal key list --site /srv/radseal
    """
    with open_site(site).public_log() as log:
        keys = log.keys()
    if session.as_json:
        print_json(document("key-list", {"keys": [key_fields(each) for each in keys]}, exit_code=0))
        return 0
    for each in keys:
        until = "in force" if each.revoked_index is None else f"revoked by {each.revoked_index}"
        say(
            f"{each.kid.hex()[:16]}  {each.role:<12}  added by {each.added_index}, {until:<14}  "
            f"{plain(key_name(each))}"
        )
    return 0


@key.command(short_help="Let the key of a certificate sign.")
@click.argument("certificate", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--role", type=click.Choice(ROLES), required=True, help="What it may sign.")
@key_option
@site_option
@common
@click.pass_obj
def add(
    session: Session, certificate: Path, role: str, named: str | None, site: Path | None
) -> int:
    """Let the key in CERTIFICATE sign in the log, in one role, from here on.

    CERTIFICATE is a PEM file: the key's own certificate, then those between it and an authority of
    the site's trust/roots, which must vouch for it in that role. A key is added once: one that was
    revoked does not come again.

    With --key, where the private key of CERTIFICATE lies, the site itself signs with it in that
    role from now on.

    \b
    Example
      radseal key add ct-3.pem --role device --site /srv/radseal
    """
    from cryptography import x509

    from ledger import Role
    from provenance.site.actor_keys import add_key

    try:
        chain = x509.load_pem_x509_certificates(certificate.read_bytes())
    except ValueError as error:
        raise click.UsageError(f"{certificate} is no PEM file of certificates") from error
    opened = open_site(site)
    place = parse_place(named)
    index = add_key(opened, chain, role=Role(role), at=session.now(), place=place)
    with opened.public_log() as log:
        keys = log.keys()
    added = next(each for each in keys if each.added_index == index)
    return tell_key(session, added, "key-add", f"may sign as {role} after entry {index}")


@key.command(short_help="Make a new key for an actor of the site.")
@click.argument("role", type=click.Choice(RENEWED))
@key_option
@click.option(
    "--hybrid/--classical",
    "hybrid",
    default=None,
    help="With or without a second key, of ML-DSA, for the device. Default: as before.",
)
@site_option
@common
@click.pass_obj
def renew(
    session: Session, role: str, named: str | None, hybrid: bool | None, site: Path | None
) -> int:
    """Make a new key and certificate for the site's actor in ROLE, log it, and use it from now on.

    The old key stays in force until radseal key revoke, so what it has signed and what still waits
    in an outbox can be logged. Make a new outbox for the new key. A renewal that was cut off goes
    on.

    A new site has no de-identifier: its first key is made so, too.

    With --key the new key is the one that lies there, on a token or in a file elsewhere. The PIN of
    a token comes from the file that the URI names as pin-source, or is asked for at a terminal.

    With --hybrid a new second key, of ML-DSA-65, is made beside it in a file of the site: seals
    bear both signatures from now on, and the trust folder demands both of the new key, so give it
    to those who verify once more.

    \b
    Examples
      radseal key renew device --site /srv/radseal
      radseal key renew device --hybrid --site /srv/radseal
      radseal key renew device --site /srv/radseal \\
        --key 'pkcs11:token=ct-3;object=seal?module-path=/usr/lib/softhsm/libsofthsm2.so'
      radseal key revoke fdc9106e --reason renewed --yes --site /srv/radseal
    """
    from ledger import Role
    from provenance.site.actor_keys import renew_key
    from provenance.site.second_keys import SecondKeyWish

    wish = {
        None: SecondKeyWish.AS_BEFORE,
        True: SecondKeyWish.WITH,
        False: SecondKeyWish.WITHOUT,
    }[hybrid]
    renewed = renew_key(
        open_site(site), Role(role), at=session.now(), place=parse_place(named), second=wish
    )
    return tell_key(session, renewed, "key-renew", f"is the key of the {role} from now on")


@key.command(short_help="Encrypt the key file of an actor of the site.")
@click.argument("role", type=click.Choice((*RENEWED, "ca", "device.second", "ca.second")))
@site_option
@common
@click.pass_obj
def encrypt(session: Session, role: str, site: Path | None) -> int:
    """Encrypt the file of the key of the site's actor in ROLE, or of its authority (ca).

    A second key, of ML-DSA, lies in a file of its own (device.second), and so does the key of the
    authority that vouches for it (ca.second).

    The passphrase is read from the file that RADSEAL_KEY_PASSPHRASE_FILE names, or asked for at a
    terminal; so it is whenever the key signs. The key stays the same, and copies of the plain file
    stay plain: a key that lay in a backup is better renewed.

    \b
    Example
      radseal key encrypt device --site /srv/radseal
    """
    from provenance.keys.key_places import encrypt_site_key

    path = encrypt_site_key(open_site(site).folder, role)
    if session.as_json:
        print_json(document("key-encrypt", {"file": path_text(path)}, exit_code=0))
    else:
        say(f"the key of the {role} in {plain(path)} is encrypted")
    return 0


@key.command(short_help="Let a key sign nothing more.")
@click.argument("meant", metavar="KEY")
@click.option("--reason", default="", help="Public, and kept for ever: name no person in it.")
@click.option(
    "--listed/--unlisted",
    "listed",
    default=None,
    help="Put its certificate on the site's revocation list, or not. Default: if there is a list.",
)
@since_option
@days_option
@click.option("--yes", is_flag=True, help="Do it. Without this, only say what would be done.")
@site_option
@common
@click.pass_obj
def revoke(
    session: Session,
    meant: str,
    reason: str,
    listed: bool | None,
    since: datetime | None,
    days: int,
    yes: bool,
    site: Path | None,
) -> int:
    """Let a key sign nothing more from here on. What it has signed before stays as it is.

    KEY is its id or the first digits of it, its name or its role. If it was stolen, what was signed
    before this entry cannot be told from what its owner signed: revoke at once. It cannot be
    undone.

    A certificate of the site's own authority also goes on its revocation list (radseal key crl), if
    the site keeps one or --listed or --since is given. Seals of it then need a proof by others that
    they are older (docs/revocation.md). So give --unlisted for a key that was merely replaced.

    \b
    Examples
      radseal key revoke fdc9106e --reason stolen --since 2026-05-01 --yes --site /srv/radseal
      radseal key revoke fdc9106e --reason renewed --unlisted --yes --site /srv/radseal
    """
    from provenance.site.revoking import revoke_logged

    opened = open_site(site)
    with opened.public_log() as log:
        keys = log.keys()
    kid = named_key(meant, keys)
    found = next(each for each in keys if each.kid == kid)
    if not yes:
        raise CommandError(
            Failure(
                f"nothing was revoked: {plain(key_name(found))} ({found.role}) would be",
                why="a key that was revoked never comes again",
                do="check the key, then repeat with --yes",
                exit_code=USAGE,
            )
        )
    if listed is False and since is not None:
        raise click.UsageError("--since goes on a revocation list: it cannot be --unlisted")
    found, issued = revoke_logged(
        opened,
        found,
        reason=reason,
        listed=True if since is not None else listed,
        since=utc(since),
        at=session.now(),
        days=days,
    )
    if session.as_json:
        more = None if issued is None else list_fields(issued)
        print_json(document("key-revoke", {**key_fields(found), "list": more}, exit_code=0))
        return 0
    tell_key(session, found, "key-revoke", f"signs nothing more after entry {found.revoked_index}")
    if issued is not None:
        tell_list(issued)
    return 0


key.add_command(request)
key.add_command(sign_request)
key.add_command(crl)
