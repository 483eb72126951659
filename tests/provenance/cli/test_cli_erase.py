"""`radseal log erase`: many objects, a list, an interruption, and nothing left."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from ledger import Log
from provenance import Site, UsageError, seal
from provenance.cli.root import cli
from provenance.site.erasure import read_list


def run(site: Site, *words: str, **more: Any) -> Result:
    return CliRunner().invoke(cli, ["log", "erase", *words, "--site", str(site.folder)], **more)


@pytest.fixture
def here(tmp_path: Path) -> Site:
    return Site.init(tmp_path / "site", name="here")


def sealed(site: Site, make_dicom: Callable[..., bytes], count: int) -> list[bytes]:
    with site.device() as device:
        return [seal(make_dicom(), device=device).seal_id for _ in range(count)]


def events(site: Site, seal_id: bytes) -> int:
    with site.reading_log() as log:
        return len(log.events(seal_id))


def test_it_is_asked_for_twice(here: Site, make_dicom: Callable[..., bytes]) -> None:
    (seal_id,) = sealed(here, make_dicom, 1)
    result = run(here, seal_id.hex())
    assert result.exit_code == 2
    assert "nothing was erased: 1 object would be" in result.output
    assert events(here, seal_id) == 1
    result = run(here, seal_id.hex(), seal_id.hex(), "--yes", "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["schema"] == "radseal/log-erase/1"
    assert (answer["erased"], answer["already"]) == (1, 0)
    again = run(here, seal_id.hex(), "--yes")
    assert (again.exit_code, again.output) == (0, "erased 0 objects; 1 erased before\n")
    records = here.records()
    with records.log as log:
        assert log.annex(seal_id) is None
        assert log.audit().ok
        assert [e.index for e in log.events(seal_id)] == [5, 6]


def test_a_list_that_was_interrupted_is_given_again(
    here: Site, make_dicom: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = sealed(here, make_dicom, 4)
    path = tmp_path / "expired"
    path.write_text("# expired\n" + "".join(f"{each.hex()}\n\n" for each in ids), "ascii")
    monkeypatch.setattr("provenance.site.erasure.BATCH", 2)
    real, calls = Log._append, []

    def crash(self: Log, arrivals: Any, **named: Any) -> Any:
        calls.append(arrivals)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, arrivals, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Log, "_append", crash)
        assert run(here, "--from", str(path), "--yes").exit_code == 130
    assert [events(here, each) for each in ids] == [2, 2, 1, 1]
    result = run(here, "--from", "-", "--yes", input=path.read_text("ascii"))
    assert result.output == "erased 2 objects; 2 erased before\n"
    records = here.records()
    with records.log as log:
        assert log.audit().ok
        assert all(log.annex(each) is None for each in ids)


def test_one_unknown_object_and_nothing_is_done(
    here: Site, make_dicom: Callable[..., bytes]
) -> None:
    (seal_id,) = sealed(here, make_dicom, 1)
    result = run(here, seal_id.hex(), "0" * 24, "--yes")
    assert result.exit_code == 16, result.output
    assert events(here, seal_id) == 1
    for bad in ("0" * 23, "g" * 24, "Ａ" * 24):
        assert run(here, bad, "--yes").exit_code == 2
    assert run(here, "--yes").exit_code == 2


@given(st.text(max_size=80))
def test_arbitrary_lists_are_seal_ids_or_refused(text: str) -> None:
    try:
        found = read_list(text)
    except UsageError:
        return
    assert all(len(each) == 12 for each in found)
