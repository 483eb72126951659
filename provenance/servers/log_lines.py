"""What a server says of itself: one JSON object a line, on standard error."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

_LEVELS = {"provenance": logging.INFO, "ledger": logging.INFO, "uvicorn": logging.WARNING}


class _Lines(logging.Formatter):
    """When, how grave, from where, what; and what else is told in the record's ``fields``."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "from": record.name,
            "says": record.getMessage(),
        }
        fields |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[0] is not None:
            fields["trace"] = self.formatException(record.exc_info)
        return json.dumps(fields)


@contextmanager
def log_lines() -> Iterator[None]:
    """Write what our packages and the HTTP server tell to standard error while this holds."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    before = {name: logging.getLogger(name).level for name in _LEVELS}
    for name, level in _LEVELS.items():
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(level)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).removeHandler(handler)
            logging.getLogger(name).setLevel(level)
