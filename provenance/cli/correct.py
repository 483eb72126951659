"""`radseal correct`: change attributes of sealed objects, signed by someone who may."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.failure import (
    NOT_CHECKED,
    NOTHING_MATCHED,
    UNREADABLE,
    USAGE,
    CommandError,
    Failure,
    failure_of,
)
from provenance.cli.options import common, force_option, open_site, require_files, site_option
from provenance.cli.output import document, path_text, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain
from provenance.progress import stderr_progress
from provenance.walk import Found, Walk, mirror, refuse_inside, walk

if TYPE_CHECKING:
    from provenance.correcting.correct_file import Correcting
    from provenance.correcting.new_values import NewValue

REASONS = ("CORRECT", "COERCE")
ROLES = ("archivist", "operator")


@click.command(short_help="Correct attributes of sealed objects.")
@click.argument(
    "paths", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="PATH..."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="PATH",
    help="The corrected object; of several, or of a folder: the folder for them.",
)
@click.option(
    "--set",
    "given",
    multiple=True,
    required=True,
    metavar="ATTRIBUTE=VALUE",
    help="A keyword or a tag (0010,0010), and its new value; can be repeated.",
)
@click.option(
    "--where",
    "sought",
    multiple=True,
    metavar="ATTRIBUTE=VALUE",
    help="Only objects that have this value; can be repeated.",
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
@click.option("--resume", is_flag=True, help="Leave outputs that a run before has finished.")
@force_option
@common
@click.pass_obj
def correct(
    session: Session,
    paths: tuple[Path, ...],
    output: Path,
    given: tuple[str, ...],
    sought: tuple[str, ...],
    reason: str,
    role: str,
    site: Path | None,
    resume: bool,
    force: bool,
) -> int:
    """Correct attributes of the sealed objects at or under PATH, log it, and write them.

    Pixels and seal stay as they are. The old values go into Original Attributes Sequence; the log
    gets salted commitments, never a value. Side, view and a calibration can be corrected with the
    reason CORRECT; UIDs of the instance, other clinical attributes and pixels never.

    A patient merge or a study move is the same correction of many objects. One that cannot be
    corrected does not stop the others; a log that fails does, and --resume goes on.

    \b
    Examples
      radseal correct a.dcm -o b.dcm --set PatientName=Doe^Jane --reason CORRECT
      radseal correct a.dcm -o b.dcm --set 0020,0062=L --reason CORRECT --role operator
      radseal correct in/ -o out --where PatientID=81 --set PatientID=17 --reason COERCE
    """
    from ledger import Role
    from provenance.correcting.correct_file import Correcting, Done, Order, correct_file
    from provenance.correcting.correction import Reason
    from provenance.correcting.new_values import new_values, sought_values

    values = new_values([_pair(each, "--set") for each in given], Reason(reason))
    where = sought_values([_pair(each, "--where") for each in sought])
    found = walk(paths)
    require_files(paths, found.missing)
    outputs = _outputs(paths, found, output)
    opened = open_site(site)
    present = _present(found, outputs, values, resume=resume, force=force)
    records = opened.records()
    lines: list[Correcting] = []
    quiet = session.as_json or len(found.files) < 2
    with (
        records.log,
        opened.device(Role(role)) as actor,
        stderr_progress(
            len(found.files), "correct", quiet=quiet, clock=session.monotonic
        ) as progress,
    ):
        order = Order(
            values,
            where,
            Reason(reason),
            Role(role),
            actor,
            records,
            opened.trust,
            f"radseal {opened.name}",
        )
        stopped = False
        for file, target in zip(found.files, outputs, strict=True):
            if stopped:
                line = Correcting(file.path, target, Done.LEFT)
            elif target in present:
                line = Correcting(file.path, target, Done.PRESENT)
            else:
                line = correct_file(file, target, order, overwrite=force)
            lines.append(line)
            stopped = line.done in (Done.UNLOGGED, Done.LEFT)
            if not session.as_json:
                with progress.aside():
                    _print(line, reason, role)
            progress.advance()
    code = _exit_code(lines)
    if session.as_json:
        objects = [_object(line) for line in lines]
        fields: dict[str, object] = {"reason": reason, "role": role, "objects": objects}
        print_json(document("correct", fields, exit_code=code))
    elif len(lines) != 1:
        counts = [(done, sum(line.done is done for line in lines)) for done in Done]
        words = ", ".join(f"{count} {done}" for done, count in counts if count)
        say(f"{len(lines)} inputs: {words or 'nothing matched the input'}")
    return code


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"{option} takes ATTRIBUTE=VALUE, not {text!r}")
    return name, value


def _outputs(paths: tuple[Path, ...], found: Walk, output: Path) -> tuple[Path, ...]:
    """Return the output of each input: the one that was named, or the same tree in a folder."""
    if len(paths) == 1 and not paths[0].is_dir() and not output.is_dir():
        return (output,) * len(found.files)
    if output.exists() and not output.is_dir():
        raise click.UsageError(f"{output} is a file: several objects need a folder")
    refuse_inside(paths, output)
    return mirror(found.files, output)


def _present(
    found: Walk,
    outputs: tuple[Path, ...],
    values: Sequence["NewValue"],
    *,
    resume: bool,
    force: bool,
) -> frozenset[Path]:
    """Return the outputs that need no work; refuse, before any work, what would be overwritten."""
    from provenance.correcting.correct_file import is_corrected_from

    def finished(file: Found, target: Path) -> bool:
        return resume and is_corrected_from(file.path, target, values)

    there = [
        (file, target)
        for file, target in zip(found.files, outputs, strict=True)
        if target.exists() or target.is_symlink()
    ]
    done = frozenset(target for file, target in there if finished(file, target))
    occupied = [target for _, target in there if target not in done]
    if occupied and not force:
        raise CommandError(
            Failure(
                f"{len(occupied)} outputs exist already, the first: {occupied[0]}",
                why="nothing is overwritten unless that is asked for; nothing has been done yet",
                do="choose another place; --resume goes on with a run, --force overwrites",
                exit_code=USAGE,
            )
        )
    return done


def _exit_code(lines: list["Correcting"]) -> int:
    """What is gravest: the log failed, an input cannot be read, another error, nothing meant."""
    from provenance.correcting.correct_file import Done

    done = {line.done for line in lines}
    if Done.UNLOGGED in done:
        return NOT_CHECKED
    if Done.UNREADABLE in done:
        return UNREADABLE
    codes = {failure_of(line.error).exit_code for line in lines if line.error is not None}
    if codes:
        return max(codes)
    return 0 if done & {Done.CORRECTED, Done.PRESENT} else NOTHING_MATCHED


def _print(line: "Correcting", reason: str, role: str) -> None:
    corrected = line.corrected
    if corrected is not None:
        say(f"corrected  {plain(line.output)}")
        say(f"  seal {corrected.seal_id.hex()}, log {corrected.log_index}: {reason} by the {role}")
        words = ", ".join(corrected.keywords)
        say(f"  {words}; the old values are in Original Attributes Sequence")
        return
    say(f"{line.done}  {plain(line.source)}")
    if line.error is not None:
        failure = failure_of(line.error)
        say(f"  why: {plain(failure.why)}")
        say(f"  do:  {plain(failure.do)}")


def _object(line: "Correcting") -> dict[str, object]:
    corrected = line.corrected
    failure = None if line.error is None else failure_of(line.error)
    return {
        "path": path_text(line.source),
        "output": path_text(line.output),
        "result": line.done.value,
        "seal_id": corrected.seal_id.hex() if corrected else None,
        "log_index": corrected.log_index if corrected else None,
        "corrected": list(corrected.keywords) if corrected else [],
        "why": failure.why if failure else None,
        "do": failure.do if failure else None,
        "code": failure.code if failure else None,
    }
