"""`radseal explain`: what a code means."""

import click

from provenance.cli.failure import EXIT_CODES, USAGE, CommandError, Failure
from provenance.cli.options import common
from provenance.cli.output import document, print_json, say
from provenance.cli.output import words as print_words
from provenance.cli.session import Session

_TABLE = "exit-codes"


@click.command(short_help="Say what a code or a verdict means.")
@click.argument("code", nargs=-1, required=True, metavar="CODE")
@common
@click.pass_obj
def explain(session: Session, code: tuple[str, ...]) -> int:
    """Say what CODE means, why it comes up, what to do, and what it does not mean.

    CODE is a verdict word, a code in brackets of radseal verify, or exit-codes for the table of
    exit codes. Needs no site.

    \b
    Examples
      radseal explain PX101
      radseal explain "NOT CHECKED"
      radseal explain exit-codes
    """
    from provenance.explanations.explain import UnknownCodeError
    from provenance.explanations.explain import explain as look_up

    wanted = " ".join(code)
    if wanted.casefold() == _TABLE:
        return _print_table(session)
    try:
        found = look_up(wanted)
    except UnknownCodeError as error:
        near = ", ".join(error.near)
        raise CommandError(
            Failure(
                str(error),
                why="it is neither a verdict nor a code that radseal prints",
                do=f"did you mean {near}?" if near else "give a code as radseal verify prints it",
                exit_code=USAGE,
            )
        ) from error
    words = found.explanation
    if session.as_json:
        answer: dict[str, object] = {
            "code": found.code,
            "verdict_exit_code": found.exit_code,
            "says": words.says,
            "why": words.why,
            "do": words.do,
            "does_not_mean": words.not_meant,
        }
        print_json(document("explain", answer, exit_code=0))
        return 0
    exit_words = "" if found.exit_code is None else f"  (exit code {found.exit_code})"
    say(f"{found.code}{exit_words}")
    say(f"  {words.says}")
    print_words(words)
    return 0


def _print_table(session: Session) -> int:
    if session.as_json:
        table = {str(number): words for number, words in EXIT_CODES.items()}
        print_json(document("explain", {"code": _TABLE, "exit_codes": table}, exit_code=0))
        return 0
    for number, words in EXIT_CODES.items():
        say(f"{number:>4}  {words}")
    return 0
