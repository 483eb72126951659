"""`radseal policy`: the acceptance policy of a PACS, checked and explained."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from provenance.cli.failure import USAGE
from provenance.cli.options import common
from provenance.cli.output import count_of, document, path_text, print_json, say
from provenance.cli.policy_file import open_policy
from provenance.cli.session import Session
from provenance.cli.terminal import coloured, plain

if TYPE_CHECKING:
    from provenance.policy.facts import Facts

F = TypeVar("F", bound=Callable[..., Any])
WIDTH = len("HEADER CHANGED")
_FILE = click.Path(path_type=Path, dir_okay=False)
_GRAVITIES = {"error": "FAIL", "warning": "warn", "note": "note"}


@click.group(short_help="What a PACS lets in: check, explain, example.")
def policy() -> None:
    """Check and explain an acceptance policy: what a PACS does with each verdict, for whom.

    Not the policy of witnesses in a site's trust folder, which says whose cosignatures count.

    \b
    Example
      radseal policy example > radseal-policy.toml
    """


@policy.command(short_help="Say whether a policy is in order, and what it leaves open.")
@click.argument("file", type=_FILE, metavar="FILE")
@common
@click.pass_obj
def check(session: Session, file: Path) -> int:
    """Say everything that is wrong with the policy in FILE, and what it leaves open.

    Errors make it a file that lets nothing in (exit 2). Warnings and notes do not.

    \b
    Example
      radseal policy check radseal-policy.toml
    """
    from provenance.policy.load import read_policy_bytes
    from provenance.policy.parse import examine_policy
    from provenance.schema.policy import flaw_fields

    found, flaws = examine_policy(read_policy_bytes(file))
    code = USAGE if found is None else 0
    if session.as_json:
        fields = {
            "path": path_text(file),
            "valid": found is not None,
            "rules": None if found is None else [rule.name for rule in found.rules],
            "flaws": [flaw_fields(flaw) for flaw in flaws],
        }
        print_json(document("policy-check", fields, exit_code=code))
        return code
    for flaw in flaws:
        where = f"{plain(file)}:{flaw.line}" if flaw.line else plain(file)
        named = f"{plain(flaw.place)}: " if flaw.place else ""
        say(f"{coloured(_GRAVITIES[flaw.gravity])}  {where}  {named}{plain(flaw.says)}")
        if flaw.do:
            say(f"  do: {plain(flaw.do)}")
    counts = [sum(flaw.gravity == each for flaw in flaws) for each in _GRAVITIES]
    words = ", ".join(
        count_of(count, name, f"{name}s") for count, name in zip(counts, _GRAVITIES, strict=True)
    )
    rules = "refused" if found is None else count_of(len(found.rules), "rule", "rules")
    say(f"{plain(file)}: {rules}; {words}")
    return code


def _fact_options(function: F) -> F:
    """The facts that a rule can ask for, as options."""
    day = click.DateTime(["%Y-%m-%d"])
    options = (
        click.option("--calling-ae", metavar="AE", help="AE title of the sender."),
        click.option("--called-ae", metavar="AE", help="AE title that it asks for."),
        click.option("--modality", metavar="CS", help="Such as CT."),
        click.option("--sop-class", metavar="UID"),
        click.option("--station-name", metavar="NAME"),
        click.option("--manufacturer", metavar="NAME"),
        click.option("--model", metavar="NAME"),
        click.option("--device-serial-number", metavar="NUMBER"),
        click.option("--signer", metavar="SIGNER", help="Who sealed: name, sha256:..., key:..."),
        click.option("--date", "own_date", type=day, help="The object's own newest date."),
        click.option("--arrived", type=day, help="When it arrives (UTC). Default: now."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@policy.command(short_help="Say what would happen to an object, verdict by verdict.")
@click.argument("file", type=_FILE, metavar="FILE")
@_fact_options
@click.option("--verdict", "word", metavar="WORD", help="This verdict alone.")
@common
@click.pass_context
def explain(ctx: click.Context, /, file: Path, word: str | None, **told: Any) -> int:
    """Say what the policy in FILE would do with an object, in a table over all verdicts.

    What is not told of the object is not known, as for an object that lacks it. A sealed one is
    taken to be sealed by somebody whom the rule accepts, unless --signer says who, and to be
    attested and looked at as deep as the rule asks.

    \b
    Examples
      radseal policy explain radseal-policy.toml --calling-ae CT7 --date 2026-05-04
      radseal policy explain radseal-policy.toml --modality MG --verdict unsealed
    """
    session: Session = ctx.obj
    from provenance.policy.explain import explain_policy, possible_rules, terms_of
    from provenance.schema.policy import decision_fields

    words = None if word is None else _word(ctx, word)
    found = open_policy(file)
    facts = _facts(told, now=session.started)
    signer: str | None = told["signer"]
    rows = explain_policy(
        found, facts, signer=signer, **({} if words is None else {"words": (words,)})
    )
    possible = possible_rules(found, facts, signer)
    if session.as_json:
        fields = {
            "path": path_text(file),
            "rules": [{"name": r.name, "asks": list(terms_of(r))} for r in possible.rules],
            "not_known": [fact.value for fact in possible.missing],
            "verdicts": [
                {"verdict": row.word.value, **decision_fields(row.decision)} for row in rows
            ],
        }
        print_json(document("policy-explain", fields, exit_code=0))
        return 0
    for rule in possible.rules:
        fits = "fits" if rule is possible.rules[-1] else "may fit"
        say(f"{plain(rule.name)} {fits}: {plain('; '.join(terms_of(rule)))}")
    if possible.missing:
        say(f"not known: {', '.join(fact.words for fact in possible.missing)}")
    say()
    for row in rows:
        decision = row.decision
        say(
            f"{coloured(row.word.value, width=WIDTH)}  {decision.action.value.ljust(10)}  "
            f"{plain(decision.rule)}"
        )
        for reason in decision.reasons:
            if reason != f"the verdict is {row.word}":
                say(f"{' ' * WIDTH}    {plain(reason)}")
    return 0


@policy.command(short_help="Print a policy with comments, to begin with.")
@common
@click.pass_obj
def example(session: Session) -> int:
    """Print an example of a policy, with comments. It is in order as it is.

    \b
    Example
      radseal policy example > radseal-policy.toml
    """
    from provenance.policy.example import example_policy

    if session.as_json:
        print_json(document("policy-example", {"text": example_policy()}, exit_code=0))
        return 0
    click.echo(example_policy(), nl=False)
    return 0


def _word(ctx: click.Context, typed: str) -> Any:
    from provenance.policy.flaw import nearest
    from provenance.policy.terms import WORD_KEYS

    key = typed.strip().lower().replace(" ", "_").replace("-", "_")
    if key not in WORD_KEYS:
        raise click.UsageError(f"{typed} is no verdict: {nearest(key, WORD_KEYS)}", ctx)
    return WORD_KEYS[key]


def _facts(told: Mapping[str, Any], *, now: datetime) -> "Facts":
    from provenance.policy.facts import Arrival, Facts

    arrived = told["arrived"]
    own: datetime | None = told["own_date"]
    when = now if arrived is None else arrived.replace(tzinfo=UTC)
    day: date | None = None if own is None else own.date()
    names = ("modality", "sop_class", "station_name", "manufacturer", "model")
    return Facts(
        Arrival(told["calling_ae"], told["called_ae"], when),
        **{name: told[name] for name in (*names, "device_serial_number")},
        own_date=day,
    )
