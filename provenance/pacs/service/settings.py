"""What a service is told: by the options of its command, or by a file of the gateway's form."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

from provenance.audit_trail import Collector
from provenance.errors import UsageError
from provenance.pacs.custody.writer import DEADLINE
from provenance.pacs.gateway.configuration import Archive, Configuration
from provenance.pacs.quarantine.housekeeper import FORGET_AFTER
from provenance.pacs.service.desk import Workplace
from provenance.pacs.service.limits import Limits

LISTEN = "127.0.0.1:8097"
AE_TITLE = "RADSEAL"


@dataclass(frozen=True, slots=True)
class Settings:
    """Where a service works and listens, who its archives are, and who hears of it."""

    place: Workplace
    listen: str = LISTEN
    limits: Limits = field(default_factory=Limits)
    ae_title: str = AE_TITLE
    archives: tuple[Archive, ...] = ()
    audit: Collector | None = None
    custody_deadline: timedelta = DEADLINE
    forget_after: timedelta = FORGET_AFTER

    @classmethod
    def of(cls, configuration: Configuration) -> Self:
        """Return what a file says; UsageError for what is the gateway's alone."""
        listen, bounds = configuration.listen, configuration.limits
        if listen.tls is not None:
            raise UsageError("[listen]: the service speaks HTTP without TLS: a proxy before it has")
        if configuration.sealing_for:
            raise UsageError("[sealing]: the service seals for nobody; the gateway does")
        place = Workplace(
            configuration.site, configuration.policy, configuration.spool, configuration.log
        )
        return cls(
            place,
            _address(listen.address, listen.port),
            Limits(
                object_bytes=bounds.object_bytes,
                free_bytes=bounds.free_disk_bytes,
                at_once=bounds.associations,
                idle=float(bounds.idle_seconds),
                body=float(bounds.object_seconds),
            ),
            listen.ae_title,
            configuration.archives,
            configuration.audit,
            configuration.custody_deadline,
            configuration.forget_after,
        )


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"
