"""A foreign package under one of our names is noticed, by import and by name."""

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["watermark", "ledger"])
def test_foreign_sibling(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("VERSION = 1\n")
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(CHECKOUT)!r}]; import provenance"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert (
        f"the package {name!r} at {tmp_path / name / '__init__.py'} is not radseal's" in done.stderr
    )


def test_all_three_carry_the_constant() -> None:
    import ledger
    import provenance
    import watermark
    from provenance._install import IDENTITY

    assert {ledger.__radseal__, provenance.__radseal__, watermark.__radseal__} == {IDENTITY}
