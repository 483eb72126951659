"""`radseal doctor`: is the installation whole, and the site in order?"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.failure import USAGE
from provenance.cli.options import common, site_option
from provenance.cli.output import document, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import coloured, plain

if TYPE_CHECKING:
    from provenance.site.doctor import Finding


@click.command(short_help="Examine the installation and the site.")
@site_option
@common
@click.pass_obj
def doctor(session: Session, site: Path | None) -> int:
    """Examine this installation and, if one is named, the site; say how to mend each problem.

    Exit code 0 only if there is no problem. Nothing is changed.

    \b
    Examples
      radseal doctor
      radseal doctor --site /srv/radseal
    """
    from provenance.site.doctor import Health, examine_installation, examine_site

    findings = list(examine_installation())
    if site is not None:
        findings += examine_site(site, at=session.started)
    problems = [f for f in findings if f.health is Health.FAIL]
    code = USAGE if problems else 0
    if session.as_json:
        answer: dict[str, object] = {
            "problems": len(problems),
            "findings": [
                {"id": f.id, "status": f.health.value, "detail": f.detail, "fix": f.fix}
                for f in findings
            ],
        }
        print_json(document("doctor", answer, exit_code=code))
        return code
    width = max(len(f.id) for f in findings)
    for finding in findings:
        _print(finding, width)
    if site is None:
        say(f"{coloured('skip')}  {'site'.ljust(width)}  none was named (--site FOLDER)")
    say("1 problem" if len(problems) == 1 else f"{len(problems)} problems")
    return code


def _print(finding: "Finding", width: int) -> None:
    from provenance.site.doctor import Health

    status = "FAIL" if finding.health is Health.FAIL else finding.health.value
    say(f"{coloured(status)}  {finding.id.ljust(width)}  {plain(finding.detail)}")
    if finding.fix and finding.health is not Health.PASS:
        say(f"  do: {plain(finding.fix)}")
