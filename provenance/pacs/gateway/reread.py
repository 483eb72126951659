"""A configuration that is read again while the gateway runs: all of it counts, or nothing."""

from collections.abc import Callable

from provenance.errors import UsageError
from provenance.pacs.gateway.configuration import Configuration

_FIXED: tuple[tuple[str, Callable[[Configuration], object]], ...] = (
    ("site", lambda it: it.site),
    ("log", lambda it: it.log),
    ("spool", lambda it: it.spool),
    ("listen.address", lambda it: it.listen.address),
    ("listen.port", lambda it: it.listen.port),
    ("listen.ae_title", lambda it: it.listen.ae_title),
    ("audit", lambda it: it.audit),
)


def require_changeable(now: Configuration, then: Configuration) -> None:
    """Return only if ``then`` can follow ``now`` without a restart; else UsageError."""
    others = [name for name, value in _FIXED if value(now) != value(then)]
    if others:
        raise UsageError(f"{', '.join(others)} cannot change while the gateway runs: restart it")
