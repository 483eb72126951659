"""`radseal log check`: every statement of a log that somebody shows, judged by the rules."""

import tempfile
from contextlib import nullcontext
from pathlib import Path

import click

from provenance.cli.failure import ALTERED
from provenance.cli.options import common
from provenance.cli.output import count_of, document, facts, print_json, say
from provenance.cli.session import Session
from provenance.cli.shown_log import log_at
from provenance.cli.terminal import coloured, plain
from provenance.progress import late_progress


@click.command("check", short_help="Judge every statement of a copy, without the operator.")
@click.argument("source", metavar="URL|PATH")
@click.option(
    "--trust",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    metavar="DIR",
    help="A trust folder with the log's keys (logs/*.vkeys), got from elsewhere than the log.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1, max=256),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes that share the signatures.",
)
@common
@click.pass_obj
def check(session: Session, source: str, trust: Path, jobs: int) -> int:
    """Judge every statement of a log by the rules: signature, role at its index, both back links.

    The log is named as for log monitor: an auditor's own copy, a folder or server of C2SP
    tlog-tiles, a site. Nothing of its operator is believed but the signed checkpoint, and the
    statements must lead to that. Judging ends at the first statement that no log may hold, which
    is exit 10. A database as large as the log's is built in the folder for temporary files.

    \b
    Examples
      radseal log check north --trust north-trust
      radseal log check https://log.hospital.example --trust north-trust --jobs 2
    """
    from ledger import Verifiers, judge_log
    from provenance.trust.store import TrustStore

    logs = TrustStore.load(trust).logs
    with (
        log_at(source) as shown,
        tempfile.TemporaryDirectory(prefix="radseal-check-") as folder,
        nullcontext() if jobs == 1 else Verifiers(jobs) as verifiers,
        late_progress("check", quiet=session.as_json, clock=session.monotonic) as heard,
    ):
        judged = judge_log(
            shown,
            logs=logs,
            scratch=Path(folder) / "log",
            verifiers=verifiers,
            progress=heard,
        )
    code = 0 if judged.ok else ALTERED
    head = judged.head
    if session.as_json:
        fields: dict[str, object] = {
            "origin": head.origin,
            "size": head.size,
            "root": head.root.hex(),
            "forbidden": judged.index,
            "why": judged.why,
        }
        print_json(document("log-check", fields, exit_code=code))
        return code
    entries = count_of(head.size, "entry", "entries")
    if judged.ok:
        say(coloured("pass") + f"  {plain(head.origin)}: {entries}, and each keeps the rules")
        facts([("root", head.root.hex())])
        return code
    say(coloured("FAIL") + f"  {plain(head.origin)} holds what no log may: entry {judged.index}")
    say(f"  why: {plain(judged.why or '')}")
    say("  do:  keep the copy as it is, and show it to the operator and to other auditors")
    return code
