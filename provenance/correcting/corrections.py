"""Which header changes the corrections of a log document (docs/spec/correction.md).

A correction counts as a whole or not at all; what cannot be shown documents nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ledger import MAY_SIGN, Entry, Event, LoggedKey, NotFoundError, parse_statement
from provenance.claims.claim import Claim
from provenance.claims.kept_annex import KeptAnnex
from provenance.correcting.correction import (
    CALIBRATED,
    CALIBRATION_TYPE,
    PIXEL_SPACING,
    CorrectionBody,
    why_not,
)
from provenance.dicom.attribute_table import PRIVATE_TAG, attribute_table
from provenance.dicom.attributes import Attribute, Change
from provenance.dicom.leaf_content import leaf_content
from provenance.dicom.original_attributes import ORIGINAL_ATTRIBUTES, values_before
from provenance.errors import EvidenceError, MalformedError, TrustError
from provenance.findings import Code
from provenance.header_tree import (
    HeaderTree,
    changed_attribute,
    gravest_first,
    hash_leaf_content,
    leaf_salt,
    signed_leaf,
)
from provenance.judging.evidence import Amendment, Corrections, Problem
from provenance.records import ReadableLog
from provenance.trust.certificates import certificate_name, certificate_spki, load_certificate
from provenance.trust.existence import vouch_for_entry
from provenance.trust.store import TrustStore


@dataclass(slots=True)
class Heads:
    """The leaves each attribute had, signed one first, as counted corrections moved them."""

    signed: HeaderTree
    leaves: dict[int, list[bytes]] = field(default_factory=dict)

    def of(self, tag: int) -> bytes:
        """Return the newest leaf of an attribute."""
        return self.leaves[tag][-1] if tag in self.leaves else signed_leaf(self.signed, tag)

    def move(self, body: CorrectionBody) -> None:
        """Take a correction over; EvidenceError, and nothing is moved, if it does not follow on."""
        for change in body.changes:
            if change.old != self.of(change.tag):
                name = attribute_table().describe(change.tag).keyword
                raise EvidenceError(f"its old value of {name} is not the one before it")
        for change in body.changes:
            self.leaves.setdefault(change.tag, [change.old]).append(change.new)


def find_corrections(
    claim: Claim,
    entries: Sequence[Entry],
    attributes: Sequence[Attribute],
    *,
    log: ReadableLog,
    trust: TrustStore,
) -> Corrections:
    """Judge the corrections of an object whose chain in ``log`` is whole. Raises LedgerError."""
    if not entries:
        return Corrections()
    amendments, problems, heads = follow_corrections(claim, entries, log=log, trust=trust)
    try:
        kept = read_kept(claim, log)
    except MalformedError as error:
        kept = None
        problems.append(Problem(Code.CORRECTION_NOT_SHOWN, str(error)))
    if kept is None:
        if amendments:
            words = "what opens the corrections is not kept any more"
            problems.append(Problem(Code.CORRECTION_NOT_SHOWN, words))
        return Corrections(tuple(amendments), problems=tuple(problems))
    salts = {opened.leaf: opened.salt for opened in kept.leaves}
    found = {attribute.tag: attribute for attribute in attributes}
    documented, outdated = set[int](), set[int]()
    for tag, leaves in heads.leaves.items():
        content = _present(tag, found)
        matches = [leaf for leaf in leaves if _opens(leaf, salts, content)]
        if leaves[-1] not in salts:
            name = attribute_table().describe(tag).keyword
            words = f"nothing that is kept opens the correction of {name}"
            problems.append(Problem(Code.CORRECTION_NOT_SHOWN, words))
        elif leaves[-1] in matches:
            documented.add(tag)
        elif matches:
            outdated.add(tag)
    if not _calibrated(found):
        documented.discard(PIXEL_SPACING)
    return Corrections(
        tuple(amendments), frozenset(documented), frozenset(outdated), problems=tuple(problems)
    )


def follow_corrections(
    claim: Claim, entries: Sequence[Entry], *, log: ReadableLog, trust: TrustStore
) -> tuple[list[Amendment], list[Problem], Heads]:
    """Return the corrections that count, what is wrong with the others, and where they lead."""
    heads = Heads(claim.annex.header)
    amendments: list[Amendment] = []
    problems: list[Problem] = []
    for entry in entries:
        try:
            amendment = _amendment(claim, entry, log, trust)
            heads.move(amendment.body)
        except (EvidenceError, TrustError) as error:
            words = f"entry {entry.index} does not count: {error}"
            problems.append(Problem(Code.CORRECTION_REFUSED, words))
        else:
            amendments.append(amendment)
    return amendments, problems, heads


def read_kept(claim: Claim, log: ReadableLog) -> KeptAnnex | None:
    """Return what is kept beside the log; None after erasure. MalformedError, LedgerError."""
    annex = log.annex(claim.seal_id)
    return None if annex is None else KeptAnnex.decode(annex)


def with_reverted(changes: tuple[Change, ...], corrections: Corrections) -> tuple[Change, ...]:
    """Return the changes, and among them what was turned back to what a correction had replaced.

    A copy from before a correction has none of it. One that has some of it, and elsewhere the
    value of before, was never so: that value is a change of what was corrected.
    """
    if not any(c.tag in corrections.documented for c in changes):
        return changes
    known = {c.tag for c in changes} | {ORIGINAL_ATTRIBUTES}
    back = [changed_attribute(tag) for tag in sorted(corrections.outdated - known)]
    return gravest_first((*changes, *back))


def walk_back(
    signed: HeaderTree, attributes: Sequence[Attribute], changes: Sequence[Change]
) -> frozenset[int]:
    """Return the changed attributes that the object's own record leads back to what was signed.

    Anyone can write such a record: it documents nothing.
    """
    if not changes:
        return frozenset()
    found = {attribute.tag: attribute for attribute in attributes}
    record = found.get(ORIGINAL_ATTRIBUTES)
    changed = {c.tag for c in changes} - {ORIGINAL_ATTRIBUTES, PRIVATE_TAG}
    led_back = set[int]()
    for values in values_before(None if record is None else record.value):
        for tag in changed & values.keys():
            content = leaf_content(tag, attribute_table().describe(tag).group, values[tag])
            salt = leaf_salt(signed.seed, tag)
            if hash_leaf_content(salt, content) == signed_leaf(signed, tag):
                led_back.add(tag)
    return frozenset(led_back)


def _amendment(claim: Claim, entry: Entry, log: ReadableLog, trust: TrustStore) -> Amendment:
    """Read one event; EvidenceError or TrustError unless its signer may say so."""
    statement = parse_statement(entry.statement)
    if statement.event is not Event.CORRECTED or statement.object_id != claim.seal_id:
        raise EvidenceError("it is no correction of this object")
    try:
        key = log.key(statement.kid)
    except NotFoundError as error:
        raise EvidenceError("its key is not in the log") from error
    _require_standing(key, entry.index)
    if key.certificate is None:
        raise TrustError("its key was logged without a certificate")
    certificate = load_certificate(key.certificate)
    if certificate_spki(certificate) != key.spki:
        raise TrustError("the certificate logged with its key is that of another")
    vouch_for_entry(entry, certificate, role=key.role, log=log, trust=trust)
    body = CorrectionBody.from_cbor(statement.body)
    for change in body.changes:
        reason = why_not(change.tag, body.reason)
        if reason is not None:
            name = attribute_table().describe(change.tag).keyword
            raise EvidenceError(f"{name} may not be corrected: {reason}")
    return Amendment(entry.index, certificate_name(certificate), key.role, body)


def _require_standing(key: LoggedKey, index: int) -> None:
    if Event.CORRECTED not in MAY_SIGN[key.role]:
        raise EvidenceError(f"the role {key.role} may not correct")
    if key.added_index >= index:
        raise EvidenceError(f"its key was added later, at entry {key.added_index}")
    if key.revoked_index is not None and key.revoked_index <= index:
        raise EvidenceError(f"its key was revoked at entry {key.revoked_index}")


def _present(tag: int, found: Mapping[int, Attribute]) -> bytes:
    attribute = found.get(tag)
    group = attribute_table().describe(tag).group
    return leaf_content(tag, group, None if attribute is None else attribute.value)


def _opens(leaf: bytes, salts: Mapping[bytes, bytes], content: bytes) -> bool:
    salt = salts.get(leaf)
    return salt is not None and hash_leaf_content(salt, content) == leaf


def _calibrated(found: Mapping[int, Attribute]) -> bool:
    """Whether the object says by what its pixel spacing was calibrated (PS3.3 10.7)."""
    attribute = found.get(CALIBRATION_TYPE)
    value = None if attribute is None else attribute.value
    return isinstance(value, tuple) and len(value) == 1 and value[0] in CALIBRATED
