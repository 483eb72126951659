"""Take one object in, whatever door it came by: verify, decide, keep; only then is it answered."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from provenance.findings import Code
from provenance.judging.verdict import Verdict, Word
from provenance.pacs.arrivals import Instance, Judged, Kept, Sender, State
from provenance.pacs.quarantine.proposals import Settled
from provenance.pacs.spool.spool import LetIn, Spool, new_salt, sha256_of
from provenance.policy.decide import Decision
from provenance.policy.terms import Action
from provenance.schema.verify import Judged as Answered
from provenance.schema.verify import object_answer
from provenance.verifying.examination import (
    Examination,
    examine,
    examine_nothing,
    examine_source,
)
from provenance.verifying.verifier import Verifier

_logger = logging.getLogger(__name__)

_AGAIN = (State.FORWARDING, State.QUARANTINED)
_LETS_IN = (Action.ACCEPT, Action.TAG)


@dataclass(frozen=True, slots=True)
class Weighed:
    """An object that was judged, and of which nothing is kept yet; ``arrived`` is its SHA-256."""

    sender: Sender
    instance: Instance
    judged: Judged
    arrived: bytes
    settled: Settled | None


@dataclass(frozen=True, slots=True)
class Intake:
    """What is asked of every object. The verifier has the policy, ``policy`` is its SHA-256.

    ``seal`` seals the file at a path on behalf of its sender, in place, and says whether it did;
    whatever it raises becomes a reason, and the object goes on as it came.
    """

    verifier: Verifier
    policy: bytes
    archives: Sequence[str]
    seal: Callable[[Path, Sender], bool] = field(default=lambda _path, _sender: False)

    def take(self, path: Path, *, sender: Sender, instance: Instance, spool: Spool) -> Kept:
        """Return what became of the object at ``path``, of ``spool.incoming()``.

        Once it returns, the object is on disk, or refused. Sent once more while it still waits, and
        decided alike, it is the same object. Raises OSError or sqlite3.Error when the disk fails:
        then its sender must be told that nothing was taken.

        Of bytes that persons have released or rejected before, that decides: they are let in, or
        refused, whatever the policy says.
        """
        arrived = sha256_of(path)
        settled = spool.proposals.settled(arrived, instance.sop_instance)
        found = self._examine(path, sender)
        sealed, why_not = False, None
        if settled is None and _has_no_seal(found.verdict):
            sealed, why_not = self._seal(path, sender)
        if sealed:
            found = self._examine(path, sender)
        judged = _as_settled(judged_of(found), settled)
        if why_not is not None:
            judged = replace(judged, reasons=(*judged.reasons, why_not))
        weighed = Weighed(sender, instance, judged, arrived, settled)
        return self._keep(path, weighed, spool=spool, sealed=sealed)

    def weigh(
        self,
        content: bytes,
        *,
        sender: Sender,
        instance: Instance,
        spool: Spool,
        arrived: Callable[[], bytes],
    ) -> Weighed:
        """Judge an object in memory, of which nothing is kept yet. ``arrived`` is its SHA-256."""
        judged = judged_of(self._examine(content, sender))
        digest = arrived()
        settled = spool.proposals.settled(digest, instance.sop_instance)
        return Weighed(sender, instance, _as_settled(judged, settled), digest, settled)

    def conclude(self, content: bytes, weighed: Weighed, *, spool: Spool) -> Kept | LetIn:
        """Keep an object that was weighed; what is let in stays with whoever brought it.

        Of that only a row is to be written (Spool.write_down). Raises as ``take`` does.
        """
        judged, path = weighed.judged, spool.incoming()
        if judged.action in _LETS_IN and weighed.settled is None:
            made = Kept(
                0,
                weighed.sender,
                weighed.instance,
                judged,
                State.DELIVERED,
                len(content),
                weighed.arrived,
                new_salt(),
            )
            return LetIn(path.name, made, self.policy)
        try:
            path.write_bytes(content)
            return self._keep(path, weighed, spool=spool, sealed=False)
        finally:
            path.unlink(missing_ok=True)

    def _keep(self, path: Path, weighed: Weighed, *, spool: Spool, sealed: bool) -> Kept:
        judged, settled = weighed.judged, weighed.settled
        for kept in spool.of_instance(weighed.instance.sop_instance):
            if _is_again(kept, judged, settled) and _same(spool.path(kept.number), path):
                path.unlink()
                return replace(kept, judged=judged) if settled is not None else kept
        return spool.keep(
            path,
            sender=weighed.sender,
            instance=weighed.instance,
            judged=judged,
            archives=self.archives,
            policy=self.policy,
            sealed_here=sealed,
            arrived=weighed.arrived,
            earlier=None if settled is None else settled.object,
        )

    def _seal(self, path: Path, sender: Sender) -> tuple[bool, str | None]:
        """Return whether it was sealed, and why not, if it should have been."""
        try:
            return self.seal(path, sender), None
        except Exception as error:  # noqa: BLE001 - the original goes on, by the policy
            _logger.warning("an object was not sealed on behalf of its sender: %s", error)
            return False, f"it could not be sealed here: {error}"[:500]

    def _examine(self, source: Path | bytes, sender: Sender) -> Examination:
        try:
            if isinstance(source, bytes):
                return examine_source(source, self.verifier, sender.arrival)
            return examine(source, self.verifier, sender.arrival)
        except Exception as error:  # a defect of ours loses no image, and lets none in
            _logger.exception("verification failed")
            why = f"verification failed ({type(error).__name__}): a defect, please report it"
            found = examine_nothing(why, self.verifier, sender.arrival)
            assert found.decision is not None  # its verifier has a policy
            apart = Action.strictest((found.decision.action, Action.QUARANTINE))
            return replace(found, decision=replace(found.decision, action=apart))


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


def _as_settled(judged: Judged, settled: Settled | None) -> Judged:
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
