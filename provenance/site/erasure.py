"""Erase objects: log it for each, destroy what is kept beside the log, and clean the files once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from ledger import (
    Event,
    Head,
    Log,
    NotFoundError,
    Signer,
    hash_leaf,
    parse_statement,
    sign_statement,
)
from provenance.errors import UsageError

BATCH = 256  # that one transaction logs
MAX_OBJECTS = 1_000_000
MAX_LIST = 64 << 20
SEAL_ID_HEX = 24
REASON = 1  # key of the body


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be erased, in the order it was named, and what was erased before."""

    objects: tuple[bytes, ...]
    already: tuple[bytes, ...]


def read_list(text: str) -> list[bytes]:
    """Return the seal ids of a list: one a line; empty lines and those with # in front are skipped.

    UsageError names the line that holds none.
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        word = line.strip()
        if not word or word.startswith("#"):
            continue
        try:
            found.append(read_seal_id(word))
        except UsageError as error:
            raise UsageError(f"line {number}: {error}") from error
    return found


def read_seal_id(word: str) -> bytes:
    """Return a seal id from its 24 hexadecimal digits."""
    if len(word) != SEAL_ID_HEX or not set(word) <= set("0123456789abcdefABCDEF"):
        raise UsageError(f"{word[:40]!r} is not a seal id of {SEAL_ID_HEX} hexadecimal digits")
    return bytes.fromhex(word)


def plan_erasure(log: Log, objects: Sequence[bytes]) -> Plan:
    """Look every object up before anything is done; NotFoundError if the log knows one not."""
    if len(objects) > MAX_OBJECTS:
        raise UsageError(f"{len(objects)} objects; {MAX_OBJECTS} at most at a time")
    fresh: list[bytes] = []
    already: list[bytes] = []
    for object_id in dict.fromkeys(objects):
        entries = log.events(object_id)
        if not entries:
            raise NotFoundError(f"the log has no entry about the object {object_id.hex()}")
        gone = any(parse_statement(each.statement).event is Event.ERASED for each in entries)
        (already if gone else fresh).append(object_id)
    return Plan(tuple(fresh), tuple(already))


def erase_objects(
    log: Log,
    plan: Plan,
    *,
    archivist: Signer,
    reason: str,
    at: datetime,
    progress: Callable[[int], object] = lambda _: None,
) -> int:
    """Log an erasure of each object and clean the files once; return how many were logged.

    BusyError if a reader keeps old pages: all is logged, and the next opening cleans the files.
    """
    done = 0
    for _ in log.erase_all(_signed(log, plan.objects, archivist, reason, at), at=at):
        done += 1
        progress(1)
    return done


def _signed(
    log: Log, objects: Sequence[bytes], archivist: Signer, reason: str, at: datetime
) -> Iterator[list[bytes]]:
    head = log.head()
    waiting = iter(objects)
    while batch := list(islice(waiting, BATCH)):
        link = log.actor_link(archivist.kid)
        made = []
        for object_id in batch:
            made.append(
                sign_statement(
                    event=Event.ERASED,
                    object_id=object_id,
                    object_link=log.object_link(object_id),
                    actor_link=link,
                    claimed_at=at,
                    head_seen=Head(head.size, head.root),
                    body={REASON: reason},
                    signer=archivist,
                )
            )
            link = link.next(hash_leaf(made[-1]))
        yield made
