"""What is done to marked pictures: a table of named, seeded attacks.

An attack takes a picture of integers and its bits stored, and returns a picture. It is the same
for the same input everywhere but for what versions of Pillow and the codecs change: what it draws
comes from a seed that its name fixes. Attacks marked "Keeps depth" where they are defined return
the dtype they got; all others show the picture in eight bits first (``picture.view``) and return
uint8. Lengths are relative to the picture, but for filters and sizes in pixels.
"""

import zlib

from benchmarks.watermark.coding import jpeg, jpeg2000, webp
from benchmarks.watermark.filters import blur, median, noise, renoise, sharpen
from benchmarks.watermark.grey import (
    clahe,
    clipped,
    eight_bit,
    equalise,
    gamma,
    identity,
    invert,
    sigmoid,
)
from benchmarks.watermark.overlay import (
    annotate,
    arrows,
    bars,
    border,
    inpaint,
    inpainted,
    ruler,
    slide,
)
from benchmarks.watermark.picture import Attack, Pixels
from benchmarks.watermark.screen import (
    OLD_PHONE,
    PHONE,
    TABLET,
    inverted_screenshot,
    photograph,
    screenshot,
)
from benchmarks.watermark.warp import (
    crop,
    longer_side,
    mirror,
    perspective,
    quarter_turns,
    rotate,
    shear,
    times,
    trim,
    upside_down,
)

__all__ = ["ATTACKS", "Attack", "inpaint", "seed_of"]


def seed_of(name: str) -> int:
    """Return the seed of an attack: CRC-32 of its name."""
    return zlib.crc32(name.encode())


def chain(*steps: Attack) -> Attack:
    """Do one attack after the other; only the first may see more than eight bits."""

    def attack(image: Pixels, bits: int) -> Pixels:
        for step in steps:
            image = step(image, bits)
            bits = min(bits, 8 * image.dtype.itemsize)
        return image

    return attack


_SIZES: dict[str, Attack] = {
    "50 %": times(0.5),
    "25 %": times(0.25),
    "1024 px": longer_side(1024),
    "512 px": longer_side(512),
    "256 px": longer_side(256),
}

ATTACKS: dict[str, Attack] = {
    "identity": identity,
    "8 bit": eight_bit,
    "window 1 %": clipped(1),
    "window 5 %": clipped(5),
    "gamma 0.5": gamma(0.5),
    "gamma 2": gamma(2),
    "sigmoid": sigmoid,
    "inversion": invert,
    "CLAHE": clahe,
    "equalised": equalise,
    **{f"JPEG {quality}": jpeg(quality) for quality in (75, 50, 30, 20, 10)},
    **{f"J2K {ratio}:1": jpeg2000(ratio) for ratio in (10, 20, 40, 80)},
    **{f"WebP {quality}": webp(quality) for quality in (80, 50)},
    **{f"noise {x} %": noise(x / 100, seed_of(f"noise {x} %")) for x in (1, 2, 4)},
    **{f"blur {sigma}": blur(sigma) for sigma in (1, 2, 4)},
    "median 3": median(3),
    "median 7": median(7),
    "sharpen": sharpen,
    **_SIZES,
    **{f"{name} + JPEG 75": chain(attack, jpeg(75)) for name, attack in _SIZES.items()},
    "upscale 1.5": times(1.5),
    **{f"crop {share} %": crop(share / 100) for share in (90, 70, 50, 25, 10)},
    "10 % off the left": trim(0.1),
    "crop 70 % top left": crop(0.7, down=0, across=0),
    "crop 50 % bottom right": crop(0.5, down=1, across=1),
    "crop 50 % off centre": crop(0.5, down=0.31, across=0.77),
    "crop 25 % top right": crop(0.25, down=0, across=1),
    "crop 25 % off centre": crop(0.25, down=0.63, across=0.28),
    **{f"rotation {degrees}": rotate(degrees) for degrees in (0.5, 3, 7, 15, 33)},
    **{f"rotation {90 * count}": quarter_turns(count) for count in (1, 2, 3)},
    "mirrored": mirror,
    "upside down": upside_down,
    **{f"perspective {x} %": perspective(x / 100, seed_of(f"perspective {x} %")) for x in (1, 3)},
    "shear 5 %, aspect 0.9": shear(0.05, 0.9),
    "screenshot": screenshot,
    "rotation 5 + crop 50 % + JPEG 50": chain(rotate(5), crop(0.5), jpeg(50)),
    "crop 25 % + JPEG 50": chain(crop(0.25), jpeg(50)),
    "screenshot, inverted, gamma 1.5": inverted_screenshot,
    **{
        f"photo {model} {take}": photograph(camera, seed_of(f"photo {model} {take}"))
        for model, camera in (("phone", PHONE), ("tablet", TABLET), ("old phone", OLD_PHONE))
        for take in (1, 2)
    },
    "annotations": annotate,
    "arrows": arrows,
    "black borders 10 %": border(0.1),
    "black bars 16:9": bars(16 / 9),
    "ruler": ruler,
    "inpainted 5 %": inpainted(0.05, seed_of("inpainted 5 %")),
    "inpainted 20 %": inpainted(0.2, seed_of("inpainted 20 %")),
    "denoised and renoised": renoise(seed_of("denoised and renoised")),
    "slide": slide,
}
"""In this order they are printed; each is documented where it is made."""
