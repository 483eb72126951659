"""`radseal demo`: seal real radiographs, tamper with them, and see each forgery found."""

from pathlib import Path

import click

from provenance.cli.failure import USAGE, CommandError, Failure
from provenance.cli.options import common, force_option
from provenance.cli.output import document, note, path_text, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain

CASE_FAILED = 1


@click.command(short_help="Seal radiographs, forge them, find each forgery.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo-out"),
    show_default=True,
    metavar="DIR",
    help="Where pictures, objects and report.html go.",
)
@force_option
@common
@click.pass_obj
def demo(session: Session, output: Path, force: bool) -> int:
    """Show it all in a minute: a throw-away site, sealed radiographs, a dozen forgeries.

    Downloads nothing; needs radseal[demo]. Exit code 0 only if every case got the verdict it
    must, 1 if one did not.

    \b
    Example
      radseal demo -o demo-out
    """
    if output.exists() and any(output.iterdir()) and not force:
        raise CommandError(
            Failure(
                f"{output} is not empty",
                why="nothing is overwritten unless that is asked for",
                do="choose another folder with -o, or give --force",
                exit_code=USAGE,
            )
        )
    from provenance.demo import run_demo

    def heard(words: str) -> None:
        if session.as_json:
            note(words)
        else:
            say(plain(words))

    result = run_demo(output, say=heard)
    code = 0 if result.ok else CASE_FAILED
    if session.as_json:
        fields: dict[str, object] = {
            "output": path_text(output),
            "ok": result.ok,
            "cases": [
                {
                    "number": case.number,
                    "image": case.image,
                    "title": case.title,
                    "expected": case.expected,
                    "got": case.got,
                    "ok": case.ok,
                    "path": path_text(case.file),
                }
                for case in result.cases
            ],
        }
        print_json(document("demo", fields, exit_code=code))
    return code
