"""`radseal scan report`: what a scan has found."""

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.options import common, open_site, site_option
from provenance.cli.output import count_of, document, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import coloured, plain

if TYPE_CHECKING:
    from provenance.scan.job import Job
    from provenance.scan.results import Counts, Row

WIDTH = len("HEADER CHANGED")
COLUMNS = ("number", "uri", "sop_instance_uid", "verdict", "exit_code", "seal_id", "codes", "why",
           "apart", "action", "rule")  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would calculate it


@click.command(short_help="Say what a scan has found.")
@click.argument("job", metavar="JOB")
@site_option
@click.option("--all", "every", is_flag=True, help="List AUTHENTIC objects, too.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the list as CSV, and nothing else.")
@click.option(
    "--after",
    type=click.IntRange(-1),
    default=-1,
    metavar="NUMBER",
    help="With --json: list what comes after this number.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=1000,
    show_default=True,
    metavar="N",
    help="With --json: list at most so many.",
)
@common
@click.pass_context
def report(
    ctx: click.Context,
    job: str,
    site: Path | None,
    every: bool,
    as_csv: bool,
    after: int,
    limit: int,
) -> int:
    """Print counts by verdict, and the list of all objects that are not AUTHENTIC.

    JOB is the file of a job, or its name at the site. It may still be running. The exit code is
    that of radseal verify over the same objects, with the policy of the scan if it had one; what
    is not judged yet counts as NOT CHECKED.

    \b
    Examples
      radseal scan report pacs.job
      radseal scan report 20261130T154500-3fa21c --site /srv/radseal --json --limit 100
      radseal scan report pacs.job --csv --all > results.csv
    """
    from provenance.scan.places import find_job
    from provenance.scan.results import count, page, rows

    session: Session = ctx.obj
    if as_csv and session.as_json:
        raise click.UsageError("give --csv or --json, not both", ctx)
    found = find_job(job, None if site is None else open_site(site))
    try:
        counts = count(found)
        by_policy = json.loads(found.terms)["policy"] is not None
        code = counts.exit_code(by_policy=by_policy)
        if session.as_json:
            from provenance.schema.scan import report_fields

            listed = page(found, after=after, limit=limit + 1, every=every)
            following = listed[limit - 1].number if len(listed) > limit else None
            fields = report_fields(found, counts, found.skipped(), listed[:limit], following)
            print_json(document("scan-report", fields, exit_code=code))
        elif as_csv:
            say(_line(COLUMNS))
            for row in rows(found, every=every):
                say(_line([_cell(getattr(row, name)) for name in COLUMNS]))
        else:
            for row in rows(found, every=every):
                _print(row)
            print_counts(found, counts)
    finally:
        found.database.close()
    return code


def print_counts(job: "Job", counts: "Counts") -> None:
    """Print what was found of how many objects."""
    parts = [f"{n} {word.value}" for word, n in counts.by_verdict]
    parts += [f"{n} to {action.value}" for action, n in counts.by_action]
    if counts.apart:
        parts.append(f"{counts.apart} of them not judged by content")
    if counts.waiting:
        parts.append(f"{counts.waiting} not judged yet")
    parts += [f"{n} {why} skipped" for why, n in job.skipped().items()]
    if not counts.listed:
        parts.append("not listed to the end yet")
    objects = count_of(counts.objects, "object", "objects")
    if not counts.objects:
        objects = "nothing matched the input: 0 objects"
    say(f"{objects}: {', '.join(parts)}" if parts else objects)


def _print(row: "Row") -> None:
    verdict = "not judged yet" if row.verdict is None else row.verdict
    say(f"{coloured(verdict, width=WIDTH)}  {plain(row.uri)}")
    if row.action is not None:
        by = "by no rule" if row.rule is None else f'by the rule "{plain(row.rule)}"'
        say(f"  {row.action} {by}")
    if row.why is not None:
        codes = f"[{row.codes.replace(' ', ', ')}]  " if row.codes else ""
        say(f"  {codes}{plain(row.why)}")


def _cell(value: object) -> str:
    text = "" if value is None else plain(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _line(cells: "list[str] | tuple[str, ...]") -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()
