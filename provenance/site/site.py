"""A site: one folder with its trust, its keys and its ledger, as `radseal init` makes it.

SITE/site.json              name, origin, what it is
SITE/trust/roots/*.pem      certificate authorities; give this folder to those who verify
SITE/trust/logs/*.vkeys     verifier keys of logs
SITE/trust/policy           if there is one: witnesses the log asks, and verifiers count
SITE/keys/                  private keys, mode 0600 in a folder of mode 0700
SITE/keys/ROLE.key.pem      of an actor; or ROLE.key.uri, which says where it lies (key_places.py)
SITE/keys/log.keys          of the log; log.next.keys beside it while they change
SITE/keys/mark.key          of the marks made now; mark-until-TIME.key of those made before
SITE/keys/outbox.key        of a device that has an outbox: under it annexes wait in there
SITE/keys/reidentify.key    of who de-identifies: under it lies what leads back to the originals
SITE/keys/ROLE.second.key.pem  second key of an actor, if it has one (second_keys.py)
SITE/certificates/*.pem     one certificate for each role
SITE/ledger.sqlite          the log, unless site.json names a database on a server
"""

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from cryptography import x509

from ledger import (
    Algorithm,
    KeySet,
    LedgerError,
    Log,
    LogClient,
    LogKeys,
    LogReader,
    LogSource,
    Outbox,
    Refilled,
    Role,
    Signer,
    StoreError,
    TrustedLogs,
    Verifiers,
    Witnesses,
    create_outbox,
    database_url,
    open_log,
    open_outbox,
    refill_log,
)
from provenance.errors import UsageError
from provenance.keys.key_places import present_key
from provenance.keys.log_key_files import LogKeyFiles
from provenance.records import Records
from provenance.site import secret_files
from provenance.site.certificate_files import (
    authority_file,
    read_certificate,
    read_chain,
    role_file,
)
from provenance.site.device import Device
from provenance.site.founding import check_name, found
from provenance.site.second_keys import second_identity
from provenance.site.writable_log import WritableLog
from provenance.trust.certificates import (
    certificate_der,
    certificate_spki,
)
from provenance.trust.store import TrustStore, load_logs, read_policy

SCHEMA = "radseal/site/1"
LATER_ROLES = (Role.DEIDENTIFIER,)  # of a site's own, once it is asked for: radseal key renew


@dataclass(frozen=True, slots=True)
class Site:
    """Where a site's files are. Keys are read when they are asked for, not before."""

    folder: Path
    name: str
    origin: str
    ledger: str | None = None  # the URL of a database, without password; None: a file

    @classmethod
    def init(
        cls,
        folder: Path,
        *,
        name: str | None = None,
        algorithm: Algorithm = Algorithm.ED25519,
        ledger: str | None = None,
        hybrid: bool = False,
    ) -> Self:
        """Make a new site in ``folder``, with fresh keys; UsageError if something is there.

        The log lies in the folder, or in the PostgreSQL database of the URL ``ledger``. The device
        of a ``hybrid`` site has a second key, of ML-DSA, and those who verify demand it.
        """
        return cls.init_at_time(
            folder,
            name=name or folder.resolve().name,
            algorithm=algorithm,
            ledger=ledger,
            hybrid=hybrid,
            at=datetime.now(UTC),
        )

    @classmethod
    def init_at_time(
        cls,
        folder: Path,
        *,
        name: str,
        algorithm: Algorithm,
        at: datetime,
        ledger: str | None = None,
        hybrid: bool = False,
    ) -> Self:
        """The same, at the moment ``at``."""
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty: a site needs a folder of its own")
        check_name(name)
        place = None if ledger is None else database_url(ledger)
        origin = f"radseal.invalid/{name}-{secrets.token_hex(4)}"
        site = cls(folder, name, origin, place)
        found(
            folder,
            name=name,
            origin=origin,
            ledger=site._ledger,
            log_keys=site.log_key_files,
            algorithm=algorithm,
            hybrid=hybrid,
            at=at,
        )
        fields = {"schema": SCHEMA, "name": name, "origin": origin, "created_at": at.isoformat()}
        if place is not None:
            fields["ledger"] = place
        # Written last: a folder with site.json is a whole site.
        text = json.dumps(fields, indent=2)
        (folder / "site.json").write_text(text + "\n", encoding="utf-8")
        return site

    @classmethod
    def open(cls, folder: Path | str) -> Self:
        """Open the site in ``folder``; UsageError if it is none."""
        path = Path(folder)
        try:
            fields = json.loads((path / "site.json").read_text(encoding="utf-8"))
        except OSError as error:
            raise UsageError(f"{path} is not a site (no site.json): radseal init {path}") from error
        except ValueError as error:
            raise UsageError(f"{path / 'site.json'} is not JSON") from error
        match fields:
            case {"schema": str(schema), "name": str(name), "origin": str(origin), **rest}:
                ledger = rest.get("ledger")
            case _:
                raise UsageError(f"{path / 'site.json'} lacks schema, name or origin")
        if schema != SCHEMA:
            raise UsageError(f"{path} is a site of schema {schema}; this radseal knows {SCHEMA}")
        if not isinstance(ledger, str | None):
            raise UsageError(f"{path / 'site.json'}: the ledger must be the URL of a database")
        return cls(path, name, origin, None if ledger is None else database_url(ledger))

    @property
    def trust(self) -> TrustStore:
        """Whom this site believes."""
        return TrustStore.load(self.folder / "trust")

    @property
    def mark_key(self) -> bytes:
        """The key of this site's marks."""
        return self._secret("mark")

    @property
    def former_mark_keys(self) -> tuple[bytes, ...]:
        """The keys of the marks made before, the newest first: with them old marks still read."""
        return secret_files.former_mark_keys(self.folder)

    @property
    def mark_keys(self) -> tuple[bytes, ...]:
        """All of them: the one in use, then the former ones."""
        return (self.mark_key, *self.former_mark_keys)

    def renew_mark_key(self, *, at: datetime) -> bytes:
        """Make a new mark key from now on, keep the old one to read with; return the new id.

        Every device that holds the old key must get the new one: until then its seals name the
        old key, and are read with it.
        """
        return secret_files.renew_mark_key(self.folder, at=at)

    @property
    def reidentification_key(self) -> bytes:
        """The key under which the way from de-identified copies to their originals is kept."""
        return self._secret("reidentify")

    def make_reidentification_key(self) -> bytes:
        """Return the same key, made now if the site has none."""
        return secret_files.ensure_secret(self.folder, "reidentify")

    def records(self) -> Records[Log]:
        """Open the ledger to read; it can neither append nor sign."""
        return Records(self.reading_log(), self._secret("lookup"))

    def log_keys(self) -> LogKeys:
        """The keys the log signs with now: while it changes them, the old and the new ones."""
        files = self.log_key_files
        if not files.changing:
            return files.present()
        with self.reading_log() as log:
            return files.those_of(log.key_sets)

    def _following(self, log: Log) -> Log:
        """Let a log that stays open sign with other keys once the log says so."""
        log.follow_keys(self._keys_of)
        return log

    def _keys_of(self, sets: Sequence[KeySet]) -> LogKeys:
        """The private keys of what the log says it signs with."""
        try:
            return self.log_key_files.those_of(sets)
        except UsageError as error:
            raise StoreError(str(error)) from error

    @property
    def log_key_files(self) -> LogKeyFiles:
        """Where the keys of the log lie, and the verifier keys that go to others."""
        return LogKeyFiles(self.folder / "keys", self.folder / "trust" / "logs" / "site.vkeys")

    def upgrade(self) -> int:
        """Bring a ledger of an earlier release to the format of this one; return its size."""
        with open_log(
            self._ledger, keys=self.log_keys(), annex_key=None, witnesses=self._witnesses()
        ) as log:
            return log.size

    def refill(self, copy: LogSource) -> Refilled:
        """Take over what a copy of the log has and the ledger, restored from a backup, has not."""
        return refill_log(self._ledger, copy, logs=self.own_logs)

    def writing_log(self, verifiers: Verifiers | None = None) -> Log:
        """Open the log to append, and to publish when somebody says so: no append does.

        ``verifiers`` share the signatures of a batch; the caller closes them.
        """
        return self._following(
            open_log(
                self._ledger,
                keys=self.log_keys(),
                annex_key=self._secret("annex"),
                witnesses=self._witnesses(),
                checkpoint_every=None,
                verifiers=verifiers,
            )
        )

    def reading_log(self) -> Log:
        """Open the log to read, annexes too; it can neither append nor sign."""
        return open_log(self._ledger, keys=None, annex_key=self._secret("annex"))

    def public_log(self) -> Log:
        """Open the log as everybody may see it: without any key."""
        return open_log(self._ledger, keys=None, annex_key=None)

    def device(self, role: Role = Role.DEVICE) -> Device:
        """Open the ledger to write, with the keys of the site's actor in ``role``."""
        return self._device(
            role,
            lambda: self._following(
                open_log(
                    self._ledger,
                    keys=self.log_keys(),
                    annex_key=self._secret("annex"),
                    witnesses=self._witnesses(),
                )
            ),
        )

    def remote_device(self, url: str, role: Role = Role.DEVICE) -> Device:
        """Write to the site's ledger where ``radseal log serve`` serves it.

        Needs, of the site's folder, site.json, the trust folder, the certificate and the key of
        the actor (the second ones, too), and the keys ``lookup`` and ``mark``: neither ledger nor
        keys of the log.
        """
        return self._device(role, lambda: self.log_client(url))

    def log_client(self, url: str) -> LogClient:
        """The site's log where ``radseal log serve`` serves it."""
        return LogClient(url, self.own_logs)

    def make_outbox(
        self, path: Path, log: Log | LogClient, *, at: datetime, role: Role = Role.DEVICE
    ) -> Outbox:
        """Make an outbox for the site's actor in ``role``, which goes on where ``log`` is now."""
        signer = self.signer(role)
        return create_outbox(
            path,
            spki=signer.spki,
            role=role,
            link=log.actor_link(signer.kid),
            checkpoint=log.checkpoint(),
            trusted=self.own_logs,
            key=secret_files.ensure_secret(self.folder, "outbox"),
            at=at,
        )

    def outbox(self, path: Path) -> Outbox:
        """Open an outbox of this site."""
        return open_outbox(path, key=self._secret("outbox"), trusted=self.own_logs)

    def outbox_device(self, path: Path, role: Role = Role.DEVICE) -> Device:
        """Write to an outbox: needs what ``remote_device`` does, the key ``outbox``, and no log."""
        return self._device(role, lambda: self.outbox(path))

    def remote_records(self, url: str, role: Role = Role.GATEWAY) -> Records[LogReader]:
        """Ask the site's ledger where ``radseal log serve`` serves it, with the key of an actor.

        Needs, of the site's folder, site.json, the trust folder, the key of the actor, whose role
        may read annexes, and the key ``lookup``.
        """
        signer = self.signer(role)
        return Records(LogReader(url, self.own_logs, signer=signer), self._secret("lookup"))

    @property
    def own_logs(self) -> TrustedLogs:
        """Trust in this site's log alone, and in the witnesses of its policy."""
        logs = load_logs(self.folder / "trust")
        try:
            return TrustedLogs((logs.find(self.origin),), logs.policy)
        except LedgerError as error:
            raise UsageError(f"{self.folder / 'trust'} has no key of {self.origin}") from error

    def signer(self, role: Role) -> Signer:
        """The key of the site's actor in ``role``; KeyUnavailableError if it cannot sign now."""
        return present_key(self.folder, role).signer()

    def authority(self) -> x509.Certificate:
        """The certificate of the site's own authority."""
        return read_certificate(authority_file(self.folder))

    def _device(self, role: Role, open_there: Callable[[], WritableLog]) -> Device:
        signer, certificate = self.signer(role), self.certificate(role)
        if certificate_spki(certificate) != signer.spki:
            raise UsageError(
                f"the certificate of the {role} in {self.folder / 'certificates'} is not that of "
                f"its key in {self.folder / 'keys'}: what it seals would verify nowhere "
                f"(if a renewal was cut off, radseal key renew {role} ends it)"
            )
        second = second_identity(self.folder, role, certificate)
        lookup_key, mark_key = self._secret("lookup"), self.mark_key
        return Device(
            signer=signer,
            certificates=tuple(certificate_der(each) for each in self.chain(role)),
            log=open_there(),
            lookup_key=lookup_key,
            mark_key=mark_key,
            second=second,
        )

    def certificate(self, role: Role) -> x509.Certificate:
        """The certificate of the site's actor in ``role``."""
        return read_certificate(role_file(self.folder, role))

    def chain(self, role: Role) -> tuple[x509.Certificate, ...]:
        """The same, and those between it and an authority of somebody's trust folder."""
        return read_chain(role_file(self.folder, role))

    def _witnesses(self) -> Witnesses | None:
        """Whom the log asks: the witnesses that those who verify count."""
        path = self.folder / "trust" / "policy"
        policy = read_policy(path)
        if policy is None:
            return None
        try:
            return Witnesses(policy)
        except LedgerError as error:
            raise UsageError(f"{path}: {error}") from error

    @property
    def _ledger(self) -> Path | str:
        return self.ledger or self.folder / "ledger.sqlite"

    def _secret(self, name: str) -> bytes:
        return secret_files.read_secret(self.folder, name)
