"""The DICOM door of the gateway: C-STORE and C-ECHO of one association (PS3.4, B and A)."""

import errno
import logging
import sqlite3
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from provenance.errors import MalformedError, UsageError
from provenance.pacs.arrivals import Instance, Kept, Route, Sender, State
from provenance.pacs.dimse.arriving import Arriving, TooLargeError
from provenance.pacs.dimse.command_set import (
    MAX_COMMAND,
    NO_DATASET,
    Command,
    CommandSet,
    Element,
    read_command,
    write_command,
)
from provenance.pacs.dimse.line import Line, LineError, Pdu, Stopped, data_pdus, fragments, pdu
from provenance.pacs.dimse.negotiation import (
    VERIFICATION,
    Agreed,
    accept,
    read_request,
    reject_busy,
    reject_context,
    reject_titled,
)
from provenance.pacs.dimse.statuses import (
    FAILED,
    NO_ROOM,
    OTHER_OBJECT,
    TAKEN,
    Status,
    comment_text,
    refused,
)
from provenance.pacs.gateway.configuration import Limits
from provenance.pacs.intake import Intake
from provenance.pacs.spool.spool import Spool

_logger = logging.getLogger(__name__)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Bench:
    """What one association takes objects in with."""

    intake: Intake
    spool: Spool


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of one C-STORE; ``kept`` is None if nothing was taken or refused."""

    status: Status
    sender: Sender
    size: int
    seconds: float
    kept: Kept | None


class Hearing(Protocol):
    """Hears of one association."""

    def add(self, kept: Kept) -> None:
        """Hear of an object that was taken, or refused."""

    def end(self, sender: Sender) -> None:
        """Hear that the association has ended."""


@dataclass(frozen=True, slots=True)
class StorageScp:
    """What all associations share. ``answered`` hears of each object, before its sender does.

    ``hearing`` makes what hears of one association: each object taken or refused, and its end.
    """

    title: str
    limits: Limits
    open_bench: Callable[[], AbstractContextManager[Bench]]
    answered: Callable[[Answered], None]
    hearing: Callable[[], "Hearing"]
    stopping: Callable[[], bool]
    clock: Callable[[], datetime]

    def serve(self, line: Line, address: str, *, room: bool) -> None:
        """Answer one association until it ends; without ``room`` for it, reject it."""
        try:
            kind, body = line.receive(until=self.stopping)
            if kind is not Pdu.ASSOCIATE_RQ:
                line.abort()
                return
            asked = pdu(kind, bytes(body))
            try:
                request = read_request(asked)
            except MalformedError as error:
                _logger.warning("an association was refused: %s", error)
                line.send(reject_context())
                return
            if not room:
                line.send(reject_busy())
            elif request.called != self.title:
                line.send(reject_titled())
            else:
                agreed, answer = accept(request)
                line.send(answer)
                sender = Sender(Route.DIMSE, self.clock(), request.calling, request.called, address)
                _Association(self, line, agreed, sender).serve()
        except Stopped:
            line.abort()
        except LineError as error:
            _logger.info("an association ended: %s", error, extra={"fields": {"peer": address}})


@dataclass
class _Association:
    """One association that is established."""

    scp: StorageScp
    line: Line
    agreed: Agreed
    sender: Sender
    _benches: ExitStack = field(default_factory=ExitStack)
    _bench: Bench | None = None
    _command: bytearray = field(default_factory=bytearray)
    _store: CommandSet | None = None
    _arriving: Arriving | None = None
    _context: int = 0
    _deadline: float = 0.0

    def __post_init__(self) -> None:
        self._hearing = self.scp.hearing()

    def serve(self) -> None:
        """Answer message after message."""
        try:
            while self._next():
                pass
        except (MalformedError, TooLargeError) as error:
            fields = {"peer": self.sender.address, "calling_ae": self.sender.calling_ae}
            _logger.warning("an association is aborted: %s", error, extra={"fields": fields})
            self.line.abort()
        except LineError:
            raise
        except Exception:
            _logger.exception("an association is aborted")
            self.line.abort()
        finally:
            if self._arriving is not None:
                self._arriving.discard()
            self._benches.close()
            self._hearing.end(self.sender.with_time(self.scp.clock()))

    def _next(self) -> bool:
        between = self._store is None and not self._command
        kind, body = self.line.receive(until=self.scp.stopping if between else None)
        match kind:
            case Pdu.DATA:
                for context, control, data in fragments(body):
                    self._fragment(context, control, data)
                return True
            case Pdu.RELEASE_RQ:
                self.line.send(pdu(Pdu.RELEASE_RP, bytes(4)))
            case Pdu.ABORT:
                pass
            case _:
                self.line.abort()
        return False

    def _fragment(self, context: int, control: int, data: memoryview) -> None:
        last = bool(control & 2)
        if control & 1:
            if self._store is not None:
                raise MalformedError("a command within a data set")
            self._command += data
            if len(self._command) > MAX_COMMAND:
                raise MalformedError("a command set of too many bytes")
            if last:
                command, self._command = read_command(bytes(self._command)), bytearray()
                self._begin(context, command)
            return
        if self._store is None or self._arriving is None or context != self._context:
            raise MalformedError("a data set without a command")
        if time.monotonic() > self._deadline:
            raise MalformedError("an object did not arrive in time")
        self._arriving.write(data)
        if last:
            self._finish(self._store, self._arriving)

    def _begin(self, context: int, command: CommandSet) -> None:
        agreed = self.agreed.contexts.get(context)
        if agreed is None:
            raise MalformedError("a message in a presentation context that was not accepted")
        match command.number(Element.COMMAND):
            case Command.C_ECHO_RQ if agreed.abstract == VERIFICATION:
                self._answer(context, command, Command.C_ECHO_RSP, TAKEN)
            case Command.C_STORE_RQ if agreed.abstract != VERIFICATION:
                if command.number(Element.DATASET_TYPE) == NO_DATASET:
                    raise MalformedError("a C-STORE without a data set")
                command.number(Element.MESSAGE_ID)
                instance = Instance(
                    command.text(Element.SOP_CLASS),
                    command.text(Element.SOP_INSTANCE),
                    agreed.transfer,
                )
                limits = self.scp.limits
                arriving = Arriving(
                    self._incoming(), instance, limits.object_bytes, limits.free_disk_bytes
                )
                self._store, self._arriving, self._context = command, arriving, context
                self._deadline = time.monotonic() + limits.object_seconds
                arriving.begin()
            case Command.C_CANCEL_RQ:
                pass
            case other:
                raise MalformedError(f"a command {other:04X} that this context does not carry")

    def _incoming(self) -> Path | None:
        """Return where an object can be written to; None if the spool cannot be used now."""
        try:
            return self._open().spool.incoming()
        except (UsageError, sqlite3.Error, OSError) as error:
            _logger.error("nothing can be taken: %s", error)
            return None

    def _open(self) -> Bench:
        if self._bench is None:
            self._bench = self._benches.enter_context(self.scp.open_bench())
        return self._bench

    def _finish(self, command: CommandSet, arriving: Arriving) -> None:
        began = time.monotonic()
        now = self.sender.with_time(self.scp.clock())
        status, kept = self._take(command, arriving, now)
        self._store = self._arriving = None
        seconds = time.monotonic() - began
        if kept is not None:
            self._hearing.add(kept)
        self.scp.answered(Answered(status, now, arriving.size, seconds, kept))
        self._answer(self._context, command, Command.C_STORE_RSP, status)

    def _take(
        self, command: CommandSet, arriving: Arriving, sender: Sender
    ) -> tuple[Status, Kept | None]:
        """Return a success only for what the spool has, or an archive had from it."""
        path = arriving.path
        if not arriving.finish() or path is None:
            return NO_ROOM, None
        try:
            instance, agrees = arriving.named()
            proposed = self.agreed.contexts[self._context].abstract
            if not agrees or command.text(Element.SOP_CLASS) != proposed:
                path.unlink()
                return OTHER_OBJECT, None
            bench = self._open()
            kept = bench.intake.take(
                path,
                sender=sender,
                instance=instance,
                spool=bench.spool,
                arrived=arriving.sha256.digest(),
            )
        except Exception as error:
            _logger.exception("an object was not taken")
            path.unlink(missing_ok=True)
            return (NO_ROOM if _is_full(error) else FAILED), None
        if kept.state is State.REFUSED:
            return refused(kept.judged.word, kept.judged.rule), kept
        return TAKEN, kept

    def _answer(self, context: int, request: CommandSet, command: Command, status: Status) -> None:
        elements: dict[int, int | str] = {
            Element.COMMAND: command,
            Element.ANSWERED_ID: request.number(Element.MESSAGE_ID),
            Element.DATASET_TYPE: NO_DATASET,
            Element.STATUS: status.code,
        }
        for element in (Element.SOP_CLASS, Element.SOP_INSTANCE):
            if element in request:
                elements[element] = request[element]
        if status.comment:
            elements[Element.ERROR_COMMENT] = comment_text(status.comment)
        body = memoryview(write_command(elements))
        self.line.send(data_pdus(context, [(body, True)], command=True))


def _is_full(error: Exception) -> bool:
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in _FULL
