"""`radseal quarantine purge`: take long rejected objects off the disk."""

from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from provenance.cli.failure import ALTERED
from provenance.cli.options import common
from provenance.cli.output import count_of, document, moment, print_json, say, size_text
from provenance.cli.quarantine_options import (
    Where,
    audited,
    kept_fields,
    open_quarantine,
    person_options,
    signer_of,
    site_options,
)
from provenance.cli.session import Session
from provenance.cli.terminal import plain
from provenance.progress import stderr_progress

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ledger import Signer
    from provenance.audit_trail import Fact
    from provenance.pacs.arrivals import Kept
    from provenance.pacs.quarantine.purges import Rejection
    from provenance.pacs.quarantine.purging import Hindrance, Purging

    Judged = tuple[Kept, datetime, Hindrance | None]

LEAST_DAYS, MOST_DAYS = 30, 36_500


@click.command(short_help="Take long rejected objects off the disk.")
@click.option(
    "--older-than",
    "days",
    type=click.IntRange(LEAST_DAYS, MOST_DAYS),
    required=True,
    metavar="DAYS",
    help=f"What was rejected so many days ago, or longer; {LEAST_DAYS} at least.",
)
@click.option("--reason", help="Why, in 1 to 500 characters. It stays in the spool.")
@click.option("--dry-run", is_flag=True, help="Show what would go; change nothing, sign nothing.")
@person_options
@site_options
@common
@click.pass_obj
def purge(
    session: Session,
    days: int,
    reason: str | None,
    dry_run: bool,
    role: str,
    named: str | None,
    where: Where,
) -> int:
    """Take the files of objects off the disk that two persons rejected, DAYS ago or longer.

    You sign for each with your key: an operator's or an archivist's. The file goes once the ledger
    has your signature; the server of the spool does that, or the next run of this command. What
    was found, who rejected it and who purged it stays, and the same bytes are refused as before.
    What waits for a decision, for an archive or for the ledger is never touched; nor is a file
    that is not the one that was taken in: exit 10, somebody must see to it.

    \b
    Examples
      radseal quarantine purge --older-than 365 --dry-run --spool /var/spool/radseal \\
        --site /srv/radseal
      radseal quarantine purge --older-than 365 --reason "kept for a year, by the rules of the house" \\
        --spool /var/spool/radseal --site /srv/radseal
    """  # noqa: E501
    from provenance.pacs.quarantine.purging import Purging, take_off

    if reason is None and not dry_run:
        raise click.UsageError("say why: --reason TEXT")
    at = session.now()
    until = at - timedelta(days=days)
    gone: list[int] = []
    with ExitStack() as stack:
        quarantine, opened, records = stack.enter_context(open_quarantine(where))
        purging = Purging(quarantine, records.log)
        act: Callable[[Kept, Rejection], Hindrance | None] = purging.hindrance
        if reason is not None and not dry_run:
            signer = signer_of(opened, named, role)
            quarantine.find(signer.kid, at)  # said before the first file is read
            tell = stack.enter_context(audited(where))
            act = _act(purging, signer, reason, until, at, tell)
        judged = _each(session, list(purging.candidates(until=until)), act)
        if not dry_run:
            gone = take_off(quarantine.spool, at=at)
        waiting = quarantine.spool.purges.waiting()
    amiss = any(hindrance is not None and hindrance.amiss for _, _, hindrance in judged)
    exit_code = ALTERED if amiss else 0
    if session.as_json:
        print_json(_document(judged, gone, waiting, dry_run, exit_code))
    else:
        _print(judged, gone, waiting, dry_run)
    return exit_code


def _act(
    purging: "Purging",
    signer: "Signer",
    reason: str,
    until: "datetime",
    at: "datetime",
    tell: "Callable[[Fact], None]",
) -> "Callable[[Kept, Rejection], Hindrance | None]":
    """Return what purges one object, and tells the audit trail of it."""
    from provenance.pacs.quarantine.auditing import audit_person, purge_fact

    person = audit_person(signer.kid, purging.quarantine.find, at)

    def act(kept: "Kept", _rejection: "Rejection") -> "Hindrance | None":
        stays = purging.purge(kept.number, until=until, reason=reason, signer=signer, at=at)
        if stays is None:
            tell(purge_fact(kept, reason, person, at))
        return stays

    return act


def _each(
    session: Session,
    found: "list[tuple[Kept, Rejection]]",
    act: "Callable[[Kept, Rejection], Hindrance | None]",
) -> "list[Judged]":
    """Return of each since when it is rejected, and why it stays if it does."""
    judged: list[Judged] = []
    quiet = session.as_json or len(found) < 2
    with stderr_progress(len(found), "purge", quiet=quiet, clock=session.monotonic) as progress:
        for kept, rejection in found:
            judged.append((kept, rejection.at, act(kept, rejection)))
            progress.advance()
    return judged


def _document(
    judged: "list[Judged]", gone: list[int], waiting: int, dry_run: bool, exit_code: int
) -> dict[str, object]:
    fields = {
        "dry_run": dry_run,
        "purged": [
            {**kept_fields(kept, None, None), "rejected_at": moment(since)}
            for kept, since, hindrance in judged
            if hindrance is None
        ],
        "kept": [
            {"number": kept.number, "why": hindrance.words, "amiss": hindrance.amiss}
            for kept, _, hindrance in judged
            if hindrance is not None
        ],
        "removed": gone,
        "waiting": waiting,
    }
    return document("quarantine-purge", fields, exit_code=exit_code)


def _print(judged: "list[Judged]", gone: list[int], waiting: int, dry_run: bool) -> None:
    for kept, since, hindrance in judged:
        what = "would be purged" if dry_run else "purged"
        if hindrance is not None:
            what = f"{'AMISS' if hindrance.amiss else 'stays'}: {plain(hindrance.words)}"
        say(
            f"{kept.number:>6}  rejected {moment(since)}  {size_text(kept.size):>9}  "
            f"{plain(kept.instance.sop_instance)}  {what}"
        )
    taken = [kept.size for kept, _, hindrance in judged if hindrance is None]
    words = "would be purged" if dry_run else "purged"
    say(f"{count_of(len(taken), 'object', 'objects')} {words}, {size_text(sum(taken))}")
    if gone:
        say(f"{count_of(len(gone), 'file', 'files')} gone from the disk")
    if waiting:
        say(
            f"{count_of(waiting, 'file goes', 'files go')} once the ledger has the event: "
            "the server of the spool sees to it"
        )
