"""The door of a service that has a file of settings: archives, audit trail and plugin at once."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rsyslog_receiver import Certificates, Rsyslog, rsyslog_missing, wait_for
from service_world import altered, archive_table, audit_table
from stow_world import image

from provenance.cli.root import cli

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "plugins" / "orthanc"))
from radseal_socket import ServiceDoor  # type: ignore[import-not-found]

__all__ = ["image"]


@pytest.fixture
def at() -> Iterator[Path]:
    """Where a door may be: a path that is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="radseal-") as folder:
        yield Path(folder) / "door"


def test_a_service_with_a_file_has_a_door_too(
    run_service: Callable[..., Any], at: Path, tmp_path: Path, image: Any
) -> None:
    if rsyslog_missing():
        pytest.skip(rsyslog_missing())
    collector = Rsyslog(tmp_path / "rsyslog", Certificates(tmp_path / "certificates"))
    collector.start()
    try:
        running = run_service("--door", str(at), archives=audit_table(collector) + archive_table())
        asking = ServiceDoor(str(at), running.token, 60.0)
        sealed, plain, bad = image(1, sealed=True), image(2), altered(image(3, sealed=True))
        let_in = asking.ingest(sealed, calling_ae="CT7")
        apart = asking.ingest(plain, calling_ae="SEALS")
        assert asking.ingest(bad, calling_ae="CT7")["action"] == "refuse"
        assert (let_in["action"], let_in["number"]) == ("accept", None)
        assert apart["action"] == "quarantine"
        (kept,) = running.ask("GET", "/objects?state=quarantined").json()["objects"]
        assert (kept["number"], kept["route"]) == (apart["number"], "orthanc")
        wait_for(lambda: asking.numbers([let_in["name"]]), "it is written down")
        # whoever asks at the door keeps it: no archive is sent it
        assert running.ask("GET", "/objects?state=forwarding").json()["objects"] == []
        name = 'radseal_objects_total{route="orthanc",action="%s",verdict="%s"}'
        wait_for(
            lambda: name % ("refuse", "ALTERED") in running.ask("GET", "/metrics").text,
            "all are counted",
        )
        assert running.metric(name % ("accept", "AUTHENTIC")) == 1
        asking.forget()
        assert running.server.stop() == 0
        assert not at.exists()
        wait_for(lambda: any("110121" in line for line in collector.lines()), "it hears of the end")
        lines = collector.lines()
    finally:
        collector.stop(kill=True)
    received = [one for one in lines if 'EventActionCode="C"' in one and "110104" in one]
    assert len(received) == 2
    assert ["CT7" in line for line in received] == [True, False]
    assert sum('csd-code="quarantined"' in line for line in lines) == 1
    assert sum('csd-code="altered"' in line for line in lines) == 1
    assert sum('csd-code="refused"' in line for line in lines) == 1


def test_there_is_no_door_without_a_token(at: Path, door: Any, tmp_path: Path) -> None:
    words = ["--policy", tmp_path / "policy.toml", "--spool", tmp_path / "service", "--door", at]
    line = ["serve", "--site", door.site.folder, "--listen", "127.0.0.1:0", *words]
    result = CliRunner().invoke(cli, list(map(str, line)))
    assert result.exit_code == 2
    assert "--door needs --token" in result.output
    assert not at.exists()
