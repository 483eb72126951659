"""`radseal log refill`: a log restored from an old backup gets back what a copy still has."""

from pathlib import Path

import click

from provenance.cli.options import common, open_site, site_option
from provenance.cli.output import count_of, document, print_json, say
from provenance.cli.session import Session


@click.command("refill", short_help="Take back entries from a copy, after a restore.")
@click.argument("copy", metavar="DIR", type=click.Path(path_type=Path, exists=True))
@site_option
@common
@click.pass_obj
def refill(session: Session, copy: Path, site: Path | None) -> int:
    """Take over the entries that a copy of the log has and the log has not; all, or none.

    For a log that was restored from a backup and is refused by its witnesses. DIR is a monitor's
    copy, an export or any C2SP tlog-tiles folder of this log. Its checkpoint must be signed by the
    log and, with a trust/policy, cosigned by a quorum; the entries must lead to it. Nothing is
    signed. Annexes and look-up names of those entries are in no copy: the images carry them.

    \b
    Example
      radseal log refill /srv/north --site /srv/radseal
    """
    from ledger import TileFolder

    refilled = open_site(site).refill(TileFolder(copy))
    taken = refilled.size - refilled.before
    if session.as_json:
        fields: dict[str, object] = {
            "before": refilled.before,
            "taken": taken,
            "size": refilled.size,
        }
        print_json(document("log-refill", fields, exit_code=0))
    else:
        entries = count_of(taken, "entry", "entries")
        say(f"took {entries} from the copy: {refilled.before} before, {refilled.size} now")
    return 0
