"""`radseal quarantine release, reject, confirm, withdraw, note`: what persons decide."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.options import common
from provenance.cli.output import document, moment, path_text, print_json, say
from provenance.cli.quarantine_options import (
    Where,
    alone_option,
    archive_option,
    audited,
    number_argument,
    open_quarantine,
    person_options,
    proposal_fields,
    reason_option,
    require_object,
    signer_of,
    site_options,
    title_option,
)
from provenance.cli.session import Session
from provenance.cli.terminal import plain

if TYPE_CHECKING:
    from datetime import datetime

    from provenance.audit_trail import Fact
    from provenance.pacs.quarantine.proposals import Proposal
    from provenance.pacs.quarantine.quarantine import Quarantine
    from provenance.pacs.spool.spool import Spool

note_option = click.option(
    "--note",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True, resolve_path=True),
    metavar="DIR",
    help="Once it is rejected, write a rejection note (IHE IOCM) to this folder.",
)


@click.command(short_help="Propose to send an object on.")
@number_argument
@reason_option
@alone_option
@archive_option
@person_options
@site_options
@common
@click.pass_obj
def release(
    session: Session,
    number: int,
    reason: str,
    alone: bool,
    archives: tuple[str, ...],
    role: str,
    named: str | None,
    where: Where,
) -> int:
    """Propose to send object N on to the archives. A second person confirms it within seven days.

    You sign with your key: an operator's or an archivist's. The reason stays in the spool; the
    ledger gets who, when and what, and a commitment to the reason.

    \b
    Example
      radseal quarantine release 7 --reason "asked CT 3, it is theirs" \\
        --spool /var/spool/radseal --site /srv/radseal
    """
    if archives and not alone:
        raise click.UsageError("the archives are named by who confirms")
    with open_quarantine(where) as (quarantine, opened, _records), audited(where) as tell:
        require_object(quarantine.spool, number)
        signer, at = signer_of(opened, named, role), session.now()
        if alone:
            done = quarantine.decide_alone(
                number,
                to_archives=True,
                reason=reason,
                signer=signer,
                at=at,
                archives=where.chosen(archives),
            )
            tell(_decided(quarantine, done, (signer.kid,), at))
            return _tell(session, done, "released")
        made = quarantine.propose(number, to_archives=True, reason=reason, signer=signer, at=at)
    return _tell(session, made, "proposed")


@click.command(short_help="Propose to keep an object from readers for good.")
@number_argument
@reason_option
@note_option
@title_option
@alone_option
@person_options
@site_options
@common
@click.pass_obj
def reject(
    session: Session,
    number: int,
    reason: str,
    folder: Path | None,
    title: str,
    alone: bool,
    role: str,
    named: str | None,
    where: Where,
) -> int:
    """Propose to keep object N from readers for good. A second person confirms it.

    Its file stays in the spool, and the same bytes are refused whenever they come again. With
    --note a Key Object is written that tells archives to hide it; see radseal quarantine note.

    \b
    Example
      radseal quarantine reject 8 --reason "no device of ours made it" \\
        --spool /var/spool/radseal --site /srv/radseal
    """
    from provenance.pacs.quarantine.proposals import NoteWish

    wish = None if folder is None else NoteWish(title, folder)
    with open_quarantine(where) as (quarantine, opened, _records), audited(where) as tell:
        require_object(quarantine.spool, number)
        signer, at = signer_of(opened, named, role), session.now()
        if not alone:
            made = quarantine.propose(
                number, to_archives=False, reason=reason, signer=signer, at=at, note=wish
            )
            return _tell(session, made, "proposed")
        done = quarantine.decide_alone(
            number,
            to_archives=False,
            reason=reason,
            signer=signer,
            at=at,
            archives=(),
            note=wish,
        )
        tell(_decided(quarantine, done, (signer.kid,), at))
        written = _write_wished(done, quarantine.spool, at)
    return _tell(session, done, "rejected", written)


@click.command(short_help="Confirm, as a second person, what was proposed.")
@number_argument
@archive_option
@person_options
@site_options
@common
@click.pass_obj
def confirm(
    session: Session,
    number: int,
    archives: tuple[str, ...],
    role: str,
    named: str | None,
    where: Where,
) -> int:
    """Confirm what was proposed about object N, and do it: release it, or reject it.

    You are another person than who proposed it, with another key and another certified name. The
    proposal must hold still: younger than seven days, the file as it came.

    \b
    Example
      radseal quarantine confirm 7 --archive PACS --as archivist \\
        --spool /var/spool/radseal --site /srv/radseal
    """
    with open_quarantine(where) as (quarantine, opened, _records), audited(where) as tell:
        require_object(quarantine.spool, number)
        signer, at = signer_of(opened, named, role), session.now()
        done = quarantine.confirm(number, signer=signer, at=at, archives=where.chosen(archives))
        tell(_decided(quarantine, done, (done.consent.kid, signer.kid), at))
        written = _write_wished(done, quarantine.spool, at)
    return _tell(session, done, "released" if done.to_archives else "rejected", written)


@click.command(short_help="Take a proposal back.")
@number_argument
@person_options
@site_options
@common
@click.pass_obj
def withdraw(
    session: Session,
    number: int,
    role: str,
    named: str | None,
    where: Where,
) -> int:
    """Take back what was proposed about object N: your proposal, or somebody else's.

    \b
    Example
      radseal quarantine withdraw 7 --spool /var/spool/radseal --site /srv/radseal
    """
    with open_quarantine(where) as (quarantine, opened, _records):
        require_object(quarantine.spool, number)
        signer = signer_of(opened, named, role)
        done = quarantine.withdraw(number, signer=signer, at=session.now())
    return _tell(session, done, "withdrawn")


@click.command(short_help="Write or send the rejection note of a rejected object.")
@number_argument
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="Write it to this folder.",
)
@archive_option
@title_option
@site_options
@common
@click.pass_obj
def note(
    session: Session,
    number: int,
    folder: Path | None,
    archives: tuple[str, ...],
    title: str,
    where: Where,
) -> int:
    """Make the rejection note of object N, which was rejected: a Key Object as IHE IOCM has it.

    With --archive the gateway sends it there, and the archive hides the instance if it has it. A
    note names an instance by its UID: where that is also the UID of a genuine image, of which the
    rejected one is a forgery, it is not sent.

    \b
    Example
      radseal quarantine note 8 -o /tmp --archive PACS --spool /var/spool/radseal \\
        --site /srv/radseal
    """
    from provenance.errors import UsageError
    from provenance.pacs.arrivals import State
    from provenance.pacs.quarantine.rejection_note import queue_note, require_only_it

    if folder is None and not archives:
        raise click.UsageError("say where the note goes: -o DIR, --archive NAME, or both")
    archives = where.chosen(archives) if archives else ()
    queued = written = None
    with open_quarantine(where) as (quarantine, _site, records):
        opened, at = quarantine.spool, session.now()
        kept = require_object(opened, number)
        if kept.state is not State.REJECTED:
            raise UsageError(f"the object {number} is not rejected: it is {kept.state}")
        if archives:
            require_only_it(kept, spool=opened, records=records)
        made, name = _make_note(number, title, opened, at)
        if folder is not None:
            written = _write(made, folder / name)
        if archives:
            queued = queue_note(made, kept, spool=opened, archives=archives, at=at)
    if session.as_json:
        fields = {
            "number": number,
            "output": None if written is None else path_text(written),
            "queued": queued,
        }
        print_json(document("quarantine-note", fields, exit_code=0))
        return 0
    if written is not None:
        say(f"{plain(written)}  rejection note of object {number}")
    if queued is not None:
        say(f"object {queued} of the spool is the rejection note; it goes to the archives")
    return 0


def _decided(
    quarantine: "Quarantine", done: "Proposal", kids: tuple[bytes, ...], at: "datetime"
) -> "Fact":
    """Return what the audit trail is told of a decision, and of whose it was."""
    from provenance.pacs.quarantine.auditing import audit_person, decision_fact

    kept = quarantine.spool.object(done.object)
    return decision_fact(
        released=done.to_archives,
        study=kept.instance.study,
        sop_class=kept.instance.sop_class,
        verdict=kept.judged.word.value,
        reason=done.reason,
        persons=[audit_person(kid, quarantine.find, at) for kid in kids],
        at=at,
    )


def _make_note(number: int, title: str, spool: "Spool", at: "datetime") -> tuple[bytes, str]:
    from provenance.pacs.quarantine.rejection_note import rejection_note, title_of
    from provenance.study.selection import KeyObjectNames

    names, content = KeyObjectNames.draw(), spool.content(number)
    made = rejection_note(content, title_of(title), names=names, at=at)
    return made, f"{names.instance_uid}.dcm"


def _write(made: bytes, path: Path) -> Path:
    from provenance.whole_file import write_whole

    write_whole(path, made)
    return path


def _write_wished(done: "Proposal", spool: "Spool", at: "datetime") -> Path | None:
    """Write the note that was wished; that it cannot be made undoes no decision."""
    from provenance.cli.failure import CommandError, Failure, failure_of
    from provenance.errors import RadsealError

    if done.note is None or done.to_archives:
        return None
    try:
        made, name = _make_note(done.object, done.note.title, spool, at)
        return _write(made, done.note.folder / name)
    except (RadsealError, OSError) as error:
        failed = failure_of(error)
        raise CommandError(
            Failure(
                f"object {done.object} is rejected, but its note was not written",
                why=failed.why,
                do=f"radseal quarantine note {done.object} -o DIR makes it, once that is mended",
                exit_code=failed.exit_code,
            )
        ) from error


def _tell(session: Session, proposal: "Proposal", became: str, written: Path | None = None) -> int:
    if session.as_json:
        fields = {
            "number": proposal.object,
            "became": became,
            "proposal": proposal_fields(proposal),
            "note": None if written is None else path_text(written),
        }
        print_json(document("quarantine-step", fields, exit_code=0))
        return 0
    what = "release" if proposal.to_archives else "reject"
    noun = "release" if proposal.to_archives else "rejection"
    match became:
        case "proposed":
            say(
                f"object {proposal.object}: its {noun} is proposed; a second person confirms it "
                f"until {moment(proposal.until)}"
            )
        case "withdrawn":
            say(f"object {proposal.object}: the proposal to {what} it is withdrawn")
        case _:
            say(f"object {proposal.object} is {became}")
    if written is not None:
        say(f"{plain(written)}  rejection note of object {proposal.object}")
    return 0
