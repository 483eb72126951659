"""`radseal trace`: the chain of custody of an object."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.bracket import bracket_line, worth_saying
from provenance.cli.failure import NOTHING_MATCHED, CommandError, Failure
from provenance.cli.options import common, open_site, site_option
from provenance.cli.output import document, moment, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain

if TYPE_CHECKING:
    from provenance.trace import Trace, TracedEvent


@click.command(short_help="Show the chain of custody of an object.")
@click.argument("subject", metavar="PATH|SEAL_ID|UID")
@site_option
@common
@click.pass_obj
def trace(session: Session, subject: str, site: Path | None) -> int:
    """Show every event that the ledger holds of an object, oldest first.

    The object is named by a file (its seal, UID or mark), by a seal id in hex, or by a SOP,
    Series or Study Instance UID. A gap in the chain is named.

    \b
    Examples
      radseal trace chest.dcm --site /srv/radseal
      radseal trace 1.2.826.0.1.3680043.8.498.1 --site /srv/radseal
    """
    from provenance.errors import EvidenceMissingError
    from provenance.schema.trace import trace_exit_code, trace_fields
    from provenance.trace import trace as follow

    opened = open_site(site)
    records = opened.records()
    with records.log:
        try:
            traces = follow(subject, records=records, mark_keys=opened.mark_keys)
        except EvidenceMissingError as error:
            raise CommandError(
                Failure(
                    "nothing to trace",
                    why=str(error),
                    do="give the sealed file, its seal id or a UID; or ask the site that sealed it",
                    exit_code=NOTHING_MATCHED,
                )
            ) from error
    code = trace_exit_code(traces)
    if session.as_json:
        print_json(document("trace", trace_fields(subject, traces), exit_code=code))
        return code
    for found in traces:
        _print(found)
    return code


BIRTHS = ("sealed", "derived", "deidentified")
_MOST = 4  # parents that are printed; --json has all
_ORDER = {
    "late": "signed without knowing the entries above: its device was offline",
    "rival": "another birth of it came first, and counts: see radseal log alarms",
}


def _print(found: "Trace") -> None:
    state = "complete" if found.complete else "NOT COMPLETE"
    is_study = any(event.event == "study-closed" for event in found.events)
    what = "study" if is_study else "seal"
    say(f"{what} {found.seal_id.hex()}  found by {found.found_by}; the chain is {state}")
    if not is_study and all(event.event not in BIRTHS for event in found.events):
        say("  no seal of it is in the log; a device that was offline may bring it yet")
    for event in found.events:
        gap = "" if event.linked else "  FAIL: does not name its predecessor"
        say(
            f"  {event.index:>6}  {moment(event.claimed_at)}  {event.event:<13}  "
            f"{event.role}: {plain(event.actor)}{gap}"
        )
        if event.kind is not None:
            say(f"          {_origin(event)}")
        if event.linked and event.order is not None:
            say(f"          {_ORDER[event.order]}")
        if event.bracket is not None and worth_saying(event.bracket):
            say(f"          {bracket_line(event.bracket)}")


def _origin(event: "TracedEvent") -> str:
    named = ", ".join(parent.hex() for parent in event.parents[:_MOST])
    rest = len(event.parents) - _MOST
    more = f" and {rest} more" if rest > 0 else ""
    return f"kind {event.kind}" + (f", of {named}{more}" if named else ", of parents it conceals")
