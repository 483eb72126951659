"""Verify one object: read it, gather the evidence, judge it. Bad evidence becomes a finding."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from provenance.judging.verdict import Verdict
from provenance.records import ReadableLog, Records
from provenance.trust.store import TrustStore
from provenance.verifying.examination import examine_source
from provenance.verifying.verifier import Verifier


def verify(
    source: bytes | Path | str,
    *,
    trust: TrustStore,
    records: Records[ReadableLog] | None = None,
    mark_key: bytes | None = None,
    former_mark_keys: Sequence[bytes] = (),
    at: datetime | None = None,
) -> Verdict:
    """Return the verdict on one DICOM object, PNG, JPEG or TIFF. Never fails open; no network.

    ``records`` lets the ledger be asked, ``mark_key`` lets the mark be looked for
    (``former_mark_keys`` those that were made before the key was renewed); without them those
    questions stay unknown. ``at`` is the moment of judging, by which revocation lists and
    timestamps are good or not: that of ``trust``, else now. Raises only for a mistake of the
    caller (UsageError).
    """
    if at is not None or trust.judged_at is None:
        trust = trust.as_of(at or datetime.now(UTC))
    path = Path(source) if isinstance(source, str) else source
    return verify_with(path, Verifier(trust, records, mark_key, tuple(former_mark_keys)))


def verify_with(source: bytes | Path, verifier: Verifier) -> Verdict:
    """Return the verdict on one object, with a verifier that is made already."""
    return examine_source(source, verifier).verdict
