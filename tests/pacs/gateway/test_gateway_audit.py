"""A gateway and the audit trail: a real rsyslog hears what came, went, and was kept apart."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from gateway_world import (  # fixtures, too
    Storescp,
    World,
    archive,
    eventually,
    files,
    gateway_site,
    running,
    world,
)
from rsyslog_receiver import (
    Certificates,
    Rsyslog,
    rsyslog_missing,
)
from service_world import audit_table

from provenance.audit_trail import Fact, What
from provenance.pacs.arrivals import Instance
from provenance.pacs.gateway.auditing import SentTo
from provenance.pacs.gateway.configuration import Archive
from provenance.pacs.gateway.configuration_file import examine_configuration

__all__ = ["archive", "files", "gateway_site", "world"]


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Rsyslog]:
    """A receiver that was not started yet."""
    if rsyslog_missing():
        pytest.skip(rsyslog_missing())
    receiver = Rsyslog(tmp_path / "rsyslog", Certificates(tmp_path / "certificates"))
    yield receiver
    receiver.stop(kill=True)


def messages(receiver: Rsyslog) -> list[str]:
    """The messages, in the order of arrival: what happened."""
    found = []
    for line in receiver.lines():
        codes = re.findall(r'csd-code="([^"]+)"', line)
        action = re.search(r'EventActionCode="(.)"', line)
        assert action is not None
        found.append(" ".join([action[1], *codes[:2]]))
    return found


def test_a_collector_hears_of_all(
    world: World, archive: Storescp, files: dict[str, Path], collector: Rsyslog
) -> None:
    world.stop()
    collector.start()
    world.extra += audit_table(collector)
    with running(world):
        assert world.send(files["sealed"], files["unsealed"]).returncode == 0
        assert world.send(files["altered"]).returncode != 0
        assert world.send(files["unsealed"], calling="SEALS").returncode == 0
        world.delivered(2)
    eventually("the end is told", lambda: "110121" in "".join(collector.lines()))
    lines = collector.lines()
    text = "\n".join(lines)
    for code in ("110120", "110121", "110104", "110103", "altered", "refused", "quarantined"):
        assert code in text, code
    received = [line for line in lines if 'EventActionCode="C"' in line and "110104" in line]
    assert len(received) == 2  # of three associations one brought nothing
    assert "CT7" in received[0]
    sent = [line for line in lines if 'EventActionCode="R"' in line and "110104" in line]
    assert sent
    assert all("ARCHIVE" in line for line in sent)
    assert "1 AUTHENTIC, 1 UNSEALED" in text
    assert all(name not in text for name in ("Test^Phantom", "P-1"))


def test_a_collector_that_is_away_holds_up_nothing(
    world: World, archive: Storescp, files: dict[str, Path], collector: Rsyslog
) -> None:
    world.stop()
    world.extra += audit_table(collector)
    with running(world):
        assert world.send(files["sealed"]).returncode == 0
        world.delivered(1)
    assert collector.lines() == []
    collector.start()
    with running(world):
        eventually("it hears of what was", lambda: "110104" in "".join(collector.lines()))
    assert messages(collector)


def test_the_table_names_whom_to_trust(tmp_path: Path) -> None:
    begin = 'version = 1\nsite = "s"\npolicy = "p"\nspool = "q"\n'
    rest = '[listen]\nae_title = "A"\nport = 1\n[[archives]]\nname = "a"\nae_title = "B"\n'
    rest += 'host = "h"\nport = 2\n'
    text = begin + '[audit]\nhost = "h"\n' + rest
    found, flaws = examine_configuration(text.encode(), folder=tmp_path)
    assert found is None
    assert "tls_ca" in str(flaws[0])
    text = begin + '[audit]\nhost = "h"\ntls_ca = "ca.pem"\n' + rest
    found, flaws = examine_configuration(text.encode(), folder=tmp_path)
    assert not flaws
    assert found is not None
    assert found.audit is not None
    assert (found.audit.host, found.audit.port) == ("h", 6514)
    assert found.audit.ca == tmp_path / "ca.pem"


def test_what_was_sent_is_told_once_in_counts() -> None:
    told: list[Fact] = []
    sent = SentTo(told.append, Archive("a", "ARCHIVE", "archive.example", 104))
    now = datetime(2026, 1, 1, tzinfo=UTC)
    sent.end(now)
    for study in ("1.2", "1.2", "1.3", ""):
        sent.add(Instance("1.2.840", "1.9", "1.2.840.10008.1.2.1", study))
    sent.end(now)
    sent.end(now)
    (fact,) = told
    assert fact.what is What.SENT
    assert [(each.uid, each.instances[0].count) for each in fact.studies] == [
        ("1.2", 2), ("1.3", 1), ("unknown", 1),
    ]  # fmt: skip
