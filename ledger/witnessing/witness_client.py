"""One witness over HTTP: no redirects, bounded answers, an end to every wait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException

from ledger.checkpoints.base64text import decode_decimal
from ledger.checkpoints.checkpoint import parse_checkpoint
from ledger.checkpoints.cosigner import cosigned_by
from ledger.checkpoints.note import Note, NoteSignature, parse_signature_lines
from ledger.checkpoints.note_keys import NoteKey
from ledger.errors import LedgerError, WitnessError
from ledger.exchange import exchange
from ledger.witnessing.witness import origin_hash
from ledger.witnessing.witness_request import AddCheckpoint

ATTEMPTS = 4  # of one checkpoint: others may show the witness sizes between ours in the meantime

_REFUSALS = {403: "it knows no key that has signed", 404: "it does not know the log"}

Prover = Callable[[int, int], tuple[bytes, ...]]
"""Two sizes of the log to the hashes that join them; sizes above 0."""


@dataclass(frozen=True, slots=True)
class Held:
    """Instead of a cosignature: the checkpoint a witness holds, that ours does not go on from."""

    checkpoint: bytes


class WitnessClient:
    """A witness by its address and its keys; remembers the size the witness told last."""

    def __init__(self, url: str, keys: tuple[NoteKey, ...], *, seconds: float) -> None:
        self.url = url
        self.keys = keys
        self._seconds = seconds
        self._sizes: dict[str, int] = {}

    def last_checkpoint(self, origin: str) -> bytes | None:
        """Return the checkpoint the witness cosigned last; None if it knows of none."""
        status, body = self._exchange("GET", f"/{origin_hash(origin)}/checkpoint")
        match status:
            case 200:
                return body
            case 404:
                return None
            case _:
                raise WitnessError(f"{self.url} answered {status}")

    def cosign(self, note: Note, prove: Prover) -> tuple[NoteSignature, ...] | Held:
        """Return the witness's lines, verified, or what stands against them."""
        new = parse_checkpoint(note.text)
        old = min(self._sizes.get(new.origin, 0), new.size)
        for _ in range(ATTEMPTS):
            path = prove(old, new.size) if 0 < old < new.size else ()
            request = AddCheckpoint(old, path, bytes(note))
            status, body = self._exchange("POST", "/add-checkpoint", bytes(request))
            if status == 200:
                self._sizes[new.origin] = new.size
                return self._verified(note, body)
            if status != 409:
                break
            told = self._told(body)
            if told == old or told > new.size:
                break
            old = self._sizes[new.origin] = told
        if status in (409, 422):
            held = self.last_checkpoint(new.origin)
            if held is not None:
                return Held(held)
        why = _REFUSALS.get(status)
        raise WitnessError(f"{self.url} answered {status}" + (f": {why}" if why else ""))

    def _verified(self, note: Note, body: bytes) -> tuple[NoteSignature, ...]:
        known = {(key.name, key.key_id) for key in self.keys}
        try:
            lines = tuple(
                line for line in parse_signature_lines(body) if (line.name, line.key_id) in known
            )
            signed_by = cosigned_by(Note(note.text, lines), self.keys)
        except LedgerError as error:
            raise WitnessError(f"{self.url} answered with no cosignature: {error}") from error
        if not signed_by:
            raise WitnessError(f"{self.url} cosigned with other keys than the policy's")
        return lines

    def _told(self, body: bytes) -> int:
        try:
            return decode_decimal(body.decode("latin-1").removesuffix("\n"), bits=64)
        except LedgerError as error:
            raise WitnessError(f"{self.url} told a size that is none") from error

    def _exchange(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        try:
            return exchange(method, self.url + path, body, seconds=self._seconds)
        except (OSError, HTTPException, ValueError) as error:
            raise WitnessError(f"{self.url} cannot be reached: {error}") from error
