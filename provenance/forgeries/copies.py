"""Make the copies that hospitals make: recompressed by an archive, or shot from a screen."""

import io
import math
from dataclasses import replace

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    UID,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)

from provenance.dicom.carrier import remove_carrier
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import Instance, read_instance
from provenance.dicom.values import text
from provenance.errors import UsageError
from provenance.forgeries.uids import forged_uid
from provenance.image_tree import PixelGeometry
from provenance.picture import Samples, render, shrink
from provenance.png import Picture

# Peak signal to noise over the grey levels in use: 8:1 for noisy radiographs, 20:1 for smooth ones.
LOSSY_DB = 57.0
SCREEN = 1024  # the longer side of a screenshot, in pixels
_SOP_CLASS, _SOP_INSTANCE, _SERIES = 0x00080016, 0x00080018, 0x0020000E
_KEPT = (
    "SpecificCharacterSet",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyID",
)


def lossy_copy(instance: Instance) -> tuple[Instance, str]:
    """Return a JPEG 2000 copy, with a loss, labelled as PS3.3 C.7.6.1.1.5 asks for."""
    geometry = pixel_geometry(instance)
    if geometry is None:
        raise UsageError("the object has no pixels to compress")
    if geometry.kind != "int" or geometry.bits_stored > 16 or geometry.colour == "palette":
        raise UsageError("only grey or colour samples of up to 16 bits can be compressed lossy")
    streams = [_compressed(frame, geometry) for frame in frames(instance, geometry)]
    remove_carrier(instance.dataset)
    raw = geometry.rows * geometry.columns * geometry.samples * geometry.bits_stored / 8
    ratio = raw * geometry.frames / sum(map(len, streams))
    _label_as_copy(instance.dataset, ratio)
    _put_streams(instance.dataset, streams, geometry)
    copy = replace(instance, transfer_syntax=UID(JPEG2000))
    words = f"a lossy JPEG 2000 copy ({ratio:.0f}:1) was made; it says so, and carries no seal"
    return copy, words


def screenshot(instance: Instance) -> tuple[Instance, Picture, str]:
    """Return a Secondary Capture of the image as a screen shows it, and the bare picture."""
    geometry = pixel_geometry(instance)
    if geometry is None:
        raise UsageError("the object has no pixels to show")
    picture = shrink(render(instance, geometry.frames // 2), longest=SCREEN)
    rows, columns = picture.shape[:2]
    capture = read_instance(_secondary_capture(instance.dataset, picture))
    words = f"a screenshot was taken: 8 bits, windowed, {columns} x {rows} pixels, no seal"
    return capture, picture, words


def _compressed(frame: Samples, geometry: PixelGeometry) -> bytes:
    try:
        import imagecodecs
    except ImportError as error:
        raise UsageError("a lossy copy needs the codecs: pip install 'radseal[codecs]'") from error
    peak = float((1 << geometry.bits_stored) - 1)
    used = max(float(frame.max()) - float(frame.min()), 1.0)
    try:
        stream = imagecodecs.jpeg2k_encode(
            np.ascontiguousarray(frame),
            level=round(LOSSY_DB + 20 * math.log10(peak / used)),
            codecformat="J2K",
            reversible=False,
            bitspersample=geometry.bits_stored,
            mct=geometry.colour == "rgb",
            numthreads=1,
        )
    except (RuntimeError, ValueError) as error:
        raise UsageError(f"this image cannot be compressed with a loss: {error}") from error
    return bytes(stream)


def _label_as_copy(dataset: Dataset, ratio: float) -> None:
    was, sop_class = text(dataset, _SOP_INSTANCE), text(dataset, _SOP_CLASS)
    reference = Dataset()
    reference.ReferencedSOPClassUID = sop_class
    reference.ReferencedSOPInstanceUID = was
    dataset.SourceImageSequence = [reference]
    dataset.SOPInstanceUID = forged_uid("lossy", was)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    image_type = text(dataset, 0x00080008).split("\\")
    dataset.ImageType = ["DERIVED", *(image_type[1:] or ["PRIMARY"])]
    dataset.DerivationDescription = "Lossy compression with JPEG 2000"
    dataset.LossyImageCompression = "01"
    dataset.LossyImageCompressionRatio = f"{ratio:.2f}"
    dataset.LossyImageCompressionMethod = "ISO_15444_1"


def _put_streams(dataset: Dataset, streams: list[bytes], geometry: PixelGeometry) -> None:
    for keyword in ("PixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in dataset:
            del dataset[keyword]
    if geometry.samples == 3:
        dataset.PlanarConfiguration = 0
    if geometry.colour == "rgb":
        dataset.PhotometricInterpretation = "YBR_ICT"
    elif geometry.colour == "ybr":
        dataset.PhotometricInterpretation = "YBR_FULL"
    dataset.BitsAllocated = 8 if geometry.bits_stored <= 8 else 16
    dataset.HighBit = geometry.bits_stored - 1
    dataset.file_meta.TransferSyntaxUID = JPEG2000
    dataset.PixelData = encapsulate(streams)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True


def _secondary_capture(source: Dataset, picture: Picture) -> bytes:
    was = text(source, _SOP_INSTANCE)
    dataset = Dataset()
    for keyword in _KEPT:
        if keyword in source:
            dataset[keyword] = source[keyword]
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = forged_uid("screenshot", "instance", was)
    dataset.SeriesInstanceUID = forged_uid("screenshot", "series", text(source, _SERIES), was)
    dataset.Modality = "OT"
    dataset.ConversionType = "WSD"
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.InstanceNumber = "1"
    dataset.Rows, dataset.Columns = picture.shape[:2]
    dataset.SamplesPerPixel = 1 if picture.ndim == 2 else 3
    dataset.PhotometricInterpretation = "MONOCHROME2" if picture.ndim == 2 else "RGB"
    if picture.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelRepresentation = 0
    dataset.PixelData = picture.tobytes() + bytes(picture.size % 2)
    dataset["PixelData"].VR = "OB"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()
