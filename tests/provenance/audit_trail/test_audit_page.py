"""docs/audit-trail.md: its tables are the code's, its program runs."""

import re
import textwrap
from pathlib import Path

import pytest
from rsyslog_receiver import (
    COLLECTOR,
    GATEWAY,
    PAGE,
    Certificates,
    Rsyslog,
    rsyslog_missing,
    wait_for,
)

from provenance.audit_trail.codes import SHAPES
from provenance.audit_trail.fact import What
from provenance.audit_trail.message import MAX_XML
from provenance.audit_trail.objects import LEFT_OUT
from provenance.audit_trail.sender import IDLE, LONGEST_PAUSE, WINDOW_MESSAGES, WINDOW_OCTETS
from provenance.audit_trail.syslog import MESSAGE_ID
from provenance.audit_trail.trail import CAPACITY
from provenance.fhir.custody_codes import CUSTODY

TEXT = PAGE.read_text(encoding="utf-8")


def test_its_table_of_messages() -> None:
    rows = []
    for what, shape in SHAPES.items():
        kind = shape.type
        words = "" if kind is None else f"{kind.value}, {kind.system}, {kind.meaning}"
        event = f"{shape.event.value} {shape.event.meaning}"
        rows.append(f"| `{what}` | {event} | {shape.action} | {words} |")
    assert "\n".join(rows) in TEXT
    assert len(rows) == len(What)


def test_its_table_of_custody_events() -> None:
    rows = []
    for event, custody in CUSTODY.items():
        use, purpose = custody.use, custody.purpose.display
        words = "" if use is None else f"{use.category.code} {use.category.display}, {use.action}"
        rows.append(
            f"| `{event}` | {custody.life_cycle} | {custody.participant} | {purpose} | {words} |"
        )
    assert "\n".join(rows) in TEXT


def test_its_numbers() -> None:
    assert MAX_XML == 60_000
    assert "at most 60,000 octets" in TEXT
    assert (IDLE, LONGEST_PAUSE) == (3, 60)
    assert "three seconds" in TEXT
    assert "up to 60\nseconds" in TEXT
    assert (WINDOW_MESSAGES, WINDOW_OCTETS) == (1_000, 4_000_000)
    assert "each 1,000 messages or 4 MB" in TEXT
    assert CAPACITY == 256 * 1024 * 1024
    assert "256 MB of messages" in TEXT
    assert f"`{MESSAGE_ID}`" in TEXT
    assert f"`{LEFT_OUT}`" in TEXT


@pytest.mark.skipif(bool(rsyslog_missing()), reason=rsyslog_missing())
def test_its_program_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificates = Certificates(tmp_path / "certificates")
    (found,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("ca.pem").write_bytes(certificates.ca.read_bytes())
    Path("gateway.pem").write_bytes(certificates.certificate(GATEWAY).read_bytes())
    Path("gateway.key").write_bytes(certificates.key(GATEWAY).read_bytes())
    receiver = Rsyslog(tmp_path / "rsyslog", certificates)
    there = f'"127.0.0.1", port={receiver.port}, server_name="{COLLECTOR}"'
    code = textwrap.dedent(found).replace('"syslog.example"', there)
    assert there in code
    try:
        receiver.start()
        exec(compile(code, str(PAGE), "exec"), {})
        wait_for(receiver.lines, "the message does not arrive")
    finally:
        receiver.stop()
    (line,) = receiver.lines()
    assert "AETITLES=CT7" in line
    assert 'NumberOfInstances="120"' in line
