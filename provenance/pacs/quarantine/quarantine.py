"""What becomes of objects in quarantine: one person proposes, another one confirms.

Each signs with a key of the log, so that the event `released` proves who they were. Everything of
a step is written in one transaction, its custody event too; the ledger follows (custody/writer.py).
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ledger import SignatureError, Signer
from provenance.errors import EvidenceError, TrustError, UsageError
from provenance.pacs.arrivals import Kept, State
from provenance.pacs.custody.events import MAX_PLACE, SALT_SIZE, Decided
from provenance.pacs.quarantine.consents import (
    Matter,
    Step,
    commit_reason,
    consent,
    require_reason,
    verify_consent,
)
from provenance.pacs.quarantine.persons import Person
from provenance.pacs.quarantine.proposals import Became, NoteWish, Proposal
from provenance.pacs.spool.files import sha256_of
from provenance.pacs.spool.spool import Spool


@dataclass(frozen=True, slots=True)
class Quarantine:
    """The quarantine of a spool; ``origin`` names the log of its site.

    ``find`` says who holds a key at a moment, and raises TrustError if nobody who may decide does.
    ``alone`` tells whether this site lets one person decide.
    """

    spool: Spool
    origin: str
    find: Callable[[bytes, datetime], Person]
    alone: bool = False

    def propose(
        self,
        number: int,
        *,
        to_archives: bool,
        reason: str,
        signer: Signer,
        at: datetime,
        note: NoteWish | None = None,
    ) -> Proposal:
        """Propose to release or to reject an object. Nothing happens to it before a second person.

        UsageError if it is not in quarantine or a proposal is open, TrustError for a signer who may
        not decide, EvidenceError if the file that would be released is not the one that was taken.
        """
        made, kept = self._draft(number, to_archives, reason, signer, at, Step.PROPOSED, note)
        decided = self._decided(made, kept, Step.PROPOSED)
        event = kept.witnessed.considered(kept.judged.word, decided, at=at)
        with self.spool.writing():
            self._require_here(number)
            self._void_late(number, at)
            made = replace(made, number=self.spool.proposals.put(made))
            self._note_step(made, made.person, f"proposed to {_verb(to_archives)}", at, made.reason)
            self.spool.custody.put(number, [event])
        return made

    def confirm(
        self, number: int, *, signer: Signer, at: datetime, archives: Sequence[str]
    ) -> Proposal:
        """Do what was proposed, by another person than who proposed it; return what that was.

        Raises as ``propose``; the proposal is void if it is too old, if its file has changed, or if
        its own signature does not hold any more.
        """
        kept = self.spool.object(number)
        proposal = self._open(number)
        second = self.find(signer.kid, at)
        if proposal.consent.kid == signer.kid:
            raise UsageError("who proposed it cannot confirm it: a second person must")
        if at >= proposal.until:
            self._void(proposal, at, "too old")
            raise UsageError(f"the proposal was void after {proposal.until:%Y-%m-%d %H:%M} UTC")
        first = self._proposer(proposal, kept, at)
        if first.is_same(second):
            raise UsageError("who proposed it cannot confirm it, with another key either")
        if proposal.to_archives:
            _require_archives(archives)
            self._require_unchanged(kept, proposal, at)
        matter = proposal.matter(self.origin, kept.witnessed.meant)
        own = consent(matter, Step.CONFIRMED, signer=signer, at=at, follows=proposal.consent)
        decided = Decided(
            Step.CONFIRMED, proposal.to_archives, (proposal.consent, own), matter.reason
        )
        with self.spool.writing():
            self.spool.proposals.close(
                proposal.number, Became.CONFIRMED, at=at, second=second.words
            )
            act = f"confirmed, {_done(proposal.to_archives)}"
            self._note_step(proposal, second.words, act, at, "")
            self._settle(kept, proposal, decided, archives, at)
        return proposal

    def decide_alone(
        self,
        number: int,
        *,
        to_archives: bool,
        reason: str,
        signer: Signer,
        at: datetime,
        archives: Sequence[str],
        note: NoteWish | None = None,
    ) -> Proposal:
        """Release or reject as one person, where the site allows it; the log says so."""
        if not self.alone:
            raise UsageError("this site wants two persons: let another one confirm")
        if to_archives:
            _require_archives(archives)
        made, kept = self._draft(number, to_archives, reason, signer, at, Step.ALONE, note)
        decided = self._decided(made, kept, Step.ALONE)
        with self.spool.writing():
            self._void_late(number, at)
            made = replace(made, number=self.spool.proposals.put(made))
            self.spool.proposals.close(made.number, Became.CONFIRMED, at=at)
            act = f"{_done(to_archives)}, alone"
            self._note_step(made, made.person, act, at, made.reason)
            self._settle(kept, made, decided, archives, at)
        return made

    def withdraw(self, number: int, *, signer: Signer, at: datetime) -> Proposal:
        """Take a proposal back; its proposer can, and everybody else who may decide."""
        kept, proposal = self.spool.object(number), self._open(number)
        person = self.find(signer.kid, at)
        matter = proposal.matter(self.origin, kept.witnessed.meant)
        own = consent(matter, Step.WITHDRAWN, signer=signer, at=at, follows=proposal.consent)
        decided = Decided(
            Step.WITHDRAWN, proposal.to_archives, (proposal.consent, own), matter.reason
        )
        event = kept.witnessed.considered(kept.judged.word, decided, at=at)
        with self.spool.writing():
            self.spool.proposals.close(proposal.number, Became.WITHDRAWN, at=at)
            self._note_step(proposal, person.words, "withdrew the proposal", at, "")
            self.spool.custody.put(number, [event])
        return proposal

    def _draft(
        self,
        number: int,
        to_archives: bool,
        reason: str,
        signer: Signer,
        at: datetime,
        step: Step,
        note: NoteWish | None,
    ) -> tuple[Proposal, Kept]:
        kept, words = self.spool.object(number), require_reason(reason)
        self._require_here(number)
        person = self.find(signer.kid, at)
        if to_archives:
            self._require_unchanged(kept, None, at)
        salt = secrets.token_bytes(SALT_SIZE)
        file = kept.witnessed.meant
        matter = Matter(self.origin, file, to_archives, commit_reason(words, salt))
        signed = consent(matter, step, signer=signer, at=at)
        return Proposal(0, number, to_archives, words, salt, signed, person.words, note), kept

    def _decided(self, made: Proposal, kept: Kept, step: Step) -> Decided:
        matter = made.matter(self.origin, kept.witnessed.meant)
        return Decided(step, made.to_archives, (made.consent,), matter.reason)

    def _settle(
        self,
        kept: Kept,
        proposal: Proposal,
        decided: Decided,
        archives: Sequence[str],
        at: datetime,
    ) -> None:
        """Within the transaction: move the object, and tell the ledger."""
        spool, to_archives = self.spool, proposal.to_archives
        state = State.FORWARDING if to_archives else State.REJECTED
        spool.leave_quarantine(kept.number, state)
        if to_archives:
            spool.deliveries.put(kept.number, archives, at)
        event = kept.witnessed.released(to_archives=to_archives, at=at, decided=decided)
        spool.custody.put(kept.number, [event])

    def _require_here(self, number: int) -> None:
        state = self.spool.object(number).state
        if state is not State.QUARANTINED:
            raise UsageError(f"the object {number} is not in quarantine: it is {state}")

    def _open(self, number: int) -> Proposal:
        self._require_here(number)
        found = self.spool.proposals.of_object(number)
        if found is None:
            raise UsageError(f"nothing is proposed for the object {number}")
        return found

    def _proposer(self, proposal: Proposal, kept: Kept, at: datetime) -> Person:
        """Return who proposed it, if the signature holds for what the spool says, and still may."""
        matter = proposal.matter(self.origin, kept.witnessed.meant)
        try:
            person = self.find(proposal.consent.kid, at)
            verify_consent(matter, Step.PROPOSED, proposal.consent, person.key, follows=None)
        except (TrustError, SignatureError) as error:
            self._void(proposal, at, "its signature does not hold")
            raise EvidenceError(
                f"the proposal is void: it is not what its proposer signed, or they may not decide "
                f"any more ({error})"
            ) from error
        return person

    def _require_unchanged(self, kept: Kept, proposal: Proposal | None, at: datetime) -> None:
        try:
            same = sha256_of(self.spool.path(kept.number)) == kept.sha256
        except FileNotFoundError:
            same = False
        if same:
            return
        if proposal is not None:
            self._void(proposal, at, "its file changed")
        raise EvidenceError(
            f"the file of the object {kept.number} is not the one that was taken in: it is not "
            "released, and whoever changed it could write to the spool"
        )

    def _void_late(self, number: int, at: datetime) -> None:
        """Within the transaction: end a proposal that nobody confirmed in time."""
        late = self.spool.proposals.of_object(number)
        if late is not None and at >= late.until:
            self._end(late, at, "too old")

    def _void(self, proposal: Proposal, at: datetime, why: str) -> None:
        with self.spool.writing():
            self._end(proposal, at, why)

    def _end(self, proposal: Proposal, at: datetime, why: str) -> None:
        self.spool.proposals.close(proposal.number, Became.VOID, at=at)
        self._note_step(proposal, "radseal", f"the proposal is void: {why}", at, "")

    def _note_step(
        self, proposal: Proposal, person: str, act: str, at: datetime, reason: str
    ) -> None:
        self.spool.proposals.add_step(proposal.object, at=at, person=person, act=act, reason=reason)


def _require_archives(archives: Sequence[str]) -> None:
    if not archives:
        raise UsageError("name the archives that shall get it")
    if len(set(archives)) != len(archives) or not all(1 <= len(a) <= MAX_PLACE for a in archives):
        raise UsageError(f"archives have different names of 1 to {MAX_PLACE} characters")


def _verb(to_archives: bool) -> str:
    return "release" if to_archives else "reject"


def _done(to_archives: bool) -> str:
    return "released" if to_archives else "rejected"
