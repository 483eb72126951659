"""The doctor finds what is wrong, and says how to mend it."""

import base64
import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner

from provenance import Site
from provenance.cli.root import cli
from provenance.site.doctor import (
    Finding,
    Health,
    compare_record,
    examine_installation,
    examine_site,
)

MADE_AT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
LATER = MADE_AT + timedelta(days=400)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from ledger import Algorithm

    folder = tmp_path_factory.mktemp("doctor") / "site"
    Site.init_at_time(folder, name="north", algorithm=Algorithm.ED25519, at=MADE_AT)
    return folder


@pytest.fixture
def site(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "site"))


def problems(findings: tuple[Finding, ...]) -> list[str]:
    assert all(f.fix for f in findings if f.health in (Health.FAIL, Health.WARN))
    return [f.id for f in findings if f.health is Health.FAIL]


def test_whole(site: Path) -> None:
    assert problems(examine_installation()) == []
    findings = examine_site(site, at=LATER)
    assert problems(findings) == []
    assert [f.id for f in findings] == [
        *("site", "trust", "keys", *["signing"] * 5, "certificates", "log", "clock", "disk"),
    ]


def loosen(site: Path) -> None:
    (site / "keys/mark.key").chmod(0o644)


def open_folder(site: Path) -> None:
    (site / "keys").chmod(0o755)


def swap_certificates(site: Path) -> None:
    shutil.copy(site / "certificates/operator.pem", site / "certificates/device.pem")


def lose_key(site: Path) -> None:
    (site / "keys/device.key.pem").unlink()


def lose_roots(site: Path) -> None:
    (site / "trust/roots/site.pem").unlink()


def lose_trust(site: Path) -> None:
    shutil.rmtree(site / "trust")


def lose_secrets(site: Path) -> None:
    shutil.rmtree(site / "keys")


def break_ledger(site: Path) -> None:
    (site / "ledger.sqlite").write_bytes(b"no database" * 100)


def lose_ledger(site: Path) -> None:
    (site / "ledger.sqlite").unlink()


def break_site(site: Path) -> None:
    (site / "site.json").write_text("{}")


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (loosen, ["keys"]),
        (open_folder, ["keys"]),
        (swap_certificates, ["signing", "certificates"]),
        (lose_key, ["signing"]),
        (lose_roots, ["trust", "certificates"]),
        (lose_trust, ["trust", "certificates", "log"]),
        (lose_secrets, ["keys", *["signing"] * 5, "log"]),
        (break_ledger, ["log"]),
        (lose_ledger, ["log"]),
        (break_site, ["site"]),
    ],
)
def test_harm_is_found(site: Path, harm: Callable[[Path], None], found: list[str]) -> None:
    harm(site)
    assert problems(examine_site(site, at=LATER)) == found


def test_clock_behind_the_log(site: Path) -> None:
    early = MADE_AT - timedelta(hours=1)
    (finding,) = (f for f in examine_site(site, at=early) if f.id == "clock")
    assert finding.health is Health.FAIL
    assert "2026-05-04 03:02:01Z" in finding.detail


def test_certificate_that_has_expired(site: Path) -> None:
    early = MADE_AT - timedelta(days=400)
    assert "certificates" in problems(examine_site(site, at=early))


def test_full_disk(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(site)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    (finding,) = (f for f in examine_site(site, at=LATER) if f.id == "disk")
    assert finding.health is Health.WARN


def test_old_sqlite_and_no_codecs(monkeypatch: pytest.MonkeyPatch) -> None:
    version = metadata.version

    def without(name: str) -> str:
        if name in ("imagecodecs", "rich"):
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 8, 0))
    monkeypatch.setattr(metadata, "version", without)
    findings = examine_installation()
    assert problems(findings) == ["sqlite"]
    warned = [f for f in findings if f.health is Health.WARN]
    assert [f.id for f in warned] == ["imagecodecs", "rich"]
    assert "radseal[codecs]" in warned[0].fix


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder as pip would make it, with a RECORD."""
    lines = []
    for name in ("provenance", "watermark", "ledger"):
        (tmp_path / name).mkdir()
        source = tmp_path / name / "__init__.py"
        source.write_text(f'"""{name}"""\n')
        digest = hashlib.sha256(source.read_bytes()).digest()
        encoded = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        lines.append(f"{name}/__init__.py,sha256={encoded},{source.stat().st_size}")
    info = tmp_path / "radseal-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: radseal\nVersion: 0.1.0\n")
    lines += ["radseal-0.1.0.dist-info/METADATA,,", "radseal-0.1.0.dist-info/RECORD,,"]
    (info / "RECORD").write_text("\n".join(lines) + "\n")
    return info


def test_record(installed: Path) -> None:
    home = installed.parent

    def finding() -> Finding:
        (only,) = compare_record(metadata.Distribution.at(installed))
        return only

    assert finding().health is Health.PASS
    (home / "ledger/stranger.py").write_text("")
    assert finding().health is Health.FAIL
    assert "stranger.py is not of the distribution" in finding().detail
    (home / "ledger/stranger.py").unlink()
    (home / "watermark/__init__.py").write_text('"""Watermark"""\n')
    assert "watermark/__init__.py was changed" in finding().detail
    (home / "watermark/__init__.py").unlink()
    assert "watermark/__init__.py cannot be read" in finding().detail
    (installed / "RECORD").write_text("")
    assert "RECORD names no file" in finding().detail


def test_command(site: Path) -> None:
    runner = CliRunner(env={"RADSEAL_SITE": None})
    good = runner.invoke(cli, ["doctor", "--site", str(site)])
    assert good.exit_code == 0, good.output
    assert good.stdout.endswith("0 problems\n")
    loosen(site)
    bad = runner.invoke(cli, ["doctor", "--site", str(site)])
    assert bad.exit_code == 2
    assert "\nFAIL  keys" in bad.stdout
    assert f"  do: chmod 600 '{site}/keys/mark.key'" in bad.stdout
    assert bad.stdout.endswith("1 problem\n")
    answer = json.loads(runner.invoke(cli, ["doctor", "--site", str(site), "--json"]).stdout)
    assert (answer["schema"], answer["problems"], answer["exit_code"]) == ("radseal/doctor/1", 1, 2)
    alone = runner.invoke(cli, ["doctor"])
    assert alone.exit_code == 0
    assert "none was named" in alone.stdout
