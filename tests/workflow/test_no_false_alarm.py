"""Rows 1 to 8 and 30 of the matrix over other people's files: what is sealed stays AUTHENTIC.

`python -m benchmarks.workflow` takes all of them; here every twelfth of the small ones that
pydicom brings along, and of those of the corpus.
"""

import os
import shutil
from pathlib import Path

import pytest

from benchmarks.workflow.bench import Bench
from benchmarks.workflow.sweep import corpus_files, shipped_files, sweep

LARGEST = 200_000
SHIPPED = [path for path in shipped_files() if path.stat().st_size < LARGEST][::12]
CORPUS = Path(os.environ.get("RADSEAL_CORPUS", Path(__file__).resolve().parents[3] / "shared"))
CORPUS_FILES = [
    path for path in corpus_files(CORPUS / "data") if path.stat().st_size < 5 * LARGEST
][::12]


def check(path: Path, bench: Bench) -> None:
    if shutil.which("dcmconv") is None or shutil.which("gdcmconv") is None:
        pytest.skip("dcmtk or libgdcm-tools is not installed")
    count = sweep(path, bench)
    if not count.sealed:
        pytest.skip("cannot be sealed")
    assert not count.alarms
    assert count.numbers["authentic"] > 0


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped(path: Path, bench: Bench) -> None:
    check(path, bench)


@pytest.mark.corpus
@pytest.mark.parametrize("path", CORPUS_FILES, ids=lambda path: path.name)
def test_corpus(path: Path, bench: Bench) -> None:
    check(path, bench)
