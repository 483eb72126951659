"""The published tree as single files, as a server hands them out."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ledger
from ledger import MalformedError, NotFoundError
from ledger.tree.tiles import parse_tile_path, tile_path


def test_they_are_those_of_an_export(site: Any, tmp_path: Path) -> None:
    site.append(*site.seals(600))
    site.log.checkpoint()
    site.log.export(tmp_path / "out")
    files = [each for each in (tmp_path / "out/tile").rglob("*") if each.is_file()]
    assert len(files) == 3 + 3 + 1
    with ledger.open_log(site.path, keys=None, annex_key=None) as reader:
        for each in files:
            path = str(each.relative_to(tmp_path / "out"))
            assert reader.static_file(path) == each.read_bytes(), path
        earlier = reader.static_file("tile/0/002.p/7")
        assert reader.static_file("tile/0/002.p/91").startswith(earlier)
        assert len(earlier) == 7 * 32
        full = reader.static_file("tile/entries/000")
        assert full.startswith(reader.static_file("tile/entries/000.p/255"))
        for absent in ("tile/0/002", "tile/0/002.p/92", "tile/1/000.p/3", "tile/2/000.p/1"):
            with pytest.raises(NotFoundError):
                reader.static_file(absent)


def test_what_is_not_published_is_not_there(site: Any) -> None:
    site.log.checkpoint()
    published = site.log.size
    site.append(*site.seals(2))
    with ledger.open_log(site.path, keys=None, annex_key=None) as reader:
        assert reader.size == published + 2
        for level in ("0", "entries"):
            assert reader.static_file(f"tile/{level}/000.p/{published}")
            with pytest.raises(NotFoundError):
                reader.static_file(f"tile/{level}/000.p/{published + 1}")


LEVELS = st.integers(0, 62) | st.just("entries")


@given(LEVELS, st.integers(0, 2**55), st.integers(1, 256))
def test_a_path_has_one_spelling(level: int | str, number: int, width: int) -> None:
    assert parse_tile_path(tile_path(level, number, width)) == (level, number, width)


@pytest.mark.parametrize(
    "path",
    [
        *("tile/0/0", "tile/0/1000", "tile/00/000", "tile/-1/000", "tile/0/000/", "tile/0/000\n"),
        *("tile/0/x000/000", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01"),
        *("tile/Entries/000", "tile/0/٠٠٠", "tile/0/x001", "tile/0/000.p/", "", "checkpoint"),
    ],
)
def test_other_spellings_are_refused(path: str) -> None:
    with pytest.raises(MalformedError):
        parse_tile_path(path)


@given(st.text(max_size=30).map("tile/{}".format))
def test_any_text_is_a_path_or_malformed(path: str) -> None:
    with suppress(MalformedError):
        assert tile_path(*parse_tile_path(path)) == path
