"""`radseal witness`: remember what logs have said, and cosign what goes on from there."""

from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from provenance.cli.listening import announce, listening, server_missing
from provenance.cli.options import common
from provenance.cli.output import document, facts, path_text, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain

_folder = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))


@click.group(short_help="Be a witness for other sites' logs.")
def witness() -> None:
    """Be a witness: remember what logs have said, and cosign only what goes on from there.

    \b
    Example
      radseal witness init /srv/witness --name witness.hospital.example --log "$(cat site.vkeys)"
      radseal witness serve --dir /srv/witness --listen 127.0.0.1:8099
    """


@witness.command(short_help="Make a witness: keys, the logs it knows.")
@_folder
@click.option("--name", required=True, help="Its name in cosignatures: a host name, for example.")
@click.option(
    "--log",
    "logs",
    multiple=True,
    metavar="VKEY",
    help="A verifier key of a log, or several, one a line. Repeatable; more go into DIR/logs.",
)
@common
@click.pass_obj
def init(session: Session, folder: Path, name: str, logs: tuple[str, ...]) -> int:
    """Make a witness in the empty folder DIR, with a key of Ed25519 and one of ML-DSA-44.

    Give a log every one of its keys: each of them must have signed what the witness cosigns.

    \b
    Example
      radseal witness init /srv/witness --name witness.hospital.example \\
        --log "$(cat /srv/radseal/trust/logs/site.vkeys)"
    """
    from provenance.servers.witness_folder import WitnessFolder

    vkeys = [line for text in logs for line in text.splitlines() if line.strip()]
    made = WitnessFolder.make(folder, name=name, logs=vkeys)
    if session.as_json:
        fields: dict[str, object] = {
            "witness": path_text(folder),
            "name": made.cosigner.name,
            "vkeys": list(made.cosigner.vkeys),
            "logs": len(made.logs),
        }
        print_json(document("witness-init", fields, exit_code=0))
        return 0
    say(f"made the witness {plain(made.cosigner.name)} in {plain(folder)}")
    facts(
        [
            ("keys", f"{folder / 'witness.keys'} (secret: never use them with another memory)"),
            ("memory", f"{folder / 'witness.db'} (never restore it from a backup)"),
            ("logs", f"{len(made.logs)} verifier keys, in {folder / 'logs'}"),
        ]
    )
    for vkey in made.cosigner.vkeys:
        click.echo(vkey)
    return 0


@witness.command(short_help="Answer logs over HTTP.")
@click.option(
    "--dir",
    "folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The folder that radseal witness init made.",
)
@click.option(
    "--listen",
    default="127.0.0.1:8099",
    show_default=True,
    metavar="ADDRESS:PORT",
    help="Where to listen; port 0 takes a free one.",
)
@common
@click.pass_obj
def serve(session: Session, folder: Path, listen: str) -> int:
    """Answer logs over HTTP (C2SP tlog-witness) until SIGTERM or Ctrl-C.

    It speaks HTTP without TLS: towards a network, put a reverse proxy before it. It prints its
    address once it listens. It needs radseal[server].

    \b
    Example
      radseal witness serve --dir /srv/witness --listen 127.0.0.1:8099
    """
    from provenance.servers.witness_folder import WitnessFolder

    try:
        from provenance.servers.http_server import serve as serve_app
        from provenance.servers.log_lines import log_lines
        from provenance.servers.witness_server import make_app
    except ModuleNotFoundError as error:
        raise server_missing(error) from error
    with log_lines(), listening(listen) as (listener, url):
        opened = WitnessFolder.open(folder)
        with closing(opened.witness()) as memory:
            name = opened.cosigner.name
            ready = partial(announce, session, verb="witness-serve", name=name, url=url)
            app = make_app(memory, lambda: datetime.now(UTC))
            serve_app(app, listener, ready=ready)
    return 0
