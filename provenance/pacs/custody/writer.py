"""From the spool to the ledger: custody events, signed and logged in batches, each exactly once.

The ledger is asked by one thread; no object waits for it. A statement is kept before it is sent,
so that after a crash the same bytes are sent again, which the log knows by their hash.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event as Flag
from threading import Thread

from ledger import (
    FIRST,
    BusyError,
    ConflictError,
    Entry,
    Head,
    LedgerError,
    Link,
    MalformedError,
    RefusedError,
    Submission,
    decode_cbor,
    hash_leaf,
    sign_statement,
)
from provenance.pacs.custody.events import MAX_BODY
from provenance.pacs.custody.queue import CustodyQueue, Untold
from provenance.pacs.spool.spool import Spool
from provenance.site.device import Device

BATCH = 256  # as many as a log takes at once
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 30.0
DEADLINE = timedelta(hours=1)

_logger = logging.getLogger(__name__)


class CustodyWriter:
    """Logs what a spool has to tell. One for each spool and key: the key's chain has one end."""

    def __init__(self, queue: CustodyQueue, device: Device) -> None:
        self._queue = queue
        self._device = device

    def write(self) -> int:
        """Log one batch; return how many events are in the log now that were not.

        LedgerError if the log cannot be reached: nothing is lost, and the call is repeated.
        """
        rows = self._queue.untold(limit=BATCH)
        sent = [row for row in rows if row.statement is not None]
        if sent:
            return self._send_again(sent)
        if not rows:
            return 0
        statements = self._sign(rows)
        self._queue.signed(dict(zip([row.number for row in rows], statements, strict=True)))
        return self._send(rows, statements)

    def _send(self, rows: Sequence[Untold], statements: Sequence[bytes]) -> int:
        try:
            entries = self._append(statements)
        except (RefusedError, MalformedError, ConflictError) as error:
            self._queue.signed(dict.fromkeys([row.number for row in rows]))
            if isinstance(error, ConflictError):
                return 0  # somebody appended in between: signed anew on the next call
            if len(rows) == 1:
                _logger.critical("the log refuses a custody event: %s", error)
                self._queue.not_logged(rows[0].number, str(error))
                return 0
            return self._one_by_one(rows)
        self._queue.logged({row.number: e.index for row, e in zip(rows, entries, strict=True)})
        return len(rows)

    def _one_by_one(self, rows: Sequence[Untold]) -> int:
        done = 0
        for row in rows:
            (statement,) = self._sign([row])
            self._queue.signed({row.number: statement})
            done += self._send([row], [statement])
        return done

    def _send_again(self, rows: Sequence[Untold]) -> int:
        """Send what was perhaps sent before; what the log does not take is signed anew."""
        done = 0
        for row in rows:
            assert row.statement is not None
            done += self._send([row], [row.statement])
        return done

    def _append(self, statements: Sequence[bytes]) -> Sequence[Entry]:
        submissions = [Submission(each) for each in statements]
        entries = self._device.log.append(submissions, at=datetime.now().astimezone())
        return [entry for entry in entries if isinstance(entry, Entry)]

    def _sign(self, rows: Sequence[Untold]) -> list[bytes]:
        log, kid = self._device.log, self._device.signer.kid
        head, actor = log.head(), log.actor_link(kid)
        objects: dict[bytes, Link] = {}
        statements = []
        for row in rows:
            seal_id = row.seal_id
            if seal_id is not None and seal_id not in objects:
                objects[seal_id] = log.object_link(seal_id)
            known = seal_id is not None and objects[seal_id] != FIRST
            body = decode_cbor(row.body, max_size=MAX_BODY)
            assert isinstance(body, dict)
            statement = sign_statement(
                event=row.event,
                object_id=seal_id if known else None,
                object_link=objects[seal_id] if known and seal_id is not None else None,
                actor_link=actor,
                claimed_at=row.at,
                head_seen=Head(head.size, head.root),
                body=body,
                signer=self._device.signer,
            )
            leaf = hash_leaf(statement)
            actor = actor.next(leaf)
            if known and seal_id is not None:
                objects[seal_id] = objects[seal_id].next(leaf)
            statements.append(statement)
        return statements


class CustodyThread:
    """Writes custody events of the spool in ``folder`` until it is closed.

    What the log has refused is tried once at each start, after a key was renewed, for example.
    """

    def __init__(
        self,
        folder: Path,
        open_device: Callable[[], Device],
        *,
        clock: Callable[[], datetime],
        deadline: timedelta = DEADLINE,
    ) -> None:
        self._folder = folder
        self._open_device = open_device
        self._clock = clock
        self._deadline = deadline
        self._stopped = Flag()
        self._overdue = False
        self._thread = Thread(target=self._run, name="radseal-custody")
        self._thread.start()

    @property
    def overdue(self) -> bool:
        """Whether an event waits for the log longer than the deadline."""
        return self._overdue

    @property
    def alive(self) -> bool:
        """Whether it goes on writing."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Write what can be written at once, and stop."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        pause = PAUSE_SECONDS
        device: Device | None = None
        with Spool.open(self._folder) as spool:
            spool.custody.try_again()
            while True:
                last = self._stopped.is_set()
                try:
                    device = device or self._open_device()
                    while CustodyWriter(spool.custody, device).write():
                        pass
                    pause = PAUSE_SECONDS
                except LedgerError as error:
                    _logger.warning("custody is pending: %s", error)
                    if not isinstance(error, BusyError):
                        _close(device)
                        device = None
                    pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                except Exception as error:
                    _logger.error("custody is pending", exc_info=error)
                    _close(device)
                    device = None
                    pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                self._watch(spool)
                if last:
                    break
                self._stopped.wait(pause)
        _close(device)

    def _watch(self, spool: Spool) -> None:
        since = spool.custody.state().since
        overdue = since is not None and self._clock() - since > self._deadline
        if overdue and not self._overdue:
            _logger.critical("custody events wait for the log since %s", since)
        self._overdue = overdue


def _close(device: Device | None) -> None:
    if device is not None:
        device.close()
