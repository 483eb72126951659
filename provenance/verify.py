"""Verify one object: read it, gather the evidence, judge it. Bad evidence becomes a finding."""

from pathlib import Path

from provenance.dicom.read import read_instance
from provenance.errors import UnreadableError
from provenance.findings import Code
from provenance.gather import Verifier, gather
from provenance.judge import judge
from provenance.records import Records
from provenance.trust import TrustStore
from provenance.verdict import Check, Outcome, Status, Verdict, Word


def verify(
    source: bytes | Path | str,
    *,
    trust: TrustStore,
    records: Records | None = None,
    mark_key: bytes | None = None,
) -> Verdict:
    """Return the verdict on one DICOM object. Never fails open, and needs no network.

    ``records`` lets the ledger be asked, ``mark_key`` lets the mark be looked for; without them
    those questions stay unknown. Raises only for a mistake of the caller (UsageError).
    """
    path = Path(source) if isinstance(source, str) else source
    verifier = Verifier(trust, records, mark_key)
    try:
        return judge(gather(read_instance(path), verifier))
    except UnreadableError as error:
        return unreadable(str(error))


def unreadable(why: str) -> Verdict:
    """Return the verdict on something that cannot be decoded."""
    return Verdict(
        word=Word.UNREADABLE,
        integrity=Outcome.UNKNOWN,
        trust=Outcome.UNKNOWN,
        custody=Outcome.UNKNOWN,
        checks=(Check("readable", Status.FAIL, Code.UNREADABLE, why),),
    )
