"""Which program a tool's name stands for."""

from pathlib import Path

import pytest

from benchmarks.workflow.tools import ToolMissingError, program


def _write(folder: Path, content: str) -> Path:
    folder.mkdir()
    path = folder / "storescp"
    path.write_text(content)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    "shebang", ["#!/opt/other/bin/python3.11\n", "#!/bin/sh\n'''exec' /opt/x/bin/python \"$0\"\n"]
)
def test_a_script_of_any_python_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shebang: str
) -> None:
    """pynetdicom's storescp knows none of the options of DCMTK's."""
    script = _write(tmp_path / "other", shebang)
    real = _write(tmp_path / "real", "#!/bin/sh\nexit 0\n")
    monkeypatch.setenv("PATH", f"{script.parent}:{real.parent}")
    assert program("storescp") == str(real)
    monkeypatch.setenv("PATH", str(script.parent))
    with pytest.raises(ToolMissingError, match="storescp is not installed"):
        program("storescp")
