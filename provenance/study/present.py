"""What one file of a study is: its own verdict, its place, and what it would be listed as.

The file is read and verified once; little of it is kept, since a study can have 100,000.
"""

from dataclasses import dataclass, field
from pathlib import Path

from ledger import hash_leaf
from provenance.dicom.attributes import canonical_attributes
from provenance.dicom.instance import Instance
from provenance.dicom.pixels import pixel_geometry
from provenance.dicom.read import read_instance
from provenance.dicom.values import text
from provenance.errors import MalformedError, UnreadableError
from provenance.header_tree import hash_header
from provenance.judging.evidence import Evidence, Source
from provenance.judging.judge import judge
from provenance.judging.verdict import Status, Verdict, Word
from provenance.pictures.picture_file import is_picture, read_head
from provenance.records import Lookup, uid_of
from provenance.seal_root import object_root
from provenance.study.closing_block import ClosingBlock, read_closing_block
from provenance.study.key_references import Reference, read_references
from provenance.study.listed import MAX_DECIMAL, MAX_NUMBER, Position, SealRef
from provenance.study.manifest import header_seed
from provenance.study.moved import former_studies
from provenance.study.reference_mac import ReferenceMac, reference_mac
from provenance.study.sop_classes import KEY_OBJECT
from provenance.verifying import compare
from provenance.verifying.examination import examine_source, unreadable
from provenance.verifying.gather import gather
from provenance.verifying.verifier import Verifier
from provenance.walk import Found

_SOP_CLASS, _SERIES, _NUMBER, _POSITION = 0x00080016, 0x0020000E, 0x00200013, 0x00200032
MAX_REASONS = 8


@dataclass(frozen=True, slots=True)
class Carried:
    """The closing that a Key Object carries, and what it refers to; or what is wrong with it."""

    block: ClosingBlock | None = field(repr=False)
    references: frozenset[Reference] = field(repr=False)
    problem: str | None = None

    @property
    def leaf_hash(self) -> bytes | None:
        """The leaf hash of the statement that it carries."""
        return None if self.block is None else hash_leaf(self.block.statement)


@dataclass(frozen=True, slots=True)
class Present:
    """One file: its verdict and what fails, and what it is, as far as it says.

    ``own_root`` is that of what its seal commits to, and None where it is not as it was sealed.
    ``former_study_uids`` are those from which documented corrections have moved it.
    """

    path: Path
    word: Word
    reasons: tuple[str, ...] = ()
    study_uid: str | None = None
    former_study_uids: tuple[str, ...] = ()
    instance_uid: str = ""
    class_uid: str = ""
    series_uid: str = ""
    number: int | None = None
    frames: int = 0
    position: Position | None = None
    seal: SealRef | None = None
    own_root: bytes | None = None
    image_root: bytes | None = None
    original_root: bytes | None = None
    carried: Carried | None = None
    mac: ReferenceMac | None = None

    @property
    def content(self) -> bytes | None:
        """By what the picture itself is known, whatever mark was put into it."""
        return self.original_root or self.image_root


def look(file: Found, verifier: Verifier, *, with_mac: bool = False) -> Present:
    """Verify one file, and say what it is. Whatever is wrong with it becomes a value."""
    if file.problem is not None:
        return _unreadable(file.path, file.problem)
    try:
        if is_picture(read_head(file.path)):
            return _of_verdict(file.path, examine_source(file.path, verifier).verdict)
        instance = read_instance(file.path)
    except UnreadableError as error:
        return _unreadable(file.path, str(error))
    except OSError as error:
        return _unreadable(file.path, f"it cannot be read: {error.strerror}")
    try:
        evidence: Evidence | None = gather(instance, verifier)
        assert evidence is not None
        verdict = judge(evidence)
    except UnreadableError as error:
        evidence, verdict = None, unreadable(str(error))
    return _present(file.path, instance, evidence, verdict, with_mac=with_mac)


def listed_root(path: Path, *, salt: bytes, instance_uid: str) -> bytes | None:
    """Return the object root of what has no seal of its own; None if the file does not read."""
    try:
        instance = read_instance(path)
        image_root = compare.image_root(instance)
    except (UnreadableError, OSError):
        return None
    seed = header_seed(salt, instance_uid)
    header = hash_header(canonical_attributes(instance.dataset), seed)
    return object_root(image_root=image_root, header_root=header.root)


def _unreadable(path: Path, why: str) -> Present:
    return _of_verdict(path, unreadable(why))


def _of_verdict(path: Path, verdict: Verdict) -> Present:
    return Present(path, verdict.word, _reasons(verdict))


def _reasons(verdict: Verdict) -> tuple[str, ...]:
    failed = [f"{c.code}: {c.detail}" for c in verdict.checks if c.status is Status.FAIL]
    return tuple(failed[:MAX_REASONS])


def _present(
    path: Path,
    instance: Instance,
    evidence: Evidence | None,
    verdict: Verdict,
    *,
    with_mac: bool,
) -> Present:
    dataset = instance.dataset
    study = uid_of(dataset, Lookup.STUDY)
    image_root, original_root = _roots(instance, evidence)
    class_uid = text(dataset, _SOP_CLASS)
    claim = evidence.claim if evidence else None
    as_sealed = verdict.word in (Word.AUTHENTIC, Word.CORRECTED)
    return Present(
        path=path,
        word=verdict.word,
        reasons=_reasons(verdict),
        study_uid=None if study is None else study.decode("ascii", "replace"),
        former_study_uids=former_studies(instance, evidence, verdict),
        instance_uid=(uid_of(dataset, Lookup.INSTANCE) or b"").decode("ascii", "replace"),
        class_uid=class_uid,
        series_uid=text(dataset, _SERIES),
        number=_number(text(dataset, _NUMBER)),
        frames=_frames(instance),
        position=_position(text(dataset, _POSITION)),
        seal=None if claim is None else SealRef(claim.seal_id, claim.statement.leaf_hash),
        own_root=claim.annex.root if claim is not None and as_sealed else None,
        image_root=image_root,
        original_root=original_root,
        carried=_carried(instance) if class_uid == KEY_OBJECT else None,
        mac=reference_mac(instance) if with_mac else None,
    )


def _roots(instance: Instance, evidence: Evidence | None) -> tuple[bytes | None, bytes | None]:
    """Return the roots of the samples as they are, and as they were before they were marked."""
    if evidence is None:
        return None, None
    claim, pixels = evidence.claim, evidence.pixels
    in_place = evidence.source in (Source.FILE, Source.LEDGER_BY_INSTANCE)
    if claim is None or pixels is None or not pixels.equal or pixels.unmarked or not in_place:
        return compare.image_root(instance), None
    image, original = claim.annex.image, claim.annex.original
    return None if image is None else image.root, None if original is None else original.root


def _frames(instance: Instance) -> int:
    try:
        geometry = pixel_geometry(instance)
    except UnreadableError:
        return 0
    return 0 if geometry is None else geometry.frames


def _number(words: str) -> int | None:
    sign, digits = words[:1], words.removeprefix("-").removeprefix("+")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 11:
        return None
    number = -int(digits) if sign == "-" else int(digits)
    return number if -MAX_NUMBER <= number < MAX_NUMBER else None


def _position(words: str) -> Position | None:
    parts = [part.strip() for part in words.split("\\")]
    if len(parts) != 3 or not all(0 < len(p) <= MAX_DECIMAL and p.isascii() for p in parts):
        return None
    return parts[0], parts[1], parts[2]


def _carried(instance: Instance) -> Carried | None:
    try:
        block = read_closing_block(instance.dataset)
    except MalformedError as error:
        return Carried(None, frozenset(), str(error))
    if block is None:
        return None
    try:
        return Carried(block, read_references(instance.dataset))
    except MalformedError as error:
        return Carried(block, frozenset(), str(error))
