"""`radseal derive`: sign a copy that was made on purpose, with a link to its parents."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.failure import NOT_CHECKED, USAGE, CommandError, Failure
from provenance.cli.options import common, force_option, open_site, output_file, site_option
from provenance.cli.output import document, path_text, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain

if TYPE_CHECKING:
    from provenance.derivation.derive import Derived

# Named here so that --help starts without an image library.
ROLES = ("operator", "device", "gateway", "archivist")
KINDS = (
    *("lossy", "multiframe", "split", "crop"),
    *("resize", "presentation", "redaction", "lossless"),
)
NO_RECEIPT_DO = "radseal log receipts, once the log and its witnesses can be reached"


@click.command(short_help="Sign a copy that was made on purpose, and name its parents.")
@click.argument(
    "paths",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    nargs=-1,
    required=True,
    metavar="PARENT... COPY",
)
@output_file("The signed copy.")
@click.option(
    "--kind", type=click.Choice(KINDS), required=True, help="What was done to make the copy."
)
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default=ROLES[0],
    show_default=True,
    help="Whose key signs.",
)
@site_option
@click.option(
    "--log",
    "url",
    metavar="URL",
    help="Where radseal log serve serves the site's log. Default: the log in the site's folder.",
)
@force_option
@common
@click.pass_obj
def derive(
    session: Session,
    paths: tuple[Path, ...],
    output: Path,
    kind: str,
    role: str,
    site: Path | None,
    url: str | None,
    force: bool,
) -> int:
    """Sign that COPY was made of the sealed objects PARENT..., log it, and write it to FILE.

    The parents are verified, and the copy is held against them. Frames that are equal are proven to
    every reader by the parents' own signatures; what is only alike rests on the word of who signs;
    another picture, patient or study is refused. The copy needs a SOP Instance UID of its own.

    \b
    Examples
      radseal derive chest.dcm small.dcm --kind lossy -o out.dcm --site /srv/radseal
      radseal derive ct/*.dcm enhanced.dcm --kind multiframe -o out.dcm --role device
    """
    from ledger import Role
    from provenance.derivation.derive import derive_at_time
    from provenance.errors import NotProvenError, UsageError
    from provenance.sealing.chance import Chance
    from provenance.verifying.verifier import Verifier

    *parents, copy = paths
    if not parents:
        raise click.UsageError("give at least one PARENT before the COPY")
    opened = open_site(site)
    if output.exists() and not force:
        raise UsageError(f"{output} exists already: give --force to overwrite it")
    with ExitStack() as stack:
        if url is None:
            actor, records = opened.device(Role(role)), opened.records()
            stack.enter_context(records.log)
        else:
            actor, records = opened.remote_device(url, Role(role)), None
        stack.enter_context(actor)
        try:
            derived = derive_at_time(
                parents,
                copy,
                kind=kind,
                actor=actor,
                verifier=Verifier(
                    opened.trust.as_of(session.started),
                    records,
                    opened.mark_key,
                    opened.former_mark_keys,
                ),
                at=session.now(),
                chance=Chance.draw(),
            )
        except NotProvenError as error:
            raise CommandError(
                Failure(
                    "a parent is not what a copy can rest on",
                    why=str(error),
                    do="see radseal verify: give the parent as it was sealed, corrected or derived",
                    exit_code=USAGE,
                )
            ) from error
    derived.write(output, overwrite=force)
    code = 0 if derived.no_receipt is None else NOT_CHECKED
    if session.as_json:
        print_json(document("derive", _answer(derived, paths, output, role), exit_code=code))
    else:
        _print(derived, output, role)
    return code


def _print(derived: "Derived", output: Path, role: str) -> None:
    say(f"derived  {plain(output)}  id {derived.object_id.hex()}, log {derived.log_index}")
    count = len(derived.parents)
    of = f"parent {derived.parents[0].hex()}" if count == 1 else f"{count} parents"
    say(f"  {derived.kind} of {of}, signed by the {role}")
    if derived.equal:
        say(f"  {derived.equal} of {derived.frames} frames are sample by sample what was sealed")
    if derived.in_part:
        say(f"  {derived.in_part} of {derived.frames} frames are, but for places")
    if derived.on_word:
        left = f"{derived.on_word} of {derived.frames} frames"
        say(f"  {left} resemble the parents; that they show the same rests on your word")
    if derived.unknown:
        say(f"  warning: {derived.unknown} of these could not be compared at all")
    if derived.no_receipt is not None:
        say("  warning: the copy is logged, and the file carries no receipt")
        say(f"  why: {plain(derived.no_receipt)}")
        say(f"  do:  {NO_RECEIPT_DO}")


def _answer(
    derived: "Derived", paths: tuple[Path, ...], output: Path, role: str
) -> dict[str, object]:
    return {
        "path": path_text(paths[-1]),
        "output": path_text(output),
        "seal_id": derived.object_id.hex(),
        "log_index": derived.log_index,
        "kind": derived.kind,
        "role": role,
        "parents": [
            {"path": path_text(path), "seal_id": parent.hex()}
            for path, parent in zip(paths, derived.parents, strict=False)
        ],
        "frames": derived.frames,
        "equal": derived.equal,
        "in_part": derived.in_part,
        "on_word": derived.on_word,
        "not_compared": derived.unknown,
        "no_receipt": derived.no_receipt,
    }
