"""`radseal log erase`: destroy what is kept beside the log about objects; the log says so."""

from datetime import UTC, datetime
from pathlib import Path

import click

from provenance.cli.failure import UNREADABLE, CommandError, Failure
from provenance.cli.options import common, open_site, site_option
from provenance.cli.output import count_of, document, print_json, say
from provenance.cli.session import Session
from provenance.progress import stderr_progress

REASONS = ("requested", "retention", "ordered", "mistake")


@click.command("erase", short_help="Erase what is kept about objects beside the log.")
@click.argument("objects", metavar="[SEAL_ID]...", nargs=-1)
@click.option(
    "--from",
    "listed",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="A list of seal ids, one a line; - is stdin.",
)
@click.option(
    "--reason",
    type=click.Choice(REASONS),
    default="requested",
    show_default=True,
    help="Logged for ever, so it is one of these and no free text.",
)
@click.option("--yes", is_flag=True, help="Do it. Without this, only say what would be done.")
@site_option
@common
@click.pass_obj
def erase(
    session: Session,
    objects: tuple[str, ...],
    listed: Path | None,
    reason: str,
    yes: bool,
    site: Path | None,
) -> int:
    """Destroy annex, annex key and look-up names of objects, and log an erasure of each.

    This cannot be undone. Statements, receipts and proofs stay as they are: they hold no personal
    data. Objects that were erased before are skipped, so a run that was interrupted is given the
    same list again. The database file is cleaned once at the end, and may be written anew for it:
    it needs as much room again. Copies and backups are out of reach.

    \b
    Examples
      radseal log erase 03a96ee53c620c2ea2ac4d37 --yes --site /srv/radseal
      radseal log erase --from expired.txt --reason retention --yes --site /srv/radseal
    """
    from ledger import Role
    from provenance.site.erasure import erase_objects, plan_erasure, read_seal_id

    opened = open_site(site)
    wanted = [read_seal_id(word) for word in objects]
    if listed is not None:
        wanted += _read_list(listed)
    if not wanted:
        raise click.UsageError("name an object, or a list of them with --from")
    at = datetime.now(UTC)
    if not yes:
        with opened.reading_log() as log:
            plan = plan_erasure(log, wanted)
        return _answer(session, len(plan.objects), len(plan.already), erased=0)
    with opened.writing_log() as log:
        plan = plan_erasure(log, wanted)
        with stderr_progress(
            len(plan.objects), "erase", quiet=session.as_json, clock=session.monotonic
        ) as progress:
            erased = erase_objects(
                log,
                plan,
                archivist=opened.signer(Role.ARCHIVIST),
                reason=reason,
                at=at,
                progress=progress.advance,
            )
    return _answer(session, len(plan.objects), len(plan.already), erased=erased)


def _read_list(path: Path) -> list[bytes]:
    from provenance.site.erasure import MAX_LIST, read_list

    with click.open_file(str(path), "rb") as file:
        data = file.read(MAX_LIST + 1)
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        text = ""
    if len(data) > MAX_LIST or (data and not text):
        raise CommandError(
            Failure(
                f"{path} is no list of seal ids",
                why="it is too large, or not ASCII text",
                do="give a file with 24 hexadecimal digits a line",
                exit_code=UNREADABLE,
            )
        )
    return read_list(text)


def _answer(session: Session, planned: int, already: int, *, erased: int) -> int:
    code = 0 if erased == planned else 2
    if session.as_json:
        fields: dict[str, object] = {"planned": planned, "erased": erased, "already": already}
        print_json(document("log-erase", fields, exit_code=code))
        return code
    if code:
        objects = count_of(planned, "object", "objects")
        say(f"nothing was erased: {objects} would be, {already} erased before")
        say("  do: check the list, then repeat with --yes; it cannot be undone")
    else:
        say(f"erased {count_of(erased, 'object', 'objects')}; {already} erased before")
    return code
