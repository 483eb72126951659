"""What the commands about quarantine share: the spool, who decides, and how things are shown."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from provenance.cli.failure import NOTHING_MATCHED, USAGE, CommandError, Failure
from provenance.cli.key_output import parse_place
from provenance.cli.options import open_site
from provenance.cli.output import moment

if TYPE_CHECKING:
    from ledger import Signer
    from provenance.pacs.arrivals import Kept
    from provenance.pacs.persons import Person
    from provenance.pacs.proposals import Proposal
    from provenance.pacs.quarantine import Quarantine
    from provenance.pacs.spool import Spool
    from provenance.records import ReadableLog, Records
    from provenance.site.site import Site

F = TypeVar("F", bound=Callable[..., Any])

number_argument = click.argument("number", type=click.IntRange(min=1), metavar="N")
spool_option = click.option(
    "--spool",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="RADSEAL_SPOOL",
    show_envvar=True,
    required=True,
    help="The folder of the gateway's spool.",
)
reason_option = click.option(
    "--reason", required=True, help="Why, in 1 to 500 characters. It stays in the spool."
)
archive_option = click.option(
    "--archive",
    "archives",
    multiple=True,
    metavar="NAME",
    help="Which archive gets it, by its name in the gateway's configuration; as often as needed.",
)
alone_option = click.option(
    "--alone", is_flag=True, help="Without a second person, where the spool allows it."
)
title_option = click.option(
    "--title",
    type=click.Choice(("patient-safety", "quality", "worklist")),
    default="patient-safety",
    show_default=True,
    help="What the rejection note says.",
)


def person_options(function: F) -> F:
    """With which key a person signs, and where the log is."""
    function = click.option(
        "--log",
        "url",
        metavar="URL",
        help="Where radseal log serve serves the site's log. Default: the one in its folder.",
    )(function)
    function = click.option(
        "--key",
        "named",
        metavar="URI",
        help="Your private key: a pkcs11: URI (RFC 7512), or the path of a PKCS#8 file.",
    )(function)
    return click.option(
        "--as",
        "role",
        type=click.Choice(("operator", "archivist")),
        default="operator",
        show_default=True,
        help="Without --key: sign with the site's own key in this role.",
    )(function)


@contextmanager
def open_spool(folder: Path) -> Iterator["Spool"]:
    """Hold the spool in ``folder``; it is not made here."""
    from provenance.pacs.spool import Spool

    if not (folder / "spool.db").is_file():
        raise CommandError(
            Failure(
                f"{folder} is no spool",
                why="it holds no spool.db, which the gateway makes",
                do="give --spool the folder that the gateway's configuration names",
                exit_code=USAGE,
            )
        )
    with Spool.open(folder) as spool:
        yield spool


@contextmanager
def open_records(site: "Site", url: str | None) -> Iterator["Records[ReadableLog]"]:
    """Hold the site's ledger to read."""
    records: Records[ReadableLog] = site.records() if url is None else site.remote_records(url)
    try:
        yield records
    finally:
        records.log.close()


@contextmanager
def open_quarantine(
    folder: Path, site: Path | None, url: str | None
) -> Iterator["tuple[Quarantine, Site, Records[ReadableLog]]"]:
    """Hold a spool's quarantine, its site, and the ledger that knows who may decide."""
    from provenance.pacs.persons import find_person, one_is_enough
    from provenance.pacs.quarantine import Quarantine

    opened = open_site(site)
    trust = opened.trust
    with open_spool(folder) as spool, open_records(opened, url) as records:

        def find(kid: bytes, at: datetime) -> "Person":
            return find_person(kid, log=records.log, trust=trust, at=at)

        alone = one_is_enough(folder)
        yield Quarantine(spool, records.log.origin, find, alone), opened, records


def signer_of(site: "Site", named: str | None, role: str) -> "Signer":
    """Return the key that a person named, or the site's own in ``role``."""
    from ledger import Role

    place = parse_place(named)
    return site.signer(Role(role)) if place is None else place.signer()


def require_object(spool: "Spool", number: int) -> "Kept":
    """Return the object of that number; there may be none."""
    from provenance.errors import UsageError

    try:
        return spool.object(number)
    except UsageError as error:
        raise CommandError(
            Failure(
                str(error),
                why="numbers are counted by each spool for itself",
                do="see radseal quarantine list --state any",
                exit_code=NOTHING_MATCHED,
            )
        ) from error


def kept_fields(kept: "Kept", proposal: "Proposal | None") -> dict[str, object]:
    """Return an object of the spool as JSON values."""
    sender, instance, judged = kept.sender, kept.instance, kept.judged
    return {
        "number": kept.number,
        "state": kept.state.value,
        "verdict": judged.word.value,
        "action": judged.action.value,
        "rule": judged.rule,
        "reasons": list(judged.reasons),
        "sender": {
            "route": sender.route.value,
            "at": moment(sender.at),
            "calling_ae": sender.calling_ae,
            "called_ae": sender.called_ae,
            "address": sender.address,
        },
        "sop_class_uid": instance.sop_class,
        "sop_instance_uid": instance.sop_instance,
        "study_instance_uid": instance.study,
        "transfer_syntax_uid": instance.transfer_syntax,
        "size": kept.size,
        "sha256": kept.sha256.hex(),
        "seal_id": judged.seal_id.hex() if judged.seal_id else None,
        "sealed_here": kept.sealed_here,
        "proposal": None if proposal is None else proposal_fields(proposal),
    }


def proposal_fields(proposal: "Proposal") -> dict[str, object]:
    """Return what a person proposed as JSON values."""
    return {
        "outcome": "release" if proposal.to_archives else "reject",
        "person": proposal.person,
        "key": proposal.consent.kid.hex(),
        "reason": proposal.reason,
        "at": moment(proposal.consent.at),
        "until": moment(proposal.until),
        "note": None if proposal.note is None else proposal.note.title,
    }
