"""What a derived copy comes to, as checks: its kind, its parents, and how far frames are proven."""

from collections.abc import Iterator

from provenance.findings import Code
from provenance.image_tree import Region
from provenance.judging.evidence import Descent, Evidence, ParentSeen
from provenance.judging.verdict import Check, Status

ID = "derivation"
_MOST = 4  # named one by one; the JSON names all


def descent_checks(evidence: Evidence) -> Iterator[Check]:
    """Yield the checks of a derived copy; nothing for any other object."""
    descent, claim = evidence.descent, evidence.claim
    if descent is None or claim is None:
        return
    maker = evidence.signer or "its signer"
    detail = f"a copy of kind {descent.kind}, made by {maker} of {_count(descent.parents)}"
    yield Check(ID, Status.PASS, Code.DERIVED_COPY, detail)
    if descent.problem is not None:
        yield Check(ID, Status.FAIL, descent.problem.code, descent.problem.detail)
    yield from _parent_checks(descent)
    apart = [p for p in descent.parents if not p.same_patient]
    if apart:
        detail = f"{_named(apart)}: that it is of the same patient and study is the word of {maker}"
        yield Check(ID, Status.WARN, Code.DERIVERS_WORD, detail)
    if descent.compared and descent.problem is None:
        yield from _frame_checks(descent, maker)


def _parent_checks(descent: Descent) -> Iterator[Check]:
    for signer in dict.fromkeys(p.signer for p in descent.parents if p.trust is None):
        own = [p for p in descent.parents if p.signer == signer and p.trust is None]
        detail = f"{_named(own)}: signed by {signer}, vouched for by {own[0].authority}"
        if all(p.same_patient for p in own):
            detail += ", under the same patient and study"
        yield Check(ID, Status.PASS, Code.PARENT_SEEN, detail)
    doubts = [(p, p.trust) for p in descent.parents if p.trust is not None]
    for code in dict.fromkeys(said.code for _, said in doubts):
        own = [p for p, said in doubts if said.code is code]
        detail = f"{_named(own)}: {next(said.detail for _, said in doubts if said.code is code)}"
        yield Check(ID, Status.FAIL, code, detail)
    faults = [(p, p.ledger) for p in descent.parents if p.ledger is not None]
    for code, words in dict.fromkeys((said.code, said.detail) for _, said in faults):
        own = [p for p, said in faults if (said.code, said.detail) == (code, words)]
        yield Check(ID, Status.WARN, code, f"{_named(own)}: {words}")


def _frame_checks(descent: Descent, maker: str) -> Iterator[Check]:
    if descent.equal:
        equal = f"{descent.equal} of {descent.frames} frame(s) are"
        detail = f"{equal} sample by sample what the signers of the parents signed"
        yield Check(ID, Status.PASS, Code.FRAMES_PROVEN, detail)
    if descent.in_part:
        in_part = f"{descent.in_part} of {descent.frames} frame(s) are"
        where = f"{len(descent.regions)} region(s){_first(descent.regions)}"
        detail = f"{in_part} what a parent shows but for {where}; {descent.tiles} tiles agree"
        yield Check(ID, Status.WARN, Code.FRAMES_IN_PART, detail)
    left = descent.frames - descent.equal - descent.in_part
    if left or not descent.frames:
        what = f"{left} of {descent.frames} frame(s) show" if left else "it shows"
        detail = f"that {what} what the parents show rests on the word of {maker}"
        yield Check(ID, Status.WARN, Code.DERIVERS_WORD, detail)


def _first(regions: tuple[Region, ...]) -> str:
    if not regions:
        return ""
    at = regions[0]
    return f", the first: frame {at.frame}, x {at.x} y {at.y}, {at.w}x{at.h}"


def _count(parents: tuple[ParentSeen, ...]) -> str:
    return "1 parent" if len(parents) == 1 else f"{len(parents)} parents"


def _named(parents: list[ParentSeen]) -> str:
    names = ", ".join(p.object_id.hex() for p in parents[:_MOST])
    rest = len(parents) - _MOST
    return f"parent{'s' if len(parents) > 1 else ''} {names}" + (
        f" and {rest} more" if rest > 0 else ""
    )
