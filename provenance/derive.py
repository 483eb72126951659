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

from ledger import Entry, Event, LedgerError, parse_statement
from provenance.annex import MAX_ANNEX, VERSION_OF_A_COPY, Annex
from provenance.birth import MAX_PARENTS, BirthBody, Origin, ParentLink
from provenance.derivation_refusals import NOT_A_COPY, TOO_MUCH, UNLIKE
from provenance.device import Device
from provenance.dicom.attributes import canonical_attributes
from provenance.dicom.carrier import Carrier, read_carrier, remove_carrier, write_carrier
from provenance.dicom.frames import compressed_frames
from provenance.dicom.instance import Instance
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import read_instance
from provenance.dicom.write import instance_bytes, write_instance
from provenance.errors import MalformedError, SealError, UsageError
from provenance.header_tree import hash_header
from provenance.image_tree import ImageTree, hash_image
from provenance.kinship import Alike, Kinship, Picture, find_kinship
from provenance.likeness import compare_copy
from provenance.lineage import MAX_CHAINS, MAX_LINEAGE, MAX_PARTS, MAX_RUNS
from provenance.mark_search import plane_of, read_mark
from provenance.records import Lookup, ReadableLog, Records, pseudonyms, uid_of
from provenance.seal import Chance, body_of
from provenance.sealed_parent import (
    Identity,
    SealedParent,
    identity_of,
    lineage_of,
    require_same_patient,
    spacing_of,
)
from provenance.trust import TrustStore
from provenance.verifier import Verifier
from provenance.viewpoint import Viewpoint

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
_MAY_DIFFER_IN_PLACES: Final = ("redaction", "presentation", "crop")


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
    _require_other_instance(instance, sealed, verifier.records)
    remove_carrier(instance.dataset)  # what a tool took over with the parent's private elements
    identity = identity_of(instance)
    require_same_patient(identity, sealed)
    image = _hash(instance)
    kinship = _kinship(data, instance, image, sealed, kind, verifier)
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


def _require_other_instance(
    instance: Instance, parents: Sequence[SealedParent], records: Records[ReadableLog] | None
) -> None:
    """Return only if the copy is an instance of its own, with no seal but a parent's; SealError."""
    ids = [parent.claim.seal_id for parent in parents]
    if len(set(ids)) != len(ids):
        raise UsageError("a parent is named twice")
    uid = uid_of(instance.dataset, Lookup.INSTANCE)
    if uid is None:
        raise SealError("the copy has no SOP Instance UID", code=NOT_A_COPY)
    for parent in parents:
        if parent.uid == uid:
            raise SealError(
                f"the copy has the SOP Instance UID of {parent.name}: who changes an object makes "
                "another instance (PS3.3 C.12.4), so give it a new one",
                code=NOT_A_COPY,
            )
    if records is not None and records.knows_original(uid):
        raise SealError("the ledger knows this instance as an original", code=NOT_A_COPY)
    try:
        carried = read_carrier(instance.dataset)
        known = carried is None or parse_statement(carried.statement).object_id in ids
    except (MalformedError, LedgerError):
        known = False
    if not known:
        raise SealError("the copy carries a seal that is no parent's", code=NOT_A_COPY)


def _hash(instance: Instance) -> ImageTree | None:
    geometry = pixel_geometry(instance)
    if geometry is None:
        return None
    compressed = None
    if geometry.lossy:
        compressed = tuple(hashlib.sha256(f).digest() for f in compressed_frames(instance))
    return hash_image(frames(instance, geometry), geometry, compressed=compressed)


def _kinship(
    data: bytes,
    instance: Instance,
    image: ImageTree | None,
    parents: Sequence[SealedParent],
    kind: str,
    verifier: Verifier,
) -> Kinship:
    """Hold the copy against its parents; SealError if it is provably another picture."""
    pictures = [parent.picture for parent in parents]
    if image is None and not any(pictures):
        return Kinship()
    shown = [picture for picture in pictures if picture is not None]
    geometry = pixel_geometry(instance)
    if image is None or geometry is None or len(shown) != len(pictures):
        raise SealError("of copy and parents only some have pixels", code=UNLIKE)
    copy = Picture(image, lambda: frames(read_instance(data), geometry), spacing_of(instance))
    kinship = find_kinship(copy, shown)
    doubtful = kinship.those(Alike.UNLIKE)
    if kind not in _MAY_DIFFER_IN_PLACES:
        doubtful += kinship.those(Alike.PLACES)
    if doubtful and not _marked(instance, parents, verifier):
        words = "another picture than its parents do"
        if doubtful[0] in kinship.those(Alike.PLACES):
            words = f"something else in places, which no {kind} copy does"
        raise SealError(f"frame {min(doubtful)} of the copy shows {words}", code=UNLIKE)
    return kinship


def _marked(instance: Instance, parents: Sequence[SealedParent], verifier: Verifier) -> bool:
    """Whether the copy's own mark names a parent, is nowhere missing, and is not mirrored."""
    claims = {p.claim.seal_id: p.claim for p in parents if p.claim.body.mark is not None}
    terms = [claim.body.mark for claim in claims.values() if claim.body.mark is not None]
    keys = tuple(dict.fromkeys(key for each in terms for key in verifier.keys_of(each)))
    geometry = pixel_geometry(instance)
    if not keys or geometry is None or geometry.frames != 1:
        return False  # of many frames a mark says nothing of the one that is doubtful
    found = read_mark(instance, keys, expected=list(claims))
    claim = claims.get(found.seal_id or b"")
    if claim is None or claim.annex.image is None or found.reading is None or found.key is None:
        return False
    plane = plane_of(instance)
    likeness = compare_copy(plane, found.reading, claim.annex, key=found.key)
    viewpoint = Viewpoint.of(
        found.reading.placement,
        rows=claim.annex.image.geometry.rows,
        columns=claim.annex.image.geometry.columns,
        picture=(plane.shape[0], plane.shape[1]),
    )
    shows = likeness.presence is not None and bool(likeness.presence.known.any())
    return shows and not likeness.differs and not viewpoint.mirrored


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
