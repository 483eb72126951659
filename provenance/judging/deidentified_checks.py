"""What a de-identified copy comes to, as checks: who says so, and what was declared."""

from collections.abc import Iterator, Sequence

from ledger import Event
from provenance.dicom.attribute_table import attribute_table
from provenance.findings import Code
from provenance.image_tree import Region
from provenance.judging.evidence import Evidence
from provenance.judging.verdict import Check, Status

ID = "deidentification"
_MOST = 6  # named one by one


def deidentified_checks(evidence: Evidence) -> Iterator[Check]:
    """Yield the checks of a de-identified copy; nothing for any other object."""
    claim = evidence.claim
    if claim is None or claim.event is not Event.DEIDENTIFIED:
        return
    origin, maker = claim.body.origin, evidence.signer or "its signer"
    assert origin is not None
    assert origin.declared is not None
    declared = origin.declared
    boxes = " but for boxes" if declared.redacted else ""
    detail = (
        f"de-identified by {maker}, on whose word alone rests: the samples are those of an object "
        f"that verified as authentic{boxes}, and the identity is gone"
    )
    yield Check(ID, Status.PASS, Code.DEIDENTIFIED, detail)
    if declared.kept:
        detail = f"kept by name: {_attributes(declared.kept)}"
        yield Check(ID, Status.WARN, Code.IDENTITY_KEPT, detail)
    if declared.changed:
        detail = f"not as in the original: {_attributes(declared.changed)}"
        yield Check(ID, Status.WARN, Code.CLINICAL_LEFT_OUT, detail)
    if declared.redacted:
        detail = f"{len(declared.redacted)} box(es) of one value: {_boxes(declared.redacted)}"
        yield Check(ID, Status.WARN, Code.REDACTED, detail)


def _attributes(tags: Sequence[int]) -> str:
    names = [attribute_table().describe(tag).keyword for tag in tags]
    return ", ".join(names[:_MOST]) + _more(len(names))


def _boxes(regions: Sequence[Region]) -> str:
    named = [f"frame {r.frame}, x {r.x} y {r.y}, {r.w}x{r.h}" for r in regions[:_MOST]]
    return "; ".join(named) + _more(len(regions))


def _more(count: int) -> str:
    return f" and {count - _MOST} more" if count > _MOST else ""
