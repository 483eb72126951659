"""Gather what a derived copy proves of its parents: frames, signers, and their place in the log."""

from collections.abc import Mapping, Sequence

from ledger import BIRTHS, Event, Existence, NotFoundError, PrunedError, Role, parse_statement
from provenance.claims.birth import Birth, roles_of
from provenance.claims.claim import Claim
from provenance.derivation.frame_match import MatchedFrames, match_frames
from provenance.derivation.parents import Parent
from provenance.derivation.shown_header import COMPARED
from provenance.dicom.attributes import Attribute, CanonicalValue
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import Instance
from provenance.errors import EvidenceError, TrustError
from provenance.findings import Code
from provenance.judging.evidence import Descent, ParentSeen, PixelComparison, Problem
from provenance.records import Lookup, ReadableLog, Records, uid_of
from provenance.trust.certificates import certificate_name
from provenance.trust.existence import existence_in_log
from provenance.trust.store import Standing, TrustStore


def find_descent(
    claim: Claim,
    instance: Instance | None,
    pixels: PixelComparison | None,
    attributes: Sequence[Attribute] = (),
    *,
    trust: TrustStore,
    sealing: Sequence[Role],
    records: Records[ReadableLog] | None,
) -> Descent | None:
    """Return what is known of a derived copy's parents; None for what was not derived.

    Frames are compared only of an object whose samples are those that its own birth binds. Raises
    LedgerError.
    """
    parentage = claim.parentage
    if parentage is None:
        return None
    log = None if records is None else records.log
    values = {attribute.tag: attribute.value for attribute in attributes}
    parents = tuple(_seen(parent, values, trust, sealing, log) for parent in parentage.parents)
    image = claim.annex.image
    count = 0 if image is None else image.geometry.frames
    compared = instance is not None and pixels is not None and pixels.equal and not pixels.unmarked
    matched, problem = MatchedFrames(), None
    if compared:
        assert instance is not None
        geometry = pixel_geometry(instance)
        found = () if geometry is None else frames(instance, geometry)
        try:
            matched = match_frames(parentage, image, found)
        except EvidenceError as error:
            problem = Problem(Code.SEAL_MISFIT, str(error))
    uid = None if instance is None else uid_of(instance.dataset, Lookup.INSTANCE)
    known = uid is not None and any(
        parent.header.uid == uid.decode("ascii", "replace") for parent in parentage.parents
    )
    if not known and uid is not None and records is not None:
        known = records.knows_original(uid, besides=claim.seal_id)
    if known:
        words = "it has the SOP Instance UID of an object that a device has sealed"
        problem = Problem(Code.POSES_AS_ORIGINAL, words)
    return Descent(
        parentage.kind,
        parents,
        frames=count,
        equal=matched.equal,
        in_part=matched.in_part,
        tiles=matched.tiles,
        regions=matched.regions,
        compared=compared,
        problem=problem,
    )


def vouch_for_birth(
    birth: Birth | Claim,
    trust: TrustStore,
    *,
    sealing: Sequence[Role],
    existence: Existence | None = None,
) -> tuple[Standing, Role]:
    """Return who vouches for the signer, and in which of the roles that may say so; TrustError.

    ``sealing`` are the roles in which a seal counts.
    """
    statement = birth.statement
    errors: list[TrustError] = []
    for role in sealing if statement.event is Event.SEALED else roles_of(statement.event):
        try:
            standing = trust.judge_signer(
                birth.chain, role=role, at=statement.claimed_at, existence=existence
            )
        except TrustError as error:
            errors.append(error)
        else:
            return standing, role
    for each in errors:  # in this role somebody vouched for it, but it does not stand
        if each.code is not Code.SIGNER_UNKNOWN:
            raise each
    reasons = [str(each) for each in errors]
    said = "" if len(set(reasons)) == 1 else f"in no role that may sign {statement.event}: "
    raise TrustError(said + reasons[0])


def _seen(
    parent: Parent,
    values: Mapping[int, CanonicalValue | None],
    trust: TrustStore,
    sealing: Sequence[Role],
    log: ReadableLog | None,
) -> ParentSeen:
    birth = parent.birth
    authority, problem = None, None
    try:
        standing, _ = vouch_for_birth(
            birth, trust, sealing=sealing, existence=_existence(birth, log, trust)
        )
        authority = standing.authority
    except TrustError as error:
        problem = Problem(Code.PARENT_UNKNOWN, str(error))
    index, said = (None, None) if log is None else _in_log(birth, log)
    if said is not None and said.code is Code.PARENT_REVOKED:
        problem, said = problem or said, None
    return ParentSeen(
        object_id=birth.object_id,
        leaf_hash=birth.statement.leaf_hash,
        event=birth.statement.event,
        signer=certificate_name(birth.certificate),
        signed_at=birth.statement.claimed_at,
        authority=authority,
        trust=problem,
        ledger=said,
        log_index=index,
        same_patient=all(parent.header.agrees(tag, values.get(tag)) for tag in COMPARED),
    )


def _existence(birth: Birth, log: ReadableLog | None, trust: TrustStore) -> Existence | None:
    """Return what the ledger shows of a parent's time, where that matters."""
    if log is None or not trust.asks_for_time(birth.chain):
        return None
    try:
        entries = log.events(birth.object_id)
    except PrunedError:
        return None
    own = (entry for entry in entries if entry.leaf_hash == birth.statement.leaf_hash)
    entry = next(own, None)
    return None if entry is None else existence_in_log(entry, log, trust)


def _in_log(birth: Birth, log: ReadableLog) -> tuple[int | None, Problem | None]:
    """Return the entry of a parent's birth, and what its log says against it."""
    try:
        entries = log.events(birth.object_id)
    except PrunedError:
        return None, Problem(Code.PARENT_NOT_LOGGED, "its entries were pruned from the ledger")
    if not entries:
        return None, _unknown_to(log, birth, "the ledger does not hold it")
    events = [parse_statement(entry.statement).event for entry in entries]
    births = [e for e, event in zip(entries, events, strict=True) if event in BIRTHS]
    own = next((e for e in births if e.leaf_hash == birth.statement.leaf_hash), None)
    if own is None:
        return None, _unknown_to(log, birth, "the ledger holds another seal under its id")
    try:
        revoked = log.key(birth.statement.kid).revoked_index
    except NotFoundError:
        return own.index, Problem(Code.PARENT_REVOKED, "its key is not in the log")
    if revoked is not None and revoked <= own.index:
        return own.index, Problem(Code.PARENT_REVOKED, f"its key was revoked at entry {revoked}")
    if Event.ERASED in events:
        at = entries[events.index(Event.ERASED)].index
        return own.index, Problem(Code.PARENT_ERASED, f"it was erased at entry {at}")
    return own.index, None


def _unknown_to(log: ReadableLog, birth: Birth, words: str) -> Problem:
    """Say that a log has no such birth; if it has revoked the key, nothing shows that it stood."""
    try:
        revoked = log.key(birth.statement.kid).revoked_index
    except NotFoundError:
        revoked = None
    if revoked is None:
        return Problem(Code.PARENT_NOT_LOGGED, words)
    detail = f"{words}, and has revoked its key at entry {revoked}"
    return Problem(Code.PARENT_REVOKED, detail)
