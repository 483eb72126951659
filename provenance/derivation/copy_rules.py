"""What a copy must be before it is signed: another instance, and no other picture; else SealError.

Patient and study: sealed_parent.py. What is equal to the parents' frames: kinship.py.
"""

from collections.abc import Sequence
from typing import Final

from ledger import LedgerError, parse_statement
from provenance.derivation.derivation_refusals import NOT_A_COPY, UNLIKE
from provenance.derivation.kinship import Alike, Kinship, Picture, find_kinship
from provenance.derivation.sealed_parent import SealedParent, spacing_of
from provenance.dicom.carrier import read_carrier
from provenance.dicom.instance import Instance
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import read_instance
from provenance.errors import MalformedError, SealError, UsageError
from provenance.image_tree import ImageTree
from provenance.marks.mark_search import plane_of, read_mark
from provenance.pictures.likeness import compare_copy
from provenance.pictures.viewpoint import Viewpoint
from provenance.records import Lookup, ReadableLog, Records, uid_of
from provenance.verifying.verifier import Verifier

_MAY_DIFFER_IN_PLACES: Final = ("redaction", "presentation", "crop")


def require_other_instance(
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


def require_kin(
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
