"""`radseal study verify`: is a study whole, and what was closed?"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from provenance.cli.failure import USAGE, CommandError, Failure
from provenance.cli.options import common, open_site, site_option
from provenance.cli.output import count_of, document, path_text, print_json, say, words
from provenance.cli.session import Session
from provenance.cli.terminal import coloured, plain
from provenance.progress import stderr_progress
from provenance.walk import Skip, Walk, walk

if TYPE_CHECKING:
    from provenance.records import ReadableLog, Records
    from provenance.study.present import Present
    from provenance.study.verdict import StudyVerdict
    from provenance.verifying.verifier import Verifier

SHOWN = 8


@click.command("verify", short_help="Judge whether studies are whole.")
@click.argument(
    "paths", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="PATH..."
)
@site_option
@click.option(
    "--trust",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="A trust folder instead of a site: the Key Objects among the files must tell.",
)
@click.option(
    "--log",
    "log_url",
    metavar="URL",
    help="Where radseal log serve serves the site's log. Default: the log in the site's folder.",
)
@common
@click.pass_context
def verify(
    ctx: click.Context,
    paths: tuple[Path, ...],
    site: Path | None,
    trust: Path | None,
    log_url: str | None,
) -> int:
    """Judge every study among the files at or under PATH: is it what was closed?

    Each file is verified, then each study is compared with its newest closing: in the site's
    ledger, or, with --trust, in a Key Object among the files. Missing, extra, exchanged, repeated
    and replaced images are named. A study is never better than the worst of its instances.

    \b
    Examples
      radseal study verify /received/study --site /srv/radseal
      radseal study verify /received/study --trust radiology-trust --json
    """
    from provenance.schema.study import studies_answer
    from provenance.schema.verify import Coverage
    from provenance.study.verdict import overall
    from provenance.study.verify import verify_files

    session: Session = ctx.obj
    with _verifier(ctx, site, trust, log_url, session.started) as verifier:
        found = walk(paths)
        quiet = session.as_json or len(found.files) < 2
        bar = stderr_progress(
            len(found.files), "study verify", quiet=quiet, clock=session.monotonic
        )
        with bar as progress:
            studies = verify_files(found.files, verifier, step=progress.advance)
    code = overall(
        studies.verdicts, (each.word for each in studies.strays), missing=bool(found.missing)
    )
    if session.as_json:
        coverage = Coverage(
            missing=tuple(path_text(p) for p in found.missing),
            hidden=found.count(Skip.HIDDEN),
            special=found.count(Skip.SPECIAL),
            repeated=found.count(Skip.REPEATED),
        )
        fields = studies_answer(studies.verdicts, studies.strays, coverage)
        print_json(document("study-verify", fields, exit_code=code))
        return code
    for verdict in studies.verdicts:
        _print(verdict)
    _print_rest(studies.verdicts, studies.strays, found)
    return code


@contextmanager
def _verifier(
    ctx: click.Context, site: Path | None, trust: Path | None, log_url: str | None, at: datetime
) -> Iterator["Verifier"]:
    """Whom to believe: a site, or a trust folder; a trust folder beats the environment."""
    from provenance.trust.store import TrustStore
    from provenance.verifying.verifier import Verifier

    given = ctx.get_parameter_source("site") is ParameterSource.COMMANDLINE
    if trust is not None and (given or log_url is not None):
        raise click.UsageError("--trust asks no ledger: give it without --site and --log", ctx)
    if trust is not None:
        yield Verifier(TrustStore.load(trust).as_of(at))
        return
    if site is None:
        raise CommandError(
            Failure(
                "trust is unknown, so nothing was verified",
                why="a verdict needs to know whom to believe",
                do="give --site FOLDER (or set RADSEAL_SITE), or --trust FOLDER with the roots "
                "and log keys of the site that closed the study",
                exit_code=USAGE,
            )
        )
    opened = open_site(site)
    records: Records[ReadableLog] = (
        opened.records() if log_url is None else opened.remote_records(log_url)
    )
    try:
        believed = opened.trust.as_of(at)
        yield Verifier(believed, records, opened.mark_key, opened.former_mark_keys)
    finally:
        records.log.close()


def _print(verdict: "StudyVerdict") -> None:
    from provenance.explanations.studies import study_explanation
    from provenance.judging.verdict import Status
    from provenance.study.verdict import State

    say(f"{coloured(verdict.word.value)}  study {plain(verdict.study_uid)}")
    for finding in verdict.findings:
        status = "FAIL" if finding.status is Status.FAIL else finding.status.value
        say(f"  {coloured(status)}  [{finding.code.value}]  {plain(finding.detail)}")
        for uid in finding.instances[:SHOWN]:
            say(f"        {plain(uid)}")
        if len(finding.instances) > SHOWN:
            say(f"        and {len(finding.instances) - SHOWN} more (--json lists all)")
    told = [
        each
        for each in verdict.instances
        if each.path is not None
        and (each.state not in (State.AS_LISTED, State.NOT_COMPARED) or each.reasons)
    ]
    for each in told[:SHOWN]:
        word = "" if each.word is None else f"{each.word.value}, "
        say(f"  {word}{each.state.value}  {plain(each.path)}")
        for reason in each.reasons[:2]:
            say(f"    {plain(reason)}")
    if len(told) > SHOWN:
        say(f"  and {len(told) - SHOWN} more instances (--json lists all)")
    if verdict.exit_code:
        words(study_explanation(verdict.word.value))


def _print_rest(
    verdicts: "Sequence[StudyVerdict]", strays: "Sequence[Present]", found: Walk
) -> None:
    for path in found.missing:
        say(f"MISSING  {plain(path)}: no such file or folder")
    for each in strays[:SHOWN]:
        why = f": {plain(each.reasons[0])}" if each.reasons else ""
        say(f"{coloured(each.word.value)}  {plain(each.path)} is of no study{why}")
    if len(strays) > SHOWN:
        say(f"and {len(strays) - SHOWN} more files of no study (--json lists all)")
    hidden = found.count(Skip.HIDDEN)
    left_out = f", {hidden} hidden skipped" if hidden else ""
    instances = sum(len(verdict.instances) for verdict in verdicts)
    if not verdicts and not strays:
        say("nothing matched the input: 0 studies")
        return
    say(
        f"{count_of(len(verdicts), 'study', 'studies')}, "
        f"{count_of(instances, 'instance', 'instances')}, "
        f"{count_of(len(strays), 'other file', 'other files')}{left_out}"
    )
