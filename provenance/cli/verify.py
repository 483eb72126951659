"""`radseal verify`: the verdict on each object."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from provenance import __version__
from provenance.cli.drawings import Drawings
from provenance.cli.failure import USAGE, CommandError, Failure
from provenance.cli.options import common, open_site, site_option
from provenance.cli.output import path_text, print_json, say, words
from provenance.cli.policy_file import open_policy
from provenance.cli.session import Session
from provenance.cli.terminal import coloured, plain
from provenance.progress import stderr_progress
from provenance.walk import Found, Skip, Walk, walk

if TYPE_CHECKING:
    from provenance.judging.verdict import Verdict
    from provenance.policy.decide import Decision
    from provenance.policy.facts import Arrival
    from provenance.records import ReadableLog, Records
    from provenance.schema.verify import Coverage, Judged
    from provenance.verifying.verifier import Verifier

WIDTH = len("HEADER CHANGED")


@click.command(short_help="Judge images: integrity, trust, custody.")
@click.argument(
    "paths", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="PATH..."
)
@site_option
@click.option(
    "--trust",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="A trust folder (roots/*.pem, logs/*.vkeys) instead of a site: asks no ledger.",
)
@click.option(
    "--log",
    "log_url",
    metavar="URL",
    help="Where radseal log serve serves the site's log. Default: the log in the site's folder.",
)
@click.option(
    "--overlay",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Draw where objects differ: a PNG each, in a new or empty folder.",
)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="An acceptance policy: says what is done with each object, and decides the exit code.",
)
@click.option("--calling-ae", metavar="AE", help="AE title of the sender, for the policy.")
@click.option("--called-ae", metavar="AE", help="AE title that it asked for, for the policy.")
@click.option(
    "--arrived",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]),
    metavar="TIME",
    help="When the objects arrived (UTC), for the policy. Default: now.",
)
@click.option("-v", "--verbose", is_flag=True, help="Details of AUTHENTIC objects too.")
@common
@click.pass_context
def verify(
    ctx: click.Context,
    paths: tuple[Path, ...],
    site: Path | None,
    trust: Path | None,
    log_url: str | None,
    overlay: Path | None,
    policy_file: Path | None,
    calling_ae: str | None,
    called_ae: str | None,
    arrived: datetime | None,
    verbose: bool,
) -> int:
    """Judge every object at or under PATH: integrity, trust, custody.

    Objects are DICOM files, and PNG, JPEG and TIFF pictures, which are known by their mark alone.
    Folders are walked in sorted order; every regular file is judged, hidden ones are skipped and
    counted. Nothing is changed, and no network is used but for --log. With --site the ledger is
    asked and the mark is looked for; with --trust only the receipt in the file speaks for custody.
    With --log the ledger is asked where it is served, with the key of the site's gateway.
    With --policy the exit code is that of the strictest action: 0 accept, 20 tag, 21 quarantine,
    22 refuse.

    \b
    Examples
      radseal verify chest.dcm --trust radiology-trust
      radseal verify phone-photo.jpg --site /srv/radseal --overlay where
      radseal verify chest.dcm --site /srv/radseal --log https://log.hospital.example
      radseal verify new.dcm --site /srv/radseal --policy radseal-policy.toml --calling-ae CT7
      radseal verify /archive/2026 --site /srv/radseal --json > verdicts.json
    """
    session: Session = ctx.obj
    if policy_file is None and (calling_ae or called_ae or arrived):
        raise click.UsageError("--calling-ae, --called-ae and --arrived need --policy", ctx)
    policy = None if policy_file is None else open_policy(policy_file)
    with _verifier(ctx, site, trust, log_url, session.started) as without:
        from provenance.policy.facts import Arrival
        from provenance.schema.verify import Coverage, Judged, run_exit_code, verify_answer

        verifier = replace(without, policy=policy)
        when = session.started if arrived is None else arrived.replace(tzinfo=UTC)
        arrival = Arrival(calling_ae, called_ae, when)
        found = walk(paths)
        drawings = Drawings.plan(paths, found.files, overlay)
        judged: list[Judged] = []
        single = len(found.files) == 1
        total = len(found.files)
        quiet = session.as_json or total < 2
        with stderr_progress(total, "verify", quiet=quiet, clock=session.monotonic) as progress:
            for file in found.files:
                result = _judge(file, verifier, arrival, drawings)
                judged.append(result)
                if not session.as_json:
                    with progress.aside():
                        _print(result, detailed=single or verbose)
                progress.advance()
    coverage = Coverage(
        missing=tuple(path_text(p) for p in found.missing),
        hidden=found.count(Skip.HIDDEN),
        special=found.count(Skip.SPECIAL),
        repeated=found.count(Skip.REPEATED),
    )
    by_policy = policy is not None
    if session.as_json:
        print_json(
            verify_answer(
                judged,
                coverage,
                version=__version__,
                checked_at=session.started,
                by_policy=by_policy,
            )
        )
    else:
        _print_summary(judged, coverage, found)
    return run_exit_code(judged, missing=bool(found.missing), by_policy=by_policy)


@contextmanager
def _verifier(
    ctx: click.Context, site: Path | None, trust: Path | None, log_url: str | None, at: datetime
) -> Iterator["Verifier"]:
    """Whom to believe at a moment: a site, or a trust folder, which beats the environment."""
    from provenance.trust.store import TrustStore
    from provenance.verifying.verifier import Verifier

    given = ctx.get_parameter_source("site") is ParameterSource.COMMANDLINE
    if trust is not None and given:
        raise click.UsageError("give --site or --trust, not both", ctx)
    if trust is not None and log_url is not None:
        raise click.UsageError("give --trust or --log, not both: --trust asks no ledger", ctx)
    with ExitStack() as stack:
        if trust is not None:
            yield Verifier(TrustStore.load(trust).as_of(at))
            return
        if site is None:
            raise CommandError(
                Failure(
                    "trust is unknown, so nothing was verified",
                    why="a verdict needs to know whom to believe",
                    do="give --site FOLDER (or set RADSEAL_SITE), or --trust FOLDER with the "
                    "roots and log keys of the site that sealed",
                    exit_code=USAGE,
                )
            )
        opened = open_site(site)
        records: Records[ReadableLog] = (
            opened.records() if log_url is None else opened.remote_records(log_url)
        )
        stack.callback(records.log.close)
        believed = opened.trust.as_of(at)
        yield Verifier(believed, records, opened.mark_key, opened.former_mark_keys)


def _judge(
    file: Found, verifier: "Verifier", arrival: "Arrival", drawings: Drawings | None
) -> "Judged":
    from provenance.schema.verify import Judged
    from provenance.verifying.examination import examine, examine_nothing

    if file.problem is not None:
        result = examine_nothing(file.problem, verifier, arrival)
    else:
        result = examine(file.path, verifier, arrival)
    drawn = None if drawings is None else drawings.draw(file, result)
    overlay = None if drawn is None else path_text(drawn)
    return Judged(
        path_text(file.path), result.verdict, result.sop_instance_uid, overlay, result.decision
    )


def _print(judged: "Judged", *, detailed: bool) -> None:
    from provenance.judging.verdict import Word
    from provenance.schema.verify import explanation

    verdict = judged.verdict
    say(f"{coloured(verdict.word.value, width=WIDTH)}  {plain(judged.path)}")
    if judged.decision is not None:
        _print_decision(judged.decision, detailed=detailed)
    if not detailed and verdict.word is Word.AUTHENTIC:
        return
    if verdict.signer is not None:
        when = (
            f", {verdict.sealed_at:%Y-%m-%d %H:%M:%SZ} by its own clock"
            if verdict.sealed_at
            else ""
        )
        made = "sealed" if verdict.birth in (None, "sealed") else str(verdict.birth)
        say(f"  {made} by {plain(verdict.signer)}{when}")
    say(
        f"  integrity {verdict.integrity.value}, trust {verdict.trust.value}, "
        f"custody {verdict.custody.value}"
    )
    _print_checks(verdict)
    for region in verdict.regions[:8]:
        where = f"frame {region.frame}, x {region.x} y {region.y}, {region.w}x{region.h} px"
        how = "" if region.witness.value == "tiles" else f", by {region.witness.value}"
        say(f"  region: {where}{how}")
    if len(verdict.regions) > 8:
        say(f"  and {len(verdict.regions) - 8} more regions (--json lists all)")
    if judged.overlay is not None:
        say(f"  drawn: {plain(judged.overlay)}")
    for note in verdict.notes:
        say(f"  note: {plain(note)}")
    words(explanation(verdict.word))


def _print_decision(decision: "Decision", *, detailed: bool) -> None:
    from provenance.policy.terms import Action

    if decision.action is Action.ACCEPT and not detailed:
        return
    by = "by no rule" if decision.rule is None else f'by the rule "{plain(decision.rule)}"'
    say(f"  {decision.action.value} {by}: {plain('; '.join(decision.reasons))}")
    if decision.may_fit:
        say(f"  may fit, too: {plain(', '.join(decision.may_fit))}")


def _print_checks(verdict: "Verdict") -> None:
    from provenance.judging.verdict import Status

    width = max((len(c.id) for c in verdict.checks), default=0)
    for check in verdict.checks:
        status = "FAIL" if check.status is Status.FAIL else check.status.value
        detail = plain(check.detail)
        say(f"  {coloured(status)}  {check.id.ljust(width)}  [{check.code.value}]  {detail}")


def _print_summary(judged: "list[Judged]", coverage: "Coverage", found: Walk) -> None:
    from provenance.judging.verdict import GRAVEST_FIRST

    for path in found.missing:
        say(f"{'MISSING'.ljust(WIDTH)}  {plain(path)}: no such file or folder")
    counts = Counter(j.verdict.word for j in judged)
    parts = [f"{counts[word]} {word.value}" for word in GRAVEST_FIRST if counts[word]]
    actions = Counter(j.decision.action.value for j in judged if j.decision is not None)
    parts += [f"{count} to {action}" for action, count in sorted(actions.items())]
    left_out = [
        f"{count} {name} skipped"
        for name, count in (
            ("hidden", coverage.hidden),
            ("special", coverage.special),
            ("repeated", coverage.repeated),
        )
        if count
    ]
    if coverage.missing:
        left_out.append(f"{len(coverage.missing)} missing")
    objects = "1 object" if len(judged) == 1 else f"{len(judged)} objects"
    if not judged:
        objects = "nothing matched the input: 0 objects"
    say(f"{objects}: {', '.join(parts + left_out)}" if parts + left_out else objects)
