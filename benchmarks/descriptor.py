"""The thumbnail of the annex: copies that must resemble, pictures and edits that must not.

    RADSEAL_CORPUS=... python -P benchmarks/descriptor.py

Prints what was judged wrongly, the lowest correlation for each kind of copy, the highest between
different images, and how many replaced regions were found, by their size.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image

from provenance.claims.descriptor import describe, resemble
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import read_instance
from provenance.marks.marking import read_plane

CORPUS = Path(os.environ.get("RADSEAL_CORPUS", Path(__file__).resolve().parents[2] / "shared"))
Picture = npt.NDArray[np.uint8]
SIZES = (1 / 8, 1 / 11, 1 / 16)


def window(image: np.ndarray, low: float, high: float) -> Picture:
    """Show the grey levels between two percentiles in 8 bits."""
    bottom, top = np.percentile(image, [low, high])
    scaled = (image.astype(np.float64) - bottom) / max(top - bottom, 1) * 255
    shown: Picture = np.clip(scaled, 0, 255).astype(np.uint8)
    return shown


def jpeg(image: Picture) -> Picture:
    """Compress to JPEG quality 50 and back."""
    return np.asarray(imagecodecs.jpeg_decode(imagecodecs.jpeg_encode(image, level=50)))


def gamma(image: np.ndarray, power: float) -> Picture:
    """Bend the grey curve."""
    return (255 * (window(image, 0, 100) / 255) ** power).astype(np.uint8)


COPIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "window 1 %": lambda a: window(a, 1, 99),
    "window 5 %": lambda a: window(a, 5, 95),
    "window 15 %": lambda a: window(a, 15, 85),
    "gamma 0.5": lambda a: gamma(a, 0.5),
    "gamma 2": lambda a: gamma(a, 2),
    "inverted": lambda a: 255 - window(a, 0, 100),
    "JPEG 50": lambda a: jpeg(window(a, 0, 100)),
    "window 5 %, half size, JPEG 50": lambda a: jpeg(
        np.ascontiguousarray(window(a, 5, 95)[::2, ::2])
    ),
}


def main() -> None:
    """Print the three tables."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    images = dict(_images())
    thumbnails = {name: describe(image) for name, image in images.items()}
    print(
        "| copy | judged as another picture or edited | lowest correlation |\n| --- | --- | --- |"
    )
    for kind, copy in COPIES.items():
        results = {
            name: resemble(thumbnails[name], describe(copy(image).astype(np.int32)))
            for name, image in images.items()
        }
        wrong = [name for name, alike in results.items() if not alike.same_image or alike.cells]
        lowest = min(alike.correlation for alike in results.values())
        print(f"| {kind} | {len(wrong)} of {len(images)} {' '.join(wrong)} | {lowest:.2f} |")
    pairs = [
        resemble(thumbnails[a], thumbnails[b]) for a in thumbnails for b in thumbnails if a < b
    ]
    passed = sum(alike.same_image and not alike.cells for alike in pairs)
    highest = max(alike.correlation for alike in pairs)
    print(f"\ndifferent images: {passed} of {len(pairs)} pass, highest correlation {highest:.2f}\n")
    print("| side of the replaced region | found |\n| --- | --- |")
    for size in SIZES:
        found = sum(_edit_is_found(images, name, size) for name in images)
        print(f"| {size:.3f} of the image | {found} of {len(images)} |")


def _images() -> list[tuple[str, np.ndarray]]:
    found = []
    for path in sorted((CORPUS / "data" / "radiographs_dicom").iterdir()):
        instance = read_instance(path)
        geometry = pixel_geometry(instance)
        assert geometry is not None
        (frame,) = frames(instance, geometry)
        found.append((path.name, read_plane(frame, geometry.colour)))
    for path in sorted((CORPUS / "data" / "radiographs_png").iterdir()):
        image = np.asarray(Image.open(path))
        found.append((path.name, image if image.ndim == 2 else image[..., 0]))
    return found


def _edit_is_found(images: dict[str, np.ndarray], name: str, size: float) -> bool:
    names = list(images)
    other = images[names[(names.index(name) + 7) % len(names)]]
    edited = window(images[name], 1, 99).astype(np.int32)
    height, width = int(edited.shape[0] * size), int(edited.shape[1] * size)
    top, left = int(edited.shape[0] * 0.45), int(edited.shape[1] * 0.40)
    patch = Image.fromarray(window(other, 1, 99)).resize((width, height))
    edited[top : top + height, left : left + width] = np.asarray(patch)
    alike = resemble(describe(images[name]), describe(edited))
    return not alike.same_image or bool(alike.cells)


if __name__ == "__main__":
    main()
