"""The annex: what verification needs but a log must not show (docs/spec/carrier.md, "Annex").

Nothing in it is believed for its own sake: the seal's commitments decide whether it fits.
"""

from dataclasses import dataclass
from typing import Self

from ledger import MalformedError as LedgerMalformedError
from ledger import decode_cbor, encode_cbor
from provenance.claims.descriptor import DESCRIPTOR_SIZE
from provenance.claims.second_signature import SecondSignature
from provenance.errors import MalformedError
from provenance.header_tree import HeaderTree
from provenance.image_tree import ImageTree
from provenance.seal_root import SALT_SIZE, ObjectRoot, object_root
from provenance.trust.certificates import MAX_CERTIFICATE, MAX_CERTIFICATES

VERSION = 1
VERSION_OF_A_COPY = 3  # 2 is that of the kept annex
MAX_ANNEX = 64 << 20
_FIELDS = {VERSION: set(range(1, 8)), VERSION_OF_A_COPY: set(range(1, 9))}


@dataclass(frozen=True, slots=True)
class Original:
    """The image before it was marked: its root, and the salt of its commitment."""

    salt: bytes
    root: bytes


@dataclass(frozen=True, slots=True)
class Annex:
    """Tile and attribute hashes, salts, the signer's certificates (signer first, no root).

    Of a copy (``version`` 3) also ``lineage``: what the page of its birth's event defines.
    ``second`` is there if the seal names a second key.
    """

    salt: bytes
    image: ImageTree | None
    header: HeaderTree
    certificates: tuple[bytes, ...]
    original: Original | None
    descriptor: bytes | None
    lineage: bytes | None = None
    version: int = VERSION
    second: SecondSignature | None = None

    @property
    def root(self) -> ObjectRoot:
        """The object's root, from the hashes held here."""
        return object_root(
            image_root=self.image.root if self.image else None, header_root=self.header.root
        )

    def encode(self) -> bytes:
        """Return the deterministic CBOR of this annex."""
        fields = self._fields()
        if self.version != VERSION:
            fields |= {8: self.lineage}
        if self.second is not None:
            fields |= {9: self.second.to_cbor()}
        return encode_cbor(fields)

    def _fields(self) -> dict[int, object]:
        return {
            1: self.version,
            2: self.salt,
            3: self.image.to_cbor() if self.image else None,
            4: self.header.to_cbor(),
            5: list(self.certificates),
            6: [self.original.salt, self.original.root] if self.original else None,
            7: self.descriptor,
        }

    @classmethod
    def decode(cls, encoded: bytes) -> Self:
        """Parse bounded, deterministic CBOR; MalformedError for anything else."""
        if len(encoded) > MAX_ANNEX:
            raise MalformedError(f"an annex of {len(encoded)} bytes exceeds {MAX_ANNEX}")
        try:
            fields = decode_cbor(encoded, max_size=MAX_ANNEX)
        except LedgerMalformedError as error:
            raise MalformedError("the annex is not deterministic CBOR") from error
        version = fields.get(1) if isinstance(fields, dict) else None
        if not isinstance(fields, dict) or type(version) is not int:
            raise MalformedError("the annex has not the fields of its format")
        if version not in _FIELDS:
            raise MalformedError(
                f"annex version {version} is unknown; this radseal reads {VERSION} and "
                f"{VERSION_OF_A_COPY}"
            )
        lineage = fields.get(8)
        match fields:
            case {
                2: bytes(salt),
                3: image,
                4: header,
                5: list(certificates),
                6: original,
                7: None | bytes() as descriptor,
            } if set(fields) - {9} == _FIELDS[version]:
                pass
            case _:
                raise MalformedError("a field of the annex has not the type of its format")
        if lineage is not None and not (isinstance(lineage, bytes) and lineage):
            raise MalformedError("what an annex shows of parents is bytes, or null")
        if len(salt) != SALT_SIZE:
            raise MalformedError(f"the annex's salt has {len(salt)} bytes, not {SALT_SIZE}")
        if descriptor is not None and len(descriptor) != DESCRIPTOR_SIZE:
            raise MalformedError(f"the annex's descriptor has {len(descriptor)} bytes")
        return cls(
            salt=salt,
            image=None if image is None else ImageTree.from_cbor(image),
            header=HeaderTree.from_cbor(header),
            certificates=_certificates(certificates),
            original=_original(original),
            descriptor=descriptor,
            lineage=lineage,
            version=version,
            second=SecondSignature.from_cbor(fields[9]) if 9 in fields else None,
        )


def _certificates(found: list[object]) -> tuple[bytes, ...]:
    certificates = tuple(
        c for c in found if isinstance(c, bytes) and 1 <= len(c) <= MAX_CERTIFICATE
    )
    if len(certificates) != len(found) or not 1 <= len(certificates) <= MAX_CERTIFICATES:
        raise MalformedError(f"the annex must carry 1 to {MAX_CERTIFICATES} certificates")
    return certificates


def _original(found: object) -> Original | None:
    match found:
        case None:
            return None
        case [bytes(salt), bytes(root)] if len(salt) == SALT_SIZE and len(root) == 32:
            return Original(salt, root)
        case _:
            raise MalformedError("the annex's original must be null or a salt and a root")
