"""The gateway put together: door, intake, spool, forwarders and custody, from its configuration."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event as Flag

from ledger import Role
from provenance.pacs.dimse.listener import Listener
from provenance.pacs.dimse.storage_scp import Answered, Bench, StorageScp
from provenance.pacs.dimse.tls import require_usable, server_context
from provenance.pacs.gateway.auditing import Received, telling
from provenance.pacs.gateway.children import Children, custody_job, forward_jobs, judge_job
from provenance.pacs.gateway.configuration import Configuration
from provenance.pacs.gateway.counts import Counts
from provenance.pacs.gateway.judges import Judges
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
    """A gateway that is about to run; `run` blocks until `stop` is called."""

    def __init__(self, configuration: Configuration, parts: Parts) -> None:
        self._configuration = configuration
        self._parts = parts
        self._stopping = Flag()
        self.counts = Counts()
        Spool.open(configuration.spool).close()

    def watch(self) -> Watch:
        """Return what answers for it to those who watch it."""
        configuration = self._configuration
        return Watch(
            folder=configuration.spool,
            archives=tuple(each.name for each in configuration.archives),
            free_disk_bytes=configuration.limits.free_disk_bytes,
            counts=self.counts,
            custody_deadline=configuration.custody_deadline,
        )

    def stop(self) -> None:
        """Ask it to stop: from a signal handler or another thread."""
        self._stopping.set()

    def run(self, listening: socket.socket) -> None:
        """Take in what comes to ``listening``, until it is stopped; then stop in order."""
        configuration = self._configuration
        tls = configuration.listen.tls
        context = None if tls is None else server_context(tls)
        with ExitStack() as stack:
            lost = stack.enter_context(sole_owner(configuration.spool))
            if lost:
                _logger.warning("%d files of an earlier run were nobody's, and are gone", lost)
            title, archives = configuration.listen.ae_title, configuration.archives
            forwarding = forward_jobs(configuration.spool, title, archives, configuration.audit)
            tell = stack.enter_context(telling(configuration.spool, configuration.audit, title))
            children = Children([*forwarding, custody_job(configuration)])
            stack.callback(children.close)
            sealing = SealingOnBehalf(configuration.sealing_for, self._device, _now)
            stack.callback(sealing.close)
            commits = stack.enter_context(closing(SharedCommits(configuration.spool)))
            judges = stack.enter_context(closing(self._judges()))
            intake = Intake(
                judges,
                tuple(each.name for each in archives),
                sealing,
                lambda _spool, act: commits.write(act),
            )

            def answered(answer: Answered) -> None:
                self.counts.count(answer)
                if answer.kept is not None:
                    children.wake()

            scp = StorageScp(
                title=configuration.listen.ae_title,
                limits=configuration.limits,
                open_bench=lambda: self._bench(intake),
                answered=answered,
                hearing=lambda: Received(tell),
                stopping=self._stopping.is_set,
                clock=_now,
            )
            listener = Listener(
                listening, scp, configuration.limits, tls=context, stopping=self._stopping
            )
            self.counts.connections = lambda: listener.connections
            listener.run()
            _logger.info("stopping")

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
