"""The gateway put together: door, intake, spool, forwarders and custody, from its configuration."""

import logging
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event as Flag
from threading import Thread

from ledger import Role
from provenance.pacs.dimse.listener import Listener
from provenance.pacs.dimse.storage_scp import Answered, Bench, StorageScp
from provenance.pacs.dimse.tls import require_usable, server_context
from provenance.pacs.gateway.auditing import Received, Tell, telling
from provenance.pacs.gateway.children import Children, custody_job, forward_jobs, judge_job
from provenance.pacs.gateway.configuration import Configuration
from provenance.pacs.gateway.counts import Counts
from provenance.pacs.gateway.judges import Judges
from provenance.pacs.gateway.reread import require_changeable
from provenance.pacs.gateway.sealing_on_behalf import SealingOnBehalf
from provenance.pacs.gateway.watch import Watch
from provenance.pacs.intake import Intake
from provenance.pacs.spool.lock import sole_owner
from provenance.pacs.spool.shared_commits import SharedCommits
from provenance.pacs.spool.spool import Spool
from provenance.policy.load import read_policy_bytes
from provenance.policy.parse import parse_acceptance_policy
from provenance.site.device import Device
from provenance.site.site import Site

_LOOK_SECONDS = 0.5
_logger = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the files of a configuration hold."""

    site: Site
    policy: bytes

    @classmethod
    def read(cls, configuration: Configuration) -> "Parts":
        """Read them; UsageError or PolicyError for what is faulty. TLS files are tried, too."""
        policy = read_policy_bytes(configuration.policy)
        parse_acceptance_policy(policy)
        if configuration.listen.tls is not None:
            server_context(configuration.listen.tls)
        require_usable(configuration.archives)
        if configuration.audit is not None:
            configuration.audit.context()
        site = Site.open(configuration.site)
        site.chain(Role.GATEWAY)
        return cls(site, policy)


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
            tell = stack.enter_context(
                telling(configuration.spool, configuration.audit, configuration.listen.ae_title)
            )
            children = Children(_jobs(configuration))
            stack.callback(children.close)
            commits = stack.enter_context(closing(SharedCommits(configuration.spool)))
            judges = stack.enter_context(closing(self._judges()))

            def answered(answer: Answered) -> None:
                self.counts.count(answer)
                if answer.kept is not None:
                    children.wake()

            def door() -> StorageScp:
                return self._door(self._intake(judges, commits, stack), answered, tell)

            context = _tls(configuration)
            listener = Listener(
                listening, door(), configuration.limits, tls=context, stopping=self._stopping
            )
            self.counts.connections = lambda: listener.connections
            reader = Thread(
                target=self._reread_when_asked,
                args=(listener, children, judges, door),
                name="radseal-reread",
            )
            reader.start()
            stack.callback(reader.join)
            stack.callback(self.stop)
            listener.run()
            _logger.info("stopping")

    def _intake(self, judges: Judges, commits: SharedCommits, stack: ExitStack) -> Intake:
        """Return what is asked of every object, as configuration and parts are now."""
        sealing = SealingOnBehalf(self._configuration.sealing_for, self._device, _now)
        stack.callback(sealing.close)
        return Intake(
            judges,
            tuple(each.name for each in self._configuration.archives),
            sealing,
            lambda _spool, act: commits.write(act),
        )

    def _door(self, intake: Intake, answered: Callable[[Answered], None], tell: Tell) -> StorageScp:
        configuration = self._configuration
        return StorageScp(
            title=configuration.listen.ae_title,
            limits=configuration.limits,
            open_bench=lambda: self._bench(intake),
            answered=answered,
            hearing=lambda: Received(tell),
            stopping=self._stopping.is_set,
            clock=_now,
        )

    def _reread_when_asked(
        self, listener: Listener, children: Children, judges: Judges, door: Callable[[], StorageScp]
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
            judges.change(judge_job(then, parts.policy))
            listener.change(door(), then.limits, context)
            children.change(_jobs(then))
            _logger.warning("configuration, policy and TLS files were read again, and count now")

    def _device(self) -> Device:
        site, log = self._parts.site, self._configuration.log
        if log is None:
            return site.device(Role.GATEWAY)
        return site.remote_device(log, Role.GATEWAY)

    def _judges(self) -> Judges:
        most = min(os.cpu_count() or 1, self._configuration.limits.associations)
        return Judges(judge_job(self._configuration, self._parts.policy), most)

    @contextmanager
    def _bench(self, intake: Intake) -> Iterator[Bench]:
        with Spool.open(self._configuration.spool) as spool:
            yield Bench(intake, spool)


def _jobs(configuration: Configuration) -> list[bytes]:
    title, archives = configuration.listen.ae_title, configuration.archives
    forwarding = forward_jobs(configuration.spool, title, archives, configuration.audit)
    return [*forwarding, custody_job(configuration)]


def _tls(configuration: Configuration) -> ssl.SSLContext | None:
    files = configuration.listen.tls
    return None if files is None else server_context(files)
