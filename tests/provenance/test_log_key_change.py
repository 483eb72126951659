"""The keys of a site's log change while images are sealed; a crash at any step is made good."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pydicom.data
import pytest
from click.testing import CliRunner

from ledger import LogKeys
from provenance.cli.root import cli
from provenance.errors import UsageError
from provenance.keys import log_key_files
from provenance.keys.signers import write_secret
from provenance.site.log_key_change import add_log_keys, retire_log_keys
from provenance.site.site import Site

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def answer(*words: object, code: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(cli, [*map(str, words), "--json"], env={"RADSEAL_SITE": None})
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def verdicts(*words: object) -> dict[str, int]:
    found: dict[str, int] = answer("verify", *words)["summary"]["by_verdict"]
    return found


@pytest.fixture
def own(tmp_path: Path) -> Path:
    answer("init", tmp_path / "own", "--name", "own")
    return tmp_path / "own"


@pytest.fixture
def sealed(own: Path, tmp_path: Path) -> Path:
    image = Path(pydicom.data.__file__).parent / "test_files" / "CT_small.dcm"
    answer("seal", image, "-o", tmp_path / "sealed", "--site", own)
    return tmp_path / "sealed" / image.name


def test_what_was_sealed_before_stays_authentic(own: Path, sealed: Path) -> None:
    old = Site.open(own).log_keys()
    added = answer("log", "add-keys", "--site", own)
    assert added["signing"][:2] == [*old.vkeys]
    assert verdicts(sealed, "--site", own) == {"AUTHENTIC": 1}
    answer("log", "add-keys", "--site", own, code=2)
    retired = answer("log", "retire-keys", "--site", own)
    assert retired["signing"] == added["signing"][2:]
    assert retired["vkeys"].splitlines()[3:] == [*old.vkeys]
    assert retired["vkeys"].splitlines()[2].startswith("retired ")
    assert verdicts(sealed, "--site", own) == {"AUTHENTIC": 1}
    assert verdicts(sealed, "--trust", own / "trust") == {"AUTHENTIC": 1}
    assert answer("log", "audit", "--site", own)["ok"]
    answer("log", "retire-keys", "--site", own, code=2)
    assert [*Site.open(own).log_keys().vkeys] == retired["signing"]


def test_a_second_change_follows_the_first(own: Path, sealed: Path) -> None:
    site = Site.open(own)
    for _ in range(2):
        add_log_keys(site, at=NOW)
        retire_log_keys(site, at=NOW)
    assert answer("log", "audit", "--site", own)["ok"]
    assert verdicts(sealed, "--trust", own / "trust") == {"AUTHENTIC": 1}


def test_cut_off_before_the_statement_it_goes_on_with_the_same_keys(own: Path) -> None:
    site = Site.open(own)
    following = LogKeys.generate(site.origin)
    write_secret(own / "keys" / "log.next.keys", following.to_bytes())
    assert len(site.log_keys().sets) == 1
    assert add_log_keys(site, at=NOW).sets[1:] == following.sets


@pytest.mark.parametrize("step", ["publish", "put_in_place"])
def test_cut_off_after_the_statement(own: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site.open(own)
    add_log_keys(site, at=NOW)
    with monkeypatch.context() as patch:
        patch.setattr(log_key_files.LogKeyFiles, step, _cut)
        with pytest.raises(KeyboardInterrupt):
            retire_log_keys(site, at=NOW)
    with site.writing_log() as log:
        assert log.audit().ok
    new = retire_log_keys(site, at=NOW)
    assert len(new.sets) == 1
    assert not (own / "keys" / "log.next.keys").exists()
    with pytest.raises(UsageError, match="begins a change"):
        retire_log_keys(site, at=NOW)
    assert answer("log", "audit", "--site", own)["ok"]
    assert "retired " in site.log_key_files.published.read_text(encoding="utf-8")


def test_cut_off_before_the_file_for_others_it_is_written_again(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site.open(own)
    with monkeypatch.context() as patch:
        patch.setattr(log_key_files.LogKeyFiles, "publish", _cut)
        with pytest.raises(KeyboardInterrupt):
            add_log_keys(site, at=NOW)
    with pytest.raises(UsageError, match="ends the change"):
        add_log_keys(site, at=NOW)
    lines = site.log_key_files.published.read_text(encoding="utf-8").split()
    assert lines == [*site.log_keys().vkeys]


def _cut(*_: object) -> None:
    raise KeyboardInterrupt
