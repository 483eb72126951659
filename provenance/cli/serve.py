"""`radseal serve`: verdicts over HTTP, for an archive's plugin and for others."""

import asyncio
import ipaddress
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from provenance.cli.failure import USAGE, CommandError, Failure
from provenance.cli.listening import announce, listening, server_missing
from provenance.cli.options import common, open_site, site_option
from provenance.cli.policy_file import open_policy
from provenance.cli.session import Session

if TYPE_CHECKING:
    from provenance.pacs.service.examiners import Examiners
    from provenance.pacs.service.settings import Settings

MIN_TOKEN = 32


@click.command(short_help="Judge objects over HTTP, and take them in.")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="A file as radseal gateway has it: where everything is, and the archives.",
)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The acceptance policy: says what is done with each object.",
)
@click.option(
    "--spool",
    type=click.Path(path_type=Path, file_okay=False),
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
    "--door",
    "door_path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="SOCKET",
    help="A Unix socket to make, for the plugin of an archive on this machine. Needs --token.",
)
@click.option(
    "--stow-ae",
    metavar="AE",
    help="Calling AE title, for the policy, of what STOW-RS brings. Default: not known.",
)
@click.option(
    "--archive-ae",
    metavar="AE",
    help="Calling AE title, for the policy, of what an archive gives and the spool never saw. "
    "Default: not known.",
)
@click.option(
    "--listen",
    metavar="ADDRESS:PORT",
    help="Where to listen; port 0 takes a free one. Default: 127.0.0.1:8097.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1, max=64),
    default=2,
    show_default=True,
    metavar="N",
    help="Processes that judge objects.",
)
@click.option(
    "--keep-free",
    type=click.IntRange(min=0),
    metavar="MB",
    help="With less than this free on the spool's disk nothing is taken. Default: 1024.",
)
@site_option
@common
@click.pass_obj
def serve(
    session: Session,
    config_file: Path | None,
    policy_file: Path | None,
    spool: Path | None,
    log_url: str | None,
    token_file: Path | None,
    door_path: Path | None,
    stow_ae: str | None,
    archive_ae: str | None,
    listen: str | None,
    jobs: int,
    keep_free: int | None,
    site: Path | None,
) -> int:
    """Judge objects over HTTP, and take them in, until SIGTERM.

    POST a file to /verify for its verdict and the policy's decision; to /ingest, to have it
    written down as well: a quarantined one is then kept here. With --config, a file as radseal
    gateway has it, there are archives: it takes instances by STOW-RS at /dicom-web, and forwards
    what the policy lets in. What it answers is described at /openapi.json. With --door a plugin on
    this machine asks faster, by a Unix socket. Custody events go to the ledger as it can be
    reached. Without a policy that can be read it does not start; whatever fails is answered with
    503, and nothing was taken. It speaks HTTP without TLS: towards a network, put a reverse proxy
    before it. It needs radseal[pacs].

    \b
    Examples
      radseal serve --site /srv/radseal --policy radseal-policy.toml --spool /srv/spool
      radseal serve --config radseal-service.toml --token token
    """
    try:
        from provenance.cli.doorway import doorway_at
        from provenance.pacs.service.examiners import Examiners
        from provenance.pacs.service.health import Tally, Watch
        from provenance.pacs.service.service import Service, make_app
        from provenance.pacs.service.views import Views
        from provenance.servers.http_server import serve as serve_app
        from provenance.servers.log_lines import log_lines
    except ModuleNotFoundError as error:
        raise server_missing(error, extra="pacs") from error
    from provenance.pacs.custody.writer import CustodyThread
    from provenance.pacs.gateway.auditing import telling
    from provenance.pacs.gateway.children import Children, forward_jobs
    from provenance.pacs.quarantine.housekeeper import Housekeeper
    from provenance.pacs.service.auditing import NAME
    from provenance.pacs.spool.lock import sole_owner

    if config_file is None:
        settings = _from_options(site, policy_file, spool, log_url, listen, keep_free)
    else:
        settings = _from_file(config_file)
    place = replace(settings.place, archive_ae=archive_ae)
    open_site(place.site)
    assert isinstance(place.policy, Path)  # read anew for each object
    open_policy(place.policy)
    token = None if token_file is None else _token(token_file)
    if token is None:
        _require_loopback(settings.listen)
    if door_path is not None and token is None:
        raise CommandError(
            Failure(
                "--door needs --token",
                why="whoever can open the socket could bring objects in",
                do="give --token FILE, and the same file to the plugin",
                exit_code=USAGE,
            )
        )
    with ExitStack() as stack:
        stack.enter_context(log_lines())
        listener, url = stack.enter_context(listening(settings.listen))
        stack.enter_context(sole_owner(place.spool))
        custody = CustodyThread(
            place.spool,
            place.device,
            clock=lambda: datetime.now(UTC),
            deadline=settings.custody_deadline,
        )
        stack.callback(custody.close)
        keeper = Housekeeper(
            place.spool, clock=lambda: datetime.now(UTC), forget_after=settings.forget_after
        )
        stack.callback(keeper.close)
        title, audit = settings.ae_title, settings.audit
        jobs_of_forwarders = forward_jobs(place.spool, title, settings.archives, audit, name=NAME)
        tell = stack.enter_context(telling(place.spool, audit, title, NAME))
        forwarding = Children(jobs_of_forwarders)
        stack.callback(forwarding.close)
        limits, tally, doorway = settings.limits, Tally(), None
        if door_path is not None and token is not None:
            doorway = stack.enter_context(doorway_at(door_path, token, limits, tally, tell))
        examiners = Examiners(place, processes=jobs, doorway=doorway)
        stack.callback(examiners.close)
        _require_work(examiners)
        service = Service(
            Views(place),
            examiners,
            Watch(
                place,
                custody,
                free_bytes=limits.free_bytes,
                archives=[each.name for each in settings.archives],
                monotonic=session.monotonic,
            ),
            archives=settings.archives,
            wake=forwarding.wake,
            stow_ae=stow_ae,
            token=token,
            limits=limits,
            tell=tell,
            tally=tally,
        )
        ready = partial(announce, session, verb="serve", name="radseal", url=url)
        serve_app(make_app(service), listener, ready=ready)
    return 0


def _from_options(
    site: Path | None,
    policy: Path | None,
    spool: Path | None,
    log_url: str | None,
    listen: str | None,
    keep_free: int | None,
) -> "Settings":
    from provenance.pacs.service.desk import Workplace
    from provenance.pacs.service.limits import Limits
    from provenance.pacs.service.settings import LISTEN, Settings

    if policy is None or spool is None:
        raise click.UsageError("give --policy FILE and --spool DIR, or --config FILE")
    folder = open_site(site).folder.resolve()
    limits = Limits() if keep_free is None else Limits(free_bytes=keep_free << 20)
    place = Workplace(folder, policy.resolve(), spool.resolve(), log_url)
    return Settings(place, listen or LISTEN, limits)


def _from_file(file: Path) -> "Settings":
    from provenance.pacs.dimse.tls import require_usable
    from provenance.pacs.gateway.configuration_file import load_configuration
    from provenance.pacs.service.settings import Settings

    for name in ("site", "policy_file", "spool", "log_url", "listen", "keep_free"):
        source = click.get_current_context().get_parameter_source(name)
        if source is ParameterSource.COMMANDLINE:
            option = name.removesuffix("_file").removesuffix("_url").replace("_", "-")
            raise click.UsageError(f"the file of --config says it: leave out --{option}")
    settings = Settings.of(load_configuration(file))
    require_usable(settings.archives)
    if settings.audit is not None:
        settings.audit.context()
    return settings


def _require_work(examiners: "Examiners") -> None:
    from provenance.pacs.service.failures import NotJudgedError

    try:
        asyncio.run(examiners.ready())
    except NotJudgedError as error:
        raise CommandError(
            Failure(
                "the service cannot judge, and does not start",
                why=error.words,
                do="see radseal doctor --site, and radseal policy check",
                exit_code=USAGE,
            )
        ) from error


def _token(file: Path) -> bytes:
    try:
        token = file.read_bytes().strip()
    except OSError as error:
        raise CommandError(_no_token(file, error.strerror or "it cannot be read")) from error
    if len(token) < MIN_TOKEN or not token.isascii() or b" " in token:
        raise CommandError(_no_token(file, "it has fewer than 32 characters, or other ones"))
    return token


def _require_loopback(listen: str) -> None:
    """Without a token only this machine is answered."""
    host = listen.rpartition(":")[0].removeprefix("[").removesuffix("]")
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise CommandError(
            Failure(
                f"without a token the service does not listen at {listen}",
                why="others than this machine could bring objects in",
                do="give --token FILE, or listen at 127.0.0.1",
                exit_code=USAGE,
            )
        )


def _no_token(file: Path, why: str) -> Failure:
    return Failure(
        f"{file} holds no token",
        why=why,
        do=f"make one: openssl rand -hex 32 > {file}, readable by the service alone",
        exit_code=USAGE,
    )
