"""`radseal key crl`: the revocation list of the site's own authority."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.options import common, open_site, site_option
from provenance.cli.output import document, moment, path_text, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain

if TYPE_CHECKING:
    from provenance.site.site_crl import SiteList

DAYS = 366
TIMES = click.DateTime(("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"))
since_option = click.option(
    "--since",
    type=TIMES,
    help="When (UTC) the key may have been in other hands already: its date of invalidity.",
)
days_option = click.option(
    "--days",
    type=click.IntRange(1, 3_660),
    default=DAYS,
    show_default=True,
    help="How long the list is good; make the next one before.",
)


@click.command(short_help="Sign the next revocation list of the site's authority.")
@click.option(
    "--revoke",
    "revoked",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    metavar="CERTIFICATE",
    help="Put this certificate (PEM) on it.",
)
@since_option
@days_option
@site_option
@common
@click.pass_obj
def crl(
    session: Session,
    revoked: tuple[Path, ...],
    since: datetime | None,
    days: int,
    site: Path | None,
) -> int:
    """Sign the next revocation list of the site's own authority, into its trust/crls.

    It has all that the last one has. From the first one on, whoever verifies with this trust folder
    requires for each certificate a list that is good: sign the next one in time, and give the
    folder to those who verify. Older lists stay. A list has no effect on who may sign in the log:
    that is radseal key revoke.

    \b
    Examples
      radseal key crl --site /srv/radseal
      radseal key crl --revoke ct-3.pem --since 2026-05-01 --site /srv/radseal
    """
    from cryptography import x509

    from provenance.site.site_crl import Revoked, issue_list

    if since is not None and not revoked:
        raise click.UsageError("--since says when a certificate became invalid: name it (--revoke)")
    entries = []
    for path in revoked:
        try:
            found = x509.load_pem_x509_certificate(path.read_bytes())
        except ValueError as error:
            raise click.UsageError(f"{path} is no PEM certificate") from error
        entries.append(Revoked(found, utc(since)))
    at = session.now()
    issued = issue_list(
        open_site(site), at=at, valid_until=at + timedelta(days=days), revoked=entries
    )
    if session.as_json:
        print_json(document("key-crl", list_fields(issued), exit_code=0))
    else:
        tell_list(issued)
    return 0


def list_fields(issued: "SiteList") -> dict[str, object]:
    """Return a list as JSON values."""
    return {
        "file": path_text(issued.path),
        "number": issued.number,
        "entries": issued.entries,
        "next_update": moment(issued.next_update),
    }


def tell_list(issued: "SiteList") -> None:
    """Say where a list lies and until when it is good."""
    say(
        f"revocation list {issued.number}: {issued.entries} certificate(s), good until "
        f"{issued.next_update:%Y-%m-%d}"
    )
    say(f"  {plain(issued.path)}")


def utc(told: datetime | None) -> datetime | None:
    """Return a time as it was typed, in UTC."""
    return None if told is None else told.replace(tzinfo=UTC)
