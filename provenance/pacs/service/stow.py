"""STOW-RS (PS3.18, 10.5): instances come as parts of one body, each is judged for itself.

The whole body is on disk before the first instance is taken in: a body that breaks off or is of
another form is refused whole.
"""

import asyncio
import json
import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from provenance.errors import MalformedError
from provenance.pacs.arrivals import Instance, Kept, Route, Sender
from provenance.pacs.first_elements import ENOUGH, names_in_meta
from provenance.pacs.retrieve.rendering import DICOM_JSON
from provenance.pacs.retrieve.wanted import DICOM
from provenance.pacs.service.desk import NOBODY
from provenance.pacs.service.endpoints import MAX_STOW_BODY, MULTIPART, UID
from provenance.pacs.service.failures import Cause, NotJudgedError
from provenance.pacs.service.problems import problem
from provenance.pacs.service.stow_answer import (
    Outcome,
    Reason,
    dataset_of,
    outcome_of,
    status_of,
)
from provenance.pacs.spool.files import incoming_of
from provenance.servers.body_file import Bounds, FileInPieces, read_pieces
from provenance.servers.http_api import answer
from provenance.servers.http_server import BodyError
from provenance.servers.media_types import accepts, parse_media_type
from provenance.servers.multipart import Multipart, PartBegins, PartData, PartEnds

if TYPE_CHECKING:
    from provenance.pacs.service.service import Service

MAX_PARTS = 10_000
JUDGED_AT_ONCE = 16  # of one request


@dataclass(slots=True)
class Stow:
    """The door of STOW-RS: what is let in goes to the archives of the service."""

    service: "Service"

    async def studies(self, request: Request) -> Response:
        """Store instances of any study."""
        return await self._store(request, None)

    async def study(self, request: Request) -> Response:
        """Store instances of one study."""
        study: str = request.path_params["study"]
        if not re.fullmatch(UID, study):
            raise problem(404, "not-found", "the study in the path is no UID")
        return await self._store(request, study)

    async def _store(self, request: Request, study: str | None) -> Response:
        if not _takes_json(request):
            raise problem(406, "not-acceptable", f"the answer is {DICOM_JSON}")
        boundary, sender = _boundary(request), self._sender(request)
        with self.service.on_its_way(), ExitStack() as left:
            parts = await self._receive(request, boundary, left)
            outcomes = await self._take(parts, sender, study)
        self.service.wake()
        status = status_of(outcomes)
        return answer(json.dumps(dataset_of(outcomes)).encode(), DICOM_JSON, status=status)

    def _sender(self, request: Request) -> Sender:
        address = None if request.client is None else request.client.host
        service = self.service
        return Sender(Route.STOW, service.clock(), service.stow_ae, address=address)

    async def _receive(
        self, request: Request, boundary: str, left: ExitStack
    ) -> "list[Path | Outcome]":
        """Return the files of all parts; ``left`` removes those that are still there.

        Of a part that is too large nothing is kept: what to say of it stands in its place.
        """
        limits = self.service.limits
        bounds = Bounds(MAX_STOW_BODY, limits.idle, limits.body, limits.free_bytes)
        reader = Multipart(boundary, max_parts=MAX_PARTS)
        parts: list[Path | Outcome] = []
        part: FileInPieces | None = None
        head = b""
        try:
            async for piece in read_pieces(request, bounds):
                for event in reader.feed(piece):
                    match event:
                        case PartBegins(header):
                            _require_dicom(header.get("content-type"))
                            _require_plain(header.get("content-transfer-encoding"))
                            path = incoming_of(self.service.views.place.spool)
                            left.callback(path.unlink, missing_ok=True)
                            parts.append(path)
                            part, head = FileInPieces(path, limits.bounds), b""
                        case PartData(data) if part is not None:
                            head += data[: ENOUGH - len(head)]
                            if not await _written(part, data):
                                await part.abandon()
                                part, parts[-1] = None, _too_large(head)
                        case PartEnds() if part is not None:
                            await part.close()
                            part = None
            reader.finish()
        finally:
            if part is not None:
                await part.abandon()
        return parts

    async def _take(
        self, parts: "Sequence[Path | Outcome]", sender: Sender, study: str | None
    ) -> list[Outcome]:
        """Judge all; NotJudgedError if not one of them could be."""
        turns = asyncio.Semaphore(JUDGED_AT_ONCE)
        failures: list[NotJudgedError] = []
        taken: list[Kept] = []

        async def one(part: Path | Outcome) -> Outcome:
            if isinstance(part, Outcome):
                self.service.tally.unfit += 1
                return part
            async with turns:
                began = self.service.monotonic()
                try:
                    found = await self.service.examiners.store(
                        part, sender, self.service.archive_names, study
                    )
                except NotJudgedError as error:
                    failures.append(error)
                    full = error.cause is Cause.DISK
                    return Outcome(NOBODY, failure=Reason.NO_ROOM if full else Reason.FAILED)
            if isinstance(found, Kept):
                self.service.took(found, began)
                taken.append(found)
                return outcome_of(found)
            self.service.tally.unfit += 1
            return Outcome(
                found, failure=Reason.OTHER_STUDY if found != NOBODY else Reason.NOT_UNDERSTOOD
            )

        outcomes = await asyncio.gather(*(one(part) for part in parts))
        await self.service.tell_received(taken, sender)
        if failures and len(failures) == len(parts):
            raise failures[0]
        return outcomes


async def _written(part: FileInPieces, data: bytes) -> bool:
    """Write a piece of a part; say whether it is not too large by that."""
    try:
        await part.write(data)
    except BodyError as error:
        if error.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise
        return False
    return True


def _too_large(head: bytes) -> Outcome:
    """Return what to say of an instance that begins like this."""
    sop_class, sop_instance = names_in_meta(head) or ("", "")
    return Outcome(Instance(sop_class, sop_instance, ""), failure=Reason.TOO_LARGE)


def _takes_json(request: Request) -> bool:
    try:
        return accepts(request.headers.get("accept"), [DICOM_JSON])
    except MalformedError as error:
        raise problem(400, "malformed", f"Accept: {error}") from error


def _boundary(request: Request) -> str:
    """Return the boundary of the body; problem 415 for a body that is none of STOW-RS."""
    try:
        found = parse_media_type(request.headers.get("content-type", ""))
    except MalformedError as error:
        raise problem(415, "media-type", f"Content-Type: {error}") from error
    if found.name != MULTIPART or found.parameters.get("type", "").lower() != DICOM:
        raise problem(415, "media-type", f'the body is {MULTIPART}; type="{DICOM}"; boundary=...')
    if "boundary" not in found.parameters:
        raise problem(400, "malformed", "the boundary is missing")
    return found.parameters["boundary"]


def _require_dicom(content_type: str | None) -> None:
    if content_type is None or parse_media_type(content_type).name != DICOM:
        raise MalformedError(f"a part is not {DICOM}")


def _require_plain(encoding: str | None) -> None:
    if encoding is not None and encoding.lower() not in ("binary", "8bit", "7bit"):
        raise MalformedError("a part is encoded for mail")
