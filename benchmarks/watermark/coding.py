"""Attacks by lossy coders."""

import io

import imagecodecs
import numpy as np
from PIL import Image

from benchmarks.watermark.picture import Attack, Pixels, depth_of, view


def jpeg(quality: int) -> Attack:
    """Code the view as baseline grey JPEG of this quality (scale of libjpeg)."""

    def attack(image: Pixels, bits: int) -> Pixels:
        return jpeg_coded(view(image), quality)

    return attack


def jpeg_coded(picture: Pixels, quality: int) -> Pixels:
    """Return a uint8 picture after JPEG."""
    coded = imagecodecs.jpeg_encode(np.ascontiguousarray(picture), level=quality)
    return np.asarray(imagecodecs.jpeg_decode(coded))


def jpeg2000(ratio: float) -> Attack:
    """Code as JPEG 2000 (9/7) to 1/ratio of the bits stored. Keeps depth."""

    def attack(image: Pixels, bits: int) -> Pixels:
        low = min(int(image.min()), 0)
        picture = (image.astype(np.int32) - low).astype(
            np.uint8 if image.dtype.itemsize == 1 else np.uint16
        )
        rate = ratio * 8 * picture.dtype.itemsize / depth_of(picture, bits)
        stream = io.BytesIO()
        Image.fromarray(picture).save(
            stream, "JPEG2000", irreversible=True, quality_mode="rates", quality_layers=[rate]
        )
        return (np.asarray(Image.open(stream)).astype(np.int64) + low).astype(image.dtype)

    return attack


def webp(quality: int) -> Attack:
    """Code the view as lossy WebP of this quality; its luma has 220 levels."""

    def attack(image: Pixels, bits: int) -> Pixels:
        stream = io.BytesIO()
        Image.fromarray(view(image)).save(stream, "WEBP", quality=quality, method=2)
        return np.asarray(Image.open(stream).convert("L"))

    return attack
