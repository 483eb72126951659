"""Take rejected objects off the disk, long after they were rejected, by the word of a person.

In this order: a signature, in one transaction the row and the custody event `purged`, the log, and
only then the file. So nothing goes of which the log does not say so; whatever stops the machine in
between, the rest is done later, by whoever calls ``take_off`` next.
"""

import logging
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ledger import Event, Signer
from provenance.errors import MalformedError, UsageError
from provenance.pacs.arrivals import Kept
from provenance.pacs.custody.events import (
    KEY_FILE,
    SALT_SIZE,
    Decided,
    decided_by,
    read_custody_body,
)
from provenance.pacs.custody.told import told_persons
from provenance.pacs.quarantine.consents import (
    Matter,
    Step,
    commit_reason,
    consent,
    require_reason,
)
from provenance.pacs.quarantine.purges import Rejection
from provenance.pacs.quarantine.quarantine import Quarantine
from provenance.pacs.spool.files import sha256_of
from provenance.pacs.spool.spool import Spool
from provenance.records import ReadableLog

LEAST = timedelta(days=30)
"""How long a rejected file is kept at least, whatever is asked for."""
_PAGE = 256

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why a file stays; ``amiss`` if somebody must see to that."""

    words: str
    amiss: bool = False


@dataclass(frozen=True, slots=True)
class Purging:
    """What is purged of a quarantine; ``log`` proves who has rejected it."""

    quarantine: Quarantine
    log: ReadableLog

    def candidates(self, *, until: datetime) -> Iterator[tuple[Kept, Rejection]]:
        """Yield what was rejected until a moment, and is not purged."""
        spool, after = self.quarantine.spool, 0
        while page := spool.purges.rejections(before=until, after=after, limit=_PAGE):
            for each in page:
                yield spool.object(each.object), each
            after = page[-1].object

    def hindrance(self, kept: Kept, rejection: Rejection) -> Hindrance | None:
        """Return why the file of a rejected object stays, None if nothing keeps it.

        LedgerError if the log cannot be asked who has signed.
        """
        if not rejection.told or rejection.entry is None:
            return Hindrance("the ledger does not have all of its events yet")
        return self._undecided(kept, rejection, rejection.entry) or self._changed(kept)

    def purge(
        self, number: int, *, until: datetime, reason: str, signer: Signer, at: datetime
    ) -> Hindrance | None:
        """Have the file of an object taken off the disk that was rejected ``until`` then.

        Returns why it stays, if it does. UsageError if it was not rejected so long ago, or is
        purged already; TrustError for a signer who may not decide.
        """
        quarantine, words = self.quarantine, require_reason(reason)
        spool, kept = quarantine.spool, quarantine.spool.object(number)
        if at - until < LEAST:
            raise UsageError(f"what was rejected is kept for {LEAST.days} days at least")
        if spool.purges.of_object(number) is not None:
            raise UsageError(f"the object {number} is purged already")
        found = spool.purges.rejection(number)
        if found is None or found.at > until:
            raise UsageError(f"the object {number} was not rejected, or not so long ago")
        if (hindrance := self.hindrance(kept, found)) is not None:
            return hindrance
        person = quarantine.find(signer.kid, at).words
        commitment = commit_reason(words, secrets.token_bytes(SALT_SIZE))
        matter = Matter(quarantine.origin, kept.witnessed.meant, False, commitment)
        signed = consent(matter, Step.PURGED, signer=signer, at=at)
        decided = Decided(Step.PURGED, False, (signed,), commitment)
        event = kept.witnessed.purged(kept.judged.word, decided, at=at)
        with spool.writing():
            if spool.purges.rejection(number) is None:
                raise UsageError(f"the object {number} is purged already")
            spool.purges.put(number, at=at, person=person)
            spool.proposals.add_step(number, at=at, person=person, act="purged", reason=words)
            spool.custody.put(number, [event])
        return None

    def _undecided(self, kept: Kept, rejection: Rejection, entry: int) -> Hindrance | None:
        try:
            body = read_custody_body(Event.RELEASED, rejection.body)
            decided = decided_by(body)
        except MalformedError as error:
            return Hindrance(f"what was told of its rejection cannot be read: {error}", amiss=True)
        if decided is None:
            return Hindrance("no person has signed its rejection")
        if body[KEY_FILE] != kept.witnessed.meant or decided.to_archives:
            return Hindrance("what was told of it is no rejection of this object", amiss=True)
        persons = told_persons(body, decided, entry, self.log)
        for person in persons:
            if person.problem is not None:
                words = f"{person.name} is not proven to have rejected it: {person.problem}"
                return Hindrance(words, amiss=True)
        if len(persons) < 2 and not self.quarantine.alone:
            return Hindrance("one person alone rejected it, and this site wants two")
        return None

    def _changed(self, kept: Kept) -> Hindrance | None:
        try:
            same = sha256_of(self.quarantine.spool.path(kept.number)) == kept.sha256
        except FileNotFoundError:
            return Hindrance("its file is gone, and nothing says who removed it", amiss=True)
        except OSError as error:
            return Hindrance(f"its file cannot be read: {error.strerror}", amiss=True)
        if same:
            return None
        return Hindrance("its file is not the one that was taken in", amiss=True)


def take_off(spool: Spool, *, at: datetime) -> list[int]:
    """Remove the files of purged objects that the log has been told of; return whose they were.

    What cannot be removed stays for the next call, with a line in the log file.
    """
    gone: list[int] = []
    after = 0
    while numbers := spool.purges.ready(after=after):
        after = numbers[-1]
        removed = [number for number in numbers if _removed(spool, number)]
        if removed:
            spool.sync_objects()
            with spool.writing():
                for number in removed:
                    spool.purges.removed(number, at=at)
        gone += removed
    return gone


def _removed(spool: Spool, number: int) -> bool:
    try:
        spool.path(number).unlink(missing_ok=True)
    except OSError as error:
        words = "the file of the purged object %d cannot be removed: %s"
        _logger.critical(words, number, error.strerror)
        return False
    return True
