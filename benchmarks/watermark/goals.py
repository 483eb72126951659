"""What the mark has to show, by class of attack (docs/watermark-benchmark.md)."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.watermark.attacks import ATTACKS
from benchmarks.watermark.images import SMALL, SMALLEST

GREY = (
    "identity",
    "8 bit",
    "window 1 %",
    "window 5 %",
    "gamma 0.5",
    "gamma 2",
    "sigmoid",
    "inversion",
    "CLAHE",
    "equalised",
)
TURNS = tuple(name for name in ATTACKS if name.startswith("rotation ") and "+" not in name)
PHOTOS = tuple(name for name in ATTACKS if name.startswith("photo "))


@dataclass(frozen=True, slots=True)
class Goal:
    """A share of exact payloads over some attacks, for images of a range of sizes in pixels."""

    name: str
    share: float
    attacks: tuple[str, ...]
    least: int
    below: int | None = None

    def holds_for(self, pixels: int) -> bool:
        """Whether an image of this size counts."""
        return pixels >= self.least and (self.below is None or pixels < self.below)


GOALS: Sequence[Goal] = (
    Goal(
        "every day",
        0.99,
        (
            *GREY,
            *("JPEG 75", "JPEG 50", "JPEG 30", "JPEG 20", "J2K 10:1", "J2K 20:1", "J2K 40:1"),
            *("WebP 80", "WebP 50", "noise 1 %", "noise 2 %", "noise 4 %", "blur 1", "blur 2"),
            *("median 3", "50 %", "25 %", "1024 px", "512 px", "upscale 1.5"),
            *("crop 90 %", "crop 70 %", "crop 50 %", "10 % off the left", "crop 70 % top left"),
            *("crop 50 % bottom right", "crop 50 % off centre", *TURNS, "mirrored"),
            *("upside down", "annotations", "arrows", "black borders 10 %", "black bars 16:9"),
            *("ruler", "inpainted 5 %", "inpainted 20 %"),
        ),
        SMALLEST,
    ),
    Goal(
        "hard",
        0.95,
        (
            *("crop 25 %", "crop 25 % top right", "crop 25 % off centre", "screenshot"),
            *("screenshot, inverted, gamma 1.5", "rotation 5 + crop 50 % + JPEG 50"),
            *("perspective 1 %", "perspective 3 %", "512 px + JPEG 75", "denoised and renoised"),
        ),
        SMALLEST,
    ),
    Goal(
        "hardest",
        0.80,
        ("JPEG 10", *PHOTOS, "crop 25 % + JPEG 50", "slide", "256 px"),
        SMALLEST,
    ),
    Goal(
        "small images",
        0.90,
        (*GREY, "JPEG 75", "JPEG 50", "noise 1 %", "noise 2 %", "crop 50 %", *TURNS),
        SMALL,
        SMALLEST,
    ),
)
"""Milder attacks than a class names count to it (perspective 1 % to 3 %); all others have none."""
