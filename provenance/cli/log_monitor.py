"""`radseal log monitor`: an auditor's own copy of a log, that follows it."""

from pathlib import Path

import click

from provenance.cli.failure import ALTERED
from provenance.cli.options import common
from provenance.cli.output import document, facts, path_text, print_json, say
from provenance.cli.session import Session
from provenance.cli.shown_log import log_at
from provenance.cli.terminal import coloured, plain
from provenance.progress import late_progress


@click.command("monitor", short_help="Follow a log with a copy of one's own.")
@click.argument("source", metavar="URL|PATH")
@click.option(
    "--copy",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="DIR",
    help="The auditor's copy: made the first time, added to from then on.",
)
@click.option(
    "--trust",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    metavar="DIR",
    help="A trust folder with the log's keys (logs/*.vkeys), got from elsewhere than the log.",
)
@common
@click.pass_obj
def monitor(session: Session, source: str, copy: Path, trust: Path) -> int:
    """Look at a log once: copy what is new, raise an alarm if it is another log.

    The log is named by the address of radseal log serve, or of any web server over static files
    in the layout of C2SP tlog-tiles; by a folder of such files (radseal log export); or by the
    folder of a site, or the file of its log. An alarm is exit 10, and the log's signed checkpoint
    is kept in the copy's folder alarms. What was copied before a break is not copied again. Run it
    from a timer, on a machine the log's operator does not hold.

    \b
    Examples
      radseal log monitor https://log.hospital.example --copy north --trust north-trust
      radseal log monitor /srv/www/log --copy north --trust north-trust
      radseal log monitor /srv/radseal --copy north --trust north-trust --json
    """
    from ledger import Monitor, TileServer
    from provenance.trust.store import TrustStore

    logs = TrustStore.load(trust).logs
    monitor = Monitor(copy, logs=logs)
    with (
        log_at(source) as shown,
        late_progress("copy", quiet=session.as_json, clock=session.monotonic) as heard,
    ):
        followed = monitor.follow(shown, heard)
        alarms = [] if followed.alarm is None else [followed.alarm]
        added = 0
        if not alarms and not isinstance(shown, TileServer):  # a server shows no timestamps
            kept = monitor.keep_timestamps(shown)
            added, alarms = kept.added, list(kept.alarms)
    alarm = "; ".join(alarms) or None
    code = 0 if alarm is None else ALTERED
    if session.as_json:
        fields: dict[str, object] = {
            "origin": followed.origin,
            "before": followed.before,
            "size": followed.size,
            "root": followed.root.hex(),
            "alarm": alarm,
            "timestamps": added,
            "copy": path_text(copy),
        }
        print_json(document("log-monitor", fields, exit_code=code))
        return code
    if alarm is None:
        say(coloured("pass") + f"  {plain(followed.origin)} goes on from what was seen")
        facts([("entries", f"{followed.size}, {followed.size - followed.before} of them new")])
        facts([("root   ", followed.root.hex())])
        if added:
            say(f"  {added} new timestamps copied, to be judged by radseal log timestamps")
        return code
    say(coloured("FAIL") + f"  ALARM: {plain(alarm)}")
    say(f"  the checkpoint that the log has signed is kept in {plain(copy / 'alarms')}")
    say("  do: keep the copy as it is, show both checkpoints to the operator and to other auditors")
    return code
