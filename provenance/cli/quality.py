"""`radseal watermark quality`: what the mark costs an image."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.options import common
from provenance.cli.output import document, facts, path_text, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain

if TYPE_CHECKING:
    import watermark
    from provenance.image_tree import Samples

SEED = 1  # of the observer: the same files give the same figures
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(short_help="Say what the mark costs an image.")
@click.argument("original", type=_FILE)
@click.argument("marked", type=_FILE)
@common
@click.pass_obj
def quality(session: Session, original: Path, marked: Path) -> int:
    """Compare the image ORIGINAL with MARKED, the same image with a mark.

    Both are DICOM objects of one frame, or PNG, JPEG or TIFF pictures, of the same size and depth.
    radseal restore makes the original of a sealed object.

    \b
    Examples
      radseal restore sealed/chest.dcm -o original.dcm --site /srv/radseal
      radseal watermark quality original.dcm sealed/chest.dcm
    """
    import watermark
    from provenance.errors import UsageError

    before, bits = _plane(original)
    after, other_bits = _plane(marked)
    if before.shape != after.shape or bits != other_bits:
        raise UsageError(
            f"the images differ in size or depth: {_size(before, bits)} "
            f"and {_size(after, other_bits)}"
        )
    try:
        found = watermark.measure(before, after, bits_stored=bits, margin=0)
        observation = watermark.observe(before, after, seed=SEED)
    except watermark.CapacityError as error:
        raise UsageError(str(error)) from error
    if session.as_json:
        fields = {"original": path_text(original), "marked": path_text(marked)}
        print_json(
            document(
                "watermark-quality",
                {**fields, "bits_stored": bits, **_answer(found, observation)},
                exit_code=0,
            )
        )
        return 0
    say(f"quality  {plain(marked)}  against {plain(original)}")
    facts(_lines(found, observation))
    say("  does not mean: that people have read these images; the observer is a model")
    return 0


def _plane(path: Path) -> "tuple[Samples, int]":
    """Return the plane that carries the mark, and the bits of its grey levels."""
    from provenance.dicom.pixels import frames, pixel_geometry
    from provenance.dicom.read import read_instance
    from provenance.errors import UsageError
    from provenance.marks.marking import cannot_carry, read_plane
    from provenance.pictures.picture_file import is_picture, read_picture

    with path.open("rb") as file:
        head = file.read(132)
    if is_picture(head) and head[128:132] != b"DICM":
        picture = read_picture(path)
        return read_plane(picture, "rgb"), 8 * picture.dtype.itemsize
    instance = read_instance(path)
    geometry = pixel_geometry(instance)
    impossible = cannot_carry(geometry)
    if geometry is None or impossible is not None:
        raise UsageError(f"{path}: {impossible.reason if impossible else 'no pixels'}")
    (frame,) = frames(instance, geometry)
    return read_plane(frame, geometry.colour), geometry.bits_stored


def _size(plane: "Samples", bits: int) -> str:
    rows, columns = plane.shape
    return f"{columns}x{rows} of {bits} bits"


def _answer(found: "watermark.Quality", observation: "watermark.Observation") -> dict[str, object]:
    return {
        "psnr_db": found.psnr_db if math.isfinite(found.psnr_db) else None,
        "ssim": found.ssim,
        "max_change": found.max_change,
        "mark_to_noise_median": found.mark_to_noise_median,
        "mark_to_noise_p99": found.mark_to_noise_p99,
        "observer": [
            {
                "diameter": detection.diameter,
                "contrast": detection.contrast,
                "patches": detection.patches,
                "area_unmarked": detection.area,
                "fixed": asdict(detection.fixed),
                "adapted": asdict(detection.adapted),
            }
            for detection in observation.detections
        ],
    }


def _lines(
    found: "watermark.Quality", observation: "watermark.Observation"
) -> list[tuple[str, object]]:
    same = math.isinf(found.psnr_db)
    lines: list[tuple[str, object]] = [
        ("PSNR", "infinite: nothing changed" if same else f"{found.psnr_db:.1f} dB"),
        ("SSIM", f"{found.ssim:.4f}"),
        ("largest change", f"{found.max_change} grey levels"),
        (
            "mark to noise",
            f"median {found.mark_to_noise_median:.2f}, "
            f"99th percentile {found.mark_to_noise_p99:.2f}",
        ),
    ]
    for detection in observation.detections:
        change = detection.adapted
        lines.append(
            (
                f"lesion of {detection.diameter}/1024",
                f"ROC area {detection.area:.3f} without, {change.area:.3f} with the mark; "
                f"difference {change.difference:+.3f} ({change.low:+.3f} to {change.high:+.3f}), "
                f"{detection.patches} places",
            )
        )
    if not observation.detections:
        lines.append(("observer", "too little of the image is live for it"))
    return lines
