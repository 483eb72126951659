"""The files of a log's own keys, and the steps by which new keys take the place of old ones.

A change takes two statements, and every moment of it can be the last before a crash: which keys
are in force, the log says; the files only follow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ledger import (
    Event,
    Head,
    KeySet,
    LogKeys,
    log_keys_body,
    sign_statement,
)
from provenance.errors import UsageError
from provenance.signers import write_secret
from provenance.whole_file import write_whole

if TYPE_CHECKING:
    from provenance.site import Site


@dataclass(frozen=True, slots=True)
class LogKeyFiles:
    """``folder`` holds the private keys, ``published`` is the file for those who verify."""

    folder: Path
    published: Path

    @property
    def changing(self) -> bool:
        """Whether there are keys that follow those in use."""
        return self._next.exists()

    def present(self) -> LogKeys:
        """The keys in use; while they change, the older ones."""
        return _read(self._present)

    def following(self) -> LogKeys:
        """The keys that take their place."""
        return _read(self._next)

    def those_of(self, sets: Sequence[KeySet]) -> LogKeys:
        """Return all private keys a log signs with, of which these are the key sets."""
        in_force = [each.keys for each in sets if each.last_size is None]
        present, following = self.present(), self.following()
        if following.sets[0] not in in_force:
            return present
        return present.joined_by(following) if present.sets[0] in in_force else following

    def write_first(self, keys: LogKeys) -> None:
        """Write the keys of a new log."""
        write_secret(self._present, keys.to_bytes())
        self.publish(keys.vkeys)

    def write_following(self, keys: LogKeys) -> None:
        """Write keys that are to follow."""
        write_secret(self._next, keys.to_bytes())

    def publish(self, vkeys: Sequence[str]) -> None:
        """Write the verifier keys for others."""
        text = "".join(f"{line}\n" for line in vkeys)
        write_whole(self.published, text.encode("utf-8"), overwrite=True)

    def put_in_place(self) -> None:
        """Let the following keys be the present ones; the old private keys are gone then."""
        self._next.replace(self._present)

    @property
    def _present(self) -> Path:
        return self.folder / "log.keys"

    @property
    def _next(self) -> Path:
        return self.folder / "log.next.keys"


def add_log_keys(site: "Site", *, at: datetime) -> LogKeys:
    """Let new keys of the log sign beside those in force; return all of them.

    UsageError if a change has begun already; one that was cut off before goes on.
    """
    files = site.log_key_files
    _finish(site)
    present = site.log_keys()
    if len(present.sets) > 1:
        raise UsageError("new keys sign already: radseal log retire-keys ends the change")
    if not files.changing:
        files.write_following(LogKeys.generate(site.origin))
    return _announce(site, present.joined_by(files.following()), at=at)


def retire_log_keys(site: "Site", *, at: datetime) -> LogKeys:
    """Let the new keys of the log sign alone, and delete the old private keys; return the new.

    Receipts and checkpoints of the time before still count for whoever has the new verifier keys,
    which name the old ones as retired.
    """
    if _finish(site):
        return site.log_keys()
    if len(site.log_keys().sets) == 1:
        raise UsageError("no new keys sign yet: radseal log add-keys begins a change")
    _announce(site, site.log_key_files.following(), at=at)
    _finish(site)
    return site.log_keys()


def _announce(site: "Site", keys: LogKeys, *, at: datetime) -> LogKeys:
    archivist = site.archivist
    with site.writing_log() as log:
        head = log.head()
        statement = sign_statement(
            event=Event.LOG_KEYS,
            object_id=None,
            object_link=None,
            actor_link=log.actor_link(archivist.kid),
            claimed_at=at,
            head_seen=Head(head.size, head.root),
            body=log_keys_body(keys.sets),
            signer=archivist,
        )
        log.change_keys(statement, keys, at=at)
        site.log_key_files.publish(log.vkeys)
        log.checkpoint()
    return keys


def _finish(site: "Site") -> bool:
    """Do what a crash may have left undone; return whether old keys were replaced."""
    files = site.log_key_files
    if not files.changing:
        return False
    with site.reading_log() as log:
        files.publish(log.vkeys)
        if files.those_of(log.key_sets).sets != files.following().sets:
            return False
    files.put_in_place()
    return True


def _read(path: Path) -> LogKeys:
    try:
        return LogKeys.from_bytes(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
