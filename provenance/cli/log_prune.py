"""`radseal log prune`: drop old statements, once an archive of them was written and checked."""

from pathlib import Path

import click

from provenance.cli.failure import USAGE, CommandError, Failure
from provenance.cli.options import common, open_site, site_option
from provenance.cli.output import document, path_text, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain


@click.command("prune", short_help="Drop old statements; the tree and all proofs stay.")
@click.option(
    "--below", type=click.IntRange(min=1), required=True, help="Drop entries before this index."
)
@click.option(
    "--archive",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="DIR",
    help="Write what is dropped here first; DIR must not exist, or be empty.",
)
@click.option(
    "--confirm",
    metavar="ORIGIN",
    help="The log's own name, as radseal log head shows it: your word that it may.",
)
@site_option
@common
@click.pass_obj
def prune(
    session: Session, below: int, archive: Path, confirm: str | None, site: Path | None
) -> int:
    """Drop the statements before an index, as C2SP tlog-tiles prunes a log.

    The root never changes. Receipts stay valid, and every proof can still be made. Whole bundles of
    256 entries go, never statements about keys, and only below the newest published checkpoint. An
    archive is written and read back before anything is dropped: a folder that radseal log monitor
    and radseal log audit --archive read. Keep it as long as the images. Without --confirm nothing
    happens but that you are told.

    \b
    Example
      radseal log prune --below 100000 --archive /mnt/2026 --confirm LOG --site /srv/radseal
    """
    opened = open_site(site)
    with opened.writing_log() as log:
        if confirm != log.origin:
            raise CommandError(
                Failure(
                    f"nothing was dropped: entries below {below} of {log.origin} would be",
                    why="it cannot be undone, and only who knows how long they must be kept may",
                    do=f"give --confirm {log.origin}",
                    exit_code=USAGE,
                )
            )
        done = log.prune(below, archive=archive, at=session.now())
    fields: dict[str, object] = {
        "start": done.pruning.start,
        "minimum_index": done.pruning.below,
        "dropped": done.dropped,
        "archive": path_text(archive),
    }
    if session.as_json:
        print_json(document("log-prune", fields, exit_code=0))
        return 0
    say(f"dropped {done.dropped} statements; the minimum index is {done.pruning.below}")
    say(f"  what was dropped is in {plain(archive)}: keep it")
    return 0
