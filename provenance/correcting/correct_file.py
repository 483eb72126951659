"""Correct one file of many: whatever happens to it, the rest goes on, unless the log itself fails.

A patient merge or a study move is one correction of each object that it is about.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ledger import LedgerError, Role
from provenance.correcting.correct import Corrected, correct
from provenance.correcting.correction import Reason
from provenance.correcting.new_values import NewValue
from provenance.dicom.attributes import canonical_attributes
from provenance.dicom.carrier import read_carrier
from provenance.dicom.read import Instance, read_instance
from provenance.errors import MalformedError, RadsealError, UnreadableError
from provenance.records import Lookup, ReadableLog, Records, uid_of
from provenance.site.device import Device
from provenance.trust.store import TrustStore
from provenance.walk import Found


class Done(StrEnum):
    """What became of one input."""

    CORRECTED = "corrected"
    PRESENT = "already corrected"
    OTHER = "not meant"
    UNREADABLE = "unreadable"
    REFUSED = "cannot be corrected"
    UNLOGGED = "not corrected, the log failed"
    LEFT = "not tried"


@dataclass(frozen=True, slots=True)
class Correcting:
    """One input, its output, and what became of it: a correction, or why there is none."""

    source: Path
    output: Path
    done: Done
    corrected: Corrected | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be corrected, in which objects, why, and by whom.

    Objects that do not have every value of ``where`` are not meant, and left alone.
    """

    values: Sequence[NewValue]
    where: Sequence[NewValue]
    reason: Reason
    role: Role
    actor: Device
    records: Records[ReadableLog]
    trust: TrustStore
    system: str


def correct_file(file: Found, output: Path, order: Order, *, overwrite: bool) -> Correcting:
    """Correct ``file`` and write it to ``output``. Errors become values, except an interruption."""
    if file.problem is not None:
        error = OSError(None, file.problem, str(file.path))
        return Correcting(file.path, output, Done.UNREADABLE, error=error)
    try:
        if not has_values(read_instance(file.path), order.where):
            return Correcting(file.path, output, Done.OTHER)
        # What cannot be written shall not be logged.
        output.parent.mkdir(parents=True, exist_ok=True)
        corrected = correct(
            file.path,
            [(value.keyword, value.text) for value in order.values],
            reason=order.reason,
            actor=order.actor,
            records=order.records,
            trust=order.trust,
            system=order.system,
        )
        corrected.write(output, overwrite=overwrite)
    except UnreadableError as error:
        return Correcting(file.path, output, Done.UNREADABLE, error=error)
    except LedgerError as error:
        return Correcting(file.path, output, Done.UNLOGGED, error=error)
    except OSError as error:
        done = Done.UNREADABLE if error.filename == str(file.path) else Done.REFUSED
        return Correcting(file.path, output, done, error=error)
    except RadsealError as error:
        return Correcting(file.path, output, Done.REFUSED, error=error)
    return Correcting(file.path, output, Done.CORRECTED, corrected=corrected)


def has_values(instance: Instance, values: Sequence[NewValue]) -> bool:
    """Whether the object has all these values, compared by meaning (docs/spec/header-tree.md)."""
    found = {each.tag: each.value for each in canonical_attributes(instance.dataset)}
    return all(found.get(value.tag) == value.canonical for value in values)


def is_corrected_from(source: Path, output: Path, values: Sequence[NewValue]) -> bool:
    """Whether ``output`` is the same sealed instance as ``source``, and has these values."""
    try:
        before, after = read_instance(source), read_instance(output)
        seals = [read_carrier(each.dataset) for each in (before, after)]
    except (UnreadableError, MalformedError, OSError):
        return False
    if seals[0] is None or seals[1] is None or seals[0].statement != seals[1].statement:
        return False
    uids = [uid_of(each.dataset, Lookup.INSTANCE) for each in (before, after)]
    return uids[0] == uids[1] and has_values(after, values)
