"""Re-seal a de-identified copy: check it against its original, mark it anew, sign, log, carry.

`deidentify` draws clock and chance; `deidentify_at_time` is the same with both given. Nothing is
logged about the original, and nothing is written that leads to it but for who holds the key.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

from ledger import Entry, Event
from provenance.claims.annex import VERSION_OF_A_COPY, Annex
from provenance.claims.birth import Origin
from provenance.claims.claim import Claim
from provenance.claims.kept_annex import KeptAnnex
from provenance.deidentification.check import Allowed, check_copy
from provenance.deidentification.declared import SALT_SIZE, Declared
from provenance.deidentification.opening import NONCE_SIZE, Opening
from provenance.deidentification.pixels import clean_pixels
from provenance.deidentification.profiles import apply_profile
from provenance.deidentification.residue import say_removed, strip_residue
from provenance.dicom.attributes import canonical_attributes
from provenance.dicom.carrier import Carrier, write_carrier
from provenance.dicom.pixels import pixel_geometry
from provenance.dicom.read import Instance, read_instance
from provenance.dicom.write import instance_bytes, write_instance
from provenance.errors import EvidenceError, EvidenceMissingError, SealError, UsageError
from provenance.header_tree import hash_header
from provenance.judging.evidence import Evidence, Source
from provenance.judging.judge import judge
from provenance.judging.verdict import Word
from provenance.marks.marking import NONE, weakness
from provenance.marks.restore import restore
from provenance.records import ReadableLog, Records, pseudonyms
from provenance.sealing.chance import Chance
from provenance.sealing.marked_instance import Marking, mark_instance
from provenance.sealing.seal import body_of, receipt_of
from provenance.site.device import Device
from provenance.trust.store import TrustStore
from provenance.verifying.gather import gather
from provenance.verifying.verifier import Verifier

KIND: Final = "deidentified"
CANNOT_MARK: Final = "SE506"


class MarkChoice(StrEnum):
    """What becomes of the original's mark, whose payload leads back to it."""

    RENEW = "renew"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class CopyChance:
    """The random values of one copy: those of any seal, and those of the way back."""

    seal: Chance
    parent_salt: bytes
    nonce: bytes

    @classmethod
    def draw(cls) -> Self:
        """Draw from the operating system."""
        return cls(Chance.draw(), secrets.token_bytes(SALT_SIZE), secrets.token_bytes(NONCE_SIZE))


@dataclass(frozen=True, slots=True)
class Deidentified:
    """A de-identified copy, logged and ready to be written.

    ``stripped`` is what was taken out of it here; ``mark`` says what became of the mark.
    """

    instance: Instance
    object_id: bytes
    log_index: int
    declared: Declared
    stripped: tuple[str, ...]
    mark: str
    weak: str | None = None
    no_receipt: str | None = None
    notes: tuple[str, ...] = field(default=())

    def to_bytes(self) -> bytes:
        """Return the Part 10 file."""
        return instance_bytes(self.instance)

    def write(self, path: Path | str, *, overwrite: bool = False) -> None:
        """Write the file atomically; UsageError rather than replace one, unless told."""
        write_instance(self.instance, Path(path), overwrite=overwrite)


def deidentify(
    original: bytes | Path | str,
    copy: bytes | Path | str | None = None,
    *,
    profile: str | None = None,
    mark: MarkChoice = MarkChoice.RENEW,
    allowed: Allowed | None = None,
    actor: Device,
    records: Records[ReadableLog],
    trust: TrustStore,
    reidentification_key: bytes,
    former_mark_keys: Sequence[bytes] = (),
) -> Deidentified:
    """Re-seal ``copy``, a de-identified form of a sealed ``original``; or let ``profile`` make it.

    ``actor`` holds the key of a de-identifier. Raises EvidenceError or EvidenceMissingError (the
    original is not as it was sealed, or the copy shows something else), SealError (the copy leads
    back, or cannot be written; its code says which), UsageError, or an error of the ledger.
    """
    return deidentify_at_time(
        original,
        copy,
        profile=profile,
        mark=mark,
        allowed=allowed or Allowed(),
        actor=actor,
        records=records,
        trust=trust,
        reidentification_key=reidentification_key,
        former_mark_keys=former_mark_keys,
        at=datetime.now(UTC),
        chance=CopyChance.draw(),
    )


def deidentify_at_time(
    original: bytes | Path | str,
    copy: bytes | Path | str | None,
    *,
    profile: str | None,
    mark: MarkChoice,
    allowed: Allowed,
    actor: Device,
    records: Records[ReadableLog],
    trust: TrustStore,
    reidentification_key: bytes,
    former_mark_keys: Sequence[bytes],
    at: datetime,
    chance: CopyChance,
) -> Deidentified:
    """The same with clock and random values given."""
    if (copy is None) == (profile is None):
        raise UsageError("give the de-identified copy, or the profile that makes it")
    data = _read(original)
    sealed = read_instance(data)
    evidence = gather(sealed, Verifier(trust.as_of(at), records))
    claim = _require_whole(evidence)
    restored = _without_mark(data, claim, actor, former_mark_keys)
    found = apply_profile(restored, profile) if profile else read_instance(_read(copy or b""))
    found, stripped = strip_residue(found, keep=allowed.keep)
    checked = check_copy(sealed, found, allowed=allowed, seal=_parts(claim))
    assert claim.annex.image is not None
    clean = clean_pixels(
        found, sealed=sealed, restored=restored, tree=claim.annex.image, redacted=allowed.redacted
    )
    say_removed(clean.instance)
    made, became = _mark(clean.instance, claim, mark, actor=actor, chance=chance.seal)
    declared = Declared(checked.kept, checked.changed, clean.redacted)
    opening = Opening(chance.parent_salt, claim.statement.leaf_hash, claim.seal_id)
    annex = Annex(
        salt=chance.seal.salt,
        image=made.tree,
        header=hash_header(canonical_attributes(made.instance.dataset), chance.seal.header_seed),
        certificates=actor.certificates,
        original=None,
        descriptor=made.descriptor,
        version=VERSION_OF_A_COPY,
    )
    origin = Origin(KIND, commitment=opening.commitment, declared=declared)
    kept = KeptAnnex(
        annex.encode(),
        opening=opening.seal(chance.seal.seal_id, key=reidentification_key, nonce=chance.nonce),
    )
    entry = actor.record(
        Event.DEIDENTIFIED,
        object_id=chance.seal.seal_id,
        body=body_of(annex, made.terms, origin).to_cbor(),
        at=at,
        annex=kept.encode(),
        pseudonyms=tuple(pseudonyms(actor.lookup_key, made.instance.dataset, ())),
    )
    if not isinstance(entry, Entry):
        raise UsageError("a copy is logged at the ledger, not in an outbox")
    receipt, no_receipt = receipt_of(actor, entry)
    write_carrier(made.instance.dataset, Carrier(entry.statement, annex.encode(), receipt))
    return Deidentified(
        instance=made.instance,
        object_id=chance.seal.seal_id,
        log_index=entry.index,
        declared=declared,
        stripped=stripped,
        mark=became,
        weak=None if made.rehearsal is None else weakness(made.rehearsal),
        no_receipt=no_receipt,
        notes=found.notes,
    )


def _require_whole(evidence: Evidence) -> Claim:
    """Return the claim of an original that verifies: what is worth passing on."""
    claim = evidence.claim
    if claim is None or evidence.source is not Source.FILE:
        raise EvidenceMissingError(
            "the original carries no seal: de-identify the object as it was sealed"
        )
    verdict = judge(evidence)
    if verdict.word not in (Word.AUTHENTIC, Word.CORRECTED):
        failed = "; ".join(c.detail for c in verdict.checks if c.status.value == "fail")
        raise EvidenceError(
            f"the original is {verdict.word}, not AUTHENTIC or CORRECTED: {failed or 'see verify'}"
        )
    if claim.annex.image is None:
        raise SealError("the original has no pixels: nothing of it would be proven", code="SE102")
    return claim


def _without_mark(
    data: bytes, claim: Claim, actor: Device, former_mark_keys: Sequence[bytes]
) -> Instance:
    """Return the original without its seal and its mark, sample by sample as it was before."""
    try:
        return restore(data, mark_key=actor.mark_key, former_mark_keys=former_mark_keys).instance
    except (EvidenceError, EvidenceMissingError) as error:
        raise SealError(
            "the mark leads back to the original, so it cannot stay, and it cannot be taken out: "
            f"{error}",
            code=CANNOT_MARK,
        ) from error


def _mark(
    instance: Instance, claim: Claim, choice: MarkChoice, *, actor: Device, chance: Chance
) -> tuple[Marking, str]:
    """Mark the copy under its own id as strongly as the original was, or only hash it."""
    terms = claim.body.mark
    renew = terms is not None and choice is MarkChoice.RENEW
    profile = terms.profile if terms is not None and renew else NONE
    try:
        made = mark_instance(
            instance,
            pixel_geometry(instance),
            device=actor,
            profile=profile,
            chance=chance,
            step=lambda _: None,
        )
    except SealError as error:
        if not renew:
            raise
        raise SealError(
            f"the mark cannot be renewed: {error}; take it out with --mark remove",
            code=CANNOT_MARK,
        ) from error
    if terms is None:
        return made, "none: the original was sealed unmarked"
    return made, "renewed" if renew else "removed"


def _parts(claim: Claim) -> tuple[bytes, ...]:
    """Return what of the seal stands nowhere else: none of it may be in the copy."""
    annex = claim.annex
    parts = [claim.seal_id, annex.salt, annex.header.seed, claim.statement.leaf_hash]
    return (*parts, annex.original.salt) if annex.original else tuple(parts)


def _read(source: bytes | Path | str) -> bytes:
    return source if isinstance(source, bytes) else Path(source).read_bytes()
