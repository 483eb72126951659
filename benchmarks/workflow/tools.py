"""Run other people's tools: DCMTK, GDCM. What is missing or refuses says so by its own error."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.workflow.row import Act

if TYPE_CHECKING:
    from benchmarks.workflow.bench import Bench

_NAMED_FILES = ("gdcmconv", "gdcmanon", "gdcmimg")  # take -i and -o
_IN_PLACE = ("dcmodify",)
SECONDS = 120


class ToolMissingError(Exception):
    """The tool is not installed."""


class ToolFailedError(Exception):
    """The tool did not take the file, or wrote none."""


def program(name: str) -> str:
    """Return the path of a tool; pynetdicom puts others of the names of DCMTK beside Python.

    Any Python's: that of another virtual environment may stand in the path as well.
    """
    for place in os.get_exec_path():
        found = shutil.which(name, path=place)
        if found is not None and not _of_python(found):
            return found
    raise ToolMissingError(f"{name} is not installed")


def _of_python(path: str) -> bool:
    with Path(path).open("rb") as file:
        head = file.read(512)
    return head.startswith(b"#!") and b"python" in head


def run(words: Sequence[str | Path], *, codes: tuple[int, ...] = (0,)) -> str:
    """Run a command; return what it prints."""
    tool = str(words[0])
    done = subprocess.run(
        [program(tool), *(str(word) for word in words[1:])],
        capture_output=True,
        check=False,
        timeout=SECONDS,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode not in codes:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise ToolFailedError(f"{tool} ends with {done.returncode}: {said[-1] if said else ''}")
    return done.stdout


def convert(command: str | Sequence[str], source: Path, target: Path) -> Path:
    """Run one command of DCMTK or GDCM on a file."""
    tool, *options = command.split() if isinstance(command, str) else command
    if tool in _IN_PLACE:
        shutil.copyfile(source, target)
        run([tool, "-nb", *options, target])
    elif tool in _NAMED_FILES:
        run([tool, *options, "-i", source, "-o", target])
    else:
        run([tool, *options, source, target])
    if not target.is_file():
        raise ToolFailedError(f"{tool} wrote nothing")
    return target


def convert_all(commands: Sequence[str | Sequence[str]], source: Path) -> Path:
    """Run each command on what the one before it wrote."""
    for number, command in enumerate(commands, 1):
        source = convert(command, source, source.with_name(f"{source.stem}-{number}.dcm"))
    return source


def through(*commands: str | Sequence[str]) -> Act:
    """Return the act of running these commands one after the other."""

    def act(bench: "Bench", sealed: Path) -> Path:
        return convert_all(commands, sealed)

    return act


def dcmodify(*settings: str) -> Act:
    """Return the act of setting attributes, "PatientName=Doe^Jane", with DCMTK."""
    words = [word for setting in settings for word in ("-i", setting)]
    return through(["dcmodify", *words])
