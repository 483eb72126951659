"""The commands of docs/quarantine.md, in their order."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from provenance.cli.root import cli
from provenance.pacs.arrivals import State
from provenance.site.key_request import read_request

PAGE = Path(__file__).resolve().parents[3] / "docs" / "quarantine.md"
# What is run and says no: the proposer confirms, and the second request is only shown.
REFUSED = "--key /home/one/one.key.pem --archive PACS"


def commands() -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    text = "\n".join(blocks).replace("\\\n", " ")
    return [line[2:] for line in text.splitlines() if line.startswith("$ ")]


def test_the_page(
    door: Any,
    unsealed: bytes,
    edit: Callable[..., bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    door.take(unsealed, "SEALS")
    door.take(edit(unsealed, lambda d: setattr(d, "SOPInstanceUID", "1.2.3.4.6")), "SEALS")
    for name in ("one", "two", "notes"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    places = {
        "/srv/radseal": door.site.folder,
        "/var/spool/radseal": door.spool.folder,
        "/home/": f"{tmp_path}/",
    }
    done = []
    for line in commands():
        words = line
        fresh = sorted(tmp_path.glob("*/*.csr"), key=lambda path: path.stat().st_mtime_ns)
        if fresh:
            fingerprint = read_request(fresh[-1].read_bytes()).fingerprint
            words = words.replace("FINGERPRINT", fingerprint)
        for there, here in places.items():
            words = words.replace(there, str(here))
        result = CliRunner().invoke(cli, shlex.split(words)[1:], env={"RADSEAL_SITE": None})
        expected = 2 if REFUSED in line else 0
        assert result.exit_code == expected, (line, result.output)
        done.append(" ".join(line.split()[1:3]))
    assert {"quarantine " + name for name in (
        *("list", "show", "export", "release", "reject", "confirm", "withdraw", "note", "purge"),
    )} <= set(done)  # fmt: skip
    assert [door.spool.object(number).state for number in (1, 2)] == [
        State.FORWARDING,
        State.REJECTED,
    ]
    assert len(list((tmp_path / "notes").iterdir())) == 1
