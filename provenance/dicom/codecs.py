"""Decode and encode single frames: a thin table over imagecodecs, which is an optional extra.

One decoder per codec, so that the same bytes give the same samples on every installation of the
same version. Nothing here converts colours: that would be undone differently by each reader.
"""

import zlib
from collections.abc import Callable
from types import ModuleType
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from provenance.dicom.codestream import (
    StreamInfo,
    bare_codestream,
    probe_jpeg,
    probe_jpeg_2000,
    probe_jpeg_xl,
)
from provenance.dicom.syntax import Coding
from provenance.errors import Unreadable, UnreadableError

Samples = npt.NDArray[Any]

# what imagecodecs raises: its codecs' own errors are RuntimeErrors, its wrappers the others
_FAILURES = (RuntimeError, ValueError, TypeError, IndexError, OverflowError, MemoryError)


def probe(stored: bytes, coding: Coding) -> StreamInfo:
    """Return what a stored frame says of itself; UnreadableError if it is no such codestream."""
    match coding:
        case Coding.JPEG | Coding.JPEG_LS:
            return probe_jpeg(stored)
        case Coding.JPEG_2000 | Coding.HTJ2K:
            return probe_jpeg_2000(bare_codestream(stored))
        case Coding.JPEG_XL:
            rows, columns = probe_jpeg_xl(stored)
            return StreamInfo(rows, columns, samples=0, bits=0, reversible=False)
        case _:
            raise UnreadableError(f"{coding.name} frames say nothing", code=Unreadable.CODESTREAM)


def decode(stored: bytes, coding: Coding) -> Samples:
    """Decode one codestream that `probe` has accepted.

    Returns
    -------
    integer ndarray, shape (rows, columns) or (rows, columns, samples)
        What the decoder gives: its own dtype, its own bits, no colour conversion.

    Raises
    ------
    UnreadableError
        The codestream is damaged, or imagecodecs is not installed.
    """
    codecs = _imagecodecs()
    try:
        return np.asarray(_DECODERS[coding](codecs, stored))
    except _FAILURES as error:
        raise UnreadableError(
            f"the {coding.name} codestream cannot be decoded: {str(error)[:200]}",
            code=Unreadable.CODESTREAM,
        ) from error


def encode(samples: Samples, coding: Coding, *, bits: int, transform: bool) -> bytes:
    """Encode one frame losslessly; the caller decodes it again and compares.

    Parameters
    ----------
    samples : integer ndarray, shape (rows, columns) or (rows, columns, samples)
        8, 16 or 32 bits wide.
    coding : Coding
        JPEG (lossless, selection value 1), JPEG_LS, JPEG_2000, HTJ2K or JPEG_XL.
    bits : int
        Bits that the values need.
    transform : bool
        Whether JPEG 2000 is to use its reversible colour transform (YBR_RCT).

    Raises
    ------
    ValueError
        The encoder cannot do it.
    UnreadableError
        imagecodecs is not installed.
    """
    codecs = _imagecodecs()
    try:
        return bytes(_ENCODERS[coding](codecs, samples, bits, transform))
    except (*_FAILURES, KeyError) as error:
        raise ValueError(f"{coding.name} cannot be encoded: {str(error)[:200]}") from error


def inflate(stored: bytes, size: int) -> bytes:
    """Return the ``size`` bytes of a deflated frame (PS3.5 A.4.13), never more."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(stored, size + 2)
    except zlib.error as error:
        raise UnreadableError(
            f"a deflated frame is damaged: {error}", code=Unreadable.CODESTREAM
        ) from error
    if not size <= len(inflated) <= size + 1 or not inflater.eof:
        raise UnreadableError(
            f"a deflated frame does not inflate to {size} bytes", code=Unreadable.CODESTREAM
        )
    return inflated[:size]


def deflate(frame: bytes) -> bytes:
    """Return a frame deflated without zlib's own header."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(frame) + compressor.flush()


def have_imagecodecs() -> bool:
    """Whether the codecs of the extra `codecs` are installed."""
    try:
        _imagecodecs()
    except UnreadableError:
        return False
    return True


def _imagecodecs() -> ModuleType:
    try:
        import imagecodecs
    except ImportError as error:
        raise UnreadableError(
            "this transfer syntax needs the codecs: pip install 'radseal[codecs]'",
            code=Unreadable.CODEC_MISSING,
        ) from error
    return imagecodecs


def _decode_jpeg(codecs: ModuleType, stored: bytes) -> object:
    # asking for RGB from RGB is how libjpeg is told to leave three components alone
    colour = "RGB" if probe_jpeg(stored).samples == 3 else None
    return codecs.jpeg8_decode(stored, colorspace=colour, outcolorspace=colour)


def _encode_jpeg(codecs: ModuleType, samples: Samples, bits: int, transform: bool) -> bytes:
    colour = "RGB" if samples.ndim == 3 else None
    return cast(
        bytes,
        codecs.jpeg8_encode(
            samples,
            lossless=True,
            predictor=1,
            bitspersample=max(bits, 2),
            colorspace=colour,
            outcolorspace=colour,
        ),
    )


def _encode_jpeg_2000(codecs: ModuleType, samples: Samples, bits: int, transform: bool) -> bytes:
    return cast(
        bytes,
        codecs.jpeg2k_encode(
            samples,
            level=0,
            codecformat="J2K",
            reversible=True,
            bitspersample=bits,
            mct=transform,
            numthreads=1,
        ),
    )


def _encode_htj2k(codecs: ModuleType, samples: Samples, bits: int, transform: bool) -> bytes:
    return cast(bytes, codecs.htj2k_encode(samples, reversible=True, rgb=transform, tlm=True))


_DECODERS: dict[Coding, Callable[[Any, bytes], object]] = {
    Coding.JPEG: _decode_jpeg,
    Coding.JPEG_LS: lambda codecs, stored: codecs.jpegls_decode(stored),
    Coding.JPEG_2000: lambda codecs, stored: codecs.jpeg2k_decode(
        bare_codestream(stored), numthreads=1
    ),
    # OpenJPEG here too: imagecodecs' wrapper of OpenJPH drops its errors and hands back whatever
    # lay in memory (2026.3.6)
    Coding.HTJ2K: lambda codecs, stored: codecs.jpeg2k_decode(
        bare_codestream(stored), numthreads=1
    ),
    Coding.JPEG_XL: lambda codecs, stored: codecs.jpegxl_decode(stored, numthreads=1),
}
_ENCODERS: dict[Coding, Callable[[Any, Samples, int, bool], bytes]] = {
    Coding.JPEG: _encode_jpeg,
    Coding.JPEG_LS: lambda codecs, samples, bits, transform: codecs.jpegls_encode(samples, level=0),
    Coding.JPEG_2000: _encode_jpeg_2000,
    Coding.HTJ2K: _encode_htj2k,
    Coding.JPEG_XL: lambda codecs, samples, bits, transform: codecs.jpegxl_encode(
        samples, lossless=True, numthreads=1
    ),
}
