"""`radseal log monitor`: an auditor's own copy of a log, that follows it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.failure import ALTERED
from provenance.cli.options import common
from provenance.cli.output import document, facts, path_text, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import coloured, plain

if TYPE_CHECKING:
    from ledger import LogSource

_LEDGER = "ledger.sqlite"


@click.command("monitor", short_help="Follow a log with a copy of one's own.")
@click.argument("source", type=click.Path(path_type=Path, exists=True))
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
def monitor(session: Session, source: Path, copy: Path, trust: Path) -> int:
    """Look at the log in SOURCE once: copy what is new, raise an alarm if it is another log.

    SOURCE is a folder that radseal log export wrote (or any C2SP tlog-tiles folder), the folder of
    a site, or the file of its log. An alarm is exit 10, and the log's signed checkpoint is kept
    in the copy's folder alarms. Run it from a timer, on a machine the log's operator does not
    hold.

    \b
    Examples
      radseal log monitor /srv/www/log --copy north --trust north-trust
      radseal log monitor /srv/radseal --copy north --trust north-trust --json
    """
    from ledger import Monitor
    from provenance.trust import TrustStore

    logs = TrustStore.load(trust).logs
    with _opened(source) as shown:
        followed = Monitor(copy, logs=logs).follow(shown)
    code = 0 if followed.alarm is None else ALTERED
    if session.as_json:
        fields: dict[str, object] = {
            "origin": followed.origin,
            "before": followed.before,
            "size": followed.size,
            "root": followed.root.hex(),
            "alarm": followed.alarm,
            "copy": path_text(copy),
        }
        print_json(document("log-monitor", fields, exit_code=code))
        return code
    if followed.alarm is None:
        say(coloured("pass") + f"  {plain(followed.origin)} goes on from what was seen")
        facts([("entries", f"{followed.size}, {followed.size - followed.before} of them new")])
        facts([("root   ", followed.root.hex())])
        return code
    say(coloured("FAIL") + f"  ALARM: {plain(followed.alarm)}")
    say(f"  the checkpoint that the log has signed is kept in {plain(copy / 'alarms')}")
    say("  do: keep the copy as it is, show both checkpoints to the operator and to other auditors")
    return code


@contextmanager
def _opened(source: Path) -> Iterator["LogSource"]:
    from ledger import TileFolder, open_log
    from provenance.site import Site

    if (source / "site.json").is_file():
        with Site.open(source).reading_log() as log:
            yield log
        return
    database = source / _LEDGER if (source / _LEDGER).is_file() else source
    if database.is_file():
        with open_log(database, keys=None, annex_key=None) as log:
            yield log
    else:
        yield TileFolder(source)
