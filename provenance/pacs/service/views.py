"""What the service shows of its spool and of the ledger, as JSON values."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from provenance import __version__
from provenance.errors import MalformedError, UsageError
from provenance.pacs.arrivals import State
from provenance.pacs.quarantine.persons import one_is_enough
from provenance.pacs.service.answers import ARCHIVE, kept_fields, moment_text
from provenance.pacs.service.desk import Workplace
from provenance.pacs.service.problems import ProblemError, problem
from provenance.pacs.spool.memory import ForgottenError
from provenance.pacs.spool.spool import Spool
from provenance.schema.trace import SCHEMA, trace_exit_code, trace_fields
from provenance.trace import trace_name

PAGE = 100
MAX_WORDS = 500


@dataclass(frozen=True, slots=True)
class Views:
    """Each opens what it needs, and may be called in any thread."""

    place: Workplace

    def objects(self, state: State | None, after: int) -> dict[str, object]:
        """Return a page of objects, and after which number the next one begins."""
        with Spool.open(self.place.spool) as spool:
            found = spool.objects(state, after=after, limit=PAGE)
        return {
            "objects": [kept_fields(each) for each in found],
            "next": found[-1].number if len(found) == PAGE else None,
        }

    def one(self, number: int) -> dict[str, object]:
        """Return one object with its verdict, and what persons did about it."""
        with Spool.open(self.place.spool) as spool:
            try:
                kept, steps = spool.object(number), spool.steps(number)
            except UsageError as error:
                raise _none(error) from error
        return {
            **kept_fields(kept),
            "report": dict(kept.judged.verdict),
            "steps": [
                {"at": moment_text(at), "person": person, "act": act, "reason": reason}
                for at, person, act, reason in steps
            ],
        }

    def file(self, number: int) -> Path:
        """Return where the file of an object is that waits, or was rejected."""
        with Spool.open(self.place.spool) as spool:
            try:
                spool.object(number)
            except UsageError as error:
                raise _none(error) from error
            path, purged = spool.path(number), spool.purges.of_object(number)
        if not path.is_file() and purged is not None:
            raise problem(404, "not-found", "it was rejected, and purged: the ledger says by whom")
        if not path.is_file():
            raise problem(404, "not-found", "the file is not here: its sender or an archive has it")
        return path

    def verdicts(self, sop_instance: str) -> dict[str, object]:
        """Return what was said of an instance, whenever it came; the newest is the last."""
        with Spool.open(self.place.spool) as spool:
            found = spool.of_instance(sop_instance)
            if not found and spool.memory.arrival(sop_instance) is not None:
                raise problem(410, "forgotten", "what came of that instance was forgotten")
        if not found:
            raise problem(404, "not-found", "no object of that instance came here")
        return {
            "sop_instance_uid": sop_instance,
            "objects": [{**kept_fields(k), "report": dict(k.judged.verdict)} for k in found],
        }

    def trace(self, name: str) -> dict[str, object]:
        """Return the chain of custody, as `radseal trace --json` does; LedgerError."""
        records = self.place.records()
        try:
            traces = trace_name(name, records=records)
        finally:
            records.log.close()
        return {
            "schema": SCHEMA,
            "exit_code": trace_exit_code(traces),
            "tool": {"name": "radseal", "version": __version__},
            **trace_fields(name, traces),
        }

    def handed_over(
        self, number: int, archive: str, *, forwarded_to: tuple[str, ...], at: datetime
    ) -> dict[str, object]:
        """Note that an archive has a released object that somebody fetched."""
        with Spool.open(self.place.spool) as spool:
            try:
                spool.object(number)
            except UsageError as error:
                raise _none(error) from error
            try:
                spool.deliveries.handed_over(number, archive, forwarded_to=forwarded_to, at=at)
            except UsageError as error:
                raise problem(409, "state", str(error)) from error
        return self.one(number)

    def decide(
        self, number: int, *, release: bool, words: "Words", archives: tuple[str, ...], at: datetime
    ) -> dict[str, object]:
        """Let an object out of quarantine, or reject it; return it as it is then.

        403 unless the spool lets one person decide: what two sign is not done over HTTP.
        """
        with Spool.open(self.place.spool) as spool:
            try:
                kept = spool.object(number)
            except UsageError as error:
                raise _none(error) from error
            if kept.state is State.QUARANTINED and not one_is_enough(self.place.spool):
                raise problem(403, "persons", TWO_DECIDE)
            try:
                if release:
                    spool.release(number, archives=archives, at=at)
                else:
                    spool.reject(number, at=at)
            except UsageError as error:
                raise problem(409, "state", str(error)) from error
            act = "released" if release else "rejected"
            spool.add_step(number, at=at, person=words.person, act=act, reason=words.reason)
        return self.one(number)


def _none(error: UsageError) -> ProblemError:
    """Return what is said of an object that is not here, and of one that is not any more."""
    if isinstance(error, ForgottenError):
        return problem(410, "forgotten", str(error))
    return problem(404, "not-found", str(error))


def read_archive(body: bytes) -> str:
    """Return which archive has an object; MalformedError for anything but its name."""
    try:
        found = json.loads(body)
    except ValueError as error:
        raise MalformedError("the body is not JSON") from error
    match found:
        case {"archive": str(name), **rest} if not rest and re.fullmatch(ARCHIVE, name):
            return name
    raise MalformedError("the body names an archive, in 1 to 64 letters, digits, dots or dashes")


TWO_DECIDE = (
    "two persons decide about quarantine here, each with a key of the log: radseal quarantine "
    "release, or reject, then confirm"
)


@dataclass(frozen=True, slots=True)
class Words:
    """Who decides, and why."""

    person: str
    reason: str


def read_words(body: bytes) -> Words:
    """Return what a decision says; MalformedError for anything but two short texts."""
    try:
        found = json.loads(body)
    except ValueError as error:
        raise MalformedError("the body is not JSON") from error
    match found:
        case {"person": str(person), "reason": str(reason), **rest} if not rest:
            texts = (person.strip(), reason.strip())
        case _:
            raise MalformedError("the body says person and reason, and nothing else")
    for each in texts:
        if not 1 <= len(each) <= MAX_WORDS or not each.isprintable():
            raise MalformedError(f"person and reason are lines of 1 to {MAX_WORDS} characters")
    return Words(*texts)
