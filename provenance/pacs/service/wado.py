"""WADO-RS (PS3.18, 10.4): what is still here is given from disk, the rest from an archive.

Each object is judged by the policy as it is now, on a copy of its own, before a byte of it leaves.
What waits in quarantine, and what the policy would not let in, is withheld, and the answer says so.
"""

import asyncio
import logging
import os
import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from provenance.errors import MalformedError
from provenance.pacs.arrivals import Kept, State
from provenance.pacs.retrieve.archive_web import Fetched, Web, fetch
from provenance.pacs.retrieve.asked import Asked, Form, Shown
from provenance.pacs.retrieve.rendering import DICOM_JSON, derived_files
from provenance.pacs.retrieve.wanted import DICOM, FRAME_KINDS, OCTETS, Wanted
from provenance.pacs.service.auditing import retrieved_facts
from provenance.pacs.service.endpoints import (
    FILE_TYPES,
    FRAME_TYPES,
    FRAMES,
    METADATA_TYPES,
    UID,
)
from provenance.pacs.service.parameters import named, query
from provenance.pacs.service.problems import problem
from provenance.pacs.service.wado_answer import (
    FileParts,
    Found,
    answer_of,
    body_of,
    verdict_headers,
)
from provenance.pacs.spool.files import incoming_of
from provenance.pacs.spool.spool import Spool
from provenance.policy.terms import Action
from provenance.servers.media_types import accepts

if TYPE_CHECKING:
    from provenance.pacs.service.service import Service

JUDGED_AT_ONCE = 16  # of one request

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Wado:
    """The way out: of the spool, and of the archives that have DICOMweb."""

    service: "Service"
    webs: tuple[Web, ...]

    async def files(self, request: Request) -> Response:
        """Give instances as they are stored."""
        return await self._retrieve(request, Form.FILE)

    async def metadata(self, request: Request) -> Response:
        """Give their attributes."""
        return await self._retrieve(request, Form.METADATA)

    async def frames(self, request: Request) -> Response:
        """Give frames of one instance."""
        return await self._retrieve(request, Form.FRAMES)

    async def _retrieve(self, request: Request, form: Form) -> Response:
        asked, wanted = _asked(request, form), _wanted(request, form)
        gone = Event()
        with ExitStack() as held:
            held.enter_context(self.service.reading())
            watch = asyncio.create_task(_watch(request, gone))
            held.callback(watch.cancel)
            found = await self._find(asked, held, gone.is_set)
            self.service.tally.showed(found.shown)
            withheld = sum(not each.given for each in found.shown)
            fields = {"form": form.value, "found": len(found.shown), "withheld": withheld}
            _logger.info("asked for", extra={"fields": fields})
            status, given = await self._answered(request, asked, found, wanted)
            kind, pieces = body_of(asked, given)
            headers = {"content-type": kind, **verdict_headers(found.shown)}
            return FileParts(
                pieces, status=status, headers=headers, held=held.pop_all(), gone=gone.is_set
            )

    async def _answered(
        self, request: Request, asked: Asked, found: Found, wanted: Wanted
    ) -> tuple[int, list[Shown]]:
        """Return status and what is given (answer_of), once the audit trail was told of it."""
        given: list[Shown] = []
        try:
            status, given = answer_of(asked, found, wanted)
        finally:
            reader = "" if request.client is None else request.client.host
            for fact in retrieved_facts(given, found.shown, reader, self.service.clock()):
                await run_in_threadpool(self.service.tell, fact)
        return status, given

    async def _find(self, asked: Asked, held: ExitStack, gone: Callable[[], bool]) -> Found:
        """Return all that is asked for; ``held`` removes the files at the end."""
        here = await run_in_threadpool(self._held, asked, held)
        found = [each for each in await self._judge(asked, here) if asked.names(each)]
        every = {each.instance.sop_instance: each for each in found if each.given}
        if asked.instance is not None and asked.instance in every:
            return Found(list(every.values()), whole=True)
        got = await run_in_threadpool(self._fetch, asked, held, gone)
        judged = await self._judge(asked, [(path, None) for path in got.paths])
        for each in judged:
            if asked.names(each):
                every.setdefault(each.instance.sop_instance, each)
            else:
                words = "the archive gave something else than what was asked for"
                other = replace(each, action=Action.REFUSE, why=words, parts=())
                every.setdefault(f"other {len(every)}", other)
        for each in found:  # of those that are withheld
            every.setdefault(each.instance.sop_instance, each)
        whole = not got.partial and (bool(self.webs) or asked.instance is not None)
        return Found(list(every.values()), whole)

    def _held(self, asked: Asked, held: ExitStack) -> list[tuple[Path, int | None]]:
        """Return what the spool has of it, the newest of each name, under names of our own."""
        with Spool.open(self.service.views.place.spool) as spool:
            newest: dict[tuple[str, State], Kept] = {}
            for kept in spool.held_of_study(asked.study):
                if asked.instance in (None, kept.instance.sop_instance):
                    newest[kept.instance.sop_instance, kept.state] = kept
            found: list[tuple[Path, int | None]] = []
            for kept in newest.values():
                path = self._new_path(held)
                try:
                    os.link(spool.path(kept.number), path)
                except FileNotFoundError:  # an archive has it by now
                    continue
                found.append((path, kept.number))
        return found

    def _fetch(self, asked: Asked, held: ExitStack, gone: Callable[[], bool]) -> Fetched:
        return fetch(
            self.webs,
            asked,
            new_path=lambda: self._new_path(held),
            bounds=self.service.limits.reading,
            gone=gone,
        )

    def _new_path(self, held: ExitStack) -> Path:
        path = incoming_of(self.service.views.place.spool)
        for each in (path, *derived_files(path)):
            held.callback(each.unlink, missing_ok=True)
        return path

    async def _judge(self, asked: Asked, files: Sequence[tuple[Path, int | None]]) -> list[Shown]:
        """Judge all; NotJudgedError if one could not be."""
        turns = asyncio.Semaphore(JUDGED_AT_ONCE)

        async def one(path: Path, number: int | None) -> Shown:
            async with turns:
                at = self.service.clock()
                return await self.service.examiners.show(path, asked, number, at)

        tasks = [asyncio.create_task(one(path, number)) for path, number in files]
        try:
            return list(await asyncio.gather(*tasks))
        except BaseException:
            await asyncio.gather(*tasks, return_exceptions=True)  # none works on a file that goes
            raise


async def _watch(request: Request, gone: Event) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    gone.set()


def _asked(request: Request, form: Form) -> Asked:
    places = [
        named(request, name, UID) if name in request.path_params else None
        for name in ("study", "series", "instance")
    ]
    study, series, instance = places
    assert study is not None
    frames: tuple[int, ...] = ()
    if form is Form.FRAMES:
        text = request.path_params["frames"]
        if not re.fullmatch(FRAMES, text):
            raise problem(400, "malformed", "frames are at most 256 numbers from 1, by commas")
        frames = tuple(int(each) for each in text.split(","))
    return Asked(study, series, instance, form, frames)


_PARAMETERS = {
    Form.FILE: FILE_TYPES,
    Form.METADATA: METADATA_TYPES,
    Form.FRAMES: FRAME_TYPES,
}


def _wanted(request: Request, form: Form) -> Wanted:
    """Return what the client takes; problem 406 if that is nothing we could ever give."""
    text = query(request, _PARAMETERS[form]).get("accept")
    if text is None and "accept" in request.headers:
        text = ", ".join(request.headers.getlist("accept"))
    try:
        wanted = Wanted.parse(text)
        if form is Form.METADATA:
            fine = accepts(text, [DICOM_JSON])
        else:
            kinds = (DICOM,) if form is Form.FILE else (OCTETS, *set(FRAME_KINDS.values()))
            fine = wanted.may_take(kinds)
    except MalformedError as error:
        raise problem(400, "malformed", f"Accept: {error}") from error
    if not fine:
        offered = {Form.FILE: f'multipart/related; type="{DICOM}"', Form.METADATA: DICOM_JSON}
        words = offered.get(form, f'multipart/related; type="{OCTETS}"; transfer-syntax=*')
        raise problem(406, "not-acceptable", f"the answer is {words}")
    return wanted
