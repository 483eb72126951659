"""Code as a user writes it; mypy --strict checks it with the packages, nothing runs it."""

from pathlib import Path

import numpy as np

import watermark
from provenance import (
    AcceptancePolicy,
    Action,
    Arrival,
    Decision,
    Device,
    Facts,
    Outcome,
    Reason,
    Site,
    StudyWord,
    TrustStore,
    Verdict,
    Word,
    admit,
    close_study,
    correct,
    load_policy,
    restore,
    seal,
    verify,
    verify_study,
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
    return verdict.word is Word.AUTHENTIC and verdict.trust is Outcome.PROVEN


def ingest(path: Path, site: Site, policy_file: Path, arrival: Arrival) -> bool:
    """Let in what the policy lets in."""
    policy: AcceptancePolicy = load_policy(policy_file)
    records = site.records()
    with records.log:
        found = admit(path, policy=policy, arrival=arrival, trust=site.trust, records=records)
    decision: Decision = policy.decide(found.verdict, Facts(arrival, modality="CT"))
    return found.decision.action is Action.ACCEPT and decision.action.lets_in


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


def close(folder: Path, site: Site, archivist: Device) -> bytes:
    """Say that a study is whole, and return what it was closed with."""
    records = site.records()
    with records.log:
        closed = close_study([folder], archivist=archivist, records=records, trust=site.trust)
    return closed.manifest.encode()


def whole(folder: Path, trust: TrustStore) -> list[str]:
    """Name the studies that are complete, by the Key Objects in the folder."""
    studies = verify_study([folder], trust=trust)
    return [v.study_uid for v in studies.verdicts if v.word is StudyWord.COMPLETE]


def original(path: Path, site: Site) -> bytes:
    """Take the mark out."""
    return restore(path, mark_key=site.mark_key).to_bytes()


def mark_id(image: "np.ndarray[tuple[int, int], np.dtype[np.uint16]]", key: bytes) -> bytes | None:
    """Read the mark of an array."""
    reading = watermark.detect(image, key=key)
    return None if reading is None else reading.payload
