"""`radseal study close`: list what a study consists of, and log that this is all."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.failure import NOT_CHECKED, USAGE, CommandError, Failure
from provenance.cli.options import common, force_option, open_site, require_files, site_option
from provenance.cli.output import count_of, document, path_text, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain
from provenance.progress import stderr_progress
from provenance.walk import walk

if TYPE_CHECKING:
    from provenance.ps315.sign import DicomSigner
    from provenance.records import ReadableLog, Records
    from provenance.site.device import Device
    from provenance.study.close import ClosedStudy
    from provenance.study.survey import Survey

SHOWN = 20


@click.command("close", short_help="Sign what a study consists of.")
@click.argument(
    "paths", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="PATH..."
)
@click.option("--with-unsealed", is_flag=True, help="List objects without a seal, as such.")
@click.option(
    "--kos",
    "key_object",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a Key Object (Signed Complete Acquisition Content) that carries the closing.",
)
@click.option(
    "--ps315-key",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PEM",
    help="Sign the Key Object by PS3.15 as well: an RSA, P-256 or P-384 key.",
)
@click.option(
    "--ps315-certificate",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PEM",
    help="The certificate of that key.",
)
@click.option(
    "--log",
    "url",
    metavar="URL",
    help="Where radseal log serve serves the site's log. Default: the log in the site's folder.",
)
@site_option
@force_option
@common
@click.pass_obj
def close(
    session: Session,
    paths: tuple[Path, ...],
    with_unsealed: bool,
    key_object: Path | None,
    ps315_key: Path | None,
    ps315_certificate: Path | None,
    url: str | None,
    site: Path | None,
    force: bool,
) -> int:
    """Close the study of the files at or under PATH with the key of the site's archivist.

    Every file is verified first: one that is not AUTHENTIC, CORRECTED or DERIVED, or is of another
    study, is named, and nothing is signed. The log gets a commitment; the list itself is kept
    encrypted beside it. Closing again, when images came late, supersedes. With --kos the site's
    device seals the Key Object, by which the study verifies without the ledger.

    \b
    Examples
      radseal study close /archive/study --site /srv/radseal
      radseal study close /archive/study --site /srv/radseal --kos /archive/study/ko.dcm
      radseal study close /archive/study --with-unsealed --log https://log.hospital.example
    """
    from ledger import Role
    from provenance.errors import UsageError
    from provenance.study.close import Chance, log_closing
    from provenance.study.survey import survey
    from provenance.verifying.verifier import Verifier

    opened = open_site(site)
    found = walk(paths)
    require_files(paths, found.missing)
    if key_object is not None and key_object.exists() and not force:
        raise UsageError(f"{key_object} exists already: give --force to overwrite it")
    signer = _signer(key_object, ps315_key, ps315_certificate)
    chance = Chance.draw()
    with ExitStack() as stack:
        records: Records[ReadableLog]
        if url is None:
            records, archivist = opened.records(), opened.device(Role.ARCHIVIST)
        else:
            records = opened.remote_records(url, Role.ARCHIVIST)
            archivist = opened.remote_device(url, Role.ARCHIVIST)
        stack.callback(records.log.close)
        stack.enter_context(archivist)
        sealer: Device | None = None
        if key_object is not None:
            sealer = opened.device() if url is None else opened.remote_device(url)
            stack.enter_context(sealer)
        believed = opened.trust.as_of(session.started)
        verifier = Verifier(believed, records, opened.mark_key, opened.former_mark_keys)
        quiet = session.as_json or len(found.files) < 2
        bar = stderr_progress(len(found.files), "study close", quiet=quiet, clock=session.monotonic)
        with bar as progress:
            surveyed = survey(
                found.files,
                verifier,
                salt=chance.salt,
                with_unsealed=with_unsealed,
                with_mac=key_object is not None,
                step=progress.advance,
            )
        if surveyed.refused:
            return _refuse(surveyed, session)
        if key_object is not None:
            _require_room(surveyed)
        closed = log_closing(
            surveyed, archivist=archivist, records=records, at=session.now(), chance=chance
        )
        if key_object is not None and sealer is not None:
            _write_key_object(surveyed, closed, sealer, signer, key_object, session, force=force)
    code = 0 if closed.no_receipt is None else NOT_CHECKED
    _print(surveyed, closed, key_object, session, code=code)
    return code


def _signer(
    key_object: Path | None, key: Path | None, certificate: Path | None
) -> "DicomSigner | None":
    if key is None and certificate is None:
        return None
    if key is None or certificate is None or key_object is None:
        raise click.UsageError("give --kos, --ps315-key and --ps315-certificate together")
    from provenance.ps315.profiles import Profile
    from provenance.ps315.sign import DicomSigner

    return DicomSigner.load(key, certificate, Profile.UNPROFILED)  # all that can be signed is


def _require_room(surveyed: "Survey") -> None:
    from provenance.errors import UsageError
    from provenance.study.selection import MAX_REFERENCES

    if len(surveyed.listed) > MAX_REFERENCES:
        raise UsageError(
            f"a Key Object refers to {MAX_REFERENCES} instances at most, and the study has "
            f"{len(surveyed.listed)}: close it without --kos"
        )


def _write_key_object(
    surveyed: "Survey",
    closed: "ClosedStudy",
    sealer: "Device",
    signer: "DicomSigner | None",
    path: Path,
    session: Session,
    *,
    force: bool,
) -> None:
    from provenance.dicom.read import read_instance
    from provenance.sealing.chance import Chance
    from provenance.sealing.seal import seal_at_time
    from provenance.study.key_object import key_object
    from provenance.study.selection import KeyObjectNames

    macs = {each.instance_uid: each.mac for each in surveyed.present if each.mac is not None}
    data = key_object(
        closed,
        read_instance(surveyed.present[0].path),
        macs=macs,
        names=KeyObjectNames.draw(),
        at=session.now(),
    )
    at, chance = session.now(), Chance.draw()
    sealed = seal_at_time(data, device=sealer, profile=None, at=at, chance=chance, signer=signer)
    sealed.write(path, overwrite=force)


def _refuse(surveyed: "Survey", session: Session) -> int:
    """Name every file that keeps the study from being closed."""
    if session.as_json:
        refused = [{"path": path_text(e.path), "why": e.why} for e in surveyed.refused]
        fields: dict[str, object] = {"closed": False, "refused": refused}
        print_json(document("study-close", fields, exit_code=USAGE))
        return USAGE
    for each in surveyed.refused[:SHOWN]:
        say(f"refused  {plain(each.path)}: {plain(each.why)}")
    if len(surveyed.refused) > SHOWN:
        say(f"and {len(surveyed.refused) - SHOWN} more (--json lists all)")
    raise CommandError(
        Failure(
            "the study is not closed: nothing was signed",
            why=f"{count_of(len(surveyed.refused), 'file', 'files')} must not be listed",
            do="see radseal verify for each; leave out what does not belong, or give "
            "--with-unsealed for what was never sealed",
            exit_code=USAGE,
        )
    )


def _print(
    surveyed: "Survey",
    closed: "ClosedStudy",
    key_object: Path | None,
    session: Session,
    *,
    code: int,
) -> None:
    if session.as_json:
        fields: dict[str, object] = {
            "closed": True,
            "study_instance_uid": surveyed.study_uid,
            "study_object": closed.object_id.hex(),
            "log_index": closed.log_index,
            "instances": len(surveyed.listed),
            "supersedes": closed.superseded,
            "receipt": closed.receipt is not None,
            "key_object": None if key_object is None else path_text(key_object),
            "notes": list(surveyed.notes),
            "refused": [],
        }
        print_json(document("study-close", fields, exit_code=code))
        return
    say(f"closed  study {plain(surveyed.study_uid)}")
    what = count_of(len(surveyed.listed), "instance", "instances")
    say(f"  {what}, study object {closed.object_id.hex()}, entry {closed.log_index}")
    if closed.superseded:
        earlier = count_of(closed.superseded, "earlier closing", "earlier closings")
        say(f"  supersedes {earlier}")
    for note in surveyed.notes[:SHOWN]:
        say(f"  note: {plain(note)}")
    if closed.no_receipt is not None:
        say(f"  no receipt yet: {plain(closed.no_receipt)}")
        say("  do:  close the study again once the log and its witnesses can be reached")
    if key_object is not None:
        say(f"  Key Object: {plain(key_object)}")
