"""`radseal log`: questions to the transparency log."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.failure import (
    NOTHING_MATCHED,
    CommandError,
    Failure,
)
from provenance.cli.log_alarms import alarms
from provenance.cli.log_audit import audit
from provenance.cli.log_check import check
from provenance.cli.log_erase import erase
from provenance.cli.log_keys import add_keys, retire_keys
from provenance.cli.log_monitor import monitor
from provenance.cli.log_prune import prune
from provenance.cli.log_query import query
from provenance.cli.log_receipts import receipts
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
from provenance.cli.terminal import plain
from provenance.whole_file import write_whole

if TYPE_CHECKING:
    from ledger import Log


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


log.add_command(audit)


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


log.add_command(alarms)
log.add_command(check)
log.add_command(add_keys)
log.add_command(retire_keys)
log.add_command(erase)
log.add_command(query)
log.add_command(receipts)
log.add_command(refill)
log.add_command(monitor)
log.add_command(serve)
log.add_command(timestamp)
log.add_command(timestamps)
log.add_command(prune)
