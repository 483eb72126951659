"""The files of a log's own keys: the private ones, and those for everybody who verifies."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger import KeySet, LogKeys
from provenance.errors import UsageError
from provenance.keys.signers import write_secret
from provenance.whole_file import write_whole


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
        # in this order: what follows may be put in the place of the present at any moment
        try:
            following = LogKeys.from_bytes(self._next.read_bytes())
        except FileNotFoundError:
            following = None
        present = self.present()
        if following is None or following.sets[0] not in (set(in_force) - set(present.sets)):
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


def _read(path: Path) -> LogKeys:
    try:
        return LogKeys.from_bytes(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
