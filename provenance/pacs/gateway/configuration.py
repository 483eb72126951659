"""What a gateway is told by its file, radseal-gateway.toml: values only, and an example of it."""

from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from pathlib import Path

from provenance.audit_trail import Collector

ARCHIVE_ASSOCIATIONS = 2  # at once with one archive, unless the configuration says otherwise


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files for TLS: our certificate with its key, and the authorities of the peer."""

    certificate: Path | None = None
    key: Path | None = None
    authorities: Path | None = None


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the gateway listens, and by which title; ``tls`` is None for plain TCP."""

    ae_title: str
    address: str
    port: int
    tls: TlsFiles | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What peers can make the gateway spend: bytes, seconds, associations at once."""

    associations: int = 32
    object_bytes: int = 2 << 30
    free_disk_bytes: int = 1 << 30
    idle_seconds: int = 60
    object_seconds: int = 600


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive that gets what is let in, over so many associations at once at most.

    ``name`` stands in the log and in reports.
    """

    name: str
    ae_title: str
    host: str
    port: int
    tls: TlsFiles | None = None
    dicomweb: str | None = None
    associations: int = ARCHIVE_ASSOCIATIONS


@dataclass(frozen=True, slots=True)
class Configuration:
    """All of the file; paths are absolute. ``log`` is a URL, None for the site's own ledger."""

    site: Path
    policy: Path
    spool: Path
    listen: Listen
    archives: tuple[Archive, ...]
    log: str | None = None
    limits: Limits = Limits()
    sealing_for: frozenset[str] = frozenset()
    custody_deadline: timedelta = timedelta(hours=1)
    forget_after: timedelta = timedelta(days=30)
    audit: Collector | None = None


def example_configuration() -> str:
    """Return the text of the example."""
    found = resources.files("provenance.pacs.gateway").joinpath("radseal-gateway.toml")
    return found.read_text("utf-8")
