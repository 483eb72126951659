"""Close a study: verify everything of it, list it, and log that this is all.

`close_study` draws clock and chance; `survey` (survey.py) and `log_closing` are its two steps,
with both given.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from ledger import Entry, Event, LedgerError, parse_statement
from provenance.errors import EvidenceMissingError, UsageError
from provenance.records import Lookup, ReadableLog, Records, pseudonym
from provenance.site.device import Device
from provenance.study.closing import ClosingBody
from provenance.study.listed import SEAL_ID_SIZE
from provenance.study.manifest import SALT_SIZE, Manifest
from provenance.study.survey import Survey, survey
from provenance.trust.store import TrustStore
from provenance.verifying.verifier import Verifier
from provenance.walk import walk


@dataclass(frozen=True, slots=True)
class Chance:
    """The random values of one closing; each is used once."""

    object_id: bytes
    salt: bytes

    @classmethod
    def draw(cls) -> Self:
        """Draw from the operating system."""
        return cls(secrets.token_bytes(SEAL_ID_SIZE), secrets.token_bytes(SALT_SIZE))


@dataclass(frozen=True, slots=True)
class ClosedStudy:
    """A closing in the log; ``no_receipt`` says why there is no receipt yet."""

    manifest: Manifest
    object_id: bytes
    log_index: int
    statement: bytes
    receipt: bytes | None
    no_receipt: str | None
    superseded: int


def close_study(
    paths: Sequence[Path | str],
    *,
    archivist: Device,
    records: Records[ReadableLog],
    trust: TrustStore,
    mark_key: bytes | None = None,
    with_unsealed: bool = False,
) -> ClosedStudy:
    """Close the study of the files at or under ``paths``: verify, list, sign, log.

    ``archivist`` holds the key of an archivist, ``records`` read the log that it writes to.
    NotProvenError unless every file is AUTHENTIC, CORRECTED or DERIVED (or UNSEALED, if asked for)
    and of one study; errors of the ledger.
    """
    if trust.judged_at is None:
        trust = trust.as_of(datetime.now(UTC))
    chance = Chance.draw()
    found = walk([Path(path) for path in paths])
    surveyed = survey(
        found.files,
        Verifier(trust, records, mark_key),
        salt=chance.salt,
        with_unsealed=with_unsealed,
    )
    return log_closing(
        surveyed, archivist=archivist, records=records, at=datetime.now(UTC), chance=chance
    )


def log_closing(
    surveyed: Survey,
    *,
    archivist: Device,
    records: Records[ReadableLog],
    at: datetime,
    chance: Chance,
) -> ClosedStudy:
    """Sign and log a closing of what was surveyed, with clock and random values given.

    ``chance`` must be the one whose salt the survey had. NotProvenError if anything was refused.
    """
    surveyed.require()
    if not surveyed.listed:
        raise EvidenceMissingError("there is no object to close a study of")
    certificates = archivist.certificates
    manifest = Manifest(chance.salt, surveyed.study_uid, certificates, surveyed.listed)
    object_id, superseded = _object_of(surveyed.study_uid, records)
    object_id = object_id or chance.object_id
    uid = surveyed.study_uid.encode("ascii")
    entry = archivist.record(
        Event.STUDY_CLOSED,
        object_id=object_id,
        body=ClosingBody.of(manifest).to_cbor(),
        at=at,
        annex=manifest.encode(),
        pseudonyms=(pseudonym(archivist.lookup_key, Lookup.MANIFEST, uid),),
    )
    if not isinstance(entry, Entry):
        raise UsageError("an archivist is online: a closing does not wait in an outbox")
    receipt, no_receipt = _receipt(archivist, entry)
    return ClosedStudy(
        manifest, object_id, entry.index, entry.statement, receipt, no_receipt, superseded
    )


def _object_of(study_uid: str, records: Records[ReadableLog]) -> tuple[bytes | None, int]:
    """Return the object of the study's newest closing, and how many it has.

    One that was erased has lost its pseudonym: nothing can be kept beside it again.
    """
    newest: tuple[int, bytes, int] | None = None
    for object_id in records.find(Lookup.MANIFEST, study_uid.encode("ascii")):
        entries = records.log.events(object_id)
        closings = [
            entry
            for entry in entries
            if parse_statement(entry.statement).event is Event.STUDY_CLOSED
        ]
        if not closings:
            continue
        if newest is None or closings[-1].index > newest[0]:
            newest = closings[-1].index, object_id, len(closings)
    return (None, 0) if newest is None else newest[1:]


def _receipt(archivist: Device, entry: Entry) -> tuple[bytes | None, str | None]:
    """Return the receipt, or why a closing that is logged has none."""
    try:
        return archivist.receipt(entry), None
    except LedgerError as error:
        return None, str(error)
