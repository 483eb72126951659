"""Seal one file of many: whatever happens to it, the rest goes on, unless the log itself fails."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from ledger import LedgerError
from provenance.dicom.carrier import read_carrier
from provenance.dicom.read import read_instance
from provenance.errors import (
    KeyUnavailableError,
    MalformedError,
    SealError,
    UnreadableError,
    UsageError,
)
from provenance.ps315.sign import DicomSigner
from provenance.records import Lookup, uid_of
from provenance.sealing.chance import Chance
from provenance.sealing.seal import Sealed, seal_at_time
from provenance.site.device import Device
from provenance.walk import Found
from watermark import WatermarkError


class Done(StrEnum):
    """What became of one input."""

    SEALED = "sealed"
    PRESENT = "already sealed"
    UNREADABLE = "unreadable"
    REFUSED = "cannot be sealed"
    UNLOGGED = "not sealed, the log failed"
    LEFT = "not tried"


@dataclass(frozen=True, slots=True)
class Sealing:
    """One input, its output, and what became of it: a seal, or the error that prevented one."""

    source: Path
    output: Path
    done: Done
    sealed: Sealed | None = None
    error: Exception | None = None


def seal_file(
    file: Found,
    output: Path,
    *,
    device: Device,
    profile: str | None,
    at: datetime,
    overwrite: bool,
    signer: DicomSigner | None = None,
) -> Sealing:
    """Seal ``file`` and write it to ``output``. Errors become values, except an interruption.

    ``signer`` puts a PS3.15 signature beside the seal.
    """
    if file.problem is not None:
        error = OSError(None, file.problem, str(file.path))
        return Sealing(file.path, output, Done.UNREADABLE, error=error)
    try:
        # What cannot be written shall not be logged.
        output.parent.mkdir(parents=True, exist_ok=True)
        sealed = seal_at_time(
            file.path,
            device=device,
            profile=profile,
            at=at,
            chance=Chance.draw(),
            signer=signer,
        )
        sealed.write(output, overwrite=overwrite)
    except UnreadableError as error:
        return Sealing(file.path, output, Done.UNREADABLE, error=error)
    except LedgerError as error:
        return Sealing(file.path, output, Done.UNLOGGED, error=error)
    except OSError as error:
        done = Done.UNREADABLE if error.filename == str(file.path) else Done.REFUSED
        return Sealing(file.path, output, done, error=error)
    except (KeyUnavailableError, SealError, UsageError, WatermarkError) as error:
        return Sealing(file.path, output, Done.REFUSED, error=error)
    return Sealing(file.path, output, Done.SEALED, sealed=sealed)


def finished_outputs(pairs: Sequence[tuple[Found, Path]]) -> frozenset[Path]:
    """Return the outputs that an earlier run has finished."""
    return frozenset(output for file, output in pairs if is_sealed_from(file.path, output))


def is_sealed_from(source: Path, output: Path) -> bool:
    """Whether ``output`` carries a seal and is the same instance as ``source``."""
    try:
        before, after = read_instance(source).dataset, read_instance(output).dataset
        return read_carrier(after) is not None and (
            uid_of(before, Lookup.INSTANCE) == uid_of(after, Lookup.INSTANCE)
        )
    except (UnreadableError, MalformedError, OSError):
        return False
