"""`radseal serve`: verdicts over HTTP, for an archive's plugin and for others."""

import asyncio
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from provenance.cli.failure import USAGE, CommandError, Failure
from provenance.cli.listening import announce, listening, server_missing
from provenance.cli.options import common, open_site, site_option
from provenance.cli.policy_file import open_policy
from provenance.cli.session import Session

MIN_TOKEN = 32


@click.command(short_help="Judge objects over HTTP, and take them in.")
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="The acceptance policy: says what is done with each object.",
)
@click.option(
    "--spool",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="DIR",
    help="Where objects are kept while they wait; made if it is not there.",
)
@click.option(
    "--log",
    "log_url",
    metavar="URL",
    help="Where radseal log serve serves the site's log. Default: the log in the site's folder.",
)
@click.option(
    "--token",
    "token_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="A file with a token of 32 characters or more, which requests must carry.",
)
@click.option(
    "--listen",
    default="127.0.0.1:8097",
    show_default=True,
    metavar="ADDRESS:PORT",
    help="Where to listen; port 0 takes a free one.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1, max=64),
    default=2,
    show_default=True,
    metavar="N",
    help="Processes that judge objects.",
)
@site_option
@common
@click.pass_obj
def serve(
    session: Session,
    policy_file: Path,
    spool: Path,
    log_url: str | None,
    token_file: Path | None,
    listen: str,
    jobs: int,
    site: Path | None,
) -> int:
    """Judge objects over HTTP, and take them in, until SIGTERM.

    POST a file to /verify for its verdict and the policy's decision; to /ingest, to have it
    written down as well: a quarantined one is then kept here. What it answers is described at
    /openapi.json. Custody events go to the ledger as it can be reached. Without a policy that can
    be read it does not start; whatever fails is answered with 503, and nothing was taken. It
    speaks HTTP without TLS: towards a network, put a reverse proxy before it. It needs
    radseal[server].

    \b
    Example
      radseal serve --site /srv/radseal --policy radseal-policy.toml --spool /srv/spool
    """
    try:
        from provenance.pacs.examiners import Examiners
        from provenance.pacs.service import Service, make_app
        from provenance.servers.http_server import serve as serve_app
        from provenance.servers.log_lines import log_lines
    except ModuleNotFoundError as error:
        raise server_missing(error) from error
    from provenance.pacs.custody_writer import CustodyThread
    from provenance.pacs.desk import Workplace
    from provenance.pacs.spool import Spool

    opened = open_site(site)
    open_policy(policy_file)
    token = None if token_file is None else _token(token_file)
    place = Workplace(opened.folder.resolve(), policy_file.resolve(), spool.resolve(), log_url)
    with log_lines(), listening(listen) as (listener, url):
        with Spool.open(place.spool) as opened_spool:
            opened_spool.recover()
        examiners = Examiners(place, processes=jobs)
        custody = CustodyThread(place.spool, place.device, clock=lambda: datetime.now(UTC))
        try:
            asyncio.run(examiners.ready())
            service = Service(place, examiners, token=token)
            ready = partial(announce, session, verb="serve", name="radseal", url=url)
            serve_app(make_app(service), listener, ready=ready)
        finally:
            examiners.close()
            custody.close()
    return 0


def _token(file: Path) -> bytes:
    try:
        token = file.read_bytes().strip()
    except OSError as error:
        raise CommandError(_no_token(file, error.strerror or "it cannot be read")) from error
    if len(token) < MIN_TOKEN or not token.isascii() or b" " in token:
        raise CommandError(_no_token(file, "it has fewer than 32 characters, or other ones"))
    return token


def _no_token(file: Path, why: str) -> Failure:
    return Failure(
        f"{file} holds no token",
        why=why,
        do=f"make one: openssl rand -hex 32 > {file}, readable by the service alone",
        exit_code=USAGE,
    )
