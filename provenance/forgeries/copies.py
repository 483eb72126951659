"""Make the copies that hospitals make: recompressed by an archive, or shot from a screen."""

import math
from dataclasses import replace

import numpy as np
from pydicom.dataset import Dataset
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
from provenance.dicom.write import instance_bytes
from provenance.errors import UsageError
from provenance.forgeries.elements import decode_big_endian, drop, put, put_pixels
from provenance.forgeries.uids import forged_uid
from provenance.image_tree import PixelGeometry
from provenance.pictures.picture import Samples, render, shrink
from provenance.pictures.png import Picture

# Peak signal to noise over the grey levels in use: 8:1 for noisy radiographs, 20:1 for smooth ones.
LOSSY_DB = 57.0
SCREEN = 1024  # the longer side of a screenshot, in pixels
_SOP_CLASS, _SOP_INSTANCE, _SERIES = 0x00080016, 0x00080018, 0x0020000E
# What a screenshot program asks the worklist for: character set, study, patient.
_KEPT = (0x00080005, 0x00080020, 0x00080030, 0x00080050, 0x00080090, 0x00100010, 0x00100020,
         0x00100030, 0x00100040, 0x0020000D, 0x00200010)  # fmt: skip


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
    capture = _secondary_capture(instance, picture)
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
    put(reference, ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=was)
    image_type = text(dataset, 0x00080008).split("\\")
    put(
        dataset,
        ImageType=["DERIVED", *(image_type[1:] or ["PRIMARY"])],
        SOPInstanceUID=forged_uid("lossy", was),
        DerivationDescription="Lossy compression with JPEG 2000",
        SourceImageSequence=[reference],
        LossyImageCompression="01",
        LossyImageCompressionRatio=f"{ratio:.2f}",
        LossyImageCompressionMethod="ISO_15444_1",
    )
    put(dataset.file_meta, MediaStorageSOPInstanceUID=forged_uid("lossy", was))


def _put_streams(dataset: Dataset, streams: list[bytes], geometry: PixelGeometry) -> None:
    drop(dataset, "PixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths")
    decode_big_endian(dataset)
    if geometry.samples == 3:
        put(
            dataset,
            PhotometricInterpretation="YBR_ICT" if geometry.colour == "rgb" else "YBR_FULL",
            PlanarConfiguration=0,
        )
    put(
        dataset,
        BitsAllocated=8 if geometry.bits_stored <= 8 else 16,
        HighBit=geometry.bits_stored - 1,
    )
    put(dataset.file_meta, TransferSyntaxUID=JPEG2000)
    put_pixels(dataset, encapsulate(streams), encapsulated=True)


def _secondary_capture(instance: Instance, picture: Picture) -> Instance:
    dataset = instance.dataset
    was, series = text(dataset, _SOP_INSTANCE), text(dataset, _SERIES)
    for tag in [tag for tag in dataset.keys() if tag not in _KEPT]:  # noqa: SIM118 - a Dataset
        del dataset[tag]
    decode_big_endian(dataset)
    uid = forged_uid("screenshot", "instance", was)
    put(
        dataset,
        SOPClassUID=SecondaryCaptureImageStorage,
        SOPInstanceUID=uid,
        SeriesInstanceUID=forged_uid("screenshot", "series", series, was),
        Modality="OT",
        ConversionType="WSD",
        ImageType=["DERIVED", "SECONDARY"],
        InstanceNumber="1",
        Rows=picture.shape[0],
        Columns=picture.shape[1],
        SamplesPerPixel=1 if picture.ndim == 2 else 3,
        PhotometricInterpretation="MONOCHROME2" if picture.ndim == 2 else "RGB",
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        PixelRepresentation=0,
    )
    if picture.ndim == 3:
        put(dataset, PlanarConfiguration=0)
    put_pixels(dataset, picture.tobytes() + bytes(picture.size % 2), encapsulated=False)
    put(
        dataset.file_meta,
        MediaStorageSOPClassUID=SecondaryCaptureImageStorage,
        MediaStorageSOPInstanceUID=uid,
        TransferSyntaxUID=ExplicitVRLittleEndian,
    )
    written = replace(instance, transfer_syntax=UID(ExplicitVRLittleEndian))
    return read_instance(instance_bytes(written))
