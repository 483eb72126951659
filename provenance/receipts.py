"""Put receipts into files that were sealed while the log could not be reached."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ledger import Event, LedgerError, Outbox, parse_statement
from provenance.dicom.carrier import Carrier, read_carrier, write_carrier
from provenance.dicom.read import read_instance
from provenance.dicom.write import write_instance
from provenance.errors import RadsealError


class Filing(StrEnum):
    """What became of one file."""

    DONE = "receipt written"
    THERE = "has a receipt"
    WAITS = "no receipt yet"
    OTHER = "not of this outbox"
    FAILED = "cannot be written"


@dataclass(frozen=True, slots=True)
class Filed:
    """One file; ``seal_id`` if it is a seal of this outbox, ``detail`` if it failed."""

    path: Path
    filing: Filing
    seal_id: bytes | None = None
    detail: str | None = None


def file_receipts(paths: Sequence[Path], outbox: Outbox) -> Iterator[Filed]:
    """Write each receipt into the carrier of its file: the whole file anew, or not at all.

    A file belongs to a receipt if its carrier holds exactly the signed bytes; nothing else in it
    is looked at, and nothing else is changed.
    """
    for path in paths:
        try:
            yield _file_receipt(path, outbox)
        except (RadsealError, LedgerError, OSError) as error:
            yield Filed(path, Filing.FAILED, detail=str(error))


def _file_receipt(path: Path, outbox: Outbox) -> Filed:
    try:
        instance = read_instance(path)
        carrier = read_carrier(instance.dataset)
        known = carrier is not None and outbox.holds(carrier.statement)
    except RadsealError:  # what cannot be read was not sealed here
        return Filed(path, Filing.OTHER)
    except ValueError:  # no statement
        return Filed(path, Filing.OTHER)
    if carrier is None or not known:
        return Filed(path, Filing.OTHER)
    seal_id = _object_id(carrier.statement)
    if carrier.receipt is not None:
        return Filed(path, Filing.THERE, seal_id)
    receipt = outbox.receipt_of(carrier.statement)
    if receipt is None:
        return Filed(path, Filing.WAITS, seal_id)
    write_carrier(
        instance.dataset, Carrier(carrier.statement, carrier.annex, receipt, carrier.restore)
    )
    write_instance(instance, path, overwrite=True)
    return Filed(path, Filing.DONE, seal_id)


def _object_id(statement: bytes) -> bytes | None:
    return parse_statement(statement).object_id


def unfiled(outbox: Outbox, filed: Sequence[Filed]) -> tuple[bytes, ...]:
    """Return the seals of the outbox whose file was not among those: it was moved, or renamed."""
    seen = {each.seal_id for each in filed}
    return tuple(
        kept.statement.object_id
        for kept in outbox.statements()
        if kept.statement.event is Event.SEALED
        and kept.statement.object_id is not None
        and kept.statement.object_id not in seen
    )
