"""An auditor's own copy of a log: it follows the log, and raises an alarm if it is another one.

The copy is a tlog-tiles folder. The tree is grown from the statements that were copied, so a log
that changed anything below, or shows this reader another future, cannot fit it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

from ledger.checkpoints.trusted_logs import TrustedHead, TrustedLogs, open_checkpoint
from ledger.copies.tile_folder import TileFolder
from ledger.errors import MalformedError, NotFoundError, StoreError, UsageError
from ledger.links import HASH_SIZE
from ledger.timestamps.stamped import Stamped, TimestampSource
from ledger.tree.merkle import hash_leaf
from ledger.tree.tiles import (
    TILE_BYTES,
    TILE_HEIGHT,
    TILE_WIDTH,
    TreeBuilder,
    builder_at,
    root_at,
    tile_path,
)

Progress = Callable[[int, int], None]
"""How many new entries were looked at, and of how many."""


class LogSource(Protocol):
    """Whatever shows a log: a folder, a database, a server."""

    def checkpoint(self) -> bytes:
        """Return the newest signed checkpoint."""

    def statements(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the statements of a range."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What a look at the log brought; ``alarm`` says in words what is wrong, if anything is."""

    origin: str
    before: int
    size: int
    root: bytes
    alarm: str | None


@dataclass(frozen=True, slots=True)
class KeptTimestamps:
    """How many tokens were copied, and in words what is wrong with others."""

    added: int
    alarms: tuple[str, ...]


class Monitor:
    """A copy of one log in a folder of its own."""

    def __init__(self, folder: Path, *, logs: TrustedLogs) -> None:
        self._folder = folder
        self._tiles = TileFolder(folder)
        self._logs = logs

    def follow(self, source: LogSource, progress: Progress | None = None) -> Followed:
        """Copy what is new, or keep the checkpoint that contradicts the copy and say so.

        What a look that was cut off has copied is not asked for again. SignatureError or
        UnknownLogError for a checkpoint that the log has not signed, StoreError if the copy is
        damaged or the source does not hold what it signed, UnreachableError if it does not answer.
        """
        note = source.checkpoint()
        try:
            head = open_checkpoint(note, self._logs)
        except MalformedError as error:
            raise StoreError(f"{source} shows no checkpoint: {error}") from error
        known = self._known()
        if known is None:
            return self._grow(source, note, head, TreeBuilder(), progress)
        if known.origin != head.origin:
            raise UsageError(f"the copy is of {known.origin}, not of {head.origin}")
        tree = builder_at(known.size, self._tiles.tile_reader(known.size))
        if tree.root != known.root:
            raise StoreError(f"the copy in {self._folder} is damaged: start another one")
        if head.size > known.size:
            return self._grow(source, note, head, tree, progress)
        alarm = None
        if head.size < known.size:
            alarm = f"the log shows {head.size} entries, and {known.size} were seen"
            if head.size and self._root_at(head.size, known.size) != head.root:
                alarm += "; nor are they the same ones"
        elif head.root != known.root:
            alarm = f"the log has signed two different trees of {head.size} entries"
        return self._report(note, head, known.size, alarm)

    def keep_timestamps(self, source: TimestampSource) -> KeptTimestamps:
        """Copy the timestamps of checkpoints that fit the copy; only ever add to a chain.

        Whether they hold is not judged: that takes authorities, and depends on when it is asked.
        """
        known = self._known()
        if known is None:
            raise UsageError(f"{self._folder} is no copy of a log yet: follow one first")
        held = {each.size: each for each in self._tiles.timestamps()}
        added = 0
        alarms: list[str] = []
        for shown in source.timestamps():
            if shown.size > known.size:
                continue  # of a checkpoint that came after this look
            head = open_checkpoint(shown.note, self._logs)
            if (head.origin, head.size) != (known.origin, shown.size):
                raise StoreError(f"the timestamps of {shown.size} are of another checkpoint")
            if head.size and self._root_at(head.size, known.size) != head.root:
                words = f"a stamped checkpoint of {head.size} entries is not over those copied"
                alarms.append(words)
                self._report(shown.note, head, known.size, words)
                continue
            ours = held.get(shown.size, Stamped(shown.size, shown.note))
            if (ours.note, ours.tokens) != (shown.note, shown.tokens[: len(ours.tokens)]):
                alarms.append(f"the log shows other timestamps of {shown.size} than were copied")
                continue
            for name, data in islice(shown.files(), len(ours.tokens) + bool(ours.tokens), None):
                self._write(name, data)
            added += len(shown.tokens) - len(ours.tokens)
        return KeptTimestamps(added, tuple(alarms))

    def _known(self) -> TrustedHead | None:
        try:
            return open_checkpoint(self._tiles.checkpoint(), self._logs)
        except NotFoundError:
            return None

    def _root_at(self, size: int, of: int) -> bytes:
        return root_at(size, self._tiles.tile_reader(of))

    def _grow(
        self,
        source: LogSource,
        note: bytes,
        head: TrustedHead,
        seen: TreeBuilder,
        progress: Progress | None,
    ) -> Followed:
        before = seen.size
        resumed = _Resumed(source, self._tiles)
        tree = self._extended(resumed, seen.copy(), head.size, progress)
        if tree.root != head.root and resumed.taken:  # left by a look at another future, or damaged
            tree = self._extended(source, seen.copy(), head.size, progress)
        if tree.root != head.root:
            words = f"the log does not go on from the {before} entries that were seen"
            alarm = words if before else "the log does not show the entries it has signed"
            return self._report(note, head, before, alarm)
        for level, edge in enumerate(tree.edges):
            if edge:
                place = tree.size >> TILE_HEIGHT * (level + 1)
                self._write(tile_path(level, place, len(edge) // HASH_SIZE), bytes(edge))
        self._write(f"checkpoints/{head.size}", note)
        self._write("checkpoint", note)  # last: what it covers is on the disk
        return self._report(note, head, before, None)

    def _extended(
        self, source: LogSource, tree: TreeBuilder, size: int, progress: Progress | None
    ) -> TreeBuilder:
        """Copy the entries up to ``size``, and return the tree grown by them."""
        before = tree.size
        for number, bundle in self._bundles(source, before, size):
            self._write_bundle(number, bundle)
            fresh = bundle[max(before - number * TILE_WIDTH, 0) :]
            for (level, place), hashes in tree.extend(map(hash_leaf, fresh)).items():
                if len(hashes) == TILE_BYTES:
                    self._write(tile_path(level, place, TILE_WIDTH), hashes)
            if progress is not None:
                progress(tree.size - before, size - before)
        if tree.size != size:
            raise StoreError(f"the log signed {size} entries, and shows {tree.size}")
        return tree

    def _bundles(
        self, source: LogSource, start: int, stop: int
    ) -> Iterator[tuple[int, list[bytes]]]:
        """Yield whole bundles, the first of them begun with what the copy has of it."""
        number, width = divmod(start, TILE_WIDTH)
        bundle = self._tiles.bundle(number, width) if width else []
        for statement in source.statements(start, stop):
            bundle.append(statement)
            if len(bundle) == TILE_WIDTH:
                yield number, bundle
                number, bundle = number + 1, []
        if bundle and number * TILE_WIDTH + len(bundle) > start:
            yield number, bundle

    def _write_bundle(self, number: int, bundle: list[bytes]) -> None:
        if any(len(each) >= 1 << 16 for each in bundle):
            raise StoreError("the log shows an entry of more than 65,535 bytes")
        data = b"".join(len(each).to_bytes(2, "big") + each for each in bundle)
        self._write(tile_path("entries", number, len(bundle)), data)

    def _report(self, note: bytes, head: TrustedHead, before: int, alarm: str | None) -> Followed:
        if alarm is not None:  # signed evidence against the log: it must not get lost
            self._write(f"alarms/{hashlib.sha256(note).hexdigest()}", note)
        return Followed(head.origin, before, head.size, head.root, alarm)

    def _write(self, name: str, data: bytes) -> None:
        """Write a file whole and durably, or not at all."""
        path = self._folder / name
        fresh = path.with_name(f".{path.name}.new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with fresh.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error.strerror}") from error


@dataclass(slots=True)
class _Resumed:
    """A source whose first bundles are those that a look which was cut off has left in the copy.

    Nothing has signed them: they count only if the tree over them has the signed root.
    """

    source: LogSource
    copy: TileFolder
    taken: int = 0

    def checkpoint(self) -> bytes:
        return self.source.checkpoint()

    def statements(self, start: int, stop: int) -> Iterator[bytes]:
        number, width = divmod(start, TILE_WIDTH)
        while (number + 1) * TILE_WIDTH <= stop:
            try:
                bundle = self.copy.bundle(number, TILE_WIDTH)
            except StoreError:
                break
            self.taken += 1
            yield from bundle[width:]
            number, width = number + 1, 0
        yield from self.source.statements(number * TILE_WIDTH + width, stop)
