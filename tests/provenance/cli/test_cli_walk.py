"""Which files are inputs, and what is shown while they are worked on."""

import io
import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from provenance import UsageError
from provenance import progress as progress_module
from provenance.progress import Line, Silent, duration, progress, progress_line
from provenance.walk import Found, Skip, mirror, refuse_inside, walk


def names(found: tuple[Found, ...], root: Path) -> list[str]:
    return [str(f.path.relative_to(root)) for f in found]


def make(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")


def test_sorted_and_deep(tmp_path: Path) -> None:
    make(tmp_path, "b/2", "b/1", "a", "c", "b/1a/x")
    found = walk([tmp_path])
    assert names(found.files, tmp_path) == ["a", "b/1", "b/1a/x", "b/2", "c"]
    assert [str(f.below) for f in found.files] == names(found.files, tmp_path)


def test_very_deep(tmp_path: Path) -> None:
    deep = "/".join("d" for _ in range(900))
    make(tmp_path, f"{deep}/x")
    assert len(walk([tmp_path]).files) == 1


def test_hidden_is_skipped_unless_named(tmp_path: Path) -> None:
    make(tmp_path, ".a", ".b/c", "d")
    found = walk([tmp_path])
    assert names(found.files, tmp_path) == ["d"]
    assert found.count(Skip.HIDDEN) == 2
    assert names(walk([tmp_path / ".a", tmp_path / ".b"]).files, tmp_path) == [".a", ".b/c"]


def test_loops_end(tmp_path: Path) -> None:
    make(tmp_path, "a/x")
    (tmp_path / "a/up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    found = walk([tmp_path])
    assert names(found.files, tmp_path) == ["a/x", "self"]
    assert found.files[1].problem is not None
    assert found.count(Skip.REPEATED) == 1


def test_links_are_followed(tmp_path: Path) -> None:
    make(tmp_path, "elsewhere/x", "in/y")
    (tmp_path / "in/z").symlink_to(tmp_path / "elsewhere/x")
    (tmp_path / "in/more").symlink_to(tmp_path / "elsewhere")
    assert names(walk([tmp_path / "in"]).files, tmp_path) == ["in/more/x", "in/y", "in/z"]


def test_nowhere_and_missing(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    found = walk([tmp_path, tmp_path / "link", tmp_path / "none"])
    assert [f.problem is not None for f in found.files] == [True, True]
    assert found.missing == (tmp_path / "none",)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_special_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert walk([tmp_path]).count(Skip.SPECIAL) == 1
    assert walk([tmp_path / "pipe"]).count(Skip.SPECIAL) == 1


def test_folder_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> list[str]:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("provenance.walk.os.listdir", refuse)
    (found,) = walk([tmp_path]).files
    assert found.problem == "Permission denied"


def test_mirror(tmp_path: Path) -> None:
    make(tmp_path, "in/b/x", "in/y")
    outputs = mirror(walk([tmp_path / "in"]).files, tmp_path / "out")
    assert outputs == (tmp_path / "out/b/x", tmp_path / "out/y")
    with pytest.raises(UsageError, match="both"):
        mirror(walk([tmp_path / "in/y", tmp_path / "in"]).files, tmp_path / "out")
    with pytest.raises(UsageError, match="is an input"):
        mirror(walk([tmp_path / "in"]).files, tmp_path / "in")


def test_refuse_inside(tmp_path: Path) -> None:
    make(tmp_path, "in/x")
    refuse_inside([tmp_path / "in", tmp_path / "in/x"], tmp_path / "out")
    (tmp_path / "link").symlink_to(tmp_path / "in")
    with pytest.raises(UsageError):
        refuse_inside([tmp_path / "in"], tmp_path / "link/below")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def ticks() -> Iterator[float]:
    at = 0.0
    while True:
        yield at
        at += 1.0


def test_silent_unless_a_terminal() -> None:
    stream = io.StringIO()
    with progress(3, "verify", stream=stream, clock=iter(ticks()).__next__) as shown:
        assert isinstance(shown, Silent)
        shown.advance()
        with shown.aside():
            pass
    assert stream.getvalue() == ""


def test_plain_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "_rich", lambda *_: None)
    stream = Terminal()
    with progress(4, "seal", stream=stream, clock=iter(ticks()).__next__) as shown:
        assert isinstance(shown, Line)
        shown.advance()
        with shown.aside():
            stream.write("a line\n")
        shown.advance(2)
    drawn = stream.getvalue()
    assert "\rseal 1 of 4 (25 %), 1/s, 0:03 left\x1b[K\r\x1b[Ka line\n" in drawn
    assert "seal 3 of 4 (75 %), 1.5/s, 0:01 left" in drawn
    assert drawn.endswith("\r\x1b[K")


def test_redraws_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "_rich", lambda *_: None)
    stream = Terminal()
    with progress(1000, "seal", stream=stream, clock=lambda: 5.0) as shown:
        for _ in range(1000):
            shown.advance()
    assert stream.getvalue().count("seal ") == 2


def test_rich_bar() -> None:
    pytest.importorskip("rich")
    stream = Terminal()
    with progress(9, "verify", stream=stream, clock=iter(ticks()).__next__) as shown:
        for _ in range(8):
            with shown.aside():
                stream.write("a line\n")
            shown.advance()
    drawn = stream.getvalue()
    assert "verify" in drawn
    assert "8/9" in drawn
    assert "/s" in drawn
    assert drawn.count("a line\n") == 8


def test_quiet() -> None:
    shown = progress_module.stderr_progress(5, "x", quiet=True, clock=lambda: 0.0)
    assert isinstance(shown, nullcontext)


def test_words() -> None:
    assert progress_line("seal", 0, 10, 0.0) == "seal 0 of 10 (0 %)"
    assert progress_line("seal", 0, 0, 1.0) == "seal 0 of 0 (100 %)"
    assert progress_line("seal", 5, 10, 10.0) == "seal 5 of 10 (50 %), 0.5/s, 0:10 left"
    assert [duration(s) for s in (0.4, 59.6, 3599, 3600, 90061)] == [
        "0:00",
        "1:00",
        "59:59",
        "1:00:00",
        "25:01:01",
    ]
