"""An alarm as JSON: the same for the command and the log server (docs/spec/log.md)."""

from collections.abc import Iterable

from ledger import Alarm, LoggedKey
from provenance.trust.certificates import certificate_name, load_certificate

SCHEMA = "radseal/log-alarms/1"


def alarm_fields(alarm: Alarm, keys: Iterable[LoggedKey]) -> dict[str, object]:
    """Return an alarm as plain values; evidence in hexadecimal."""
    key = next(each for each in keys if each.kid == alarm.kid)
    name = alarm.kid.hex()[:16]
    if key.certificate is not None:
        name = certificate_name(load_certificate(key.certificate))
    heard = alarm.last_heard
    return {
        "kind": str(alarm.kind),
        "open": alarm.open,
        "key": alarm.kid.hex(),
        "role": str(key.role),
        "actor": name,
        "numbers": [list(each) for each in alarm.numbers],
        "raised_at": f"{alarm.raised_at:%Y-%m-%dT%H:%M:%SZ}",
        "raised_size": alarm.raised_size,
        "closed_by": alarm.closed_by,
        "logged_instead": alarm.other,
        "last_heard": None if heard is None else f"{heard:%Y-%m-%dT%H:%M:%SZ}",
        "leaf_hash": None if alarm.leaf_hash is None else alarm.leaf_hash.hex(),
        "evidence": None if alarm.evidence is None else alarm.evidence.hex(),
    }
