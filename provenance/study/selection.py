"""A Key Object Selection Document (PS3.3 A.35.4, PS3.16 TID 2010): what all of ours have in common.

Made with pydicom alone. Patient and study are taken over from an instance, undecoded.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import NamedTuple, Self

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import UID, ExplicitVRLittleEndian

from provenance.dicom.instance import Instance
from provenance.dicom.read import read_instance
from provenance.dicom.write import IMPLEMENTATION_CLASS_UID
from provenance.errors import SealError, UsageError
from provenance.study.reference_mac import ReferenceMac
from provenance.study.sop_classes import KEY_OBJECT, WAVEFORMS
from provenance.study.verdict import CANNOT_DESCRIBE

MAX_REFERENCES = 50_000  # more would exceed the elements that are read of one object
MAX_TEXT = 0xFFFE
# Patient, General Study: taken over from an instance. Type 2 are empty where it has none.
_CHARACTER_SET = ((0x00080005, "CS"),)
_TYPE_2 = (
    (0x00080020, "DA"),  # Study Date
    (0x00080030, "TM"),  # Study Time
    (0x00080050, "SH"),  # Accession Number
    (0x00080090, "PN"),  # Referring Physician's Name
    (0x00100010, "PN"),  # Patient's Name
    (0x00100020, "LO"),  # Patient ID
    (0x00100030, "DA"),  # Patient's Birth Date
    (0x00100040, "CS"),  # Patient's Sex
    (0x00200010, "SH"),  # Study ID
)
_TYPE_3 = ((0x00081030, "LO"), (0x00100021, "LO"))  # Study Description, Issuer of Patient ID


class Title(NamedTuple):
    """The concept name of a document (PS3.16 CID 7010): code, scheme, meaning."""

    code: str
    scheme: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Selected:
    """An instance that is referred to; ``mac`` if one could be computed."""

    class_uid: str
    series_uid: str
    instance_uid: str
    has_frames: bool
    mac: ReferenceMac | None = None


@dataclass(frozen=True, slots=True)
class KeyObjectNames:
    """The UIDs of a new Key Object and of its series."""

    instance_uid: str
    series_uid: str

    @classmethod
    def draw(cls) -> Self:
        """Draw from the operating system."""
        return cls(f"2.25.{uuid.uuid4().int}", f"2.25.{uuid.uuid4().int}")


def selection(
    selected: Iterable[Selected],
    *,
    title: Title,
    study_uid: str,
    patient_of: Instance,
    names: KeyObjectNames,
    at: datetime,
) -> Instance:
    """Return a Key Object with that title, which refers to instances of one study.

    ``patient_of`` is an instance from which patient and study are taken. UsageError beyond 50,000
    instances, SealError if patient or study cannot be written.
    """
    chosen = tuple(selected)
    if len(chosen) > MAX_REFERENCES:
        raise UsageError(f"a Key Object refers to {MAX_REFERENCES} instances at most")
    dataset = _document(title, study_uid, names, at)
    dataset.CurrentRequestedProcedureEvidenceSequence = Sequence([_evidence(study_uid, chosen)])
    dataset.ContentSequence = Sequence([_content(each) for each in chosen])
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    instance = read_instance(buffer.getvalue())
    _take_over(patient_of.dataset, instance.dataset)
    return instance


def _document(title: Title, study_uid: str, names: KeyObjectNames, at: datetime) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = UID(KEY_OBJECT)
    meta.MediaStorageSOPInstanceUID = UID(names.instance_uid)
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    moment = at.astimezone(UTC)
    date, time = f"{moment:%Y%m%d}", f"{moment:%H%M%S}"
    dataset.SOPClassUID = KEY_OBJECT
    dataset.SOPInstanceUID = names.instance_uid
    dataset.StudyInstanceUID = study_uid
    dataset.SeriesInstanceUID = names.series_uid
    dataset.Modality = "KO"
    dataset.SeriesNumber, dataset.InstanceNumber = 1, 1
    dataset.SeriesDescription = title.meaning
    dataset.ReferencedPerformedProcedureStepSequence = Sequence([])
    dataset.Manufacturer = "radseal"
    dataset.ContentDate = dataset.InstanceCreationDate = date
    dataset.ContentTime = dataset.InstanceCreationTime = time
    dataset.TimezoneOffsetFromUTC = "+0000"
    dataset.ValueType = "CONTAINER"
    dataset.ConceptNameCodeSequence = Sequence([_code(*title)])
    dataset.ContinuityOfContent = "SEPARATE"
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "2010"
    dataset.ContentTemplateSequence = Sequence([template])
    return dataset


def _take_over(source: Dataset, target: Dataset) -> None:
    """Copy patient and study as they lie there, in the character set they lie in: undecoded."""
    for tag, vr in (*_CHARACTER_SET, *_TYPE_2, *_TYPE_3):
        raw: object = source.get_item(BaseTag(tag), keep_deferred=True)
        if raw is None and (tag, vr) not in _TYPE_2:
            continue
        value = b"" if raw is None else _text_bytes(raw)
        target._dict[BaseTag(tag)] = RawDataElement(
            BaseTag(tag), vr, len(value), value, 0, False, True
        )


def _text_bytes(raw: object) -> bytes:
    value = raw.value or b"" if isinstance(raw, RawDataElement) else None
    if not isinstance(value, bytes) or len(value) > MAX_TEXT:
        raise SealError(
            "patient or study cannot be written into a Key Object", code=CANNOT_DESCRIBE
        )
    return value + b" " * (len(value) % 2)


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code


def _evidence(study_uid: str, selected: Iterable[Selected]) -> Dataset:
    study = Dataset()
    study.StudyInstanceUID = study_uid
    by_series: dict[str, list[Selected]] = defaultdict(list)
    for each in selected:
        by_series[each.series_uid].append(each)
    study.ReferencedSeriesSequence = Sequence(
        [_series(uid, instances) for uid, instances in sorted(by_series.items())]
    )
    return study


def _series(uid: str, instances: Iterable[Selected]) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = uid
    references = []
    for each in instances:
        reference = _reference(each)
        if each.mac is not None:
            reference.ReferencedSOPInstanceMACSequence = Sequence([_mac(each.mac)])
        references.append(reference)
    series.ReferencedSOPSequence = Sequence(references)
    return series


def _reference(each: Selected) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = each.class_uid
    reference.ReferencedSOPInstanceUID = each.instance_uid
    return reference


def _mac(mac: ReferenceMac) -> Dataset:
    item = Dataset()
    item.MACCalculationTransferSyntaxUID = mac.syntax
    item.MACAlgorithm = mac.algorithm.value
    item.DataElementsSigned = list(mac.tags)
    item.MAC = mac.mac
    return item


def _content(each: Selected) -> Dataset:
    """Return one content item of TID 2010: an image, a waveform, or any other object."""
    item = Dataset()
    item.RelationshipType = "CONTAINS"
    kind = (
        "WAVEFORM" if each.class_uid in WAVEFORMS else "IMAGE" if each.has_frames else "COMPOSITE"
    )
    item.ValueType = kind
    item.ReferencedSOPSequence = Sequence([_reference(each)])
    return item
