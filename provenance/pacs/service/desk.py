"""What one process of the service holds open to judge objects: site, log, policy and spool."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn, Self

from ledger import LedgerError, Role, UnreachableError
from provenance.dicom.instance import Instance as Content
from provenance.dicom.read import read_instance
from provenance.dicom.values import text
from provenance.errors import UnreadableError
from provenance.judging.verdict import Word
from provenance.pacs.arrivals import Instance, Kept, Sender, State
from provenance.pacs.intake import (
    Examiner,
    Intake,
    Opinion,
    Weighed,
    as_settled,
    examine_surely,
    judged_of,
)
from provenance.pacs.retrieve.asked import Asked, Lacking, Shown
from provenance.pacs.retrieve.rendering import render
from provenance.pacs.spool.data_set import data_set_digest
from provenance.pacs.spool.files import sha256_of
from provenance.pacs.spool.spool import LetIn, Spool
from provenance.pacs.weighing import conclude, weigh
from provenance.policy.facts import Arrival
from provenance.policy.load import read_policy_bytes
from provenance.policy.parse import parse_acceptance_policy
from provenance.policy.terms import Action
from provenance.records import ReadableLog, Records
from provenance.schema.policy import decision_fields
from provenance.schema.verify import Judged, object_answer
from provenance.site.device import Device
from provenance.site.site import Site
from provenance.verifying.examination import examine_source
from provenance.verifying.verifier import Verifier

TRUST_SECONDS = 10.0
"""How long roots, revocation lists and mark keys are believed before they are read again."""
HASHED_BESIDE = 1 << 20
NOBODY = Instance("", "", "", "")
_LET_IN = (State.FORWARDING, State.DELIVERED)
_APART = (State.QUARANTINED, State.REJECTED)


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where everything is that a service works with. Values only, for every process the same.

    ``policy`` is its file, read anew for each object, or its content.
    ``archive_ae`` is the calling AE title of what archives have and the spool never saw.
    """

    site: Path
    policy: Path | bytes
    spool: Path
    log_url: str | None = None
    archive_ae: str | None = None

    def records(self) -> Records[ReadableLog]:
        """Open the ledger to read, in the site's folder or where it is served."""
        site = Site.open(self.site)
        return site.records() if self.log_url is None else site.remote_records(self.log_url)

    def device(self) -> Device:
        """Open the ledger to write, with the key of the site's gateway."""
        site = Site.open(self.site)
        if self.log_url is None:
            return site.device(Role.GATEWAY)
        return site.remote_device(self.log_url, Role.GATEWAY)

    def read_policy(self) -> bytes:
        """Return the SHA-256 of the policy; PolicyError or UsageError if it is faulty."""
        content = self.policy_now()
        parse_acceptance_policy(content)
        return hashlib.sha256(content).digest()

    def policy_now(self) -> bytes:
        """Return the content of the policy; UsageError if it cannot be read."""
        return self.policy if isinstance(self.policy, bytes) else read_policy_bytes(self.policy)


class _Away:
    """A log that could not be opened: whatever is asked of it fails, as its answers would."""

    origin = ""

    def __init__(self, error: LedgerError) -> None:
        self._error = error

    def _fail(self, *_: object) -> NoReturn:
        raise UnreachableError(f"the log cannot be opened: {self._error}")

    events = bracket = early_receipts = stamped_receipts = annex = find = key = _fail

    def close(self) -> None:
        """There is nothing to let go of."""


class Desk:
    """Takes objects in and judges them, one after the other, by the policy as it is now."""

    def __init__(
        self,
        place: Workplace,
        records: Records[ReadableLog],
        spool: Spool,
        *,
        monotonic: Callable[[], float],
    ) -> None:
        self._place = place
        self._records = records
        self._opened_at = monotonic()
        self._spool = spool
        self._monotonic = monotonic
        self._site = Site.open(place.site)
        self._policy = b""
        self._believed_at = -TRUST_SECONDS
        self._verifier = Verifier(self._site.trust, records)
        self._hasher = ThreadPoolExecutor(1)

    @classmethod
    def open(cls, place: Workplace, *, monotonic: Callable[[], float] = time.monotonic) -> Self:
        """Open all of it; UsageError, sqlite3.Error or OSError if it fails. The log may be away."""
        records = _records(place)
        with ExitStack() as opened:
            opened.callback(records.log.close)
            spool = opened.enter_context(Spool.open(place.spool))
            desk = cls(place, records, spool, monotonic=monotonic)
            desk._verifier_at(datetime.now(UTC))
            opened.pop_all()
        return desk

    def close(self) -> None:
        """Let go of it."""
        self._hasher.shutdown()
        self._records.log.close()
        self._spool.close()

    def take(self, path: Path, sender: Sender, archives: Sequence[str]) -> Kept:
        """Take in the file at ``path``, of the spool's folder ``incoming`` (Intake.take)."""
        return self._take(path, read_content(path), sender, archives)

    def _take(
        self, path: Path, read: Content | None, sender: Sender, archives: Sequence[str]
    ) -> Kept:
        intake = Intake(self._examiner_at(sender.at, read), archives)
        return intake.take(path, sender=sender, instance=instance_of(read), spool=self._spool)

    def opinion(self, path: Path, sender: Sender) -> Opinion:
        """Return what its verifier thinks of a file; nothing is kept."""
        return self._examiner_at(sender.at)(path, sender)

    def weigh(self, content: bytes, sender: Sender) -> Weighed:
        """Judge an object in memory; nothing is kept of it yet."""
        arrived = self._hashing(content)
        read = read_content(content)
        return weigh(
            content,
            self._examiner_at(sender.at, read),
            sender=sender,
            instance=instance_of(read),
            spool=self._spool,
            arrived=arrived,
        )

    def conclude(self, content: bytes, weighed: Weighed) -> Kept | LetIn:
        """Keep what was weighed."""
        return conclude(content, weighed, spool=self._spool)

    def _hashing(self, content: bytes) -> Callable[[], bytes]:
        """Hash a large object beside its examination: another processor is free just then."""
        if len(content) < HASHED_BESIDE:
            return lambda: hashlib.sha256(content).digest()
        return self._hasher.submit(lambda: hashlib.sha256(content).digest()).result

    def store(
        self, path: Path, sender: Sender, archives: Sequence[str], study: str | None
    ) -> Kept | Instance:
        """Do the same for an instance of ``study``, if that is given.

        What names no instance, or another study, is not taken: then its name is returned, NOBODY
        for the first.
        """
        read = read_content(path)
        instance = instance_of(read)
        if not instance.sop_class or not instance.sop_instance:
            return NOBODY
        if study is not None and instance.study != study:
            return instance
        return self._take(path, read, sender, archives)

    def judge(self, path: Path, arrival: Arrival, at: datetime) -> Mapping[str, object]:
        """Return the verdict on a file, and the decision, as JSON values; nothing is kept."""
        found = examine_source(path, self._verifier_at(at), arrival)
        answer = object_answer(
            Judged("", found.verdict, found.sop_instance_uid, decision=found.decision)
        )
        assert found.decision is not None  # the verifier has a policy
        return {**answer, "decision": decision_fields(found.decision)}

    def show(self, path: Path, asked: Asked, number: int | None, at: datetime) -> Shown:
        """Return the verdict on a file that somebody asks for, and what is given of it.

        ``number`` is that of the object in the spool, None for what an archive gave. What is in
        quarantine is not judged anew, and never given.
        """
        read = read_content(path)
        instance = instance_of(read)
        series = "" if read is None else text(read.dataset, 0x0020000E)
        if number is not None:
            kept = self._spool.object(number)
            instance = kept.instance
            word, action = kept.judged.word, kept.judged.action
            if kept.state is not State.FORWARDING:
                apart = Action.strictest((action, Action.QUARANTINE))
                return Shown(instance, series, word, apart, "it is kept apart")
            if sha256_of(path) != kept.sha256:
                words = "its file is not the one that was taken in"
                return Shown(instance, series, Word.ALTERED, Action.REFUSE, words)
            arrival, earlier = kept.sender.arrival, []
        else:
            earlier = self._spool.of_instance(instance.sop_instance)
            came = [each for each in earlier if each.state in _LET_IN]
            past = self._spool.memory.arrival(instance.sop_instance)
            arrival = came[-1].sender.arrival if came else past or Arrival(self._place.archive_ae)
        found = examine_surely(path, self._verifier_at(at), arrival, read)
        settled = self._spool.proposals.settled(
            sha256_of(path),
            instance.sop_instance,
            lambda: data_set_digest(path, instance.transfer_syntax),
        )
        judged = as_settled(judged_of(found), settled)
        shown = Shown(instance, series, judged.word, judged.action, "; ".join(judged.reasons))
        if judged.action is Action.TAG and any(each.state in _APART for each in earlier):
            words = "another object of that name is kept apart, and nothing proves this one"
            return replace(shown, action=Action.QUARANTINE, why=words)
        if not shown.given or not asked.names(shown):
            return shown
        parts = render(path, read, instance.transfer_syntax, asked)
        if isinstance(parts, Lacking):
            return replace(shown, lacks=parts)
        return replace(shown, parts=parts)

    def _examiner_at(self, at: datetime, read: Content | None = None) -> Examiner:
        verifier = self._verifier_at(at)
        return Examiner(verifier, self._policy, read)

    def _verifier_at(self, at: datetime) -> Verifier:
        content = self._place.policy_now()
        digest = hashlib.sha256(content).digest()
        if digest != self._policy:
            policy = parse_acceptance_policy(content)
            self._verifier, self._policy = replace(self._verifier, policy=policy), digest
        now = self._monotonic()
        if now - self._believed_at >= TRUST_SECONDS:
            site = self._site
            self._verifier = replace(
                self._verifier,
                trust=site.trust,
                mark_key=site.mark_key,
                former_mark_keys=site.former_mark_keys,
            )
            self._believed_at = now
        if isinstance(self._records.log, _Away) and now - self._opened_at >= TRUST_SECONDS:
            self._records, self._opened_at = _records(self._place), now
            self._verifier = replace(self._verifier, records=self._records)
        return replace(self._verifier, trust=self._verifier.trust.as_of(at))


def _records(place: Workplace) -> Records[ReadableLog]:
    """Open the ledger; where it is away, verdicts say so, and objects are taken all the same."""
    try:
        return place.records()
    except LedgerError as error:
        return Records(_Away(error), b"")


def read_content(source: Path | bytes) -> Content | None:
    """Return what a file or bytes hold; None for what is no DICOM object. Raises OSError."""
    try:
        return read_instance(source)
    except UnreadableError:
        return None


def instance_of(read: Content | None) -> Instance:
    """Return which instance was read, as far as it says so."""
    if read is None:
        return NOBODY
    header = read.dataset
    return Instance(
        sop_class=text(header, 0x00080016),
        sop_instance=text(header, 0x00080018),
        transfer_syntax=str(read.transfer_syntax),
        study=text(header, 0x0020000D),
    )
