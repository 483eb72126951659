"""`radseal scan run`: begin a scan, or go on with one."""

import os
import secrets
import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from provenance.cli.failure import USAGE, CommandError, Failure
from provenance.cli.options import common, open_site, site_option
from provenance.cli.output import count_of, document, note, print_json, say
from provenance.cli.policy_file import open_policy
from provenance.cli.session import Session
from provenance.cli.terminal import plain
from provenance.progress import stderr_progress

if TYPE_CHECKING:
    from provenance.scan.bench import Bench
    from provenance.scan.engine import Engine
    from provenance.scan.job import Job
    from provenance.scan.results import Counts
    from provenance.scan.run import Ran
    from provenance.scan.terms import Terms

INTERRUPTED = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@click.command(short_help="Begin a scan, or go on with one.")
@click.argument("source", required=False, metavar="[SOURCE]")
@click.option(
    "--resume", metavar="JOB", help="Go on with a job: its file, or its name at the site."
)
@site_option
@click.option(
    "--trust",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="A trust folder instead of a site: asks no ledger.",
)
@click.option(
    "--log",
    "log_url",
    metavar="URL",
    help="Where radseal log serve serves the site's log. Default: the log in the site's folder.",
)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="An acceptance policy: decides the exit code, and is kept with each result.",
)
@click.option(
    "--job",
    "job_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where results are kept. Default: in the site's folder, or beside its ledger.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    metavar="N",
    help="So many local processes. Default: one for each processor.",
)
@click.option("--dask", "address", metavar="ADDRESS", help="Work on the cluster of this scheduler.")
@common
@click.pass_context
def run(
    ctx: click.Context,
    source: str | None,
    resume: str | None,
    site: Path | None,
    trust: Path | None,
    log_url: str | None,
    policy_file: Path | None,
    job_file: Path | None,
    jobs: int | None,
    address: str | None,
) -> int:
    """Judge every object of SOURCE as radseal verify does, and keep one result for each.

    SOURCE is a folder, orthanc+http://HOST:PORT, or dicomweb+https://HOST/ROOT. It is listed once;
    chunks of the list are shared out to processes or to a cluster, and a killed worker loses
    nothing. Ctrl-C or SIGTERM stops in order; --resume goes on, with the same --site or --trust
    and --policy as before.

    \b
    Examples
      radseal scan run /archive/2026 --site /srv/radseal
      radseal scan run dicomweb+https://pacs.example/dicom-web --trust radiology --job pacs.job
      radseal scan run --resume pacs.job --trust radiology --dask tcp://10.0.0.5:8786
    """
    session: Session = ctx.obj
    if (source is None) == (resume is None):
        raise click.UsageError("give a SOURCE, or --resume JOB to go on", ctx)
    if resume is not None and job_file is not None:
        raise click.UsageError("--resume names the job already: leave --job out", ctx)
    if jobs is not None and address is not None:
        raise click.UsageError("give --jobs or --dask, not both", ctx)
    given = ctx.get_parameter_source("site") is ParameterSource.COMMANDLINE
    if trust is not None and (given or log_url is not None):
        raise click.UsageError("--trust asks no ledger: give it without --site and --log", ctx)
    if trust is not None:
        site = None
    terms = _terms(site, trust, log_url, policy_file)
    from provenance.scan.results import count
    from provenance.schema.scan import Workers, scan_fields

    with ExitStack() as stack:
        with terms.opened(session.started):
            pass  # whom to believe is there, before anything begins
        job = (
            _found(resume, site, terms)
            if resume
            else _begun(str(source), job_file, site, terms, session)
        )
        stack.callback(job.database.close)
        stop = stack.enter_context(_stopping())
        again = _command(job, terms, policy_file)
        try:
            ran, engine, seconds = _work(job, terms, jobs, address, session, stop)
        except BaseException:
            note(f"to go on: {again}")
            raise
        counts = count(job)
        code = counts.exit_code(by_policy=terms.policy is not None)
        if not counts.done:
            code = INTERRUPTED
        if session.as_json:
            fields = scan_fields(job, counts, job.skipped(), ran, Workers(engine, seconds))
            print_json(document("scan", fields, exit_code=code))
        else:
            _print(job, counts, ran, engine, seconds)
        if not counts.done:
            note(f"stopped; to go on: {again}")
    return code


def _terms(
    site: Path | None, trust: Path | None, log_url: str | None, policy_file: Path | None
) -> "Terms":
    from provenance.policy.load import read_policy_bytes
    from provenance.scan.terms import Terms

    if site is None and trust is None:
        raise CommandError(
            Failure(
                "trust is unknown, so nothing was scanned",
                why="a verdict needs to know whom to believe",
                do="give --site FOLDER (or set RADSEAL_SITE), or --trust FOLDER with the roots "
                "and log keys of the site that sealed",
                exit_code=USAGE,
            )
        )
    policy = None
    if policy_file is not None:
        open_policy(policy_file)  # in words, if it is faulty
        policy = read_policy_bytes(policy_file)
    return Terms(
        None if site is None else str(site.absolute()),
        None if trust is None else str(trust.absolute()),
        log_url,
        policy,
    )


def _found(name: str, site: Path | None, terms: "Terms") -> "Job":
    from provenance.scan.places import find_job

    job = find_job(name, None if site is None else open_site(site))
    terms.require_same(job.terms)
    return job


def _begun(
    source: str, file: Path | None, site: Path | None, terms: "Terms", session: Session
) -> "Job":
    from provenance.scan.job import Job
    from provenance.scan.places import job_id, make_database, new_place
    from provenance.scan.source import open_source
    from provenance.walk import refuse_inside

    with closing(open_source(source)) as opened:
        name = job_id(session.started, secrets.token_bytes(3))
        place = new_place(name, file, None if site is None else open_site(site))
        if isinstance(place, Path):
            refuse_inside([Path(opened.place)], place.absolute().parent)
        database = make_database(place)
        return Job.begin(database, name, source=opened.place, terms=terms.text)


def _work(
    job: "Job",
    terms: "Terms",
    jobs: int | None,
    address: str | None,
    session: Session,
    stop: Callable[[], bool],
) -> "tuple[Ran, str, float]":
    """List, if that is not done yet, and work; return what was done, by whom, in what time."""
    from provenance.scan.bench import Bench, set_apart
    from provenance.scan.chunks import Claim
    from provenance.scan.outcome import Apart, Item, Outcome
    from provenance.scan.run import Ran, Run
    from provenance.scan.source import open_source

    began = session.monotonic()
    with closing(open_source(job.source)) as source:
        job.list(source, stop)
    if not job.listed:
        return Ran(stopped=True), "nobody", session.monotonic() - began
    left = job.left()
    if not session.as_json:
        say(f"job {job.id} in {plain(job.database.place)}: {count_of(left, 'object', 'objects')}"
            f" to judge in {plain(job.source)}")  # fmt: skip
    policy = terms.parsed_policy()

    def crashed(item: Item) -> Outcome:
        return set_apart(item, Apart.CRASHED, "again and again", policy)

    with ExitStack() as stack:
        bench = Bench(job.source, terms, session.started)
        words, engine = _engine(bench, jobs, address)
        stack.callback(engine.close)
        bar = stderr_progress(left, "scan", quiet=session.as_json, clock=session.monotonic)
        progress = stack.enter_context(bar)
        claim = Claim(job, secrets.token_bytes(16))
        ran = Run(claim, engine, crashed, stop, progress.advance).until_done()
    return ran, words, session.monotonic() - began


def _engine(bench: "Bench", jobs: int | None, address: str | None) -> "tuple[str, Engine]":
    if address is not None:
        from provenance.scan.cluster import DaskCluster

        return f"dask at {address}", DaskCluster(bench, address)
    from provenance.scan.local import LocalProcesses

    number = jobs or os.cpu_count() or 1
    return count_of(number, "process", "processes"), LocalProcesses(bench, number)


@contextmanager
def _stopping() -> Iterator[Callable[[], bool]]:
    """Take the first SIGINT or SIGTERM as the wish to stop in order; the next one interrupts."""
    asked: list[int] = []

    def hear(number: int, _frame: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        with suppress(OSError):
            note("stopping once what was begun is done; again to stop at once")

    before = {number: signal.signal(number, hear) for number in _SIGNALS}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _command(job: "Job", terms: "Terms", policy_file: Path | None) -> str:
    words = ["radseal", "scan", "--resume", job.name]
    for option, value in (("--site", terms.site), ("--trust", terms.trust), ("--log", terms.log)):
        words += [] if value is None else [option, value]
    words += [] if policy_file is None else ["--policy", str(policy_file)]
    return shlex.join(words)


def _print(job: "Job", counts: "Counts", ran: "Ran", engine: str, seconds: float) -> None:
    from provenance.cli.scan_report import print_counts

    rate = ran.objects / seconds if seconds > 0 else 0.0
    died = f", {count_of(ran.deaths, 'worker', 'workers')} died" if ran.deaths else ""
    say(f"{count_of(ran.objects, 'object', 'objects')} judged in {seconds:.1f} s"
        f" ({rate:.3g}/s, {plain(engine)}{died})")  # fmt: skip
    print_counts(job, counts)
    say(f"report: {shlex.join(('radseal', 'scan', 'report', plain(job.name)))}")
