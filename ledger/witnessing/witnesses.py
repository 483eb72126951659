"""All witnesses of a policy, asked at the same time; whoever is slow is not waited for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from queue import Empty, Queue
from threading import Thread
from time import monotonic
from typing import Generic, TypeVar

from ledger.checkpoints.note import Note, NoteSignature, parse_note
from ledger.checkpoints.note_keys import NoteKey
from ledger.checkpoints.policy import Policy
from ledger.errors import LedgerError, UsageError, WitnessError
from ledger.witnessing.witness_client import Held, Prover, WitnessClient

SECONDS = 5.0
GRACE_SECONDS = 0.5  # for those who answer after the quorum, when the log is compared

_logger = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")


class Witnesses:
    """The witnesses a log asks. Threads may share it."""

    def __init__(self, policy: Policy, *, seconds: float = SECONDS) -> None:
        """Take the witnesses that have a URL; UsageError if they cannot make a quorum."""
        self.policy = policy
        self._seconds = seconds
        by_url: dict[str, list[NoteKey]] = {}
        for witness in policy.witnesses:
            if witness.url is not None:
                by_url.setdefault(witness.url, []).append(witness.key)
        self._clients = tuple(
            WitnessClient(url, tuple(keys), seconds=seconds) for url, keys in by_url.items()
        )
        if not policy.is_met_by([key for client in self._clients for key in client.keys]):
            raise UsageError("the policy names too few witnesses with a URL to ask for a quorum")

    def last_checkpoints(self, origin: str) -> tuple[bytes, ...]:
        """Return the checkpoints that witnesses cosigned last, as they hold them, unchecked.

        WitnessError if those who answered are no quorum: then nobody knows what was published.
        """
        answered: list[NoteKey] = []
        held: list[bytes] = []
        met = self.policy.is_met_by(answered)
        if met:
            return ()
        asked = _Round(self._clients, lambda client: client.last_checkpoint(origin), self._seconds)
        for client, checkpoint in asked.answers():
            answered.extend(client.keys)
            if checkpoint is not None:
                held.append(checkpoint)
            if not met and self.policy.is_met_by(answered):
                met = True
                asked.hurry(GRACE_SECONDS)
        if not met:
            raise WitnessError(f"no quorum of witnesses can be asked: {asked.words}")
        return tuple(held)

    def cosign(
        self, checkpoint: bytes, *, prove: Prover, on_held: Callable[[bytes], None]
    ) -> bytes:
        """Return a signed checkpoint with the cosignatures of a quorum; WitnessError without one.

        A witness that holds something else answers with it: ``on_held`` looks at it, and raises
        what it makes of it. Lines that were there before are kept only if they are the log's.
        """
        note = parse_note(checkpoint)
        known = {(key.name, key.key_id) for key in self.policy.witness_keys}
        own = tuple(each for each in note.signatures if (each.name, each.key_id) not in known)
        bare = Note(note.text, own)
        signed: dict[tuple[str, bytes], NoteSignature] = {}

        def met() -> bool:
            return self.policy.is_met_by(
                [key for key in self.policy.witness_keys if (key.name, key.key_id) in signed]
            )

        if met():
            return bytes(bare)
        asked = _Round(self._clients, lambda client: client.cosign(bare, prove), self._seconds)
        for client, answer in asked.answers():
            if isinstance(answer, Held):
                on_held(answer.checkpoint)
                asked.failed.append(f"{client.url} holds another tree, that it cannot prove")
                continue
            signed.update({(line.name, line.key_id): line for line in answer})
            if met():
                lines = (signed.get((k.name, k.key_id)) for k in self.policy.witness_keys)
                return bytes(Note(note.text, own + tuple(line for line in lines if line)))
        raise WitnessError(f"no quorum of witnesses cosigned: {asked.words}")


class _Round(Generic[_Answer]):
    """One question to every witness, each in a thread of its own that nobody waits for."""

    def __init__(
        self,
        clients: tuple[WitnessClient, ...],
        ask: Callable[[WitnessClient], _Answer],
        seconds: float,
    ) -> None:
        self.failed: list[str] = []
        self._open = {client.url for client in clients}
        self._until = monotonic() + seconds
        self._queue: Queue[tuple[WitnessClient, _Answer | LedgerError]] = Queue()
        for client in clients:
            Thread(target=self._put, args=(client, ask), daemon=True).start()

    @property
    def words(self) -> str:
        """Who failed, and who did not answer in time."""
        return "; ".join([*self.failed, *(f"{url} is silent" for url in sorted(self._open))])

    def hurry(self, seconds: float) -> None:
        """Wait no longer than this for those who have not answered."""
        self._until = min(self._until, monotonic() + seconds)

    def answers(self) -> Iterator[tuple[WitnessClient, _Answer]]:
        """Yield answers as they come."""
        while self._open:
            try:
                client, result = self._queue.get(timeout=max(0.0, self._until - monotonic()))
            except Empty:
                return
            self._open.discard(client.url)
            if isinstance(result, LedgerError):
                _logger.warning("a witness failed: %s", result)
                self.failed.append(str(result))
                continue
            yield client, result

    def _put(self, client: WitnessClient, ask: Callable[[WitnessClient], _Answer]) -> None:
        try:
            self._queue.put((client, ask(client)))
        except LedgerError as error:
            self._queue.put((client, error))
