"""The bench of the workflow matrix, made once."""

from collections.abc import Iterator

import pytest

from benchmarks.workflow.bench import Bench


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A site, its sealed images, and an Orthanc if one is asked for."""
    with Bench.open(tmp_path_factory.mktemp("workflow")) as made:
        yield made
