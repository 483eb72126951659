"""`radseal log audit`: everything checked again."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.failure import (
    ALTERED,
    UNREADABLE,
    USAGE,
    CommandError,
    Failure,
)
from provenance.cli.options import common, open_site, site_option
from provenance.cli.output import (
    document,
    facts,
    print_json,
    say,
)
from provenance.cli.session import Session
from provenance.cli.terminal import coloured, plain
from provenance.progress import stderr_progress
from provenance.whole_file import write_whole

if TYPE_CHECKING:
    from ledger import AuditReport

MAX_CHECKPOINT = 1 << 18


@click.command("audit", short_help="Check the whole log again.")
@click.option(
    "--held",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    metavar="FILE",
    help="A checkpoint that was kept elsewhere; the log must go on from it. Repeatable.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="What the auditor remembers: read if there, written after an audit without findings.",
)
@click.option(
    "--archive",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    multiple=True,
    metavar="DIR",
    help="An archive that log prune wrote: entries that were pruned are read from it. Repeatable.",
)
@click.option("--full", is_flag=True, help="Read everything, although --state remembers an audit.")
@click.option("--hashes", is_flag=True, help="Hash every statement again, and check nothing else.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1, max=256),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes that share the work.",
)
@site_option
@common
@click.pass_obj
def audit(
    session: Session,
    held: tuple[Path, ...],
    state: Path | None,
    archive: tuple[Path, ...],
    full: bool,
    hashes: bool,
    jobs: int,
    site: Path | None,
) -> int:
    """Check the whole log again: every hash, signature, link, role, tile, checkpoint.

    An operator's own audit proves nothing against the operator: give --held with a checkpoint
    that a witness or an auditor has kept.

    With --state the next audit reads only what is new, and finds out if the log does not go on
    from what the last audit saw. What was changed in the rows of older entries, while their
    hashes stay as they were, and what lies beside the statements, is found with --full alone. The
    file is the auditor's: keep it where the operator cannot write.

    Of entries that were pruned only that their hashes lead to the root is checked, and their number
    is told; with --archive they are read and checked like all others.

    --hashes is many times quicker: it hashes all statements and compares tiles, head, newest
    checkpoint and --held. Signatures of statements, links and roles are not looked at.

    \b
    Examples
      radseal log audit --site /srv/radseal
      radseal log audit --site /srv/radseal --hashes --jobs 4
      radseal log audit --site /srv/radseal --held checkpoint-2026-06-01
      radseal log audit --site /srv/radseal --state ~/radseal.audit
    """
    from ledger import MalformedError, parse_audit_state, parse_note

    if hashes and state is not None:
        raise click.UsageError("--state remembers whole audits: --hashes is none")
    records = open_site(site).records()
    notes = [_read_note(path) for path in held]
    for path, note in zip(held, notes, strict=True):
        try:
            parse_note(note)
        except MalformedError as error:
            raise _no_checkpoint(path, "no checkpoint", error) from error
    before = None
    if state is not None and state.exists():
        try:
            before = parse_audit_state(_read_note(state))
        except MalformedError as error:
            raise _no_checkpoint(state, "no state of an audit", error) from error
    with records.log as opened:
        total = opened.size
        with stderr_progress(
            total, "audit", quiet=session.as_json, clock=session.monotonic
        ) as progress:
            done = 0

            def heard(checked: int, _size: int) -> None:
                nonlocal done
                progress.advance(checked - done)
                done = checked

            if hashes:
                report = opened.rehash(heard, held=notes, jobs=jobs)
            elif before is None:
                report = opened.audit(heard, held=notes, archives=archive, jobs=jobs)
            elif full:
                known = [*notes, before.checkpoint]
                report = opened.audit(heard, held=known, archives=archive, jobs=jobs)
            else:
                report = opened.audit_since(before, heard, held=notes, archives=archive, jobs=jobs)
    if state is not None and report.state is not None:
        write_whole(state, bytes(report.state), overwrite=True)
    checkpoints = len(notes) + (before is not None)
    code = 0 if report.ok else ALTERED
    if session.as_json:
        print_json(
            document("log-audit", _audit_answer(report, checkpoints, hashes=hashes), exit_code=code)
        )
    else:
        _print_audit(report, checkpoints, hashes=hashes)
    return code


def _print_audit(report: "AuditReport", held: int, *, hashes: bool) -> None:
    words = "log audit: no findings" if report.ok else "log audit: FINDINGS"
    say(coloured("pass" if report.ok else "FAIL") + f"  {words}")
    facts(
        [
            ("entries", f"{report.size}, {report.covered} of them under a checkpoint"),
            ("read", "the hashes of everything" if hashes else _extent(report)),
            ("root", report.root.hex()),
            ("held checkpoints", held or "none: this audit proves nothing against the operator"),
        ]
    )
    if report.not_rehashed:
        say(
            f"  {coloured('note')}  {report.not_rehashed} entries below {report.minimum_index} were"
            " pruned: their hashes lead to the root, their statements were not checked"
        )
        say("  do: give --archive for each folder that radseal log prune wrote")
    for finding in report.findings:
        where = "log" if finding.index is None else f"entry {finding.index}"
        say(f"  {coloured('FAIL')}  {where}  [{finding.code}]  {plain(finding.words)}")
    if not report.ok:
        say("  do: keep the database as it is, restore a backup beside it, and compare")


def _extent(report: "AuditReport") -> str:
    if not report.start:
        unread = report.not_rehashed
        return f"everything but {unread} pruned statements" if unread else "everything"
    new = max(report.size - report.start, 0)
    return f"{new} new entries; of the {report.start} before, that their tree is the one seen last"


def _audit_answer(report: "AuditReport", held: int, *, hashes: bool) -> dict[str, object]:
    return {
        "ok": report.ok,
        "checked": "hashes" if hashes else "everything",
        "size": report.size,
        "covered": report.covered,
        "start": report.start,
        "root": report.root.hex(),
        "held_checkpoints": held,
        "minimum_index": report.minimum_index,
        "not_rehashed": report.not_rehashed,
        "findings": [
            {"index": f.index, "code": str(f.code), "detail": f.words} for f in report.findings
        ],
    }


def _read_note(path: Path) -> bytes:
    with path.open("rb") as file:
        note = file.read(MAX_CHECKPOINT + 1)
    if len(note) > MAX_CHECKPOINT:
        raise CommandError(
            Failure(f"{path} is no checkpoint", "it is too large", "check the path", UNREADABLE)
        )
    return note


def _no_checkpoint(path: Path, what: str, error: Exception) -> CommandError:
    return CommandError(Failure(f"{path} is {what}", str(error), "check the path", USAGE))
