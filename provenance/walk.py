"""Which files an input names: folders in sorted order, links once, and nothing dropped silently."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from provenance.errors import UsageError


class Skip(StrEnum):
    """Why something under a folder is no input. Each is counted."""

    HIDDEN = "hidden"
    SPECIAL = "special"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file, the place below its input, and what keeps it from being read, if anything."""

    path: Path
    below: Path
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Walk:
    """All inputs: files to work on, what was skipped and why, and names that lead nowhere."""

    files: tuple[Found, ...]
    skipped: tuple[tuple[Path, Skip], ...]
    missing: tuple[Path, ...]

    def count(self, why: Skip) -> int:
        """How many were skipped for this reason."""
        return sum(reason is why for _, reason in self.skipped)


def walk(paths: Sequence[Path]) -> Walk:
    """Find every regular file at or under ``paths``, in sorted order.

    Links are followed, a folder is entered once. Below a folder hidden names are skipped and
    counted; what is named itself never is. A folder that cannot be listed, and a link that leads
    nowhere, are found with their problem: whoever works on the rest must not call it complete.
    """
    files: list[Found] = []
    skipped: list[tuple[Path, Skip]] = []
    missing: list[Path] = []
    entered: set[tuple[int, int]] = set()
    for path in paths:
        try:
            kind = path.stat()
        except OSError as error:
            if path.is_symlink() or not isinstance(error, FileNotFoundError):
                files.append(Found(path, Path(path.name), _reason(error)))
            else:
                missing.append(path)
            continue
        if stat.S_ISDIR(kind.st_mode):
            for found in below(path, kind, entered):
                if isinstance(found, Found):
                    files.append(found)
                else:
                    skipped.append(found)
        elif stat.S_ISREG(kind.st_mode):
            files.append(Found(path, Path(path.name)))
        else:
            skipped.append((path, Skip.SPECIAL))
    return Walk(tuple(files), tuple(skipped), tuple(missing))


def mirror(files: Sequence[Found], folder: Path) -> tuple[Path, ...]:
    """Return the output of each file: the same tree under ``folder``.

    UsageError when two inputs would share an output, or an output is itself an input.
    """
    outputs: dict[Path, Path] = {}
    inputs = {found.path.resolve() for found in files}
    for found in files:
        output = folder / found.below
        if output in outputs:
            raise UsageError(
                f"{outputs[output]} and {found.path} would both be written to {output}: "
                "give their common folder instead"
            )
        if output.resolve() in inputs:
            raise UsageError(f"{output} is an input: choose another folder for the output")
        outputs[output] = found.path
    return tuple(outputs)


def refuse_inside(paths: Sequence[Path], folder: Path) -> None:
    """UsageError when ``folder`` lies in one of the input folders: it would feed on itself."""
    target = folder.resolve()
    for path in paths:
        if path.is_dir() and target.is_relative_to(path.resolve()):
            raise UsageError(f"the output folder {folder} lies inside the input {path}")


def below(
    root: Path, kind: os.stat_result, entered: set[tuple[int, int]]
) -> Iterator[Found | tuple[Path, Skip]]:
    """Yield what lies below one folder, in sorted order, and what is skipped there.

    ``entered`` holds the folders, by device and number, that were entered before. Without
    recursion: a stack of the names that are left on each level.
    """
    levels: list[Iterator[Path]] = []
    path: Path = root
    what: os.stat_result | str = kind
    while True:
        place = path.relative_to(root)
        if path != root and path.name.startswith("."):
            yield path, Skip.HIDDEN
        elif isinstance(what, str):
            yield Found(path, place, what)
        elif stat.S_ISREG(what.st_mode):
            yield Found(path, place)
        elif not stat.S_ISDIR(what.st_mode):
            yield path, Skip.SPECIAL
        elif (number := (what.st_dev, what.st_ino)) in entered:
            yield path, Skip.REPEATED
        else:
            entered.add(number)
            try:
                names = sorted(os.listdir(path))  # noqa: PTH208 - names, not paths
            except OSError as error:
                yield Found(path, place, _reason(error))
            else:
                levels.append(map(path.__truediv__, names))
        following = None
        while levels and (following := next(levels[-1], None)) is None:
            levels.pop()
        if following is None:
            return
        path, what = following, _look(following)


def _look(path: Path) -> os.stat_result | str:
    try:
        return path.stat()
    except OSError as error:
        return _reason(error)


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
