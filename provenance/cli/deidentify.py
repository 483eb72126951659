"""`radseal deidentify`: re-seal a de-identified copy, if nothing in it leads back."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.failure import CommandError, Failure
from provenance.cli.options import common, force_option, open_site, output_file, site_option
from provenance.cli.output import document, path_text, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain

if TYPE_CHECKING:
    from provenance.deidentification.make import Deidentified

# Named here so that --help starts without an image library.
MARKS = ("renew", "remove")
KEPT_MARK = "keep"


@click.command(short_help="Re-seal a de-identified copy that leads back to nobody.")
@click.argument("original", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument(
    "deidentified",
    required=False,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
)
@output_file("The de-identified object with its own seal.")
@click.option(
    "--profile",
    metavar="NAME",
    help="Let this profile remove the identity, when no DEIDENTIFIED is given: dicognito, or one "
    "that an installed package offers.",
)
@click.option(
    "--mark",
    type=click.Choice((*MARKS, KEPT_MARK)),
    default=MARKS[0],
    show_default=True,
    help="Mark the copy under its own id, or take the mark out. To keep it is refused.",
)
@click.option(
    "--keep",
    metavar="ATTRIBUTE",
    multiple=True,
    help="This attribute may stay though it identifies: a keyword or a tag; can be repeated.",
)
@click.option(
    "--changed",
    metavar="ATTRIBUTE",
    multiple=True,
    help="This clinical attribute may be missing or say less; can be repeated.",
)
@click.option("--redacted", is_flag=True, help="Boxes of one value may cover burned-in text.")
@site_option
@force_option
@common
@click.pass_obj
def deidentify(
    session: Session,
    original: Path,
    deidentified: Path | None,
    output: Path,
    profile: str | None,
    mark: str,
    keep: tuple[str, ...],
    changed: tuple[str, ...],
    redacted: bool,
    site: Path | None,
    force: bool,
) -> int:
    """Check DEIDENTIFIED against the sealed ORIGINAL and seal it as an object of its own.

    DEIDENTIFIED is what any tool made of ORIGINAL: Orthanc, dicognito, gdcmanon, CTP. It is refused
    if an attribute that identifies is unchanged, if the name, a number, a UID or a date of the
    original stands anywhere in it, if a clinical attribute says otherwise, or if a sample differs.
    What is declared with --keep, --changed and --redacted stands in the signed statement. Remains
    of signatures, old values and the original's seal are taken out.

    The copy proves, to whoever trusts the de-identifier, that its pixels are authentic, and leads
    back to nobody; the site itself goes back with radseal reidentify. Needs a key of the role
    deidentifier: radseal key renew deidentifier.

    \b
    Examples
      radseal deidentify a.dcm a-anonymous.dcm -o a-research.dcm --site /srv/radseal
      radseal deidentify a.dcm --profile dicognito -o a-research.dcm --mark remove
      radseal deidentify a.dcm b.dcm -o c.dcm --keep PatientSex --keep 0018,1000
    """
    from ledger import Role
    from provenance.correcting.new_values import tag_of
    from provenance.deidentification.check import Allowed
    from provenance.deidentification.make import MarkChoice
    from provenance.deidentification.make import deidentify as deidentify_object
    from provenance.errors import UsageError

    if (deidentified is None) == (profile is None):
        raise click.UsageError("give DEIDENTIFIED, or --profile to make it, and not both")
    allowed = Allowed(
        keep=frozenset(tag_of(name) for name in keep),
        changed=frozenset(tag_of(name) for name in changed),
        redacted=redacted,
    )
    opened = open_site(site)
    if output.exists() and not force:
        raise UsageError(f"{output} exists already: give --force to overwrite it")
    if mark == KEPT_MARK:
        raise _cannot_keep()
    records = opened.records()
    with records.log, opened.device(Role.DEIDENTIFIER) as actor:
        made = deidentify_object(
            original,
            deidentified,
            profile=profile,
            mark=MarkChoice(mark),
            allowed=allowed,
            actor=actor,
            records=records,
            trust=opened.trust,
            reidentification_key=opened.make_reidentification_key(),
            former_mark_keys=opened.former_mark_keys,
        )
    made.write(output, overwrite=force)
    if session.as_json:
        print_json(document("deidentify", _fields(made, original, output), exit_code=0))
    else:
        _print(made, output)
    return 0


def _cannot_keep() -> CommandError:
    return CommandError(
        Failure(
            "the mark cannot be kept",
            why="it carries the seal id of the original, and so leads back to it",
            do="give --mark renew or --mark remove; what was sealed unmarked has none to keep",
            exit_code=2,
        )
    )


def _fields(made: "Deidentified", original: Path, output: Path) -> dict[str, object]:
    declared = made.declared
    return {
        "path": path_text(original),
        "output": path_text(output),
        "seal_id": made.object_id.hex(),
        "log_index": made.log_index,
        "mark": made.mark,
        "kept": [_tag(tag) for tag in declared.kept],
        "changed": [_tag(tag) for tag in declared.changed],
        "redacted": [
            {"frame": r.frame, "x": r.x, "y": r.y, "w": r.w, "h": r.h} for r in declared.redacted
        ],
        "stripped": list(made.stripped),
        "weak": made.weak,
        "no_receipt": made.no_receipt,
        "notes": list(made.notes),
    }


def _print(made: "Deidentified", output: Path) -> None:
    from provenance.deidentification.elements import tag_name

    declared = made.declared
    say(f"deidentified  {plain(output)}")
    say(f"  seal {made.object_id.hex()}, log {made.log_index}; mark {made.mark}")
    if made.stripped:
        say(f"  taken out: {', '.join(made.stripped)}")
    for words, tags in (("kept", declared.kept), ("not as before", declared.changed)):
        if tags:
            say(f"  {words}: {', '.join(tag_name(tag) for tag in tags)}")
    for r in declared.redacted:
        say(f"  redacted: frame {r.frame}, x {r.x} y {r.y}, {r.w}x{r.h}")
    for warning in (made.weak, made.no_receipt):
        if warning:
            say(f"  note: {plain(warning)}")


def _tag(tag: int) -> str:
    return f"{tag:08X}"
