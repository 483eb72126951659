"""`radseal log receipts`: receipts into files that were sealed while the log could give none."""

from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.failure import NOT_CHECKED, NOTHING_MATCHED, USAGE
from provenance.cli.options import common, open_site, require_files, site_option
from provenance.cli.output import document, path_text, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain
from provenance.progress import stderr_progress
from provenance.walk import walk

if TYPE_CHECKING:
    from provenance.receipts import Filed


@click.command("receipts", short_help="Put receipts into sealed files that lack a good one.")
@click.argument(
    "paths", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="PATH..."
)
@click.option(
    "--log",
    "url",
    metavar="URL",
    help="Where radseal log serve serves the site's log. Default: the log in the site's folder.",
)
@site_option
@common
@click.pass_obj
def receipts(session: Session, paths: tuple[Path, ...], url: str | None, site: Path | None) -> int:
    """Ask the log for the receipts of files at or under PATH, and write them into the files.

    For what was sealed while no quorum of witnesses could be had, or before there was a policy.
    Files that carry a receipt which verifies now, and files that this log does not know, stay as
    they are; so does everything but the receipt. With --log the key of the gateway is needed.

    \b
    Examples
      radseal log receipts /sealed/today --site /srv/radseal
      radseal log receipts chest.dcm --log https://log.hospital.example
    """
    from ledger import Role
    from provenance.receipts import LogReceipts, file_receipts

    found = walk(paths)
    require_files(paths, found.missing)
    opened = open_site(site)
    files = [each.path for each in found.files if each.problem is None]
    filed: list[Filed] = []
    writer = opened.device() if url is None else opened.remote_device(url, Role.GATEWAY)
    quiet = session.as_json or len(files) < 2
    with (
        opened.reading_log() if url is None else nullcontext(opened.remote_records(url).log) as log,
        writer,
        stderr_progress(len(files), "receipts", quiet=quiet, clock=session.monotonic) as progress,
    ):
        source = LogReceipts(log.events, writer.log.receipt)
        for each in file_receipts(files, source, logs=opened.own_logs):
            filed.append(each)
            if not session.as_json:
                with progress.aside():
                    _print(each)
            progress.advance()
    code = _exit_code(filed)
    counts = Counter(each.filing for each in filed)
    if session.as_json:
        fields: dict[str, object] = {
            "summary": {str(filing): count for filing, count in sorted(counts.items())},
            "files": [
                {
                    "path": path_text(each.path),
                    "result": each.filing.value,
                    "seal_id": None if each.seal_id is None else each.seal_id.hex(),
                    "why": each.detail,
                }
                for each in filed
            ],
        }
        print_json(document("log-receipts", fields, exit_code=code))
    else:
        parts = [f"{count} {filing}" for filing, count in sorted(counts.items())]
        say(f"{len(filed)} files: {', '.join(parts) or 'nothing matched the input'}")
    return code


def _print(each: "Filed") -> None:
    from provenance.receipts import Filing

    if each.filing in (Filing.DONE, Filing.WAITS, Filing.FAILED):
        say(f"{each.filing}  {plain(each.path)}")
    if each.detail is not None:
        say(f"  why: {plain(each.detail)}")


def _exit_code(filed: "list[Filed]") -> int:
    """What is gravest: a file that cannot be written, a receipt that cannot be had, no file."""
    from provenance.receipts import Filing

    results = {each.filing for each in filed}
    if Filing.FAILED in results:
        return USAGE
    if Filing.WAITS in results:
        return NOT_CHECKED
    return 0 if filed else NOTHING_MATCHED
