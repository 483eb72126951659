"""Sign a copy that was made on purpose: lossy, cut, converted, split, for presentation.

`derive` draws clock and chance; `derive_at_time` is the same with both given. The parents are
verified, and the copy is held against them: what is equal is proven to every reader, what is only
alike rests on the word of who signs, what is unlike is refused.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ledger import Entry, Event, LedgerError
from provenance.claims.annex import MAX_ANNEX, VERSION_OF_A_COPY, Annex
from provenance.claims.birth import MAX_PARENTS, BirthBody, Origin, ParentLink
from provenance.derivation.copy_rules import require_kin, require_other_instance
from provenance.derivation.derivation_refusals import TOO_MUCH
from provenance.derivation.kinship import Alike, Kinship
from provenance.derivation.lineage import MAX_CHAINS, MAX_LINEAGE, MAX_PARTS, MAX_RUNS
from provenance.derivation.sealed_parent import (
    Identity,
    SealedParent,
    identity_of,
    lineage_of,
    require_same_patient,
)
from provenance.dicom.attributes import canonical_attributes
from provenance.dicom.carrier import Carrier, remove_carrier, write_carrier
from provenance.dicom.frames import compressed_frames
from provenance.dicom.instance import Instance
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import read_instance
from provenance.dicom.write import instance_bytes, write_instance
from provenance.errors import SealError, UsageError
from provenance.header_tree import hash_header
from provenance.image_tree import ImageTree, hash_image
from provenance.records import ReadableLog, Records, pseudonyms
from provenance.sealing.chance import Chance
from provenance.sealing.seal import body_of
from provenance.site.device import Device
from provenance.trust.store import TrustStore
from provenance.verifying.verifier import Verifier

KINDS: Final = (
    "lossy",
    "multiframe",
    "split",
    "crop",
    "resize",
    "presentation",
    "redaction",
    "lossless",
)


@dataclass(frozen=True, slots=True)
class Derived:
    """A signed copy, logged and ready to be written.

    Of ``frames``, ``equal`` are a parent's sample by sample, ``in_part`` but for places; the others
    rest on the signer's word, and of ``unknown`` nothing could be compared.
    """

    instance: Instance
    object_id: bytes
    kind: str
    parents: tuple[bytes, ...]
    log_index: int
    frames: int
    equal: int
    in_part: int
    unknown: int
    no_receipt: str | None = None

    @property
    def on_word(self) -> int:
        """How many frames rest on the word of who signed."""
        return self.frames - self.equal - self.in_part

    def to_bytes(self) -> bytes:
        """Return the Part 10 file."""
        return instance_bytes(self.instance)

    def write(self, path: Path | str, *, overwrite: bool = False) -> None:
        """Write the file atomically; UsageError rather than replace one, unless told."""
        write_instance(self.instance, Path(path), overwrite=overwrite)


def derive(
    parents: Sequence[bytes | Path | str],
    copy: bytes | Path | str,
    *,
    kind: str,
    actor: Device,
    trust: TrustStore,
    records: Records[ReadableLog] | None = None,
    mark_keys: Sequence[bytes] = (),
) -> Derived:
    """Sign that ``copy`` was made of ``parents``, and log it.

    ``actor`` holds the key of a device, an operator, a gateway or an archivist. Raises
    NotProvenError (a parent is not as it was sealed), SealError (no copy of these, and why),
    UsageError, UnreadableError, or an error of the ledger.
    """
    if trust.judged_at is None:
        trust = trust.as_of(datetime.now(UTC))
    keys = tuple(mark_keys)
    return derive_at_time(
        [_source(each) for each in parents],
        _source(copy),
        kind=kind,
        actor=actor,
        verifier=Verifier(trust, records, keys[0] if keys else None, keys[1:]),
        at=datetime.now(UTC),
        chance=Chance.draw(),
    )


def derive_at_time(
    parents: Sequence[bytes | Path],
    copy: bytes | Path,
    *,
    kind: str,
    actor: Device,
    verifier: Verifier,
    at: datetime,
    chance: Chance,
) -> Derived:
    """The same with clock and random values given."""
    if kind not in KINDS:
        raise UsageError(f"there is no kind {kind!r} of copy; there are {', '.join(KINDS)}")
    if not 1 <= len(parents) <= MAX_PARENTS:
        raise UsageError(f"a copy has 1 to {MAX_PARENTS} parents, not {len(parents)}")
    data = copy if isinstance(copy, bytes) else copy.read_bytes()
    instance = read_instance(data)
    sealed = [SealedParent.verified(each, verifier) for each in parents]
    require_other_instance(instance, sealed, verifier.records)
    remove_carrier(instance.dataset)  # what a tool took over with the parent's private elements
    identity = identity_of(instance)
    require_same_patient(identity, sealed)
    image = _hash(instance)
    kinship = require_kin(data, instance, image, sealed, kind, verifier)
    annex = Annex(
        salt=chance.salt,
        image=image,
        header=hash_header(canonical_attributes(instance.dataset), chance.header_seed),
        certificates=actor.certificates,
        original=None,
        descriptor=None,
        lineage=_lineage(sealed, identity, kinship),
        version=VERSION_OF_A_COPY,
    )
    links = tuple(ParentLink(p.claim.statement.leaf_hash, p.claim.seal_id) for p in sealed)
    body = body_of(annex, None, Origin(kind, links))
    entry, receipt, no_receipt = _log(instance, annex, body, actor, at, chance)
    write_carrier(instance.dataset, Carrier(entry.statement, annex.encode(), receipt))
    return Derived(
        instance=instance,
        object_id=chance.seal_id,
        kind=kind,
        parents=tuple(parent.claim.seal_id for parent in sealed),
        log_index=entry.index,
        frames=0 if image is None else image.geometry.frames,
        equal=kinship.equal,
        in_part=len(kinship.parts),
        unknown=len(kinship.those(Alike.UNKNOWN)),
        no_receipt=no_receipt,
    )


def _source(source: bytes | Path | str) -> bytes | Path:
    return Path(source) if isinstance(source, str) else source


def _hash(instance: Instance) -> ImageTree | None:
    geometry = pixel_geometry(instance)
    if geometry is None:
        return None
    compressed = None
    if geometry.lossy:
        compressed = tuple(hashlib.sha256(f).digest() for f in compressed_frames(instance))
    return hash_image(frames(instance, geometry), geometry, compressed=compressed)


def _lineage(parents: Sequence[SealedParent], copy: Identity, kinship: Kinship) -> bytes:
    shown = lineage_of(parents, copy, kinship)
    if len(shown.chains) > MAX_CHAINS:
        raise SealError(f"the parents are signed by more than {MAX_CHAINS} keys", code=TOO_MUCH)
    if len(shown.runs) > MAX_RUNS or len(shown.parts) > MAX_PARTS:
        raise SealError("too many frames are of parents, in no order", code=TOO_MUCH)
    encoded = shown.encode()
    if len(encoded) > MAX_LINEAGE:
        raise SealError("the parents have too many frames to show", code=TOO_MUCH)
    return encoded


def _log(
    instance: Instance, annex: Annex, body: BirthBody, actor: Device, at: datetime, chance: Chance
) -> tuple[Entry, bytes | None, str | None]:
    encoded = annex.encode()
    if len(encoded) > MAX_ANNEX:
        raise SealError("the annex of the copy is too large", code=TOO_MUCH)
    roots = () if annex.image is None else (annex.image.root,)
    entry = actor.record(
        Event.DERIVED,
        object_id=chance.seal_id,
        body=body.to_cbor(),
        at=at,
        annex=encoded,
        pseudonyms=tuple(pseudonyms(actor.lookup_key, instance.dataset, roots)),
    )
    if not isinstance(entry, Entry):
        raise UsageError("a copy is logged at the ledger, not in an outbox")
    try:
        return entry, actor.receipt(entry), None
    except LedgerError as error:
        return entry, None, str(error)
