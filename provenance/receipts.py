"""Put receipts into files that were sealed while log or witnesses could not be reached."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from ledger import (
    Entry,
    Event,
    LedgerError,
    Outbox,
    TrustedLogs,
    open_receipt,
    parse_statement,
)
from provenance.dicom.carrier import Carrier, read_carrier, write_carrier
from provenance.dicom.read import read_instance
from provenance.dicom.write import write_instance
from provenance.errors import RadsealError


class Filing(StrEnum):
    """What became of one file."""

    DONE = "receipt written"
    THERE = "has a receipt"
    WAITS = "no receipt yet"
    OTHER = "not sealed here"
    FAILED = "cannot be written"


@dataclass(frozen=True, slots=True)
class Filed:
    """One file; ``seal_id`` if its seal is known here, ``detail`` says why it has no receipt."""

    path: Path
    filing: Filing
    seal_id: bytes | None = None
    detail: str | None = None


class ReceiptSource(Protocol):
    """What knows some statements, and has receipts of them: an outbox, or a log."""

    def holds(self, statement: bytes) -> bool:
        """Whether it knows exactly these signed bytes."""

    def receipt_of(self, statement: bytes) -> bytes | None:
        """Return the receipt of a statement it holds; None while there is none."""


@dataclass(frozen=True, slots=True)
class LogReceipts:
    """The receipts of a log.

    Attributes
    ----------
    events : callable
        Returns what the log holds of an object.
    receipt : callable
        Returns the receipt of an entry; the log is published up to it first.
    """

    events: Callable[[bytes], Sequence[Entry]]
    receipt: Callable[[Entry], bytes]

    def holds(self, statement: bytes) -> bool:
        """Whether the log holds exactly these signed bytes."""
        return self._entry(statement) is not None

    def receipt_of(self, statement: bytes) -> bytes | None:
        """Return the receipt; an error of the ledger says why there is none."""
        entry = self._entry(statement)
        return None if entry is None else self.receipt(entry)

    def _entry(self, statement: bytes) -> Entry | None:
        object_id = _object_id(statement)
        known = () if object_id is None else self.events(object_id)
        return next((entry for entry in known if entry.statement == statement), None)


def file_receipts(
    paths: Sequence[Path], source: ReceiptSource, *, logs: TrustedLogs
) -> Iterator[Filed]:
    """Write each receipt into the carrier of its file: the whole file anew, or not at all.

    A file belongs to a receipt if its carrier holds exactly the signed bytes; nothing else in it
    is looked at, and nothing else is changed. A receipt that a verifier with ``logs`` would not
    take, as one from before a policy, is replaced.
    """
    for path in paths:
        try:
            yield _file_receipt(path, source, logs)
        except (RadsealError, LedgerError, OSError) as error:
            yield Filed(path, Filing.FAILED, detail=str(error))


def _file_receipt(path: Path, source: ReceiptSource, logs: TrustedLogs) -> Filed:
    try:
        instance = read_instance(path)
        carrier = read_carrier(instance.dataset)
        known = carrier is not None and source.holds(carrier.statement)
    except RadsealError:  # what cannot be read was not sealed here
        return Filed(path, Filing.OTHER)
    except ValueError:  # no statement
        return Filed(path, Filing.OTHER)
    if carrier is None or not known:
        return Filed(path, Filing.OTHER)
    seal_id = _object_id(carrier.statement)
    if carrier.receipt is not None and _is_good(carrier.statement, carrier.receipt, logs):
        return Filed(path, Filing.THERE, seal_id)
    try:
        receipt = source.receipt_of(carrier.statement)
    except LedgerError as error:  # no quorum, or nobody answers
        return Filed(path, Filing.WAITS, seal_id, str(error))
    if receipt is None:
        return Filed(path, Filing.WAITS, seal_id)
    write_carrier(
        instance.dataset, Carrier(carrier.statement, carrier.annex, receipt, carrier.restore)
    )
    write_instance(instance, path, overwrite=True)
    return Filed(path, Filing.DONE, seal_id)


def _is_good(statement: bytes, receipt: bytes, logs: TrustedLogs) -> bool:
    try:
        open_receipt(statement, receipt, logs=logs)
    except LedgerError:
        return False
    return True


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
