"""What docs/service.md says: its tables are those of the code, and its commands run."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pydicom.data
import pytest
from service_world import archive_table

from provenance.pacs.service.endpoints import service_endpoints, stow_endpoints, wado_endpoints
from provenance.pacs.service.limits import Limits
from provenance.pacs.service.problems import PROBLEMS
from provenance.pacs.service.service import Service
from provenance.pacs.service.stow import Stow
from provenance.pacs.service.stow_answer import REASONS, WARNING_HELD
from provenance.pacs.service.wado import Wado

PAGE = (Path(__file__).parents[3] / "docs" / "service.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8097"


def test_addresses_are_those_of_the_service() -> None:
    service = Service(cast(Any, None), cast(Any, None), cast(Any, None), token=b"x")
    made = [*service_endpoints(service), *stow_endpoints(service, Stow(service))]
    made += wado_endpoints(service, Wado(service, ()))
    told = re.findall(r"^\| `(\w+) (/[^`]*)` \|.*\| ([^|]*) \|$", PAGE, re.MULTILINE)
    assert {(m, path) for m, path, _ in told} - {("GET", "/openapi.json")} == {
        (each.method, each.path) for each in made
    }
    open_ones = {path for _, path, token in told if token == "no"}
    assert open_ones - {"/openapi.json"} == {each.path for each in made if not each.bearer}


def test_reasons_and_problems_are_those_of_the_service() -> None:
    told = re.findall(r"^\| 0x([0-9A-F]{4}) \| (.*) \|$", PAGE, re.MULTILINE)
    assert {int(code, 16): words for code, words in told} == REASONS
    assert f"0x{WARNING_HELD:04X}" in PAGE
    problems = re.findall(r"^\| (\d{3}) \| `([\w-]+)` \| (.*) \|$", PAGE, re.MULTILINE)
    assert problems == [
        (str(status), kind, words)
        for status, kinds in PROBLEMS.items()
        for kind, words in kinds.items()
    ]
    limits = Limits()
    assert (limits.at_once, limits.idle, limits.object_bytes) == (64, 30, 2 << 30)


def test_metrics_and_commands(
    run_service: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = run_service("--stow-ae", "WEB", archives=archive_table())
    monkeypatch.chdir(tmp_path)
    shutil.copy(str(pydicom.data.get_testdata_file("CT_small.dcm")), "image.dcm")
    told = set(re.findall(r"^\| `(radseal_\w+)` \|", PAGE, re.MULTILINE))
    text = running.ask("GET", "/metrics").text
    assert told == set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    blocks = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    done = 0
    for place, line in enumerate(lines):
        if not line.startswith("$ ") or ("8097" not in line and "body" not in line):
            continue
        command = line[2:].replace(ADDRESS, running.server.url)
        ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
        expected = lines[place + 1] if place + 1 < len(lines) else "$"
        if not expected.startswith("$ "):
            assert ran.stdout.startswith(expected.rstrip("…")), (line, ran.stdout)
            done += 1
    assert done == 6
    uid = b"1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322\n"
    scripts = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    for script, expected in zip(scripts, (b"1\n", uid), strict=True):
        said = script.replace(ADDRESS, running.server.url)
        printed = subprocess.run([sys.executable, "-c", said], capture_output=True, check=True)
        assert printed.stdout == expected
