"""The parents of a copy that is being made: verified, with what the copy has to show of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from provenance.claims.claim import Claim
from provenance.derivation.derivation_refusals import OTHER_PATIENT
from provenance.derivation.kinship import Kinship, Picture
from provenance.derivation.lineage import Lineage, ParentEvidence, ParentImage
from provenance.derivation.shown_header import (
    PATIENT_ID,
    PATIENT_NAME,
    SOP_INSTANCE_UID,
    STUDY,
    ShownHeader,
)
from provenance.dicom.attributes import CanonicalValue, canonical_attributes
from provenance.dicom.instance import Instance
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import read_instance
from provenance.dicom.values import text
from provenance.errors import NotProvenError, SealError
from provenance.image_tree import Samples
from provenance.judging.evidence import Source
from provenance.judging.judge import judge
from provenance.judging.verdict import Word
from provenance.records import Lookup, uid_of
from provenance.verifying.gather import gather
from provenance.verifying.verifier import Verifier

_MUST_AGREE: Final = {
    PATIENT_NAME: "PatientName",
    PATIENT_ID: "PatientID",
    STUDY: "StudyInstanceUID",
}
_MAY_BE_ABSENT: Final = {
    0x00100021: "IssuerOfPatientID",
    0x00100030: "PatientBirthDate",
    0x00100040: "PatientSex",
}
_SPACINGS: Final = (0x00280030, 0x00181164)  # Pixel Spacing, Imager Pixel Spacing
_HASH: Final = 32

Identity = Mapping[int, CanonicalValue]


@dataclass(frozen=True, slots=True)
class SealedParent:
    """A parent that is as it was sealed, corrected or derived."""

    name: str
    uid: bytes | None
    claim: Claim
    identity: Identity
    picture: Picture | None

    @classmethod
    def verified(cls, source: bytes | Path, verifier: Verifier) -> "SealedParent":
        """Verify one parent; NotProvenError unless AUTHENTIC, CORRECTED or DERIVED by its birth."""
        instance = read_instance(source)
        evidence = gather(instance, verifier)
        verdict = judge(evidence)
        name = str(source) if isinstance(source, Path) else "the parent"
        try:
            verdict.require(Word.AUTHENTIC, Word.CORRECTED, Word.DERIVED)
        except NotProvenError as error:
            raise NotProvenError(f"{name} is {error}") from error
        claim = evidence.claim
        if claim is None or evidence.source is not Source.FILE or not evidence.as_sealed:
            raise NotProvenError(f"{name} is a copy that nobody signed: give the object it is of")
        return cls(
            name,
            uid_of(instance.dataset, Lookup.INSTANCE),
            claim,
            identity_of(instance),
            picture_of(claim, instance, lambda: read_instance(source)),
        )


def identity_of(instance: Instance) -> Identity:
    """Return the attributes that say whose image it is, of those that have a value."""
    wanted = {**_MUST_AGREE, **_MAY_BE_ABSENT, SOP_INSTANCE_UID: ""}
    found = canonical_attributes(instance.dataset)
    return {a.tag: a.value for a in found if a.tag in wanted and a.value is not None}


def require_same_patient(copy: Identity, parents: Sequence[SealedParent]) -> None:
    """Return only if copy and parents stand under one patient and one study; SealError."""
    for parent in parents:
        for tag, keyword in _MUST_AGREE.items():
            if tag == STUDY and not copy.get(tag):
                raise SealError("the copy has no StudyInstanceUID", code=OTHER_PATIENT)
            if copy.get(tag) != parent.identity.get(tag):
                raise SealError(
                    f"the copy has another {keyword} than {parent.name}", code=OTHER_PATIENT
                )
        for tag, keyword in _MAY_BE_ABSENT.items():
            ours, theirs = copy.get(tag), parent.identity.get(tag)
            if ours is not None and theirs is not None and ours != theirs:
                raise SealError(
                    f"the copy has another {keyword} than {parent.name}", code=OTHER_PATIENT
                )


def picture_of(claim: Claim, instance: Instance, again: Callable[[], Instance]) -> Picture | None:
    """Return the frames of an object that is as its birth says; None if it has no pixels."""
    image = claim.annex.image
    if image is None:
        return None
    geometry = image.geometry

    def decode() -> Iterator[Samples]:
        read = again()
        found = pixel_geometry(read)
        assert found is not None
        for samples in frames(read, found):
            yield samples.astype(geometry.dtype, copy=False)

    return Picture(image, decode, spacing_of(instance))


def spacing_of(instance: Instance) -> float | None:
    """Return the distance of two rows in mm, as far as it is told."""
    for tag in _SPACINGS:
        words = text(instance.dataset, tag).split("\\")[0]
        try:
            value = float(words)
        except ValueError:
            continue
        if 0 < value < 1000:
            return value
    return None


def lineage_of(parents: Sequence[SealedParent], copy: Identity, kinship: Kinship) -> Lineage:
    """Return what the annex of a copy with this identity shows of its parents."""
    chains = list(dict.fromkeys(parent.claim.annex.certificates for parent in parents))
    return Lineage(
        tuple(chains),
        tuple(_evidence(parent, copy, chains) for parent in parents),
        kinship.runs,
        kinship.parts,
    )


def _evidence(
    parent: SealedParent, copy: Identity, chains: Sequence[tuple[bytes, ...]]
) -> ParentEvidence:
    claim = parent.claim
    image, shown = claim.annex.image, None
    if image is not None:
        count = range(image.geometry.frames)
        if image.compressed is None:
            bound = [image.frame_leaf(frame) for frame in count]
        else:
            bound = [image.frame_root(frame) + image.compressed[frame] for frame in count]
        shown = ParentImage(image.geometry, b"".join(bound))
    return ParentEvidence(
        claim.statement.encoded,
        chains.index(claim.annex.certificates),
        claim.annex.salt,
        ShownHeader.of(claim.annex.header, parent.identity, copy),
        shown,
    )
