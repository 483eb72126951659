"""What the commands about quarantine share: the spool, who decides, and how things are shown."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
from click.core import ParameterSource

from provenance.cli.failure import NOTHING_MATCHED, USAGE, CommandError, Failure
from provenance.cli.key_output import parse_place
from provenance.cli.options import open_site, site_option
from provenance.cli.output import moment

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ledger import Signer
    from provenance.audit_trail import Collector, Fact
    from provenance.pacs.arrivals import Kept
    from provenance.pacs.quarantine.persons import Person
    from provenance.pacs.quarantine.proposals import Proposal
    from provenance.pacs.quarantine.purges import Purge
    from provenance.pacs.quarantine.quarantine import Quarantine
    from provenance.pacs.spool.spool import Spool
    from provenance.records import ReadableLog, Records
    from provenance.site.site import Site

F = TypeVar("F", bound=Callable[..., Any])

number_argument = click.argument("number", type=click.IntRange(min=1), metavar="N")
_spool_option = click.option(
    "--spool",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="RADSEAL_SPOOL",
    show_envvar=True,
    help="The folder of the gateway's spool.",
)
_config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The gateway's radseal-gateway.toml: it names spool, site, log and archives.",
)
_log_option = click.option(
    "--log",
    "url",
    metavar="URL",
    help="Where radseal log serve serves the site's log. Default: the one in its folder.",
)
reason_option = click.option(
    "--reason", required=True, help="Why, in 1 to 500 characters. It stays in the spool."
)
archive_option = click.option(
    "--archive",
    "archives",
    multiple=True,
    metavar="NAME",
    help="Which archive gets it, by the name that the gateway has for it; as often as needed. "
    "Default: all that the file of --config names.",
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


@dataclass(frozen=True, slots=True)
class Where:
    """The spool, and the site and its log; ``archives`` and ``audit`` if a file names them."""

    spool: Path
    site: Path | None = None
    log: str | None = None
    archives: tuple[str, ...] | None = None
    audit: "Collector | None" = None
    ae_title: str = ""

    def chosen(self, named: tuple[str, ...]) -> tuple[str, ...]:
        """Return the archives that are meant: those named, or all of the configuration."""
        if self.archives is None:
            return named
        unknown = [name for name in named if name not in self.archives]
        if unknown:
            raise click.UsageError(
                f"the configuration has no archive {unknown[0]!r}: {', '.join(self.archives)}"
            )
        return named or self.archives


def spool_options(function: F) -> F:
    """Where the spool is: --spool, or --config; handed over as ``where``."""

    @wraps(function)
    def called(*args: Any, spool: Path | None, config: Path | None, **more: Any) -> Any:
        return function(*args, where=_where(spool, config, None, None), **more)

    return cast(F, _config_option(_spool_option(called)))


def site_options(function: F) -> F:
    """Where spool, site and log are; handed over as ``where``."""

    @wraps(function)
    def called(
        *args: Any,
        spool: Path | None,
        config: Path | None,
        site: Path | None,
        url: str | None,
        **more: Any,
    ) -> Any:
        return function(*args, where=_where(spool, config, site, url), **more)

    return cast(F, _config_option(_spool_option(site_option(_log_option(called)))))


def _where(spool: Path | None, config: Path | None, site: Path | None, url: str | None) -> Where:
    if config is None:
        if spool is None:
            raise click.UsageError("name the spool: --spool DIR, or --config FILE of the gateway")
        return Where(spool, site, url)
    from provenance.pacs.gateway.configuration_file import load_configuration

    context = click.get_current_context()
    for name in ("spool", "site", "url"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = "log" if name == "url" else name
            raise click.UsageError(f"the file of --config names it: leave out --{option}")
    found = load_configuration(config)
    names = tuple(archive.name for archive in found.archives)
    return Where(found.spool, found.site, found.log, names, found.audit, found.listen.ae_title)


def person_options(function: F) -> F:
    """With which key a person signs."""
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
    from provenance.pacs.spool.spool import Spool

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
    where: Where,
) -> Iterator["tuple[Quarantine, Site, Records[ReadableLog]]"]:
    """Hold a spool's quarantine, its site, and the ledger that knows who may decide."""
    from provenance.pacs.quarantine.persons import find_person, one_is_enough
    from provenance.pacs.quarantine.quarantine import Quarantine

    opened = open_site(where.site)
    trust = opened.trust
    with open_spool(where.spool) as spool, open_records(opened, where.log) as records:

        def find(kid: bytes, at: datetime) -> "Person":
            return find_person(kid, log=records.log, trust=trust, at=at)

        alone = one_is_enough(where.spool)
        yield Quarantine(spool, records.log.origin, find, alone), opened, records


def audited(where: Where) -> "AbstractContextManager[Callable[[Fact], None]]":
    """Hold the audit trail of those who decide, if the file of --config names one."""
    from provenance.pacs.quarantine.auditing import decision_trail

    return decision_trail(where.spool, where.audit, where.ae_title)


def signer_of(site: "Site", named: str | None, role: str) -> "Signer":
    """Return the key that a person named, or the site's own in ``role``."""
    from ledger import Role

    place = parse_place(named)
    return site.signer(Role(role)) if place is None else place.signer()


def require_object(spool: "Spool", number: int) -> "Kept":
    """Return the object of that number; there may be none."""
    from provenance.errors import UsageError
    from provenance.pacs.spool.memory import ForgottenError

    try:
        return spool.object(number)
    except ForgottenError as error:
        raise CommandError(
            Failure(
                str(error),
                why="what archives have, or their senders kept, is forgotten after a time",
                do="ask the ledger: radseal trace, by the SOP Instance UID or the seal id",
                exit_code=NOTHING_MATCHED,
            )
        ) from error
    except UsageError as error:
        raise CommandError(
            Failure(
                str(error),
                why="numbers are counted by each spool for itself",
                do="see radseal quarantine list --state any",
                exit_code=NOTHING_MATCHED,
            )
        ) from error


def kept_fields(
    kept: "Kept", proposal: "Proposal | None", purge: "Purge | None" = None
) -> dict[str, object]:
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
        "purged": None if purge is None else purge_fields(purge),
    }


def purge_fields(purge: "Purge") -> dict[str, object]:
    """Return that a file goes, or has gone, off the disk as JSON values."""
    return {
        "at": moment(purge.at),
        "person": purge.person,
        "removed": None if purge.removed is None else moment(purge.removed),
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
