"""A modality that seals in batches: a seal for each object, one append to the log for them all."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Self

from ledger import (
    Algorithm,
    Entry,
    Link,
    Log,
    PrivateKeySigner,
    Role,
    Submission,
    TrustedHead,
    Waiting,
    hash_leaf,
)
from provenance import Site, seal
from provenance.dicom.carrier import read_carrier, write_carrier
from provenance.dicom.write import instance_bytes
from provenance.keys.signers import generate_key
from provenance.site.device import Device
from provenance.site.enrolment import enrol
from provenance.site.key_request import make_request, read_request
from provenance.trust.certificates import certificate_der


@dataclass(slots=True)
class WaitingStatements:
    """The log, as one actor sees it who alone uses its key; what it appends waits for `flush`."""

    log: Log
    actor: Link
    seen: TrustedHead
    waiting: list[Submission] = field(default_factory=list)

    def append(self, submissions: Sequence[Submission], *, at: datetime) -> Sequence[Waiting]:
        """Keep them: they are in no log yet."""
        told = []
        for each in submissions:
            told.append(Waiting(self.actor.seq, each.statement, hash_leaf(each.statement)))
            self.actor = self.actor.next(told[-1].leaf_hash)
        self.waiting.extend(submissions)
        return told

    def head(self) -> TrustedHead:
        """Return the head after the last batch."""
        return self.seen

    def object_link(self, object_id: bytes) -> Link:
        """Return the link of what was logged: a new seal is the first of its object."""
        return self.log.object_link(object_id)

    def actor_link(self, kid: bytes) -> Link:
        """Return the link that follows on what waits."""
        return self.actor

    def receipt(self, entry: Entry) -> bytes:
        """Return the receipt of an entry."""
        return self.log.receipt(entry)

    def flush(self) -> Iterator[bytes]:
        """Append what waits, and yield the receipts in the same order."""
        entries = self.log.append(self.waiting, at=datetime.now(UTC))
        self.waiting = []
        self.seen = self.log.head()
        return iter(self.log.prove_each([entry.index for entry in entries]))

    def close(self) -> None:
        """Close the log."""
        self.log.close()


@dataclass(frozen=True, slots=True)
class Modality:
    """A device of its own, enrolled at the site."""

    device: Device
    statements: WaitingStatements

    @classmethod
    def enrolled(cls, site: Site, name: str) -> Self:
        """Make a key, and let the site certify and log it."""
        signer = PrivateKeySigner.from_private_key(generate_key(Algorithm.ED25519))
        request = read_request(make_request(signer, name=name, role=Role.DEVICE))
        _, certificate = enrol(site, request, role=Role.DEVICE, at=datetime.now(UTC))
        like = site.device()
        assert isinstance(like.log, Log)
        statements = WaitingStatements(like.log, like.log.actor_link(signer.kid), like.log.head())
        certificates = (certificate_der(certificate),)
        device = replace(like, signer=signer, certificates=certificates, log=statements)
        return cls(device, statements)

    def seal(self, objects: Iterable[bytes]) -> Iterator[bytes]:
        """Seal them all, log them at once, and yield the files with their receipts."""
        sealed = [seal(data, device=self.device) for data in objects]
        for each, receipt in zip(sealed, self.statements.flush(), strict=True):
            carrier = read_carrier(each.instance.dataset)
            assert carrier is not None
            write_carrier(each.instance.dataset, replace(carrier, receipt=receipt))
            yield instance_bytes(each.instance)

    def close(self) -> None:
        """Close the log."""
        self.device.close()
