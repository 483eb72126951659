"""The manifest of a study: every instance with its place, its seal and its roots.

Nothing in it is believed for its own sake: the commitment of a `study-closed` statement decides
whether it fits. Knows no file, no log, no trust; docs/spec/study.md has the format.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Self

import cbor2

from ledger import MalformedError as LedgerMalformedError
from ledger import decode_cbor, encode_cbor
from provenance.claims.annex import MAX_ANNEX
from provenance.errors import MalformedError
from provenance.image_tree import tree_root
from provenance.study.listed import Listed, is_uid
from provenance.trust.certificates import MAX_CERTIFICATE, MAX_CERTIFICATES

VERSION = 1
MAX_INSTANCES = 100_000
SALT_SIZE = 32


@dataclass(frozen=True, slots=True)
class Manifest:
    """All instances of a study, by SOP Instance UID; certificates: the signer's first, no root."""

    salt: bytes = field(repr=False)
    study_uid: str
    certificates: tuple[bytes, ...] = field(repr=False)
    instances: tuple[Listed, ...] = field(repr=False)

    @property
    def root(self) -> bytes:
        """The root over the study's UID and all instances."""
        # text, bytes, integers and arrays only: cbor2 writes these in one way (RFC 8949 4.2.1)
        leaves = [_hash(b"radseal-instance-1", cbor2.dumps(i.to_cbor())) for i in self.instances]
        size = len(leaves).to_bytes(8, "big")
        uid = self.study_uid.encode("ascii") + b"\x00"
        return _hash(b"radseal-manifest-1", uid, size, tree_root(leaves))

    @property
    def commitment(self) -> bytes:
        """What the log may show of it."""
        return _hash(b"radseal-study-1", self.salt, self.root)

    @property
    def size_class(self) -> int:
        """The smallest power of two that holds the number of instances."""
        return (len(self.instances) - 1).bit_length()

    def encode(self) -> bytes:
        """Return the deterministic CBOR of this manifest."""
        return encode_cbor(
            {
                1: VERSION,
                2: self.salt,
                3: self.study_uid,
                4: list(self.certificates),
                5: [each.to_cbor() for each in self.instances],
            }
        )

    @classmethod
    def decode(cls, encoded: bytes) -> Self:
        """Parse bounded, deterministic CBOR; MalformedError for anything else."""
        try:
            fields = decode_cbor(encoded, max_size=MAX_ANNEX)
        except LedgerMalformedError as error:
            raise MalformedError("the manifest is not deterministic CBOR") from error
        if not isinstance(fields, dict) or len(fields) != 5:
            raise MalformedError("the manifest has not the five fields of its format")
        match fields:
            case {
                1: int(version),
                2: bytes(salt),
                3: str(study_uid),
                4: list(certificates),
                5: list(instances),
            }:
                pass
            case _:
                raise MalformedError("a field of the manifest has not the type of its format")
        if version is True or version != VERSION:
            raise MalformedError(f"manifest version {version} is unknown; {VERSION} is read")
        if len(salt) != SALT_SIZE:
            raise MalformedError(f"the manifest's salt has {len(salt)} bytes, not {SALT_SIZE}")
        if not is_uid(study_uid):
            raise MalformedError("the manifest names a study by what is no UID")
        if not 1 <= len(instances) <= MAX_INSTANCES:
            raise MalformedError(f"a manifest of {len(instances)} instances")
        listed = tuple(Listed.from_cbor(each) for each in instances)
        if any(a.instance_uid >= b.instance_uid for a, b in pairwise(listed)):
            raise MalformedError("the instances of a manifest do not ascend")
        return cls(salt, study_uid, _certificates(certificates), listed)


def header_seed(salt: bytes, instance_uid: str) -> bytes:
    """Return the seed of the header tree of an instance that has no seal of its own."""
    uid = instance_uid.encode("ascii", "replace")
    return hmac.digest(salt, b"radseal-study-header-1" + uid, "sha256")


def _certificates(found: list[object]) -> tuple[bytes, ...]:
    certificates = tuple(
        c for c in found if isinstance(c, bytes) and 1 <= len(c) <= MAX_CERTIFICATE
    )
    if len(certificates) != len(found) or not 1 <= len(certificates) <= MAX_CERTIFICATES:
        raise MalformedError(f"the manifest must carry 1 to {MAX_CERTIFICATES} certificates")
    return certificates


def _hash(*parts: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + b"".join(parts)).digest()
