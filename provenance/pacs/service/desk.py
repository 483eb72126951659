"""What one process of the service holds open to judge objects: site, log, policy and spool."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn, Self

from ledger import LedgerError, Role, UnreachableError
from provenance.dicom.read import read_instance
from provenance.dicom.values import text
from provenance.errors import UnreadableError
from provenance.pacs.arrivals import Instance, Kept, Sender
from provenance.pacs.intake import Intake, Weighed
from provenance.pacs.spool.spool import LetIn, Spool
from provenance.policy.facts import Arrival
from provenance.policy.load import read_policy_bytes
from provenance.policy.parse import parse_acceptance_policy
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


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where everything is that a service works with. Values only, for every process the same."""

    site: Path
    policy: Path
    spool: Path
    log_url: str | None = None

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
        content = read_policy_bytes(self.policy)
        parse_acceptance_policy(content)
        return hashlib.sha256(content).digest()


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
        try:
            desk = cls(place, records, Spool.open(place.spool), monotonic=monotonic)
            desk._verifier_at(datetime.now(UTC))
        except BaseException:
            records.log.close()
            raise
        return desk

    def close(self) -> None:
        """Let go of it."""
        self._hasher.shutdown()
        self._records.log.close()
        self._spool.close()

    def take(self, path: Path, sender: Sender, archives: Sequence[str]) -> Kept:
        """Take in the file at ``path``, of the spool's folder ``incoming`` (Intake.take)."""
        intake = Intake(self._verifier_at(sender.at), self._policy, archives)
        return intake.take(path, sender=sender, instance=identify(path), spool=self._spool)

    def weigh(self, content: bytes, sender: Sender) -> Weighed:
        """Judge an object in memory; nothing is kept of it yet (Intake.weigh)."""
        intake = Intake(self._verifier_at(sender.at), self._policy, ())
        arrived = self._hashing(content)
        return intake.weigh(
            content,
            sender=sender,
            instance=identify(content),
            spool=self._spool,
            arrived=arrived,
        )

    def conclude(self, content: bytes, weighed: Weighed) -> Kept | LetIn:
        """Keep what was weighed (Intake.conclude)."""
        intake = Intake(self._verifier, self._policy, ())
        return intake.conclude(content, weighed, spool=self._spool)

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
        instance = identify(path)
        if not instance.sop_class or not instance.sop_instance:
            return NOBODY
        if study is not None and instance.study != study:
            return instance
        return self.take(path, sender, archives)

    def judge(self, path: Path, arrival: Arrival, at: datetime) -> Mapping[str, object]:
        """Return the verdict on a file, and the decision, as JSON values; nothing is kept."""
        found = examine_source(path, self._verifier_at(at), arrival)
        answer = object_answer(
            Judged("", found.verdict, found.sop_instance_uid, decision=found.decision)
        )
        assert found.decision is not None  # the verifier has a policy
        return {**answer, "decision": decision_fields(found.decision)}

    def _verifier_at(self, at: datetime) -> Verifier:
        content = read_policy_bytes(self._place.policy)
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


def identify(source: Path | bytes) -> Instance:
    """Return which instance a file holds, as far as that can be read. Raises OSError."""
    try:
        found = read_instance(source)
    except UnreadableError:
        return NOBODY
    header = found.dataset
    return Instance(
        sop_class=text(header, 0x00080016),
        sop_instance=text(header, 0x00080018),
        transfer_syntax=str(found.transfer_syntax),
        study=text(header, 0x0020000D),
    )
