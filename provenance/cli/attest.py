"""`radseal attest`: a person vouches for sealed objects."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.failure import NOT_CHECKED, NOTHING_MATCHED, USAGE, Failure, failure_of
from provenance.cli.options import common, open_site, require_files, site_option
from provenance.cli.output import document, path_text, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain
from provenance.progress import stderr_progress
from provenance.walk import Found, walk

if TYPE_CHECKING:
    from provenance.sealing.attest import Attested
    from provenance.sealing.attestation import Purpose
    from provenance.site.device import Device
    from provenance.verifying.verifier import Verifier

PURPOSES = ("author", "verification", "review", "source")


@dataclass(frozen=True, slots=True)
class _Line:
    path: Path
    attested: "Attested | None" = None
    failure: Failure | None = None


@click.command(short_help="Vouch for sealed objects, as a person.")
@click.argument(
    "paths", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="PATH..."
)
@click.option(
    "--purpose",
    type=click.Choice(PURPOSES),
    default="verification",
    show_default=True,
    help="What is vouched for (ASTM E1762).",
)
@click.option(
    "--log",
    "url",
    metavar="URL",
    help="Where radseal log serve serves the site's log. Default: the log in the site's folder.",
)
@site_option
@common
@click.pass_obj
def attest(
    session: Session, paths: tuple[Path, ...], purpose: str, url: str | None, site: Path | None
) -> int:
    """Vouch for the objects at or under PATH with the key of the site's operator.

    Each object is verified first, and only what is AUTHENTIC or CORRECTED is vouched for. The event
    is kept in the log, beside the seal of the device: verify and trace show who it was. Files stay
    as they are.

    \b
    Examples
      radseal attest chest.dcm --site /srv/radseal
      radseal attest /sealed/today --purpose source --log https://log.hospital.example
    """
    from ledger import Role
    from provenance.sealing.attestation import Purpose
    from provenance.verifying.verifier import Verifier

    opened = open_site(site)
    found = walk(paths)
    require_files(paths, found.missing)
    lines: list[_Line] = []
    with ExitStack() as stack:
        if url is None:
            operator, records = opened.device(Role.OPERATOR), opened.records()
            stack.enter_context(records.log)
        else:
            operator, records = opened.remote_device(url, Role.OPERATOR), None
        stack.enter_context(operator)
        believed = opened.trust.as_of(session.started)
        verifier = Verifier(believed, records, opened.mark_key, opened.former_mark_keys)
        quiet = session.as_json or len(found.files) < 2
        progress = stack.enter_context(
            stderr_progress(len(found.files), "attest", quiet=quiet, clock=session.monotonic)
        )
        for file in found.files:
            lines.append(_attest(file, operator, verifier, Purpose[purpose.upper()], session))
            if not session.as_json:
                with progress.aside():
                    _print(lines[-1])
            progress.advance()
    code = _exit_code(lines)
    if session.as_json:
        fields = {"purpose": purpose, "objects": [_object(line) for line in lines]}
        print_json(document("attest", fields, exit_code=code))
    else:
        done = sum(line.attested is not None for line in lines)
        say(f"{len(lines)} files: {done} attested, {len(lines) - done} not")
    return code


def _attest(
    file: Found, operator: "Device", verifier: "Verifier", purpose: "Purpose", session: Session
) -> _Line:
    from ledger import LedgerError
    from provenance.errors import NotProvenError, RadsealError
    from provenance.sealing.attest import attest as vouch

    if file.problem is not None:
        error = OSError(None, file.problem, str(file.path))
        return _Line(file.path, failure=failure_of(error))
    try:
        return _Line(
            file.path,
            vouch(
                file.path, operator=operator, verifier=verifier, purpose=purpose, at=session.now()
            ),
        )
    except NotProvenError as error:
        return _Line(
            file.path,
            failure=Failure(
                "not attested",
                why=str(error),
                do="see radseal verify: nobody vouches for what is not as it was sealed",
                exit_code=USAGE,
            ),
        )
    except (RadsealError, LedgerError, OSError) as error:
        return _Line(file.path, failure=failure_of(error))


def _print(line: _Line) -> None:
    if line.attested is not None:
        said = line.attested
        say(f"attested  {plain(line.path)}  seal {said.seal_id.hex()}, entry {said.index}")
    elif line.failure is not None:
        say(f"not attested  {plain(line.path)}")
        say(f"  why: {plain(line.failure.why)}")
        say(f"  do:  {plain(line.failure.do)}")


def _exit_code(lines: list[_Line]) -> int:
    """The log failed, or an object is not what one vouches for, or there is none."""
    codes = {line.failure.exit_code for line in lines if line.failure is not None}
    if NOT_CHECKED in codes:
        return NOT_CHECKED
    if codes:
        return USAGE
    return 0 if lines else NOTHING_MATCHED


def _object(line: _Line) -> dict[str, object]:
    said, failure = line.attested, line.failure
    return {
        "path": path_text(line.path),
        "attested": said is not None,
        "seal_id": said.seal_id.hex() if said else None,
        "log_index": said.index if said else None,
        "why": failure.why if failure else None,
        "do": failure.do if failure else None,
    }
