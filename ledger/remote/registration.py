"""What goes over the line when statements are registered (docs/spec/log-server.md): bytes and JSON.

Pure functions, the same for server and client.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger.annexes import MAX_ANNEX
from ledger.cose.sign1 import MAX_SIZE
from ledger.entries import MAX_PSEUDONYMS, PSEUDONYM_SIZE, Entry, Submission
from ledger.errors import (
    BusyError,
    Chain,
    ConflictError,
    ErasedError,
    ForbiddenError,
    LedgerError,
    MalformedError,
    NotFoundError,
    NotSignedError,
    OverloadedError,
    RefusedError,
    StoreError,
    UnreachableError,
    UsageError,
)
from ledger.links import HASH_SIZE, Link
from ledger.remote.json_text import decode_hex, decode_object, encode_object, is_number

MAX_SUBMISSIONS = 256
MAX_BODY = MAX_ANNEX + (4 << 20)

ENTRIES = "radseal/log-entries/1"
LINK = "radseal/log-link/1"
PROBLEM = "urn:radseal:problem:"


class TooLargeError(MalformedError):
    """More bytes or more submissions than one request may have."""


def encode_submissions(submissions: Sequence[Submission]) -> bytes:
    """Return the body of a request; UsageError for more than one request may have."""
    body = b"".join(_encode(each) for each in submissions)
    if not 0 < len(submissions) <= MAX_SUBMISSIONS or len(body) > MAX_BODY:
        raise UsageError(f"{len(submissions)} submissions of {len(body)} bytes are not one request")
    return body


def _encode(submission: Submission) -> bytes:
    if len(submission.statement) > MAX_SIZE:
        raise UsageError(f"{len(submission.statement)} bytes are no statement")
    annex = submission.annex
    return b"".join(
        (
            len(submission.statement).to_bytes(2, "big"),
            submission.statement,
            len(submission.pseudonyms).to_bytes(1, "big"),
            *submission.pseudonyms,
            b"\x00" if annex is None else b"\x01" + len(annex).to_bytes(4, "big") + annex,
        )
    )


def parse_submissions(body: bytes) -> list[Submission]:
    """Take the body of a request apart; MalformedError unless it is exactly one."""
    if len(body) > MAX_BODY:
        raise TooLargeError(f"a request of {len(body)} bytes, where {MAX_BODY} are allowed")
    reader = _Reader(body)
    submissions: list[Submission] = []
    while reader.left:
        if len(submissions) == MAX_SUBMISSIONS:
            raise TooLargeError(f"a request has at most {MAX_SUBMISSIONS} submissions")
        submissions.append(_read(reader))
    if not submissions:
        raise MalformedError("a request without a submission")
    return submissions


def _read(reader: _Reader) -> Submission:
    statement = reader.take(reader.number(2))
    count = reader.number(1)
    if count > MAX_PSEUDONYMS:
        raise MalformedError(f"{count} pseudonyms for one statement")
    pseudonyms = tuple(reader.take(PSEUDONYM_SIZE) for _ in range(count))
    match reader.number(1):
        case 0:
            annex = None
        case 1:
            size = reader.number(4)
            if size > MAX_ANNEX:
                raise MalformedError(f"an annex of {size} bytes")
            annex = reader.take(size)
        case other:
            raise MalformedError(
                f"{other} says neither that there is an annex nor that there is none"
            )
    return Submission(statement, annex=annex, pseudonyms=pseudonyms)


@dataclass(slots=True)
class _Reader:
    data: bytes
    at: int = 0

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise MalformedError("a submission that is cut short")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")


@dataclass(frozen=True, slots=True)
class Registered:
    """What a server answers: index and leaf hash of each statement, and perhaps a receipt."""

    entries: tuple[tuple[int, bytes], ...]
    receipt: bytes | None = None

    @classmethod
    def of(cls, entries: Sequence[Entry], receipt: bytes | None = None) -> Registered:
        """Say where the entries of a log are."""
        return cls(tuple((entry.index, entry.leaf_hash) for entry in entries), receipt)

    def __bytes__(self) -> bytes:
        fields = {
            "schema": ENTRIES,
            "entries": [
                {"index": index, "leaf_hash": leaf_hash.hex()} for index, leaf_hash in self.entries
            ],
            "receipt": None if self.receipt is None else self.receipt.decode("utf-8"),
        }
        return encode_object(fields)


def parse_registered(body: bytes) -> Registered:
    """Read the answer to a registration; MalformedError for anything else."""
    match decode_object(body):
        case {"schema": "radseal/log-entries/1", "entries": list(listed), "receipt": receipt}:
            pass
        case _:
            raise MalformedError("not an answer about entries")
    entries = []
    for each in listed:
        match each:
            case {"index": int(index), "leaf_hash": str(leaf_hash)} if is_number(index):
                entries.append((index, _hash(leaf_hash)))
            case _:
                raise MalformedError("an entry without index or leaf hash")
    if not isinstance(receipt, str | None):
        raise MalformedError("a receipt that is no text")
    return Registered(tuple(entries), None if receipt is None else _bytes(receipt))


def encode_link(link: Link) -> bytes:
    """Return the answer that says what the next statement of a chain must name."""
    return encode_object({"schema": LINK, **_link_fields(link)})


def parse_link(body: bytes) -> Link:
    """Read such an answer; MalformedError for anything else."""
    fields = decode_object(body)
    if fields.get("schema") != LINK:
        raise MalformedError("not an answer about a link")
    return _read_link(fields)


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as a server says it (RFC 9457).

    ``link`` and ``chain`` go with a stale link, ``nonce`` with a read that is not signed.
    """

    status: int
    kind: str
    detail: str
    chain: Chain | None = None
    link: Link | None = None
    nonce: bytes | None = None

    def conflict(self) -> ConflictError:
        """Return the error of a stale link; MalformedError if this problem names none."""
        if self.chain is None or self.link is None:
            raise MalformedError("a stale link without the current one")
        return ConflictError(self.detail, current=self.link, chain=self.chain)

    def challenge(self) -> NotSignedError:
        """Return the error of a read that is not signed; MalformedError without a nonce."""
        if self.nonce is None:
            raise MalformedError("a signature is asked for, without a nonce")
        return NotSignedError(self.detail, nonce=self.nonce)


def problem_of(error: LedgerError) -> Problem:
    """Return how a refusal is said to the one who submitted."""
    match error:
        case ConflictError():
            return Problem(409, "stale-link", str(error), error.chain, error.current)
        case RefusedError():
            return Problem(403, "refused", str(error))
        case TooLargeError():
            return Problem(413, "too-large", str(error))
        case MalformedError() | UsageError():
            return Problem(400, "malformed", str(error))
        case _:
            return Problem(503, "failed", str(error))


def error_of(problem: Problem) -> LedgerError:
    """Return the error a problem says; MalformedError for one that lacks what belongs to it."""
    match problem.kind:
        case "stale-link":
            return problem.conflict()
        case "not-signed":
            return problem.challenge()
        case "erased":
            return ErasedError(problem.detail)
        case "forbidden":
            return ForbiddenError(problem.detail)
        case "refused":
            return RefusedError(problem.detail)
        case "malformed" | "too-large":
            return MalformedError(problem.detail)
        case "not-found":
            return NotFoundError(problem.detail)
        case "too-many":
            return OverloadedError(problem.detail)
        case "busy" | "not-published":
            return BusyError(problem.detail)
        case "failed":
            return StoreError(problem.detail)
        case _:
            return UnreachableError(f"status {problem.status}: {problem.detail}")


def encode_problem(problem: Problem, *, title: str) -> bytes:
    """Return problem JSON."""
    fields: dict[str, object] = {
        "type": PROBLEM + problem.kind,
        "title": title,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.chain is not None and problem.link is not None:
        fields |= {"chain": str(problem.chain), "link": _link_fields(problem.link)}
    if problem.nonce is not None:
        fields |= {"nonce": problem.nonce.hex()}
    return encode_object(fields)


def parse_problem(status: int, body: bytes) -> Problem:
    """Read problem JSON of ours; MalformedError for anything else."""
    match decode_object(body):
        case {"type": str(kind), "detail": str(detail), **rest} if kind.startswith(PROBLEM):
            pass
        case _:
            raise MalformedError("not a problem of a log server")
    chain, link = rest.get("chain"), rest.get("link")
    kind = kind.removeprefix(PROBLEM)
    if isinstance(nonce := rest.get("nonce"), str):
        return Problem(status, kind, detail, nonce=_hash(nonce))
    if not isinstance(chain, str) or chain not in tuple(Chain) or not isinstance(link, dict):
        return Problem(status, kind, detail)
    return Problem(status, kind, detail, Chain(chain), _read_link(link))


def _link_fields(link: Link) -> dict[str, object]:
    return {"seq": link.seq, "previous": None if link.previous is None else link.previous.hex()}


def _read_link(fields: Mapping[str, object]) -> Link:
    match fields:
        case {"seq": int(seq), "previous": (str() | None) as previous} if is_number(seq):
            pass
        case _:
            raise MalformedError("a link without number or predecessor")
    try:
        return Link(seq, None if previous is None else _hash(previous))
    except UsageError as error:
        raise MalformedError(str(error)) from error


def _hash(text: str) -> bytes:
    return decode_hex(text, HASH_SIZE)


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise MalformedError("text that is none") from error
