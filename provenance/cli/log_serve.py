"""`radseal log serve`: the log over HTTP."""

from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from provenance.cli.listening import announce, listening, server_missing
from provenance.cli.options import common, open_site, site_option
from provenance.cli.session import Session


@click.command(short_help="Answer signers and readers over HTTP.")
@click.option(
    "--listen",
    default="127.0.0.1:8098",
    show_default=True,
    metavar="ADDRESS:PORT",
    help="Where to listen; port 0 takes a free one.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1, max=256),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes that check the signatures of batches; 1 starts none.",
)
@site_option
@common
@click.pass_obj
def serve(session: Session, listen: str, jobs: int, site: Path | None) -> int:
    """Register statements over HTTP, and hand out the log as C2SP tlog-tiles, until SIGTERM.

    Who may write is said by the signature of each statement and the role of its key. Reads are
    for everyone; annexes and pseudonyms for signed questions of a gateway, an archivist or an
    auditor. What it answers is described at /openapi.json; /health, /live and /metrics are for
    whoever watches it. With --jobs 2 or more, so many processes check the signatures of requests of
    eight statements and more; they start with the first. Each answer is a line of JSON on standard
    error. It speaks HTTP without TLS: towards a network, put a reverse proxy before it. It prints
    its address once it listens. It needs radseal[server].

    \b
    Example
      radseal log serve --site /srv/radseal --listen 127.0.0.1:8098
    """
    try:
        from provenance.servers.http_server import serve as serve_app
        from provenance.servers.log_lines import log_lines
        from provenance.servers.log_server import make_app
    except ModuleNotFoundError as error:
        raise server_missing(error) from error
    from ledger import Verifiers, open_sequencer

    opened = open_site(site)
    with (
        log_lines(),
        listening(listen) as (listener, url),
        nullcontext() if jobs == 1 else Verifiers(jobs) as verifiers,
        opened.writing_log(verifiers) as log,
        opened.reading_log() as reader,
    ):
        sequencer = open_sequencer(log, lambda: datetime.now(UTC))
        try:
            ready = partial(announce, session, verb="log-serve", name=reader.origin, url=url)
            serve_app(make_app(reader, sequencer, verifiers=verifiers), listener, ready=ready)
        finally:
            sequencer.close()
    return 0
