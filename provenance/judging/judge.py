"""From evidence to verdict: a pure function. Reads no clock, no disk, no network.

The order of the rules is the order of gravity; docs/verdicts.md says them in words.
"""

from provenance.findings import Code
from provenance.judging.checks import checks_of
from provenance.judging.evidence import Carrier, Evidence, Source
from provenance.judging.rules import (
    clock_ahead,
    correctors,
    differing_regions,
    documented,
    has_doubtful_parent,
    is_altered,
    is_copy,
    is_derived,
    is_unclear_copy,
    undocumented,
)
from provenance.judging.verdict import Outcome, Verdict, Word


def judge(evidence: Evidence) -> Verdict:
    """Judge every question, and find the word for all of them together."""
    word = _word(evidence)
    if word is Word.UNSEALED and evidence.demands.seal is not None and evidence.picture is None:
        word = Word.STRIPPED  # its device's policy says that there was a seal
    if evidence.unreachable is not None and (
        word in (Word.AUTHENTIC, Word.CORRECTED, Word.UNSEALED)
        or (word is Word.DERIVED and not is_copy(evidence))
    ):
        word = Word.NOT_CHECKED  # the ledger that was asked might have said otherwise
    claim = evidence.claim
    return Verdict(
        word=word,
        integrity=_integrity(evidence, word),
        trust=_trust(evidence),
        custody=_custody(evidence),
        checks=checks_of(evidence),
        regions=differing_regions(evidence),
        changes=evidence.changes or (),
        documented=frozenset(c.tag for c in documented(evidence)),
        correctors=correctors(evidence),
        seal_id=claim.seal_id if claim else (evidence.mark.seal_id if evidence.mark else None),
        signer=evidence.signer,
        second=evidence.second,
        sealed_at=claim.statement.claimed_at if claim else None,
        log_index=evidence.custody.log_index,
        times=evidence.custody.existence.proofs,
        notes=evidence.notes,
        signatures=evidence.signatures.found if evidence.signatures else (),
        signed_by=evidence.signed_by,
        depth=evidence.depth,
        descent=evidence.descent,
        birth=claim.event if claim else None,
        declared=claim.body.origin.declared if claim and claim.body.origin else None,
    )


def _word(evidence: Evidence) -> Word:
    if evidence.claim is None:
        return _word_without_claim(evidence)
    if is_altered(evidence):
        return Word.ALTERED
    if _trust(evidence) is not Outcome.PROVEN:
        return Word.UNTRUSTED
    if is_copy(evidence):
        return Word.DERIVED
    if evidence.picture is not None or is_unclear_copy(evidence):
        return Word.NOT_CHECKED  # found by its mark, but a mark can be copied to another picture
    if evidence.pixels is not None and evidence.pixels.unmarked:
        return Word.UNSEALED  # never sealed itself: what the sealed object was made from
    if evidence.source is not Source.FILE:
        return Word.STRIPPED
    if evidence.custody.ledger is not None:
        return Word.UNTRUSTED
    if evidence.pixels is None or not evidence.pixels.compared or evidence.changes is None:
        return Word.NOT_CHECKED
    if undocumented(evidence):
        return Word.HEADER_CHANGED
    if _custody(evidence) is not Outcome.PROVEN:
        return Word.NOT_CHECKED
    if is_derived(evidence):
        return Word.DERIVED
    return Word.CORRECTED if documented(evidence) else Word.AUTHENTIC


def _word_without_claim(evidence: Evidence) -> Word:
    problem = evidence.carrier_problem
    if problem is not None and problem.code is Code.SEAL_MISFIT:
        return Word.ALTERED
    if evidence.carrier is Carrier.BROKEN:
        return Word.STRIPPED
    if evidence.mark is not None and evidence.mark.seal_id is not None:
        # A picture has no seal to lose: it is a copy that could not be compared.
        return Word.STRIPPED if evidence.picture is None else Word.NOT_CHECKED
    return Word.UNSEALED


def _integrity(evidence: Evidence, word: Word) -> Outcome:
    if word is Word.ALTERED:
        return Outcome.REFUTED
    if evidence.claim is None or evidence.pixels is None or not evidence.pixels.compared:
        return Outcome.UNKNOWN
    if not evidence.pixels.equal:  # a copy: neither as sealed nor shown to be falsified
        return Outcome.UNKNOWN
    return Outcome.REFUTED if undocumented(evidence) else Outcome.PROVEN


def _trust(evidence: Evidence) -> Outcome:
    if evidence.claim is None:
        return Outcome.UNKNOWN
    if evidence.custody.key is not None or clock_ahead(evidence):
        return Outcome.REFUTED
    if evidence.trust_problem is not None or evidence.demands.signer is not None:
        return Outcome.REFUTED
    if has_doubtful_parent(evidence):
        return Outcome.REFUTED
    if evidence.second is not None and evidence.second.problem is not None:
        return Outcome.REFUTED
    return Outcome.PROVEN


def _custody(evidence: Evidence) -> Outcome:
    if evidence.claim is None:
        return Outcome.UNKNOWN
    if evidence.custody.ledger is not None:
        return Outcome.REFUTED
    return Outcome.PROVEN if evidence.custody.log_index is not None else Outcome.UNKNOWN
