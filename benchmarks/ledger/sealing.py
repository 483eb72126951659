"""A log with one device that seals: real statements, signed one by one."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519

from ledger import (
    FIRST,
    Event,
    Log,
    LogKeys,
    PrivateKeySigner,
    Role,
    Signer,
    Submission,
    Verifiers,
    Witnesses,
    create_log,
    hash_leaf,
    key_added_body,
    make_genesis,
    open_log,
    sign_statement,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ORIGIN = "benchmark.example"
ANNEX_KEY = bytes(32)


def signer_of(name: str) -> PrivateKeySigner:
    """Return the key of a device of that name."""
    seed = name.encode().ljust(32, b"\0")
    return PrivateKeySigner.from_private_key(ed25519.Ed25519PrivateKey.from_private_bytes(seed))


ARCHIVIST, DEVICE = signer_of("archivist"), signer_of("device")
KEYS = LogKeys.from_seeds(ORIGIN, ed25519_seed=bytes(32), mldsa44_seed=bytes(range(32)))


class Sealer:
    """Makes the statements of a device, in its order; claimed times lie ``apart``."""

    def __init__(
        self, log: Log, signer: Signer = DEVICE, *, apart: timedelta = timedelta()
    ) -> None:
        self._signer = signer
        self._link = log.actor_link(signer.kid)
        self._claimed_at, self._apart = NOW, apart

    def seal(self, count: int = 1) -> list[Submission]:
        """Return seals of so many new images, each linked to the one before."""
        made = []
        for _ in range(count):
            statement = sign_statement(
                event=Event.SEALED,
                object_id=secrets.token_bytes(12),
                object_link=FIRST,
                actor_link=self._link,
                claimed_at=self._claimed_at,
                head_seen=None,
                body={1: secrets.token_bytes(32), 2: secrets.token_bytes(32)},
                signer=self._signer,
            )
            self._claimed_at += self._apart
            self._link = self._link.next(hash_leaf(statement))
            made.append(Submission(statement))
        return made


def make_log(place: Path | str, *devices: PrivateKeySigner) -> None:
    """Make a log that knows the device, and more of them."""
    genesis = make_genesis(ARCHIVIST, claimed_at=NOW)
    with create_log(place, keys=KEYS, genesis=genesis, annex_key=ANNEX_KEY, at=NOW) as log:
        for device in (DEVICE, *devices):
            added = sign_statement(
                event=Event.KEY_ADDED,
                object_id=None,
                object_link=None,
                actor_link=log.actor_link(ARCHIVIST.kid),
                claimed_at=NOW,
                head_seen=None,
                body=key_added_body(device.spki, role=Role.DEVICE),
                signer=ARCHIVIST,
            )
            log.append([Submission(added)], at=NOW)


@contextmanager
def opened(
    place: Path | str,
    *,
    writable: bool = True,
    witnesses: Witnesses | None = None,
    verifiers: Verifiers | None = None,
) -> Iterator[Log]:
    """Hold a log of ``make_log`` or of ``synthetic``; for reading, as a stranger would open it."""
    keys = KEYS if writable else None
    with open_log(
        place, keys=keys, annex_key=None, witnesses=witnesses, verifiers=verifiers
    ) as log:
        yield log
