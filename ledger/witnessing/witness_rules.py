"""When a witness cosigns, and what it says when it does not (C2SP tlog-witness); pure.

Knows no database, no network and no clock: the remembered head is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.checkpoints.checkpoint import Checkpoint, parse_checkpoint
from ledger.checkpoints.note import Note, SignatureTextError, parse_note
from ledger.checkpoints.trusted_logs import TrustedLogs, open_checkpoint
from ledger.errors import MalformedError, ProofError, UnknownLogError
from ledger.tree.merkle import EMPTY_ROOT, verify_consistency
from ledger.witnessing.witness_request import AddCheckpoint, parse_add_checkpoint

TEXT = "text/plain; charset=utf-8"
TREE_SIZE = "text/x.tlog.size"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the protocol: HTTP status, body, content type."""

    status: int
    body: bytes
    content_type: str = TEXT


@dataclass(frozen=True, slots=True)
class SeenHead:
    """What a witness remembers of a log: the largest tree it has cosigned."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Proposal:
    """A request whose checkpoint the log has signed; ``read_proposal`` builds it."""

    request: AddCheckpoint
    checkpoint: Checkpoint
    note: Note


def read_proposal(body: bytes, logs: TrustedLogs) -> Proposal | Answer:
    """Check all that needs no memory: form (400), origin (404), the log's signatures (403).

    The note keeps only the lines of the log's own keys.
    """
    try:
        request = parse_add_checkpoint(body)
        note = parse_note(request.checkpoint)
        checkpoint = parse_checkpoint(note.text)
        open_checkpoint(request.checkpoint, logs)
    except SignatureTextError as error:
        return refusal(403, str(error))
    except MalformedError as error:
        return refusal(400, str(error))
    except UnknownLogError:
        return refusal(404, "this witness does not know the log")
    except ProofError as error:
        return refusal(403, str(error))
    if request.old_size > checkpoint.size:
        return refusal(400, "the old size is above the size of the checkpoint")
    known = {(key.name, key.key_id) for key in logs.find(checkpoint.origin).keys}
    lines = tuple(each for each in note.signatures if (each.name, each.key_id) in known)
    return Proposal(request, checkpoint, Note(note.text, lines))


def judge(proposal: Proposal, seen: SeenHead | None) -> Answer | None:
    """Return None if the tree has grown from what was seen; else why not (409, 422)."""
    request, new = proposal.request, proposal.checkpoint
    old = seen or SeenHead(0, EMPTY_ROOT)
    if request.old_size != old.size:
        return conflict(old.size)
    if new.size == old.size and new.root != old.root and seen is not None:
        return conflict(old.size)
    try:
        if old.size == 0:
            _require_growth_from_nothing(request, new)
        else:
            verify_consistency(
                old_size=old.size,
                old_root=old.root,
                new_size=new.size,
                new_root=new.root,
                path=request.path,
            )
    except ProofError as error:
        return refusal(422, str(error))
    return None


def conflict(size: int) -> Answer:
    """Tell the size that is remembered."""
    return Answer(409, f"{size}\n".encode(), TREE_SIZE)


def refusal(status: int, words: str) -> Answer:
    """Say why not."""
    return Answer(status, f"{words}\n".encode())


def _require_growth_from_nothing(request: AddCheckpoint, new: Checkpoint) -> None:
    if request.path:
        raise ProofError("from size 0 there is nothing to prove")
    if new.size == 0 and new.root != EMPTY_ROOT:
        raise ProofError("a tree of size 0 has the root of nothing")
