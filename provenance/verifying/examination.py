"""Verify one file of many: whatever it is, there is a verdict, and the rest goes on."""

from dataclasses import dataclass, replace
from pathlib import Path

from provenance.dicom.read import Instance, read_instance
from provenance.errors import UnreadableError
from provenance.findings import Code
from provenance.judging.depth import Depth
from provenance.judging.evidence import Carrier, Evidence
from provenance.judging.judge import judge
from provenance.judging.verdict import Check, Outcome, Status, Verdict, Word
from provenance.pictures.picture_file import is_picture, read_head, read_picture_file
from provenance.policy.decide import Decision
from provenance.policy.demands import demands_of
from provenance.policy.facts import NO_ARRIVAL, NO_FACTS, Arrival, Facts
from provenance.policy.header import read_facts
from provenance.policy.match import Signer, Unsigned, candidates
from provenance.records import Lookup, uid_of
from provenance.verifying.gather import gather, gather_picture
from provenance.verifying.verifier import Verifier


@dataclass(frozen=True, slots=True)
class Examination:
    """A verdict, what it rests on, and the SOP Instance UID of what was judged, if it has one.

    ``decision`` is what the verifier's policy says, if it has one; ``facts`` what it knew: without
    a policy nothing of the header.
    """

    verdict: Verdict
    sop_instance_uid: str | None = None
    evidence: Evidence | None = None
    decision: Decision | None = None
    facts: Facts = NO_FACTS


def examine(
    source: bytes | Path,
    verifier: Verifier,
    arrival: Arrival = NO_ARRIVAL,
    *,
    instance: Instance | None = None,
) -> Examination:
    """Do as `examine_source`, but a file that cannot be read at all is UNREADABLE, too.

    ``instance`` is what it holds, if it was read already.
    """
    try:
        return examine_source(source, verifier, arrival, instance=instance)
    except OSError as error:
        why = f"the file cannot be read: {error.strerror or type(error).__name__}"
        return examine_nothing(why, verifier, arrival)


def examine_source(
    source: bytes | Path,
    verifier: Verifier,
    arrival: Arrival = NO_ARRIVAL,
    *,
    instance: Instance | None = None,
) -> Examination:
    """Judge a DICOM object or a picture, given as bytes or by the path of its file.

    ``instance`` is what the source holds, if it was read already.

    What does not decode is UNREADABLE; bad evidence and a failing ledger become findings. Raises
    OSError when a file cannot be opened or read.
    """
    uid: bytes | None = None
    evidence: Evidence | None = None
    facts = Facts(arrival)
    try:
        if is_picture(read_head(source)):
            verifier = _as_deep_as_asked(verifier, facts)
            evidence = gather_picture(read_picture_file(source), verifier)
        else:
            instance = instance or read_instance(source)
            uid = uid_of(instance.dataset, Lookup.INSTANCE)
            if verifier.policy is not None:
                facts = read_facts(instance.dataset, arrival)
            verifier = _as_deep_as_asked(verifier, facts)
            evidence = gather(instance, verifier)
        evidence = _with_demands(evidence, verifier, facts)
        verdict = judge(evidence)
    except UnreadableError as error:
        verdict = unreadable(str(error))
    found = Examination(verdict, None if uid is None else uid.decode("ascii", "replace"), evidence)
    return _decided(found, verifier, facts)


def examine_nothing(why: str, verifier: Verifier, arrival: Arrival = NO_ARRIVAL) -> Examination:
    """Return what is said of something that cannot be read at all."""
    return _decided(Examination(unreadable(why)), verifier, Facts(arrival))


def unreadable(why: str) -> Verdict:
    """Return the verdict on something that cannot be decoded."""
    return Verdict(
        word=Word.UNREADABLE,
        integrity=Outcome.UNKNOWN,
        trust=Outcome.UNKNOWN,
        custody=Outcome.UNKNOWN,
        checks=(Check("readable", Status.FAIL, Code.UNREADABLE, why),),
    )


def _decided(found: Examination, verifier: Verifier, facts: Facts) -> Examination:
    policy = verifier.policy
    decision = None if policy is None else policy.decide(found.verdict, facts)
    return replace(found, decision=decision, facts=facts)


def _as_deep_as_asked(verifier: Verifier, facts: Facts) -> Verifier:
    """Return a verifier that looks as deep as any rule asks that may fit, and no deeper."""
    if verifier.policy is None:
        return verifier
    rules = candidates(verifier.policy, facts, Unsigned.UNKNOWN).rules
    depth = Depth.deepest(*(rule.depth for rule in rules))
    records = None if depth is Depth.SEAL else verifier.records
    return replace(verifier, depth=depth, records=records)


def _with_demands(evidence: Evidence, verifier: Verifier, facts: Facts) -> Evidence:
    if verifier.policy is None:
        return evidence
    original = evidence.pixels is not None and evidence.pixels.unmarked
    lacks_seal = evidence.picture is None and (evidence.claim is None or original)
    demands = demands_of(verifier.policy, facts, _signer(evidence), lacks_seal=lacks_seal)
    return replace(evidence, demands=demands)


def _signer(evidence: Evidence) -> Signer:
    if evidence.signed_by is not None:
        return evidence.signed_by
    named = evidence.mark is not None and evidence.mark.seal_id is not None
    return Unsigned.UNKNOWN if named or evidence.carrier is Carrier.BROKEN else Unsigned.NO_SEAL
