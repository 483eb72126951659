"""The attribute table and the dictionary: data that must be right, sorted and frozen."""

import csv
import hashlib
from pathlib import Path

import pytest
from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword

import provenance.dicom.attribute_table as module
from provenance.dicom.attribute_table import Group, Rule, Severity, attribute_table
from provenance.dicom.dictionary import standard_vr

TEXT = Path(module.__file__).with_name("attributes.csv").read_text("ascii")
ROWS = list(csv.DictReader(TEXT.splitlines()))
SINGLE = [row for row in ROWS if "x" not in row["tag"]]


def test_every_row_names_an_attribute_of_the_standard() -> None:
    for row in SINGLE:
        tag = int(row["tag"], 16)
        assert keyword_for_tag(tag) == row["keyword"]
        assert tag_for_keyword(row["keyword"]) == tag
        assert dictionary_VR(tag) == row["vr"].replace("/", " or ")
        assert standard_vr(tag) == row["vr"]


def test_rows_are_sorted_and_unique() -> None:
    tags = [row["tag"] for row in ROWS]
    assert tags == sorted(set(tags))


def test_every_severity_is_one_its_group_may_have() -> None:
    allowed = {
        "encoding": {""},
        "instance": {"clinical"},
        "geometry": {"clinical"},
        "identity": {"administrative"},
        "display": {"clinical", "low", "informational"},
        "acquisition": {"clinical", "administrative", "informational"},
    }
    for row in ROWS:
        assert row["severity"] in allowed[row["group"]], row


@pytest.mark.parametrize(
    ("group", "severity", "keywords"),
    [
        (
            Group.INSTANCE,
            Severity.CLINICAL,
            "SOPInstanceUID SOPClassUID SeriesInstanceUID FrameOfReferenceUID IrradiationEventUID "
            "DeviceUID DeviceSerialNumber UDISequence AcquisitionDateTime AcquisitionDate "
            "AcquisitionTime InstanceNumber Modality",
        ),
        (
            Group.IDENTITY,
            Severity.ADMINISTRATIVE,
            "PatientName PatientID IssuerOfPatientID OtherPatientIDsSequence PatientBirthDate "
            "PatientSex StudyInstanceUID StudyID AccessionNumber StudyDate SeriesDate ContentDate "
            "ReferringPhysicianName RequestAttributesSequence",
        ),
        (
            Group.GEOMETRY,
            Severity.CLINICAL,
            "Laterality ImageLaterality FrameLaterality PatientOrientation PatientPosition "
            "ViewPosition ViewCodeSequence BodyPartExamined AnatomicRegionSequence PixelSpacing "
            "ImagerPixelSpacing NominalScannedPixelSpacing PixelSpacingCalibrationType "
            "PixelAspectRatio ImagePositionPatient ImageOrientationPatient SliceThickness "
            "SpacingBetweenSlices FieldOfViewHorizontalFlip FieldOfViewRotation "
            "SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence",
        ),
        (
            Group.DISPLAY,
            Severity.CLINICAL,
            "RescaleSlope RescaleIntercept RescaleType ModalityLUTSequence "
            "PhotometricInterpretation PresentationLUTShape PresentationIntentType "
            "PixelPaddingValue PixelPaddingRangeLimit RedPaletteColorLookupTableData ICCProfile",
        ),
        (
            Group.DISPLAY,
            Severity.LOW,
            "WindowCenter WindowWidth VOILUTFunction VOILUTSequence",
        ),
        (
            Group.ACQUISITION,
            Severity.CLINICAL,
            "ImageType BurnedInAnnotation LossyImageCompression ContentQualification "
            "QualityControlImage SyntheticData ContentSequence EncapsulatedDocument "
            "WaveformSequence StructureSetROISequence BeamSequence GraphicAnnotationSequence",
        ),
        (
            Group.ACQUISITION,
            Severity.ADMINISTRATIVE,
            "KVP Exposure ExposureIndex ConvolutionKernel ProtocolName Manufacturer",
        ),
    ],
)
def test_the_design_is_covered(group: Group, severity: Severity, keywords: str) -> None:
    signed = {row.keyword: row for row in attribute_table().signed.values()}
    for keyword in keywords.split():
        assert (signed[keyword].group, signed[keyword].severity) == (group, severity), keyword


_ENCODING = """
SpecificCharacterSet BitsAllocated BitsStored HighBit PixelRepresentation Rows Columns
PlanarConfiguration NumberOfFrames SamplesPerPixel PixelData FloatPixelData DoubleFloatPixelData
ExtendedOffsetTable ExtendedOffsetTableLengths EncapsulatedPixelDataValueTotalLength LengthToEnd
DataSetTrailingPadding MACParametersSequence DigitalSignaturesSequence
"""


def test_encoding_attributes_are_not_signed() -> None:
    table = attribute_table()
    for keyword in _ENCODING.split():
        tag = tag_for_keyword(keyword)
        assert tag in table.encoding
        assert tag not in table.signed


def test_overlays_are_for_display_in_every_group() -> None:
    for tag in (0x60003000, 0x60020010, 0x60FE0022):
        row = attribute_table().describe(tag)
        assert (row.group, row.severity) == (Group.DISPLAY, Severity.LOW)
        assert row.keyword.startswith("Overlay")
    assert attribute_table().describe(0x50003000).group is Group.REST


def test_unlisted_and_private_attributes() -> None:
    table = attribute_table()
    row = table.describe(0x00080300)
    assert (row.keyword, row.group) == ("PrivateDataElementCharacteristicsSequence", Group.REST)
    assert table.describe(0x00080FFF).keyword == "(0008,0FFF)"
    assert table.describe(0).severity is Severity.INFORMATIONAL
    assert [r.keyword for r in table.signed.values() if r.rule is Rule.PHOTOMETRIC_CLASS] == [
        "PhotometricInterpretation"
    ]


def test_the_dictionary_is_that_of_the_standard() -> None:
    for tag, (vr, *_) in DicomDictionary.items():
        if tag >> 16 not in (0x0000, 0x0002, 0xFFFE) and standard_vr(tag) is not None:
            assert standard_vr(tag) == vr.replace(" or ", "/"), hex(tag)
    assert standard_vr(0x60023000) == "OB/OW"
    assert standard_vr(0x50100010) == "US"
    assert standard_vr(0x00080FFF) is None


def test_both_files_are_frozen_with_format_version_1() -> None:
    """A change here breaks every seal made before it: it needs a new version of the format."""
    folder = Path(module.__file__).parent
    digest = hashlib.sha256()
    for name in ("attributes.csv", "dictionary.txt"):
        digest.update(folder.joinpath(name).read_bytes())
    assert digest.hexdigest() == FROZEN


FROZEN = "51567400eeed77ad32022c74f647ba29a5fb35cbd229952423f0980eec2898b8"
