"""How WADO-RS answers (PS3.18, 10.4): which status, and bodies out of files.

Status and headers are known before the first byte leaves: all that is given lies on disk, and was
verified there.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from provenance.pacs.retrieve.asked import Asked, Form, Lacking, Part, Shown
from provenance.pacs.retrieve.rendering import DICOM_JSON
from provenance.pacs.retrieve.wanted import Wanted
from provenance.pacs.service.problems import problem
from provenance.servers.http_api import NO_STORE

MAX_NAMED = 32  # instances in one header
_PIECE = 1 << 18


@dataclass(frozen=True, slots=True)
class Found:
    """All that was found, each instance once; not ``whole`` if there may be more."""

    shown: Sequence[Shown]
    whole: bool


def answer_of(asked: Asked, found: Found, wanted: Wanted) -> tuple[int, list[Shown]]:
    """Return the status, and what is given; the problem of PS3.18 if nothing is.

    404 for nothing, 403 if all is withheld, 406 if what may be given is not acceptable.
    """
    allowed = [each for each in found.shown if each.given]
    given = [each for each in allowed if each.parts and _is_taken(each, wanted, asked.form)]
    headers = verdict_headers(found.shown)
    if given:
        partial = len(given) < len(found.shown) or not found.whole
        return (206 if partial else 200), given
    if not found.shown:
        raise problem(404, "not-found", "neither the service nor an archive has it")
    if not allowed:
        first = found.shown[0]
        words = f"{first.word}: {first.action.value}; {first.why}"
        raise problem(403, "withheld", words, headers)
    lacks = next((each.lacks for each in allowed if each.lacks is not None), None)
    if lacks is Lacking.NO_FRAME:
        raise problem(404, "not-found", lacks.value, headers)
    words = "; ".join(sorted({_form_words(each) for each in allowed})[:4])
    raise problem(406, "not-acceptable", words, headers)


def _is_taken(shown: Shown, wanted: Wanted, form: Form) -> bool:
    if form is Form.METADATA:
        return True
    return all(wanted.takes(part.kind, part.syntax) for part in shown.parts)


def _form_words(shown: Shown) -> str:
    if shown.lacks is not None:
        return shown.lacks.value
    part = shown.parts[0]
    return f"it is {part.kind}; transfer-syntax={part.syntax}, and nothing is transcoded"


def verdict_headers(shown: Sequence[Shown]) -> dict[str, str]:
    """Return what is said of all: verdicts by their number, and each that is withheld."""
    counts: dict[tuple[str, str], int] = {}
    for each in shown:
        key = (each.word.value, each.action.value)
        counts[key] = counts.get(key, 0) + 1
    listed = [f'"{word}";action={action};count={n}' for (word, action), n in sorted(counts.items())]
    held = [each for each in shown if not each.given]
    names = [
        f'"{_name(each)}";verdict="{each.word.value}";action={each.action.value}'
        for each in held[:MAX_NAMED]
    ]
    headers = {"radseal-verdicts": ", ".join(listed)} if listed else {}
    if held:
        headers |= {"radseal-withheld": ", ".join(names), "radseal-withheld-count": str(len(held))}
    return headers


def _name(shown: Shown) -> str:
    """Return the UID as a string of RFC 8941, whatever an object says that it is."""
    uid = shown.instance.sop_instance
    return uid if uid and all(each in "0123456789." for each in uid) and len(uid) <= 64 else ""


def body_of(asked: Asked, given: Sequence[Shown]) -> tuple[str, list[bytes | Part]]:
    """Return the type of the body, and what it is made of."""
    if asked.form is Form.METADATA:
        joined: list[bytes | Part] = []
        for shown in given:
            joined += [b"," if joined else b"[", *shown.parts]
        return DICOM_JSON, [*joined, b"]"]
    boundary = secrets.token_hex(24)
    pieces: list[bytes | Part] = []
    for shown in given:
        for part in shown.parts:
            fields = {
                "Content-Type": f"{part.kind}; transfer-syntax={part.syntax}",
                "Radseal-Verdict": shown.word.value,
                "Radseal-Action": shown.action.value,
            }
            pieces += [_head(boundary, fields), part, b"\r\n"]
    kind = given[0].parts[0].kind
    last = f"--{boundary}--\r\n".encode()
    return f'multipart/related; type="{kind}"; boundary={boundary}', [*pieces, last]


def _head(boundary: str, fields: Mapping[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"--{boundary}\r\n{lines}\r\n".encode()


class FileParts(Response):
    """An answer out of files, piece by piece; at its end everything of ``held`` is let go of."""

    def __init__(
        self,
        pieces: Sequence[bytes | Part],
        *,
        status: int,
        headers: Mapping[str, str],
        held: ExitStack,
        gone: Callable[[], bool],
    ) -> None:
        super().__init__(status_code=status, headers={**headers, "cache-control": NO_STORE})
        sizes = (each.size if isinstance(each, Part) else len(each) for each in pieces)
        self.headers["content-length"] = str(sum(sizes))
        self._pieces = pieces
        self._held = held
        self._gone = gone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; a file that is shorter than it was breaks the line off."""
        with self._held:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            for each in self._pieces:
                if isinstance(each, Part):
                    await self._send_part(each, send)
                else:
                    await _send(each, send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_part(self, part: Part, send: Send) -> None:
        with await run_in_threadpool(part.path.open, "rb") as file:
            file.seek(part.offset)
            left = part.size
            while left and not self._gone():
                piece = await run_in_threadpool(file.read, min(left, _PIECE))
                if not piece:
                    raise OSError("a file became shorter while it was sent")
                left -= len(piece)
                await _send(piece, send)


async def _send(piece: bytes, send: Send) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": True})
