"""The README: what it prints runs, what it says is so, what it links to is there."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from provenance.cli.root import cli
from provenance.judging.verdict import EXIT_CODES
from provenance.pictures.picture_file import read_picture

CHECKOUT = Path(__file__).resolve().parents[3]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path, make_dicom: Callable[..., bytes]) -> Path:
    (tmp_path / "image.dcm").write_bytes(make_dicom())
    return tmp_path


def test_ten_lines_for_a_device(folder: Path) -> None:
    (lines,) = _blocks("python")
    assert len([line for line in lines.splitlines() if line.strip()]) <= 10
    done = subprocess.run(
        [sys.executable, "-c", lines],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("AUTHENTIC 20")
    assert (folder / "sealed.dcm").is_file()


def test_the_log_from_python(tmp_path: Path) -> None:
    page = (CHECKOUT / "docs" / "log-python.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    (output,) = re.findall(r"^```console\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )
    assert (done.returncode, done.stdout) == (0, output), done.stderr


def test_five_commands(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = _blocks("console")
    commands = [line.removeprefix("$ radseal ") for line in block.splitlines()]
    assert len(commands) == 5
    monkeypatch.chdir(folder)
    outcomes = [
        CliRunner().invoke(cli, shlex.split(command), env={"RADSEAL_SITE": None})
        for command in commands
    ]
    assert [o.exit_code for o in outcomes] == [0, 0, 0, 0, 10], [o.output for o in outcomes]
    assert "AUTHENTIC" in outcomes[2].output
    assert "ALTERED" in outcomes[4].output
    assert "x " in outcomes[4].output


def test_the_table_of_verdicts_is_complete() -> None:
    rows = re.findall(r"^\| ([A-Z ]+) \| .+ \| (\d+) \|$", README, re.MULTILINE)
    assert dict(rows) == {str(word): str(code) for word, code in EXIT_CODES.items()}


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)]+)\)", README)
    assert len(targets) > 15
    for target in targets:
        assert not target.startswith("http"), target
        assert (CHECKOUT / target).exists(), target


def test_the_picture() -> None:
    path = CHECKOUT / "docs" / "images" / "demo.png"
    assert path.stat().st_size < 300_000
    assert read_picture(path).shape[2] == 3
    assert re.search(r"!\[[^\]]{80,}\]\(docs/images/demo\.png\)", README)


def test_the_two_commands_are_there() -> None:
    assert "    python3 dev.py demo\n    python3 dev.py test\n" in README
    done = subprocess.run(
        [sys.executable, CHECKOUT / "dev.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "dev.py demo" in done.stdout


def test_ci_runs_what_the_readme_says() -> None:
    script = (CHECKOUT / ".ci" / "run").read_text(encoding="utf-8")
    assert "set -euo pipefail" in script
    assert script.index("python3 dev.py demo") < script.index("python3 dev.py test")
