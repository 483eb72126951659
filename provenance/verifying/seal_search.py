"""Find the seal of what is judged: in its carrier, or in a ledger by UID, pixels or mark."""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger import (
    BIRTHS,
    Entry,
    Event,
    LedgerError,
    StoreError,
    UnverifiedStatement,
    parse_statement,
)
from provenance.claims.annex import Annex
from provenance.claims.claim import Claim, open_claim
from provenance.claims.kept_annex import KeptAnnex
from provenance.dicom.carrier import Carrier as CarrierValues
from provenance.dicom.read import Instance
from provenance.errors import EvidenceError, MalformedError
from provenance.findings import Code
from provenance.judging.evidence import MarkReading, Problem, Source
from provenance.records import Lookup, ReadableLog, Records, uid_of
from provenance.verifying import compare


@dataclass(frozen=True, slots=True)
class FoundSeal:
    """A seal that opened, where it was found, and the receipt beside it."""

    claim: Claim
    source: Source
    receipt: bytes | None


def from_carrier(values: CarrierValues) -> tuple[FoundSeal | None, Problem | None]:
    """Open the seal that a file carries; what does not fit is a problem."""
    try:
        unverified = parse_statement(values.statement)
        annex = Annex.decode(values.annex)
    except (LedgerError, MalformedError) as error:
        return None, Problem(Code.CARRIER_BROKEN, f"the seal cannot be read: {error}")
    try:
        claim = open_claim(unverified, annex)
    except MalformedError as error:
        return None, Problem(Code.CARRIER_BROKEN, f"the seal cannot be read: {error}")
    except EvidenceError as error:
        return None, Problem(Code.SEAL_MISFIT, str(error))
    return FoundSeal(claim, Source.FILE, values.receipt), None


def from_ledger(instance: Instance, records: Records[ReadableLog] | None) -> FoundSeal | None:
    """Look an object up by its SOP Instance UID, then by its pixels. Raises LedgerError."""
    if records is None:
        return None
    uid = uid_of(instance.dataset, Lookup.INSTANCE)
    if uid is not None:
        found = _newest(records.find(Lookup.INSTANCE, uid), Source.LEDGER_BY_INSTANCE, records)
        if found is not None:
            return found
    root = compare.image_root(instance)
    if root is None:
        return None
    return _newest(records.find(Lookup.PIXELS, root), Source.LEDGER_BY_PIXELS, records)


def from_mark(
    mark: MarkReading, records: Records[ReadableLog] | None
) -> tuple[FoundSeal | None, Problem | None]:
    """Open the seal that a mark names; or say why it is out of reach. Raises LedgerError."""
    if mark.seal_id is None:
        return None, None
    name = f"seal {mark.seal_id.hex()}"
    if records is None:
        return None, Problem(Code.SEAL_OUT_OF_REACH, f"no ledger was asked for {name}")
    found = _newest((mark.seal_id,), Source.LEDGER_BY_MARK, records)
    if found is not None:
        return found, None
    entries = records.log.events(mark.seal_id)
    if not entries:
        return None, Problem(Code.SEAL_OUT_OF_REACH, f"the ledger does not hold {name}")
    detail = f"{name} is entry {entries[0].index} of the log, but its annex is gone"
    return None, Problem(Code.SEAL_OUT_OF_REACH, detail)


def _seal_of(entries: Sequence[Entry]) -> UnverifiedStatement | None:
    """Return an object's first seal, or the birth that it has instead.

    A later one is a rival, and has no annex in the log.
    """
    births = [each for each in map(_said, entries) if each.event in BIRTHS]
    seals = [each for each in births if each.event is Event.SEALED]
    return next(iter((*seals, *births)), None)


def _said(entry: Entry) -> UnverifiedStatement:
    return parse_statement(entry.statement)


def _newest(
    seal_ids: Sequence[bytes], source: Source, records: Records[ReadableLog]
) -> FoundSeal | None:
    """Open the newest seal among ``seal_ids`` whose annex the ledger still holds."""
    for seal_id in reversed(seal_ids):
        seal = _seal_of(records.log.events(seal_id))
        annex = records.log.annex(seal_id)
        if seal is None or annex is None:
            continue
        try:
            claim = open_claim(seal, Annex.decode(KeptAnnex.decode(annex).seal))
        except EvidenceError as error:
            raise StoreError(f"its own copy of seal {seal_id.hex()} does not open") from error
        return FoundSeal(claim, source, None)
    return None
