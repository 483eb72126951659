"""`radseal log alarms`: missing numbers, keys that signed twice or fell silent, rival seals."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.failure import ALTERED, USAGE, CommandError, Failure
from provenance.cli.options import common, open_site, site_option
from provenance.cli.output import document, moment, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import coloured, plain

if TYPE_CHECKING:
    from ledger import Alarm, Expectation
    from provenance.site.site import Site

_DO = {
    "gap": "ask the device for these numbers: radseal outbox sync there; keep what it sends",
    "fork": "find out where the key signs twice (a copied outbox, a stolen key), and revoke it",
    "rival": "find out which device made the image, and revoke the other's key; both are named",
    "silence": "see whether the device works, and what waits in its outbox",
}


@click.command("alarms", short_help="Show gaps, forks, rival seals and silence of the log's keys.")
@click.option(
    "--expect",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Which keys shall be heard how often. Default: SITE/expectations, if it is there.",
)
@click.option("--all", "everything", is_flag=True, help="Closed ones too (--json has them always).")
@site_option
@common
@click.pass_obj
def alarms(session: Session, expect: Path | None, everything: bool, site: Path | None) -> int:
    """Show what the log has noticed about its keys; exit 10 while an alarm is open.

    gap: statements beyond these numbers were shown to the log, these were not. fork: the key has
    signed two different statements with one number, or after another predecessor. rival: the key
    has sealed what another device had sealed before; closed when one of the two is revoked.
    silence: the operator expects the key to be heard more often. Gaps close when they are filled.

    \b
    Examples
      radseal log alarms --site /srv/radseal
      radseal log alarms --expect expectations --json
    """
    from provenance.schema.alarms import alarm_fields

    opened = open_site(site)
    expected = _expected(opened, expect)
    with opened.records().log as log:
        keys = log.keys()
        found = (*log.alarms(), *log.silence(expected, at=session.now()))
    answers = [alarm_fields(each, keys) for each in found]
    count = sum(each.open for each in found)
    code = ALTERED if count else 0
    if session.as_json:
        print_json(document("log-alarms", {"open": count, "alarms": answers}, exit_code=code))
        return code
    for alarm, answer in zip(found, answers, strict=True):
        if alarm.open or everything:
            _print(alarm, answer)
    say(f"alarms open: {count}, closed: {len(found) - count}")
    return code


def _expected(site: "Site", path: Path | None) -> "Sequence[Expectation]":
    from ledger import MalformedError, parse_expectations

    path = path or site.folder / "expectations"
    try:
        return parse_expectations(path.read_bytes()) if path.exists() else ()
    except MalformedError as error:
        words = f"{path} does not say whom to expect"
        do = "see Expectations in docs/spec/log.md"
        raise CommandError(Failure(words, str(error), do, USAGE)) from error


def _print(alarm: "Alarm", answer: dict[str, object]) -> None:
    numbers = ", ".join(
        str(first) if first == last else f"{first} to {last}" for first, last in alarm.numbers
    )
    state = coloured("FAIL") if alarm.open else f"closed by entry {alarm.closed_by}:"
    say(
        f"{state}  {alarm.kind}  {answer['role']}: {plain(str(answer['actor']))}, "
        f"key {alarm.kid.hex()[:16]}, number {numbers}"
    )
    if alarm.last_heard is not None:
        say(f"  last heard {moment(alarm.last_heard)}")
    else:
        say(f"  raised {moment(alarm.raised_at)}, at {alarm.raised_size} entries")
    if alarm.other is not None:
        say(f"  the log holds entry {alarm.other}")
    if alarm.leaf_hash is not None:
        say(f"  evidence {alarm.leaf_hash.hex()} (--json has the signed bytes)")
    if alarm.open:
        say(f"  do: {_DO[alarm.kind]}")
