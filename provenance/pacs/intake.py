"""Take one object in, whatever door it came by: verify, decide, keep; only then is it answered."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from provenance.dicom.instance import Instance as Content
from provenance.findings import Code
from provenance.judging.verdict import Verdict, Word
from provenance.pacs.arrivals import Instance, Judged, Kept, Sender, State
from provenance.pacs.quarantine.proposals import Settled
from provenance.pacs.spool.data_set import data_set_digest
from provenance.pacs.spool.files import sha256_of
from provenance.pacs.spool.spool import Spool
from provenance.policy.decide import Decision
from provenance.policy.facts import Arrival
from provenance.policy.terms import Action
from provenance.schema.verify import Judged as Answered
from provenance.schema.verify import object_answer
from provenance.verifying.examination import Examination, examine, examine_nothing
from provenance.verifying.verifier import Verifier

_logger = logging.getLogger(__name__)

_AGAIN = (State.FORWARDING, State.QUARANTINED)


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a verifier thinks of an object, as it is kept; by the policy with that SHA-256.

    ``has_no_seal``: nobody knows of a seal, so that it may be sealed here.
    """

    judged: Judged
    policy: bytes
    has_no_seal: bool


class Judge(Protocol):
    """Has an opinion of the file at a path; does what else is to be done ``meanwhile``."""

    def __call__(self, path: Path, sender: Sender, meanwhile: Callable[[], None]) -> Opinion:
        """Return the opinion, once both are done."""


@dataclass(frozen=True, slots=True)
class Examiner:
    """A judge in this process. The verifier has the policy, ``policy`` is its SHA-256.

    ``read`` is what the file holds, if it was read already: the examiner is for that file alone.
    """

    verifier: Verifier
    policy: bytes
    read: Content | None = None

    def __call__(
        self, path: Path, sender: Sender, meanwhile: Callable[[], None] = lambda: None
    ) -> Opinion:
        """Return the opinion; of a defect of the verifier, one that lets nothing in."""
        meanwhile()
        return self.opinion(path, sender)

    def opinion(self, source: Path | bytes, sender: Sender) -> Opinion:
        """Do the same for a file or an object in memory."""
        found = examine_surely(source, self.verifier, sender.arrival, self.read)
        return Opinion(judged_of(found), self.policy, _has_no_seal(found.verdict))


def examine_surely(
    source: Path | bytes, verifier: Verifier, arrival: Arrival, read: Content | None = None
) -> Examination:
    """Judge an object; a defect of ours loses no image, and lets none in."""
    try:
        return examine(source, verifier, arrival, instance=read)
    except Exception as error:
        _logger.exception("verification failed")
        why = f"verification failed ({type(error).__name__}): a defect, please report it"
        found = examine_nothing(why, verifier, arrival)
        assert found.decision is not None  # its verifier has a policy
        apart = Action.strictest((found.decision.action, Action.QUARANTINE))
        return replace(found, decision=replace(found.decision, action=apart))


@dataclass(frozen=True, slots=True)
class Weighed:
    """An object that was judged, and of which nothing is kept yet.

    ``policy`` is the SHA-256 of that by which it was decided, ``arrived`` that of the object as it
    came; ``settled`` is what persons have decided about the same bytes.
    """

    sender: Sender
    instance: Instance
    judged: Judged
    policy: bytes
    arrived: bytes
    settled: Settled | None

    def keep(
        self, path: Path, spool: Spool, archives: Sequence[str], *, sealed_here: bool = False
    ) -> Kept:
        """Keep its file; sent once more while it waits, and decided alike, it is the same."""
        settled, judged = self.settled, self.judged
        for kept in spool.of_instance(self.instance.sop_instance):
            if _is_again(kept, judged, settled) and _same(spool.path(kept.number), path):
                path.unlink()
                return replace(kept, judged=judged) if settled is not None else kept
        return spool.keep(
            path,
            sender=self.sender,
            instance=self.instance,
            judged=judged,
            archives=archives,
            policy=self.policy,
            sealed_here=sealed_here,
            arrived=self.arrived,
            earlier=None if settled is None else settled.object,
        )


@dataclass(frozen=True, slots=True)
class Intake:
    """What is asked of every object, and where it goes.

    ``seal`` seals the file at a path on behalf of its sender, in place, and says whether it did;
    whatever it raises becomes a reason, and the object goes on as it came. ``write`` does what
    writes to the spool, as one transaction.
    """

    judge: Judge
    archives: Sequence[str]
    seal: Callable[[Path, Sender], bool] = field(default=lambda _path, _sender: False)
    write: Callable[[Spool, Callable[[Spool], Kept]], Kept] = field(
        default=lambda spool, act: act(spool)
    )

    def take(
        self,
        path: Path,
        *,
        sender: Sender,
        instance: Instance,
        spool: Spool,
        arrived: bytes | None = None,
    ) -> Kept:
        """Return what became of the object at ``path``, of ``spool.incoming()``.

        Once it returns, the object is on disk, or refused. Sent once more while it still waits, and
        decided alike, it is the same object. Raises OSError or sqlite3.Error when the disk fails:
        then its sender must be told that nothing was taken, and the file is gone. ``arrived`` is
        its SHA-256, if that is known.

        Of bytes that persons have released or rejected before, that decides: they are let in, or
        refused, whatever the policy says.
        """
        if self.archives:  # most will be kept: written to the disk while they are judged
            path = spool.place(path)
        try:
            return self._take(path, sender, instance, spool, arrived or sha256_of(path))
        except BaseException:
            spool.drop(path)
            raise

    def _take(
        self, path: Path, sender: Sender, instance: Instance, spool: Spool, arrived: bytes
    ) -> Kept:
        settled = spool.proposals.settled(
            arrived,
            instance.sop_instance,
            lambda: data_set_digest(path, instance.transfer_syntax),
        )
        found = self._judged(path, sender, spool)
        sealed, why_not = False, None
        if settled is None and found.has_no_seal:
            sealed, why_not = self._seal(path, sender)
        if sealed:
            found = self._judged(path, sender, spool)
        judged = as_settled(found.judged, settled)
        if why_not is not None:
            judged = replace(judged, reasons=(*judged.reasons, why_not))

        weighed = Weighed(sender, instance, judged, found.policy, arrived, settled)
        return self.write(
            spool, lambda spool: weighed.keep(path, spool, self.archives, sealed_here=sealed)
        )

    def _judged(self, path: Path, sender: Sender, spool: Spool) -> Opinion:
        if self.archives:
            return self.judge(path, sender, lambda: spool.secure(path))
        return self.judge(path, sender, lambda: None)

    def _seal(self, path: Path, sender: Sender) -> tuple[bool, str | None]:
        """Return whether it was sealed, and why not, if it should have been."""
        try:
            return self.seal(path, sender), None
        except Exception as error:  # noqa: BLE001 - the original goes on, by the policy
            _logger.warning("an object was not sealed on behalf of its sender: %s", error)
            return False, f"it could not be sealed here: {error}"[:500]


def judged_of(found: Examination) -> Judged:
    """Return a verdict and a decision as they are kept."""
    decision = found.decision
    assert isinstance(decision, Decision)  # its verifier has a policy
    answer: Mapping[str, object] = object_answer(
        Answered("", found.verdict, found.sop_instance_uid, decision=decision)
    )
    return Judged(
        word=found.verdict.word,
        action=decision.action,
        rule=decision.rule,
        reasons=decision.reasons,
        verdict=answer,
        seal_id=found.verdict.seal_id,
    )


def _is_again(kept: Kept, judged: Judged, settled: Settled | None) -> bool:
    """Whether an object that waits is decided as the same bytes would be now."""
    if settled is not None:
        return settled.to_archives and kept.state is State.FORWARDING
    return kept.state in _AGAIN and kept.judged.action is judged.action


def as_settled(judged: Judged, settled: Settled | None) -> Judged:
    """Return what was judged, or what persons have decided about the same bytes."""
    if settled is None:
        return judged
    action = Action.ACCEPT if settled.to_archives else Action.REFUSE
    return replace(judged, action=action, rule=None, reasons=(settled.words, *judged.reasons))


def _has_no_seal(verdict: Verdict) -> bool:
    """Whether nobody knows of a seal, and at most the policy says that there should be one."""
    if verdict.seal_id is not None:
        return False
    demanded = any(check.code is Code.MUST_BE_SEALED for check in verdict.checks)
    return verdict.word is Word.UNSEALED or (verdict.word is Word.STRIPPED and demanded)


def _same(one: Path, other: Path) -> bool:
    try:
        if one.stat().st_size != other.stat().st_size:
            return False
        return one.read_bytes() == other.read_bytes()
    except FileNotFoundError:  # it was delivered just now
        return False
