"""`radseal audit-trail check` against a real rsyslog."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from audit_facts import parsed
from click.testing import CliRunner, Result
from rsyslog_receiver import (
    COLLECTOR,
    GATEWAY,
    Certificates,
    Rsyslog,
    rsyslog_missing,
    wait_for,
)

from benchmarks.ports import free_port
from provenance.cli.root import cli

pytestmark = pytest.mark.skipif(bool(rsyslog_missing()), reason=rsyslog_missing())


@pytest.fixture(scope="module")
def rsyslog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rsyslog]:
    folder = tmp_path_factory.mktemp("audit")
    receiver = Rsyslog(folder / "rsyslog", Certificates(folder / "certificates"))
    receiver.start()
    yield receiver
    receiver.stop()


def check(rsyslog: Rsyslog, *more: object, **instead: object) -> Result:
    """Run it as a gateway that is let in, but for the options in ``instead``."""
    given = rsyslog.certificates
    options: dict[str, object] = {
        "host": "127.0.0.1",
        "port": rsyslog.port,
        "ca": given.ca,
        "certificate": given.certificate(GATEWAY),
        "key": given.key(GATEWAY),
        "server-name": COLLECTOR,
    } | {name.replace("_", "-"): value for name, value in instead.items()}
    words = [str(w) for n, v in options.items() if v is not None for w in (f"--{n}", v)]
    return CliRunner().invoke(cli, ["audit-trail", "check", *words, *map(str, more)])


def newest(rsyslog: Rsyslog) -> str:
    return rsyslog.lines()[-1] if rsyslog.lines() else ""


@pytest.mark.parametrize("large", [False, True])
def test_it_arrives(rsyslog: Rsyslog, large: bool) -> None:
    before = len(rsyslog.lines())
    done = check(rsyslog, *(["--large"] if large else []))
    assert done.exit_code == 0, done.output
    assert "the collector has read a message of " in done.stdout
    wait_for(lambda: len(rsyslog.lines()) > before, "it does not arrive")
    header, _, xml = newest(rsyslog).partition("\ufeff")
    assert " radseal-check " in header
    root = parsed(xml.encode())
    assert root.find("EventIdentification/EventID").get("csd-code") == "110100"
    assert xml.endswith("</AuditMessage>")
    assert (len(xml) > 40_000) is large


def test_json(rsyslog: Rsyslog) -> None:
    done = check(rsyslog, "--json")
    answer = json.loads(done.stdout)
    assert answer["schema"] == "radseal/audit-trail-check/1"
    assert (answer["host"], answer["port"]) == ("127.0.0.1", rsyslog.port)
    assert answer["protocol"] in ("TLSv1.2", "TLSv1.3")
    assert answer["octets"] > 500


def test_the_host_is_the_name_unless_told(rsyslog: Rsyslog) -> None:
    assert check(rsyslog, server_name=None).exit_code == 0


def test_who_is_not_trusted_gets_nothing(rsyslog: Rsyslog, tmp_path: Path) -> None:
    before = rsyslog.lines()
    other = Certificates(tmp_path / "other")
    for done in (check(rsyslog, ca=other.ca), check(rsyslog, server_name="other.example")):
        assert done.exit_code == 12
        assert "nothing was sent" in done.stderr
    assert rsyslog.lines() == before


def test_who_is_not_let_in_is_told(rsyslog: Rsyslog) -> None:
    before = rsyslog.lines()
    done = check(rsyslog, certificate=None, key=None)
    assert done.exit_code == 15, done.output
    assert "lets our --certificate in" in done.stderr
    assert rsyslog.lines() == before


def test_nobody_is_there(rsyslog: Rsyslog) -> None:
    done = check(rsyslog, port=free_port())
    assert done.exit_code == 15
    assert "has not taken the message" in done.stderr


def test_a_key_needs_its_certificate(rsyslog: Rsyslog) -> None:
    assert check(rsyslog, certificate=None).exit_code == 2
    assert check(rsyslog, certificate=rsyslog.certificates.ca).exit_code == 2
