"""Which keys a log signs with, and signed with before: sets that follow one another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ledger.checkpoints.base64text import decode_decimal
from ledger.checkpoints.note_keys import KeyType, NoteKey
from ledger.errors import MalformedError, RefusedError, UsageError

MAX_SETS = 4  # in force at one time

_RETIRED = "retired "


@dataclass(frozen=True, slots=True)
class KeySet:
    """Keys of one log that sign together. Retired ones count up to ``last_size`` entries."""

    keys: tuple[NoteKey, ...]
    last_size: int | None = None

    def __post_init__(self) -> None:
        types = [key.type for key in self.keys]
        if not types or len(set(types)) != len(types):
            raise UsageError("one key of a type in a set, and at least one")
        if KeyType.ED25519_COSIGNATURE in types:
            raise UsageError(f"{self.keys[0].name}: a witness key is not the key of a log")

    def reaches(self, size: int) -> bool:
        """Whether these keys count for a checkpoint over ``size`` entries."""
        return self.last_size is None or size <= self.last_size


def read_key_lines(lines: Iterable[str]) -> list[tuple[NoteKey, int | None]]:
    """Read verifier keys, one a line, in force or below a line ``retired <size>``.

    MalformedError for any other line; empty lines mean nothing.
    """
    found: list[tuple[NoteKey, int | None]] = []
    last_size = None
    for line in (line.strip() for line in lines):
        if line.startswith(_RETIRED):
            last_size = decode_decimal(line.removeprefix(_RETIRED), bits=63)
        elif line:
            found.append((NoteKey.parse(line), last_size))
    return found


def group_keys(keys: Iterable[tuple[NoteKey, int | None]]) -> dict[str, tuple[KeySet, ...]]:
    """Return the sets of each log, by its name, in their order.

    A second key of one type begins the next set. A key that is retired anywhere is not in force.
    """
    unique = dict.fromkeys(keys)
    retired = {key for key, last_size in unique if last_size is not None}
    gathered: dict[tuple[str, int | None], list[list[NoteKey]]] = {}
    for key, last_size in unique:
        if last_size is None and key in retired:
            continue
        sets = gathered.setdefault((key.name, last_size), [[]])
        if any(other.type is key.type for other in sets[-1]):
            sets.append([])
        sets[-1].append(key)
    by_name: dict[str, list[KeySet]] = {}
    for (name, last_size), sets in gathered.items():
        by_name.setdefault(name, []).extend(KeySet(tuple(each), last_size) for each in sets)
    return {name: tuple(sets) for name, sets in by_name.items()}


def key_lines(sets: Iterable[KeySet]) -> tuple[str, ...]:
    """Return the lines ``read_key_lines`` reads, of sets in their order: those in force first."""
    lines: list[str] = []
    last_size = None
    for each in sets:
        if each.last_size != last_size:
            lines.append(f"{_RETIRED}{each.last_size}")
            last_size = each.last_size
        lines.extend(str(key) for key in each.keys)
    return tuple(lines)


class KeySuccession:
    """The sets of a log over its life: one more joins at the end, or the oldest leave."""

    def __init__(self, origin: str, sets: Iterable[KeySet] = ()) -> None:
        """Begin with ``sets``, or with what the first announcement tells of the time before it."""
        known = tuple(sets)
        self._origin = origin
        self._in_force = [each.keys for each in known if each.last_size is None]
        self._retired = [each for each in reversed(known) if each.last_size is not None]

    @property
    def sets(self) -> tuple[KeySet, ...]:
        """Those in force, the oldest first; then the retired, the newest first.

        None before the first announcement, if none was given.
        """
        return (*(KeySet(keys) for keys in self._in_force), *reversed(self._retired))

    def follow(self, announced: Sequence[tuple[NoteKey, ...]], *, index: int) -> None:
        """Take over what entry ``index`` announces; RefusedError for any other change."""
        new = list(announced)
        old = self._in_force or new[:-1]
        left = len(old) - len(new)
        if any(key.name != self._origin for keys in new for key in keys):
            raise RefusedError(f"keys that are not of {self._origin}")
        if old and new[:-1] == old:
            if any(key in each.keys for each in self._retired for key in new[-1]):
                raise RefusedError("a key that was retired does not come again")
        elif left > 0 and new == old[left:]:
            self._retired.extend(KeySet(keys, index) for keys in old[:left])
        else:
            raise RefusedError("one set of keys joins those of a log, or the oldest leave")
        self._in_force = new


def check_announced(sets: Sequence[Sequence[NoteKey]]) -> None:
    """Return only for sets a log may sign with: both types each, one name, no key twice."""
    keys = [key for each in sets for key in each]
    both = [KeyType.ED25519, KeyType.MLDSA44_COSIGNATURE]
    if not 0 < len(sets) <= MAX_SETS or any([key.type for key in each] != both for each in sets):
        raise MalformedError(f"a log signs with one to {MAX_SETS} sets of Ed25519 and ML-DSA-44")
    if len(set(keys)) != len(keys) or len({key.name for key in keys}) != 1:
        raise MalformedError("the keys of a log bear one name, and none is there twice")
