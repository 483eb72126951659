"""The gateway put together: door, intake, spool, forwarders and custody, from its configuration."""

import hashlib
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event as Flag
from threading import Thread

from ledger import Role
from provenance.audit_trail import Fact, What
from provenance.pacs.dimse.listener import Listener
from provenance.pacs.dimse.storage_scp import Answered, Bench, StorageScp
from provenance.pacs.dimse.tls import client_context, server_context
from provenance.pacs.gateway.auditing import Received, Tell, door_trail
from provenance.pacs.gateway.children import Children, custody_job, forward_jobs
from provenance.pacs.gateway.configuration import Configuration
from provenance.pacs.gateway.counts import Counts
from provenance.pacs.gateway.reread import require_changeable
from provenance.pacs.gateway.sealing_on_behalf import SealingOnBehalf
from provenance.pacs.gateway.watch import Watch
from provenance.pacs.intake import Intake
from provenance.pacs.spool.lock import sole_owner
from provenance.pacs.spool.spool import Spool
from provenance.policy.load import read_policy_bytes
from provenance.policy.parse import parse_acceptance_policy
from provenance.policy.policy import AcceptancePolicy
from provenance.site.device import Device
from provenance.site.site import Site
from provenance.verifying.verifier import Verifier

_LOOK_SECONDS = 0.5
_logger = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the files of a configuration hold."""

    site: Site
    policy: AcceptancePolicy
    policy_sha256: bytes

    @classmethod
    def read(cls, configuration: Configuration) -> "Parts":
        """Read them; UsageError or PolicyError for what is faulty. TLS files are tried, too."""
        data = read_policy_bytes(configuration.policy)
        policy = parse_acceptance_policy(data)
        if configuration.listen.tls is not None:
            server_context(configuration.listen.tls)
        for archive in configuration.archives:
            if archive.tls is not None:
                client_context(archive.tls)
        if configuration.audit is not None:
            configuration.audit.context()
        site = Site.open(configuration.site)
        site.chain(Role.GATEWAY)
        return cls(site, policy, hashlib.sha256(data).digest())


class Gateway:
    """A gateway that is about to run; `run` blocks until `stop` is called.

    ``read`` reads the configuration again, each time that `reread` asks for it.
    """

    def __init__(
        self, configuration: Configuration, parts: Parts, read: Callable[[], Configuration]
    ) -> None:
        self._configuration = configuration
        self._parts = parts
        self._read = read
        self._stopping = Flag()
        self._rereading = Flag()
        self._trouble: str | None = None
        self.counts = Counts()
        Spool.open(configuration.spool).close()

    def watch(self) -> Watch:
        """Return what answers for it to those who watch it."""
        return Watch(
            folder=self._configuration.spool,
            configuration=lambda: self._configuration,
            counts=self.counts,
            trouble=lambda: self._trouble,
        )

    def stop(self) -> None:
        """Ask it to stop: from a signal handler or another thread."""
        self._stopping.set()

    def reread(self) -> None:
        """Ask it to read configuration, policy and TLS files again: likewise."""
        self._rereading.set()

    def run(self, listening: socket.socket) -> None:
        """Take in what comes to ``listening``, until it is stopped; then stop in order."""
        configuration = self._configuration
        with ExitStack() as stack:
            lost = stack.enter_context(sole_owner(configuration.spool))
            if lost:
                _logger.warning("%d files of an earlier run were nobody's, and are gone", lost)
            tell = self._audit(stack)
            children = Children(_jobs(configuration))
            stack.callback(children.close)

            def answered(answer: Answered) -> None:
                self.counts.count(answer)
                if answer.kept is not None:
                    children.wake()

            def door() -> StorageScp:
                return self._door(answered, tell, stack)

            context = _tls(configuration)
            listener = Listener(
                listening, door(), configuration.limits, tls=context, stopping=self._stopping
            )
            self.counts.connections = lambda: listener.connections
            reader = Thread(
                target=self._reread_when_asked,
                args=(listener, children, door),
                name="radseal-reread",
            )
            reader.start()
            stack.callback(reader.join)
            stack.callback(self.stop)
            listener.run()
            _logger.info("stopping")

    def _door(
        self, answered: Callable[[Answered], None], tell: Tell, stack: ExitStack
    ) -> StorageScp:
        """Return what takes objects in, as configuration and parts are now."""
        configuration, parts = self._configuration, self._parts
        sealing = SealingOnBehalf(configuration.sealing_for, self._device, _now)
        stack.callback(sealing.close)
        return StorageScp(
            title=configuration.listen.ae_title,
            limits=configuration.limits,
            open_bench=lambda: self._bench(configuration, parts, sealing),
            answered=answered,
            hearing=lambda: Received(tell),
            stopping=self._stopping.is_set,
            clock=_now,
        )

    def _reread_when_asked(
        self, listener: Listener, children: Children, door: Callable[[], StorageScp]
    ) -> None:
        while not self._stopping.is_set():
            if not self._rereading.wait(_LOOK_SECONDS):
                continue
            self._rereading.clear()
            try:
                then = self._read()
                require_changeable(self._configuration, then)
                parts, context = Parts.read(then), _tls(then)
            except Exception as error:  # noqa: BLE001 - a faulty file stops nothing
                self._trouble = f"not read again, the former configuration counts: {error}"
                _logger.critical("%s", self._trouble)
                continue
            self._configuration, self._parts, self._trouble = then, parts, None
            listener.change(door(), then.limits, context)
            children.change(_jobs(then))
            _logger.warning("configuration, policy and TLS files were read again, and count now")

    def _audit(self, stack: ExitStack) -> Tell:
        """Tell the audit trail that it started; return who tells of the rest."""
        collector, listen = self._configuration.audit, self._configuration.listen
        if collector is None:
            return lambda _fact: None
        trail = stack.enter_context(
            door_trail(self._configuration.spool, collector, listen.ae_title)
        )
        trail.tell(Fact(What.STARTED, _now()))
        stack.callback(lambda: trail.tell(Fact(What.STOPPED, _now())))
        return trail.tell

    def _device(self) -> Device:
        site, log = self._parts.site, self._configuration.log
        if log is None:
            return site.device(Role.GATEWAY)
        return site.remote_device(log, Role.GATEWAY)

    @contextmanager
    def _bench(
        self, configuration: Configuration, parts: Parts, sealing: SealingOnBehalf
    ) -> Iterator[Bench]:
        site, log = parts.site, configuration.log
        records = site.records() if log is None else site.remote_records(log)
        with closing(records.log), Spool.open(configuration.spool) as spool:
            verifier = Verifier(
                site.trust,
                records,
                site.mark_key,
                site.former_mark_keys,
                policy=parts.policy,
            )
            names = tuple(each.name for each in configuration.archives)
            yield Bench(Intake(verifier, parts.policy_sha256, names, sealing), spool)


def _jobs(configuration: Configuration) -> list[bytes]:
    title, archives = configuration.listen.ae_title, configuration.archives
    forwarding = forward_jobs(configuration.spool, title, archives, configuration.audit)
    return [*forwarding, custody_job(configuration)]


def _tls(configuration: Configuration) -> ssl.SSLContext | None:
    files = configuration.listen.tls
    return None if files is None else server_context(files)
