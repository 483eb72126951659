"""`radseal scan --dask`: the same work on a cluster of processes on loopback."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scan_world import Tally, ask, kill, new_job, verdicts, work

from provenance import Site
from provenance.cli.root import cli
from provenance.errors import OutOfReachError
from provenance.scan.cluster import DaskCluster
from provenance.scan.results import count, page

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("default")  # the cluster's own


@pytest.fixture(scope="module")
def cluster() -> Iterator["distributed.LocalCluster"]:
    """A scheduler and two workers, each a process with a nanny that replaces it."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
    ) as made:
        yield made


def test_a_killed_worker_loses_nothing(cluster: "distributed.LocalCluster", tmp_path: Path) -> None:
    job = new_job(tmp_path / "job", [f"u{n}" for n in range(240)])
    bench = Tally(str(tmp_path / "judged"), seconds=0.02)
    killed: list[int] = []

    def advance(_: int) -> None:
        if len(killed) < 2:
            killed.append(bench.pids()[0])
            kill(killed[-1])

    ran = work(job, DaskCluster(bench, cluster.scheduler_address), advance=advance)
    assert len(killed) == 2
    assert ran.objects == 240
    assert verdicts(tmp_path / "job") == {"AUTHENTIC": 240}


def test_a_poison_item_is_set_apart(cluster: "distributed.LocalCluster", tmp_path: Path) -> None:
    job = new_job(tmp_path / "job", ["a", "b", "poison", "c"])
    bench = Tally(str(tmp_path / "judged"))
    work(job, DaskCluster(bench, cluster.scheduler_address))
    assert dict(verdicts(tmp_path / "job")) == {"AUTHENTIC": 3, "NOT CHECKED": 1}
    assert [row.uri for row in page(job)] == ["poison"]


def test_stopped_and_resumed_on_local_processes(
    cluster: "distributed.LocalCluster", tmp_path: Path
) -> None:
    from provenance.scan.local import LocalProcesses

    job = new_job(tmp_path / "job", [f"u{n}" for n in range(400)])
    asked: list[int] = []
    bench = Tally(str(tmp_path / "judged"), seconds=0.002)
    engine = DaskCluster(bench, cluster.scheduler_address)
    ran = work(job, engine, stop=lambda: bool(asked), advance=asked.append)
    assert ran.stopped
    assert 0 < ran.objects < 400
    assert ask(tmp_path / "job", "select count(*) from radseal_scan_chunk where state = 1") == 0
    work(job, LocalProcesses(bench, 1))
    assert count(job).done
    assert len(bench.pids()) == 400


def test_the_command(
    cluster: "distributed.LocalCluster",
    site: Site,
    make_dicom: Callable[..., bytes],
    tmp_path: Path,
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "0").write_bytes(make_dicom(np.full((32, 32), 77, np.uint16), Modality="CT"))
    words = ["seal", tmp_path / "in", "-o", tmp_path / "out", "--site", site.folder]
    assert CliRunner().invoke(cli, [str(w) for w in words]).exit_code == 0
    for n in range(1, 120):
        shutil.copy(tmp_path / "out" / "0", tmp_path / "out" / f"{n}")
    words = ["scan", tmp_path / "out", "--site", site.folder, "--job", tmp_path / "job", "--json"]
    words += ["--dask", cluster.scheduler_address]
    result = CliRunner().invoke(cli, [str(w) for w in words])
    found = json.loads(result.stdout)
    assert result.exit_code == 0, result.output
    assert found["summary"]["by_verdict"] == {"AUTHENTIC": 120}
    assert found["run"]["engine"] == f"dask at {cluster.scheduler_address}"


def test_no_scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from provenance.scan import cluster as module

    monkeypatch.setattr(module, "CONNECT_SECONDS", 2)
    with pytest.raises(OutOfReachError, match="no scheduler"):
        DaskCluster(Tally(str(tmp_path / "x")), "tcp://127.0.0.1:9")
