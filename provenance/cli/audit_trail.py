"""`radseal audit-trail`: DICOM audit messages to a syslog over TLS."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.failure import NOT_CHECKED, UNTRUSTED, USAGE, CommandError, Failure
from provenance.cli.options import common
from provenance.cli.output import document, facts, print_json, say
from provenance.cli.session import Session

if TYPE_CHECKING:
    from provenance.audit_trail import Collector

_PEM = click.Path(path_type=Path, dir_okay=False, exists=True)
_LARGE = 40_000


@click.group("audit-trail", short_help="DICOM audit messages: reach the collector.")
def audit_trail() -> None:
    """Tell the site's audit repository, by DICOM PS3.15 A.5 over syslog with TLS.

    \b
    Example
      radseal audit-trail check --host syslog.example --ca ca.pem
    """


@audit_trail.command(short_help="Send one test message to the collector.")
@click.option("--host", required=True, help="The collector's name or address.")
@click.option("--port", type=click.IntRange(1, 65_535), default=6514, show_default=True)
@click.option("--ca", type=_PEM, required=True, help="Authorities of the collector's certificate.")
@click.option("--certificate", type=_PEM, help="Our certificate with its chain, if it asks.")
@click.option("--key", type=_PEM, help="The key of our certificate, if it lies elsewhere.")
@click.option(
    "--server-name",
    default="",
    metavar="NAME",
    help="The name in the collector's certificate, if it is not the host.",
)
@click.option("--large", is_flag=True, help=f"Fill the message up to {_LARGE} octets with blanks.")
@common
@click.pass_obj
def check(
    session: Session,
    host: str,
    port: int,
    ca: Path,
    certificate: Path | None,
    key: Path | None,
    server_name: str,
    large: bool,
) -> int:
    """Send one Application Activity message, so that you can see it arrive.

    It goes over TLS 1.2 or 1.3 or not at all, and only to a collector whose certificate is of an
    authority in --ca and bears the name. Syslog has no acknowledgement: that the collector has
    closed the line in good order says that it has read the message, not that it has kept it. With
    --large look whether the line ends with </AuditMessage>: many receivers cut at 8 kB unless told.

    \b
    Examples
      radseal audit-trail check --host syslog.example --ca ca.pem
      radseal audit-trail check --host 10.0.0.5 --server-name syslog.example --ca ca.pem
          --certificate gateway.pem --key gateway.key --large
    """
    from provenance.audit_trail import Collector

    if key is not None and certificate is None:
        raise CommandError(
            Failure(
                "a key without a certificate",
                why="--key is the key of --certificate",
                do="give both, or neither",
                exit_code=USAGE,
            )
        )
    collector = Collector(host, ca, port, certificate, key, server_name)
    message = _test_message(session, large=large)
    protocol = _send(collector, message)
    fields = {"host": host, "port": port, "protocol": protocol, "octets": len(message)}
    if session.as_json:
        print_json(document("audit-trail-check", fields, exit_code=0))
        return 0
    say(f"the collector has read a message of {len(message)} octets")
    facts((("collector", f"{host}:{port}"), ("protocol", protocol)))
    say("look for it there: DICOM+RFC3881, Application Activity, of radseal-check")
    return 0


def _test_message(session: Session, *, large: bool) -> bytes:
    from provenance.audit_trail import Fact, Outcome, What, audit_message, this_process
    from provenance.audit_trail.syslog import Origin, syslog_message

    reporter = this_process(name="radseal-check")
    fact = Fact(What.STARTED, session.now(), words="a test message of radseal audit-trail check")
    xml = audit_message(fact, reporter)
    if large:
        end = b"</AuditMessage>"
        xml = xml.removesuffix(end).ljust(_LARGE) + end
    origin = Origin(reporter.node.host, reporter.name, reporter.process)
    return syslog_message(xml, at=fact.at, outcome=Outcome.SUCCESS, origin=origin)


def _send(collector: "Collector", message: bytes) -> str:
    """Return the version of TLS; a CommandError says what did not work."""
    import ssl

    from provenance.audit_trail.collector import connect
    from provenance.audit_trail.syslog import frame

    where = f"{collector.host}:{collector.port}"
    try:
        line = connect(collector)
        try:
            line.send(frame(message))
            line.end()
            return line.protocol
        finally:
            line.abort()
    except ssl.SSLCertVerificationError as error:
        raise CommandError(
            Failure(
                f"{where} is not a collector that --ca vouches for: nothing was sent",
                why=error.verify_message,
                do="check --ca and --server-name against the collector's certificate",
                exit_code=UNTRUSTED,
            )
        ) from error
    except OSError as error:
        raise CommandError(
            Failure(
                f"{where} has not taken the message",
                why=str(error),
                do="check address and port, that it speaks syslog over TLS there, and that it "
                "lets our --certificate in",
                exit_code=NOT_CHECKED,
            )
        ) from error
