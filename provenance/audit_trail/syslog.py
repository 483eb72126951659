"""Audit messages as syslog: the header of RFC 5424, the frames of RFC 5425. Pure (PS3.15 A.6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from provenance.audit_trail.fact import Outcome

MESSAGE_ID = "DICOM+RFC3881"  # PS3.15 A.6
_AUTHPRIV = 10  # facility "security/authorization messages"
_BOM = b"\xef\xbb\xbf"
_NIL = "-"
_HOST_LIMIT, _NAME_LIMIT, _PROCESS_LIMIT = 255, 48, 128  # RFC 5424, section 6

# RFC 5424 severities: notice, warning, error, critical.
_SEVERITY: Mapping[Outcome, int] = {
    Outcome.SUCCESS: 5,
    Outcome.MINOR: 4,
    Outcome.SERIOUS: 3,
    Outcome.MAJOR: 2,
}


@dataclass(frozen=True, slots=True)
class Origin:
    """HOSTNAME, APP-NAME and PROCID of every message."""

    host: str
    application: str
    process: str


def syslog_message(xml: bytes, *, at: datetime, outcome: Outcome, origin: Origin) -> bytes:
    """Return the SYSLOG-MSG of one audit message; ``at`` is aware, and when it happened."""
    header = " ".join(
        (
            f"<{_AUTHPRIV * 8 + _SEVERITY[outcome]}>1",
            at.astimezone(UTC).isoformat(timespec="microseconds"),
            _printable(origin.host, _HOST_LIMIT),
            _printable(origin.application, _NAME_LIMIT),
            _printable(origin.process, _PROCESS_LIMIT),
            MESSAGE_ID,
            _NIL,
        )
    )
    return header.encode("ascii") + b" " + _BOM + xml


def frame(message: bytes) -> bytes:
    """Return the SYSLOG-FRAME: the octets are counted, not the characters (RFC 5425, 4.3)."""
    return b"%d %s" % (len(message), message)


def _printable(text: str, limit: int) -> str:
    """Return PRINTUSASCII of at most ``limit`` characters, anything else as an underscore."""
    kept = "".join(each if "!" <= each <= "~" else "_" for each in text[:limit])
    return kept or _NIL
