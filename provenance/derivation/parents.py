"""Open what a derived copy shows of its parents: by their own signers' signatures.

A Parentage is built by `open_parents` alone. Pure functions of bytes; pixels come later
(frame_match.py), trust apart.
"""

from dataclasses import dataclass

from ledger import LedgerError, parse_statement
from provenance.claims.annex import Annex
from provenance.claims.birth import Birth, Origin, open_birth
from provenance.derivation.lineage import Lineage, ParentImage
from provenance.derivation.shown_header import ShownHeader
from provenance.errors import EvidenceError, MalformedError
from provenance.image_tree import PixelGeometry
from provenance.seal_root import commit_object, object_root


@dataclass(frozen=True, slots=True)
class Parent:
    """A parent as its own signer described it: signature and commitment hold."""

    birth: Birth
    header: ShownHeader
    image: ParentImage | None


@dataclass(frozen=True, slots=True)
class Parentage:
    """The parents of a copy, and the map of frames that is yet to be held against its pixels."""

    kind: str
    parents: tuple[Parent, ...]
    lineage: Lineage


def open_parents(origin: Origin, annex: Annex) -> Parentage:
    """Verify each parent's statement and that what is shown opens its commitment.

    Raises MalformedError (not of the format) or EvidenceError (it does not fit).
    """
    if annex.lineage is None:
        raise EvidenceError("the annex shows no parents, and a derived copy has some")
    lineage = Lineage.decode(annex.lineage)
    if len(lineage.parents) != len(origin.parents):
        raise EvidenceError("the annex shows other parents than the copy names")
    parents = []
    for number, (link, shown) in enumerate(zip(origin.parents, lineage.parents, strict=True)):
        if shown.chain >= len(lineage.chains):
            raise EvidenceError(f"the certificates of parent {number} are missing")
        try:
            unverified = parse_statement(shown.statement)
            birth = open_birth(unverified, lineage.chains[shown.chain])
        except (LedgerError, MalformedError, EvidenceError) as error:
            raise EvidenceError(
                f"the statement of parent {number} does not hold: {error}"
            ) from error
        if (unverified.leaf_hash, birth.object_id) != (link.leaf_hash, link.object_id):
            raise EvidenceError(f"parent {number} is shown as another object than is named")
        image_root = None if shown.image is None else shown.image.root
        root = object_root(image_root=image_root, header_root=shown.header.root)
        if commit_object(shown.salt, root) != birth.body.commitment:
            raise EvidenceError(f"what is shown of parent {number} is not what its signer signed")
        if not shown.header.opens_uid:
            raise EvidenceError(f"parent {number} is shown under another UID than was signed")
        parents.append(Parent(birth, shown.header, shown.image))
    parentage = Parentage(origin.kind, tuple(parents), lineage)
    _check_map(parentage, None if annex.image is None else annex.image.geometry)
    return parentage


def comparable(copy: PixelGeometry, parent: PixelGeometry) -> bool:
    """Whether frames of the two can be the same sample by sample."""
    same = ("rows", "columns", "samples", "signed", "kind", "colour", "dtype")
    if any(getattr(copy, name) != getattr(parent, name) for name in same):
        return False
    return parent.lossy or not copy.lossy


def _check_map(parentage: Parentage, copy: PixelGeometry | None) -> None:
    """Return only if every mapped frame is there, once, and of one shape with its parent's."""
    lineage, taken = parentage.lineage, set[int]()
    entries = [(r.first, r.parent, r.frame, r.count) for r in lineage.runs]
    entries += [(p.first, p.parent, p.frame, 1) for p in lineage.parts]
    for first, number, frame, count in entries:
        image = parentage.parents[number].image if number < len(parentage.parents) else None
        if copy is None or image is None or not comparable(copy, image.geometry):
            raise EvidenceError("a frame is mapped to a parent that has none like it")
        if first + count > copy.frames or frame + count > image.geometry.frames:
            raise EvidenceError("a frame is mapped that is not there")
        if taken & set(range(first, first + count)):
            raise EvidenceError("a frame is mapped twice")
        taken.update(range(first, first + count))
    for part in lineage.parts:
        image = parentage.parents[part.parent].image
        assert image is not None
        assert copy is not None
        tiles = [part.tiles[at : at + 32] for at in range(0, len(part.tiles), 32)]
        per_frame = image.geometry.tiles // image.geometry.frames
        if copy.lossy or len(tiles) != per_frame or not image.has_tiles(part.frame, tiles):
            raise EvidenceError("tiles are shown that are not those of the parent's frame")
