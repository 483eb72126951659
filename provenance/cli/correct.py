"""`radseal correct`: a documented, authorised correction of the header."""

from pathlib import Path

import click

from provenance.cli.options import common, force_option, open_site, output_file, site_option
from provenance.cli.output import document, path_text, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain

# Named here so that --help starts without an image library.
ROLES = ("archivist", "operator")
REASONS = ("CORRECT", "COERCE")


@click.command(short_help="Correct the header of a sealed object, documented and authorised.")
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@output_file("The corrected object.")
@click.option(
    "--set",
    "given",
    metavar="ATTRIBUTE=VALUE",
    multiple=True,
    required=True,
    help="A keyword or a tag (0010,0010), and its new value; can be repeated.",
)
@click.option(
    "--reason",
    type=click.Choice(REASONS),
    required=True,
    help="CORRECT what was wrong, or COERCE to the values of this institution.",
)
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default=ROLES[0],
    show_default=True,
    help="Whose key signs the correction.",
)
@site_option
@force_option
@common
@click.pass_obj
def correct(
    session: Session,
    path: Path,
    output: Path,
    given: tuple[str, ...],
    reason: str,
    role: str,
    site: Path | None,
    force: bool,
) -> int:
    """Correct attributes of the sealed object PATH, log it, and write the corrected object.

    Pixels and seal stay as they are. The old values go into Original Attributes Sequence; the log
    gets salted commitments, never a value. Side, view and a calibration can be corrected with the
    reason CORRECT; UIDs of the instance, other clinical attributes and pixels never.

    \b
    Examples
      radseal correct a.dcm -o b.dcm --set PatientName=Doe^Jane --reason CORRECT
      radseal correct a.dcm -o b.dcm --set 0020,0062=L --reason CORRECT --role operator
    """
    from ledger import Role
    from provenance.correct import correct as correct_object
    from provenance.correction import Reason
    from provenance.errors import UsageError

    pairs = [_pair(each) for each in given]
    opened = open_site(site)
    if output.exists() and not force:
        raise UsageError(f"{output} exists already: give --force to overwrite it")
    records = opened.records()
    with records.log, opened.device(Role(role)) as actor:
        corrected = correct_object(
            path,
            pairs,
            reason=Reason(reason),
            actor=actor,
            records=records,
            trust=opened.trust,
            system=f"radseal {opened.name}",
        )
    corrected.write(output, overwrite=force)
    if session.as_json:
        fields: dict[str, object] = {
            "path": path_text(path),
            "output": path_text(output),
            "seal_id": corrected.seal_id.hex(),
            "log_index": corrected.log_index,
            "reason": corrected.reason.value,
            "role": role,
            "corrected": list(corrected.keywords),
        }
        print_json(document("correct", fields, exit_code=0))
        return 0
    say(f"corrected  {plain(output)}")
    say(f"  seal {corrected.seal_id.hex()}, log {corrected.log_index}: {reason} by the {role}")
    say(f"  {', '.join(corrected.keywords)}; the old values are in Original Attributes Sequence")
    return 0


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"--set takes ATTRIBUTE=VALUE, not {text!r}")
    return name, value
