"""`radseal log`: questions to the transparency log."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.failure import (
    ALTERED,
    NOTHING_MATCHED,
    UNREADABLE,
    USAGE,
    CommandError,
    Failure,
)
from provenance.cli.log_alarms import alarms
from provenance.cli.log_erase import erase
from provenance.cli.log_keys import add_keys, retire_keys
from provenance.cli.log_monitor import monitor
from provenance.cli.log_prune import prune
from provenance.cli.log_query import query
from provenance.cli.log_refill import refill
from provenance.cli.log_serve import serve
from provenance.cli.log_timestamp import timestamp, timestamps
from provenance.cli.options import common, force_option, open_site, site_option
from provenance.cli.output import (
    count_of,
    document,
    facts,
    moment,
    path_text,
    print_json,
    say,
)
from provenance.cli.session import Session
from provenance.cli.terminal import coloured, plain
from provenance.progress import stderr_progress
from provenance.whole_file import write_whole

if TYPE_CHECKING:
    from ledger import AuditReport, Log

MAX_CHECKPOINT = 1 << 18


@click.group(short_help="Ask the log: head, proofs, audit, export.")
def log() -> None:
    """Ask the site's transparency log: its head, proofs, an audit, a static copy.

    \b
    Example
      radseal log head --site /srv/radseal
    """


@log.command(short_help="Show the newest signed checkpoint.")
@site_option
@common
@click.pass_obj
def head(session: Session, site: Path | None) -> int:
    """Show the newest signed checkpoint: size and root of the log.

    Keep a copy elsewhere: radseal log audit --held holds it against the log later.

    \b
    Examples
      radseal log head --site /srv/radseal
      radseal log head --json | jq -r .checkpoint > checkpoint-2026-06-01
    """
    records = open_site(site).records()
    with records.log as opened:
        trusted, note = opened.head(), opened.checkpoint()
        size = opened.size
    fields: dict[str, object] = {
        "origin": trusted.origin,
        "size": trusted.size,
        "root": trusted.root.hex(),
        "signed_at": moment(trusted.cosigned_at) if trusted.cosigned_at else None,
        "unsigned_entries": size - trusted.size,
        "checkpoint": note.decode("utf-8"),
    }
    if session.as_json:
        print_json(document("log-head", fields, exit_code=0))
        return 0
    say(f"checkpoint of {plain(trusted.origin)}")
    facts(
        [
            (name.replace("_", " "), fields[name] or "unknown")
            for name in ("size", "root", "signed_at")
        ]
    )
    if size > trusted.size:
        newer = count_of(size - trusted.size, "entry", "entries")
        say(f"  beyond it  {newer} without a checkpoint yet")
    return 0


@log.command(short_help="Make the receipt of an entry, or that the log only grew.")
@click.argument("entry", metavar="INDEX|OBJECT", required=False)
@click.option(
    "--form",
    type=click.Choice(["tlog-proof", "cose"]),
    default="tlog-proof",
    show_default=True,
    help="C2SP tlog-proof, or COSE receipt (RFC 9942) for SCITT verifiers.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the proof here instead of to stdout.",
)
@click.option("--size", type=click.IntRange(min=1), help="Under the checkpoint of this size.")
@click.option(
    "--from",
    "old",
    type=click.IntRange(min=1),
    metavar="SIZE",
    help="Instead of an entry: prove that the log only grew since it had this size (--form cose).",
)
@site_option
@force_option
@common
@click.pass_obj
def prove(
    session: Session,
    entry: str | None,
    form: str,
    output: Path | None,
    size: int | None,
    old: int | None,
    site: Path | None,
    force: bool,
) -> int:
    """Make the receipt of an entry, which anyone can check offline.

    The entry is named by its number, or by an object's seal id of 24 hexadecimal digits: then it
    is the first about that object. A COSE receipt is signed anew with the keys of the log, and is
    bytes, not text: give -o. With --from it says instead that the log only grew since then.

    \b
    Examples
      radseal log prove 12 --site /srv/radseal
      radseal log prove 12 -o entry-12.tlog-proof --site /srv/radseal
      radseal log prove 12 --form cose -o entry-12.cose --site /srv/radseal
      radseal log prove --form cose --from 7 -o grown.cose --site /srv/radseal
    """
    if (entry is None) == (old is None):
        raise click.UsageError("give INDEX or OBJECT, or --from SIZE")
    if old is not None and form != "cose":
        raise click.UsageError("--from needs --form cose")
    if form == "cose" and output is None and not session.as_json:
        raise click.UsageError("a COSE receipt is not text: give -o FILE, or --json")
    opened_site = open_site(site)
    records = opened_site.records()
    with records.log as opened:
        index = None if entry is None else _index_of(entry, opened)
        if old is not None:
            proof = opened.prove_cose_consistency(old, keys=opened_site.log_keys(), size=size)
        elif index is None:
            raise AssertionError("neither an entry nor a size")
        elif form == "cose":
            proof = opened.prove_cose(index, keys=opened_site.log_keys(), size=size)
        else:
            proof = opened.prove(index, size=size)
    if output is not None:
        write_whole(output, proof, overwrite=force)
    if session.as_json:
        fields: dict[str, object] = {
            "index": index,
            "from": old,
            "form": form,
            "proof": proof.hex() if form == "cose" else proof.decode("utf-8"),
            "output": path_text(output) if output else None,
        }
        print_json(document("log-prove", fields, exit_code=0))
    elif output is None:
        click.echo(proof.decode("utf-8"), nl=False)
    else:
        proven = f"of entry {index}" if old is None else f"that the log grew from {old} entries"
        say(f"wrote the proof {proven} to {plain(output)}")
    return 0


@log.command(short_help="Check the whole log again.")
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


@log.command(short_help="Write the log as static files.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@site_option
@common
@click.pass_obj
def export(session: Session, folder: Path, site: Path | None) -> int:
    """Write the log as static files that any C2SP tlog-tiles client reads, all or nothing.

    DIR must not exist, or be empty. It holds statements, no annexes: no personal data.

    \b
    Example
      radseal log export /srv/www/log --site /srv/radseal
    """
    records = open_site(site).records()
    with records.log as opened:
        opened.export(folder)
        trusted, minimum = opened.head(), opened.minimum_index
    fields: dict[str, object] = {
        "output": path_text(folder),
        "origin": trusted.origin,
        "size": trusted.size,
        "minimum_index": minimum,
    }
    if session.as_json:
        print_json(document("log-export", fields, exit_code=0))
    else:
        say(f"exported {trusted.size} entries of {plain(trusted.origin)} to {plain(folder)}")
        if minimum:
            say(f"  without those below {minimum}, which were pruned: see radseal log query")
    return 0


@log.command(short_help="Bring the log to the format of this release.")
@site_option
@common
@click.pass_obj
def upgrade(session: Session, site: Path | None) -> int:
    """Bring a log that an earlier release made to the format of this one, in place.

    Statements, tree, checkpoints and receipts stay as they are. The earlier release refuses the
    log afterwards: keep a backup for it. Sealing does the same; a log that is only read does not.

    \b
    Example
      radseal log upgrade --site /srv/radseal
    """
    size = open_site(site).upgrade()
    if session.as_json:
        print_json(document("log-upgrade", {"size": size}, exit_code=0))
    else:
        say(f"the log of {size} entries has the format of this release")
    return 0


def _index_of(entry: str, opened: "Log") -> int:
    """Return the index a user means: a number, or the first entry about an object."""
    if re.fullmatch("[0-9a-fA-F]{24}", entry):
        events = opened.events(bytes.fromhex(entry))
        if not events:
            raise CommandError(
                Failure(
                    f"the log has no entry about the object {entry}",
                    why="nothing was ever logged under that seal id",
                    do="see radseal trace for the seal id of a file",
                    exit_code=NOTHING_MATCHED,
                )
            )
        return events[0].index
    if not re.fullmatch("[0-9]{1,18}", entry):
        raise click.UsageError(f"{entry!r} is neither an index nor a seal id of 24 hex digits")
    return int(entry)


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


log.add_command(alarms)
log.add_command(add_keys)
log.add_command(retire_keys)
log.add_command(erase)
log.add_command(query)
log.add_command(refill)
log.add_command(monitor)
log.add_command(serve)
log.add_command(timestamp)
log.add_command(timestamps)
log.add_command(prune)
