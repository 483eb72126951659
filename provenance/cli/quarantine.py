"""`radseal quarantine`: what a gateway keeps apart, and what becomes of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provenance.cli.options import common, force_option, output_file
from provenance.cli.output import (
    count_of,
    document,
    facts,
    moment,
    path_text,
    print_json,
    say,
    size_text,
)
from provenance.cli.quarantine_decide import confirm, note, reject, release, withdraw
from provenance.cli.quarantine_options import (
    Where,
    kept_fields,
    number_argument,
    open_spool,
    require_object,
    spool_options,
)
from provenance.cli.quarantine_purge import purge as purge_command
from provenance.cli.session import Session
from provenance.cli.terminal import coloured, plain

if TYPE_CHECKING:
    from datetime import datetime

    from provenance.pacs.arrivals import Kept
    from provenance.pacs.quarantine.proposals import Proposal
    from provenance.pacs.quarantine.purges import Purge
    from provenance.pacs.spool.held import Handover

STATES = ("forwarding", "held", "delivered", "quarantined", "rejected", "refused", "any")
_MOST = 8  # regions and checks that are printed; --json has all


@click.group(short_help="See what is kept apart; release or reject it.")
def quarantine() -> None:
    """See what a gateway keeps apart, and decide: one person proposes, another one confirms.

    \b
    Examples
      radseal quarantine list --spool /var/spool/radseal
      radseal quarantine release 7 --reason "asked CT 3, it is theirs" --spool /var/spool/radseal
      radseal quarantine confirm 7 --archive PACS --spool /var/spool/radseal --as archivist
    """


@quarantine.command("list", short_help="List objects of the spool.")
@click.option(
    "--state", type=click.Choice(STATES), default="quarantined", show_default=True, help="Which."
)
@click.option("--after", type=click.IntRange(min=0), default=0, help="Go on after this number.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="At most."
)
@spool_options
@common
@click.pass_obj
def list_objects(session: Session, state: str, after: int, limit: int, where: Where) -> int:
    """List what is kept apart, oldest first, and what is proposed about it.

    \b
    Examples
      radseal quarantine list --spool /var/spool/radseal
      radseal quarantine list --state rejected --after 1200 --json --spool /var/spool/radseal
    """
    from provenance.pacs.arrivals import State

    wanted = None if state in ("any", "held") else State(state)
    forgotten = 0
    with open_spool(where.spool) as opened:
        if state == "held":
            numbers = opened.held.numbers(after=after, limit=limit + 1)
            found = [opened.object(number) for number in numbers]
            total = sum(opened.held.counts().values())
        else:
            found = opened.objects(wanted, after=after, limit=limit + 1)
            here, gone = opened.counts(), opened.memory.forgotten()
            states = list(State) if wanted is None else [wanted]
            forgotten = sum(gone[each] for each in states)
            total = sum(here[each] for each in states) - forgotten
        more = len(found) > limit
        rows = [
            (kept, opened.proposals.of_object(kept.number), opened.purges.of_object(kept.number))
            for kept in found[:limit]
        ]
    following = rows[-1][0].number if more else None
    if session.as_json:
        fields = {
            "total": total,
            "forgotten": forgotten,
            "objects": [kept_fields(*row) for row in rows],
            "next": following,
        }
        print_json(document("quarantine-list", fields, exit_code=0))
        return 0
    for kept, proposal, purge in rows:
        _print_line(kept, proposal, purge, session.now())
    what = "in the spool" if state == "any" else state
    say(f"{count_of(total, 'object', 'objects')} {what}")
    if forgotten:
        words = count_of(forgotten, "more is done and was", "more are done and were")
        say(f"{words} forgotten; the ledger has the events")
    if following is not None:
        say(f"there are more: go on with --after {following}")
    return 0


def _print_line(
    kept: "Kept", proposal: "Proposal | None", purge: "Purge | None", now: "datetime"
) -> None:
    sender = kept.sender.calling_ae or kept.sender.address or kept.sender.route.value
    say(
        f"{kept.number:>6}  {moment(kept.sender.at)}  {kept.state.value:<11}  "
        f"{coloured(kept.judged.word.value, width=14)}  {plain(sender):<16}  "
        f"{plain(kept.instance.sop_instance)}"
    )
    if proposal is not None:
        say(f"        {_proposed(proposal, now)}")
    if purge is not None:
        say(f"        {_purged(purge)}")


def _proposed(proposal: "Proposal", now: "datetime") -> str:
    what = "release" if proposal.to_archives else "rejection"
    late = now >= proposal.until
    until = "void since" if late else "until"
    return f"{what} proposed by {plain(proposal.person)}, {until} {moment(proposal.until)}"


def _purged(purge: "Purge") -> str:
    since = f"purged {moment(purge.at)} by {plain(purge.person)}"
    if purge.removed is None:
        return f"{since}; its file goes once the ledger has the event"
    return f"{since}; its file is gone since {moment(purge.removed)}"


@quarantine.command(short_help="Show why an object is kept apart.")
@number_argument
@spool_options
@common
@click.pass_obj
def show(session: Session, number: int, where: Where) -> int:
    """Show an object: its verdict and why, what to do, where it differs, who sent it, all steps.

    \b
    Example
      radseal quarantine show 7 --spool /var/spool/radseal
    """
    with open_spool(where.spool) as opened:
        kept = require_object(opened, number)
        proposal = opened.proposals.of_object(number)
        steps = opened.proposals.steps(number)
        purge = opened.purges.of_object(number)
        handovers = opened.held.handovers(number)
        missing = not opened.path(number).is_file()
    if session.as_json:
        fields: dict[str, object] = {
            **kept_fields(kept, proposal, purge),
            "file": not missing,
            "report": dict(kept.judged.verdict),
            "deliveries": [
                {
                    "archive": each.archive,
                    "sent": None if each.sent is None else moment(each.sent),
                    "attempts": each.attempts,
                    "held": each.held,
                    "error": each.error,
                }
                for each in handovers
            ],
            "steps": [
                {"at": moment(at), "person": person, "act": act, "reason": reason or None}
                for at, person, act, reason in steps
            ],
        }
        print_json(document("quarantine-show", fields, exit_code=0))
        return 0
    _print_object(kept, missing=missing)
    _print_verdict(kept.judged.verdict)
    for each in handovers:
        say(f"  {plain(each.archive)}: {_handed(each)}")
    if proposal is not None:
        say(f"  {_proposed(proposal, session.now())}")
    if purge is not None:
        say(f"  {_purged(purge)}")
    for at, person, act, reason in steps:
        because = f": {plain(reason)}" if reason else ""
        say(f"  {moment(at)}  {plain(act)}, by {plain(person)}{because}")
    return 0


def _handed(each: "Handover") -> str:
    if each.sent is not None:
        return f"has it since {moment(each.sent)}"
    why = "" if each.error is None else f": {plain(each.error)}"
    tries = count_of(each.attempts, "try", "tries")
    return f"{'held' if each.held else 'waits'} after {tries}{why}"


def _print_object(kept: "Kept", *, missing: bool) -> None:
    sender, instance = kept.sender, kept.instance
    say(f"object {kept.number}: {coloured(kept.judged.word.value)}, {kept.state.value}")
    came = [sender.calling_ae, sender.address, f"by {sender.route.value}"]
    pairs: list[tuple[str, object]] = [
        ("came", f"{moment(sender.at)} from {' '.join(each for each in came if each)}"),
        ("instance", instance.sop_instance or "no SOP Instance UID"),
        ("study", instance.study or "no Study Instance UID"),
        ("file", "no file any more" if missing else size_text(kept.size)),
        ("sha256", kept.sha256.hex()),
        ("rule", kept.judged.rule or "none"),
    ]
    facts([*pairs, *(("because", reason) for reason in kept.judged.reasons)])


def _print_verdict(verdict: "Any") -> None:
    """Print what `verify` had found, as it was kept; a spool's file is no reason to crash."""
    checks = verdict.get("checks") or []
    for check in [each for each in checks if each.get("status") != "pass"][:_MOST]:
        status, code, detail = (plain(check.get(key)) for key in ("status", "code", "detail"))
        say(f"  {status}  {code}  {detail}")
    regions = verdict.get("regions") or []
    for region in regions[:_MOST]:
        place = f"x {region.get('x')} y {region.get('y')}, {region.get('w')}x{region.get('h')} px"
        say(f"  region: frame {plain(region.get('frame'))}, {plain(place)}")
    if len(regions) > _MOST:
        say(f"  and {len(regions) - _MOST} more regions")
    for name, key in (("why", "why"), ("do", "do"), ("limits", "does_not_mean")):
        if verdict.get(key):
            say(f"  {name}: {plain(verdict[key])}")


@quarantine.command(short_help="Copy the file of an object.")
@number_argument
@output_file("Where the copy goes.")
@force_option
@spool_options
@common
@click.pass_obj
def export(session: Session, number: int, output: Path, force: bool, where: Where) -> int:
    """Copy the file that is kept apart, to look at it; what is in the spool stays as it is.

    \b
    Example
      radseal quarantine export 7 -o suspect.dcm --spool /var/spool/radseal
    """
    from provenance.whole_file import write_whole

    with open_spool(where.spool) as opened:
        kept = require_object(opened, number)
        content = opened.content(number)
    write_whole(output, content, overwrite=force)
    if session.as_json:
        fields = {"number": number, "output": path_text(output), "sha256": kept.sha256.hex()}
        print_json(document("quarantine-export", fields, exit_code=0))
    else:
        say(f"{plain(output)}  {size_text(kept.size)}, as it came")
    return 0


for _command in (release, reject, confirm, withdraw, note, purge_command):
    quarantine.add_command(_command)
