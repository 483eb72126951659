"""Printing: one JSON object, or lines for a person. What came from a file is made plain."""

import json
import os
import traceback
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance import __version__
from provenance.cli.failure import Failure
from provenance.cli.terminal import plain

if TYPE_CHECKING:
    from provenance.explanations import Explanation

TOOL = {"name": "radseal", "version": __version__}


def document(schema: str, fields: Mapping[str, object], *, exit_code: int) -> dict[str, object]:
    """Return the frame that all JSON answers share."""
    return {"schema": f"radseal/{schema}/1", "exit_code": exit_code, "tool": TOOL, **fields}


def print_json(answer: Mapping[str, object]) -> None:
    """Print the one JSON object of a run; ASCII, so that no terminal can take it for more."""
    click.echo(json.dumps(answer, indent=2))


def say(text: str = "") -> None:
    """Print one line that is already plain."""
    click.echo(text)


def count_of(count: int, singular: str, plural: str) -> str:
    """Return a count and its noun."""
    return f"{count} {singular if count == 1 else plural}"


def words(explanation: "Explanation") -> None:
    """Print why, what to do, and what it does not mean, each where there is something to say."""
    prefix = "It does not mean "
    limits = explanation.not_meant
    label = "does not mean" if limits.startswith(prefix) else "limits"
    lines = (("why", explanation.why), ("do", explanation.do), (label, limits.removeprefix(prefix)))
    for name, text in lines:
        if text:
            click.echo(f"  {name}: {text}")


def note(text: str) -> None:
    """Print a line that is no answer: to standard error."""
    click.echo(plain(text), err=True)


def facts(pairs: Sequence[tuple[str, object]], *, indent: int = 2) -> None:
    """Print names and values in two columns."""
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        click.echo(f"{' ' * indent}{name.ljust(width)}  {plain(value)}")


def print_failure(failure: Failure, *, as_json: bool) -> None:
    """Print what went wrong, why and what to do: JSON on stdout, or three lines on stderr."""
    if as_json:
        error = {
            "what": failure.what,
            "why": failure.why,
            "do": failure.do,
            "code": failure.code,
        }
        print_json(document("error", {"error": error}, exit_code=failure.exit_code))
        return
    click.echo(f"radseal: {plain(failure.what)}", err=True)
    click.echo(f"  why: {plain(failure.why)}", err=True)
    click.echo(f"  do:  {plain(failure.do)}", err=True)


def print_trace(error: BaseException) -> None:
    """Print the traceback of an error to standard error, made plain like everything else."""
    for entry in traceback.format_exception(error):
        for line in entry.splitlines():
            click.echo(plain(line), err=True)


def path_text(path: Path) -> str:
    """Return a path for JSON; bytes of a name that are not UTF-8 are spelt out."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def moment(at: datetime) -> str:
    """Return a moment as RFC 3339 in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def size_text(size: int) -> str:
    """Return a size in bytes for a person."""
    if size < 1000:
        return f"{size} bytes"
    for unit in ("kB", "MB"):
        size_in = size / (1000 if unit == "kB" else 1_000_000)
        if size_in < 1000:
            return f"{size_in:.1f} {unit}"
    return f"{size / 1_000_000_000:.1f} GB"
