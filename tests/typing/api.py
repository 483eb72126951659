"""Code as a user writes it; mypy --strict checks it with the packages, nothing runs it."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

import watermark
from provenance import (
    Device,
    Outcome,
    Reason,
    Site,
    TrustStore,
    Verdict,
    Word,
    correct,
    restore,
    seal,
    verify,
)


def seal_folder(folder: Path, device: Device) -> list[str]:
    """Seal every file beside itself."""
    ids: list[str] = []
    for path in folder.glob("*.dcm"):
        sealed = seal(path, device=device)
        sealed.write(path.with_suffix(".sealed.dcm"))
        ids.append(sealed.seal_id.hex())
    return ids


def accept(path: Path, trust: TrustStore) -> bool:
    """Let in what is authentic."""
    verdict: Verdict = verify(path, trust=trust)
    verify(path, trust=trust.as_of(datetime.now(UTC)))
    verify(path, trust=trust, at=datetime.now(UTC))
    return verdict.word is Word.AUTHENTIC and verdict.trust is Outcome.PROVEN


def rename(path: Path, site: Site, archivist: Device, name: str) -> int:
    """Correct a name, and say where that is logged."""
    records = site.records()
    with records.log:
        corrected = correct(
            path,
            {"PatientName": name},
            reason=Reason.CORRECT,
            actor=archivist,
            records=records,
            trust=site.trust,
            system="ward 3",
        )
    corrected.write(path.with_suffix(".corrected.dcm"))
    return corrected.log_index


def original(path: Path, site: Site) -> bytes:
    """Take the mark out."""
    return restore(path, mark_key=site.mark_key).to_bytes()


def mark_id(image: "np.ndarray[tuple[int, int], np.dtype[np.uint16]]", key: bytes) -> bytes | None:
    """Read the mark of an array."""
    reading = watermark.detect(image, key=key)
    return None if reading is None else reading.payload
