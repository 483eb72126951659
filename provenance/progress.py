"""Progress of long work on a terminal: how many, how fast, how much longer.

Draws nothing unless the stream is a terminal. Knows no clock but the one it is given.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as RichBar
    from rich.progress import TaskID

Clock = Callable[[], float]
REDRAW_SECONDS = 0.1


class Progress(Protocol):
    """What long work tells while it runs."""

    def advance(self, steps: int = 1) -> None:
        """So many more are done."""

    def aside(self) -> AbstractContextManager[None]:
        """Clear the line, so that something else can be printed meanwhile."""


@contextmanager
def progress(total: int, words: str, *, stream: TextIO, clock: Clock) -> Iterator[Progress]:
    """Show the progress of ``total`` steps on ``stream``, if it is a terminal."""
    if not stream.isatty():
        yield Silent()
        return
    bar = _rich(total, words, stream)
    if bar is not None:
        with bar.shown():
            yield bar
        return
    line = Line(total, words, stream, clock, started=clock())
    try:
        yield line
    finally:
        line.clear()


class Silent:
    """Draws nothing."""

    def advance(self, steps: int = 1) -> None:
        """Ignore it."""

    def aside(self) -> AbstractContextManager[None]:
        """Nothing needs to be cleared."""
        return nullcontext()


@dataclass(slots=True)
class Line:
    """One line that is drawn over and over."""

    total: int
    words: str
    stream: TextIO
    clock: Clock
    started: float
    done: int = 0
    _drawn: float = field(default=float("-inf"))

    def advance(self, steps: int = 1) -> None:
        """Count, and draw unless the last drawing is very recent."""
        self.done += steps
        now = self.clock()
        if now - self._drawn >= REDRAW_SECONDS or self.done == self.total:
            self._drawn = now
            text = progress_line(self.words, self.done, self.total, now - self.started)
            self._write(f"\r{text}\x1b[K")

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Clear the line; the next step draws it again."""
        self.clear()
        yield
        self._drawn = float("-inf")

    def clear(self) -> None:
        """Leave an empty line."""
        self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


def progress_line(words: str, done: int, total: int, elapsed: float) -> str:
    """Return the line: count, share, rate, and the time that remains at that rate."""
    share = 100 * done // total if total else 100
    if elapsed <= 0 or done == 0:
        return f"{words} {done} of {total} ({share} %)"
    rate = done / elapsed
    remaining = duration((total - done) / rate)
    return f"{words} {done} of {total} ({share} %), {rate:.3g}/s, {remaining} left"


def duration(seconds: float) -> str:
    """Return seconds as h:mm:ss or m:ss."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


@dataclass(slots=True)
class _Rich:
    bar: "RichBar"
    task: "TaskID"

    def advance(self, steps: int = 1) -> None:
        self.bar.advance(self.task, steps)

    @contextmanager
    def aside(self) -> Iterator[None]:
        self.bar.stop()  # it is transient: stopping clears it
        try:
            yield
        finally:
            self.bar.start()

    @contextmanager
    def shown(self) -> Iterator[None]:
        self.bar.start()
        try:
            yield
        finally:
            self.bar.stop()


def _rich(total: int, words: str, stream: TextIO) -> _Rich | None:
    try:
        from rich import progress as rich_progress
        from rich.console import Console
        from rich.text import Text
    except ImportError:
        return None

    class Rate(rich_progress.ProgressColumn):
        """Steps per second so far."""

        def render(self, task: rich_progress.Task) -> Text:
            return Text("" if task.speed is None else f"{task.speed:.3g}/s")

    bar = rich_progress.Progress(
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        Rate(),
        rich_progress.TimeRemainingColumn(),
        console=Console(file=stream),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    return _Rich(bar, bar.add_task(words, total=total))


def stderr_progress(
    total: int, words: str, *, quiet: bool, clock: Clock
) -> AbstractContextManager[Progress]:
    """Show progress on standard error, or nothing when ``quiet``."""
    return (
        nullcontext(Silent()) if quiet else progress(total, words, stream=sys.stderr, clock=clock)
    )


@contextmanager
def late_progress(words: str, *, quiet: bool, clock: Clock) -> Iterator[Callable[[int, int], None]]:
    """Show progress on standard error once it is known how much there is to do.

    What is yielded takes steps done and steps in all; fewer done, where work began again, are
    waited for.
    """
    shown: Progress | None = None
    done = 0
    with ExitStack() as stack:

        def heard(now: int, total: int) -> None:
            nonlocal shown, done
            if shown is None:
                bar = stderr_progress(total, words, quiet=quiet, clock=clock)
                shown = stack.enter_context(bar)
            if now > done:
                shown.advance(now - done)
                done = now

        yield heard
