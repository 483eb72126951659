"""`radseal gateway`: between modalities and archive."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.failure import USAGE, CommandError, Failure
from provenance.cli.listening import listening
from provenance.cli.options import common
from provenance.cli.output import count_of, document, facts, path_text, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain

if TYPE_CHECKING:
    from provenance.pacs.gateway.configuration import Configuration
    from provenance.pacs.gateway.gateway import Gateway, Parts

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(short_help="Verify between modalities and archive, over DICOM.")
@click.option("--config", "file", type=_FILE, metavar="FILE", help="The file radseal-gateway.toml.")
@click.option("--check", is_flag=True, help="Say what the file means, and start nothing.")
@click.option("--example", is_flag=True, help="Print an example of the file, with comments.")
@click.option(
    "--metrics",
    metavar="ADDRESS:PORT",
    help="Answer /live, /health and /metrics over HTTP there; port 0 takes a free one.",
)
@common
@click.pass_obj
def gateway(
    session: Session, file: Path | None, check: bool, example: bool, metrics: str | None
) -> int:
    """Take images in over DICOM, verify each, and forward what the policy lets in.

    An object is on disk, or refused with a status, before its sender is answered; what is let in
    goes to every archive, however long it is away. It prints where it listens, writes a line of
    JSON for each object on standard error, and stops in order on SIGTERM. On SIGHUP it reads its
    files again; faulty ones change nothing. It needs radseal[pacs].

    \b
    Examples
      radseal gateway --example > radseal-gateway.toml
      radseal gateway --config radseal-gateway.toml --check
      radseal gateway --config radseal-gateway.toml --metrics 127.0.0.1:9108
    """
    from provenance.pacs.gateway.configuration import example_configuration

    if example:
        text = example_configuration()
        if session.as_json:
            print_json(document("gateway-example", {"text": text}, exit_code=0))
        else:
            click.echo(text, nl=False)
        return 0
    if file is None:
        raise click.UsageError("give --config FILE; --example prints one to begin with")
    from provenance.pacs.gateway.configuration_file import load_configuration

    configuration = load_configuration(file)
    if check:
        return _check(session, file, configuration)
    return _run(session, file, configuration, metrics)


def _check(session: Session, file: Path, configuration: "Configuration") -> int:
    _parts(configuration)
    rows = _rows(configuration)
    if session.as_json:
        fields = {"path": path_text(file), "understood": {name: str(v) for name, v in rows}}
        print_json(document("gateway-check", fields, exit_code=0))
        return 0
    say(f"{plain(file)} is in order")
    facts(rows)
    return 0


def _rows(configuration: "Configuration") -> list[tuple[str, object]]:
    listen, limits = configuration.listen, configuration.limits
    rows: list[tuple[str, object]] = [
        ("site", configuration.site),
        ("log", configuration.log or "the ledger of the site"),
        ("policy", configuration.policy),
        ("spool", configuration.spool),
        ("custody deadline", configuration.custody_deadline),
        ("forgets", f"what is done after {configuration.forget_after.days} days"),
        ("listen", f"{listen.ae_title} at {listen.address}:{listen.port}"),
        ("TLS", _tls_words(configuration)),
        ("associations", limits.associations),
        ("largest object", f"{limits.object_bytes} bytes"),
        ("kept free on disk", f"{limits.free_disk_bytes} bytes"),
        ("seconds", f"{limits.idle_seconds} idle, {limits.object_seconds} for an object"),
        ("audit trail", _audit_words(configuration)),
        ("seals for", ", ".join(sorted(configuration.sealing_for)) or "nobody"),
    ]
    for each in configuration.archives:
        tls = " over TLS" if each.tls is not None else ""
        web = f", DICOMweb at {each.dicomweb}" if each.dicomweb else ""
        many = f", {count_of(each.associations, 'association', 'associations')}"
        where = f"{each.ae_title} at {each.host}:{each.port}{tls}{many}{web}"
        rows.append((f"archive {each.name}", where))
    return rows


def _tls_words(configuration: "Configuration") -> str:
    tls = configuration.listen.tls
    if tls is None:
        return "none"
    mutual = "no certificate of senders" if tls.authorities is None else f"of {tls.authorities}"
    return f"{tls.certificate}; senders: {mutual}"


def _audit_words(configuration: "Configuration") -> str:
    collector = configuration.audit
    return "none" if collector is None else f"to {collector.host}:{collector.port} over TLS"


def _parts(configuration: "Configuration") -> "Parts":
    try:
        from provenance.pacs.gateway.gateway import Parts
    except ModuleNotFoundError as error:
        raise CommandError(
            Failure(
                "the gateway is not installed",
                why=f"the package {error.name} is missing",
                do="pip install 'radseal[pacs]'",
                exit_code=USAGE,
            )
        ) from error
    return Parts.read(configuration)


def _run(session: Session, file: Path, configuration: "Configuration", metrics: str | None) -> int:
    parts = _parts(configuration)
    from provenance.pacs.gateway.configuration_file import load_configuration
    from provenance.pacs.gateway.gateway import Gateway
    from provenance.servers.log_lines import log_lines

    listen = configuration.listen
    made = Gateway(configuration, parts, lambda: load_configuration(file))

    def stop(*_: object) -> None:
        made.stop()

    def reread(*_: object) -> None:
        made.reread()

    with (
        log_lines(),
        listening(f"{listen.address}:{listen.port}") as (listener, url),
        _watching(made, metrics) as watch,
    ):
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGHUP, reread)
        place = url.removeprefix("http://")
        if session.as_json:
            fields = {"ae_title": listen.ae_title, "listening": place, "metrics": watch}
            print_json(document("gateway", fields, exit_code=0))
        else:
            say(f"{plain(listen.ae_title)} listens on {plain(place)}")
            if watch is not None:
                say(f"metrics are at {plain(watch)}")
        made.run(listener)
    return 0


@contextmanager
def _watching(made: "Gateway", metrics: str | None) -> Iterator[str | None]:
    """Answer those who watch it, if they were given an address; yield that as a URL."""
    if metrics is None:
        yield None
        return
    from provenance.pacs.gateway.watch import make_watch_app, watched

    with listening(metrics) as (listener, url), watched(make_watch_app(made.watch()), listener):
        yield url
