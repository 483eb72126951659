"""Attacks by what is drawn over a picture, put around it, or painted into it."""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from benchmarks.watermark.picture import Attack, Pixels, depth_of, resized, view

Mask = npt.NDArray[np.bool_]


def annotate(image: Pixels, bits: int) -> Pixels:
    """Write what viewers write in the corners and over a finding; text 2 % of the longer side."""
    canvas, draw, unit = _open(image)
    rows, columns = image.shape
    font = ImageFont.load_default(2 * unit)
    left = "PATIENT NAME\n1970-01-01  F\nID 000000\nCHEST PA"
    draw.multiline_text((unit, unit), left, fill=255, font=font)
    draw.multiline_text((unit, rows - 10 * unit), "W 2048 L 1024\nZoom 61 %\n85 kV", 255, font)
    draw.text((columns - 8 * unit, unit), "R", fill=255, font=ImageFont.load_default(6 * unit))
    place = columns * 0.45, rows * 0.4
    draw.rectangle((*place, place[0] + 16 * unit, place[1] + 12 * unit), outline=255, width=2)
    draw.text((place[0], place[1] - 3 * unit), "nodule 14 mm?", fill=255, font=font)
    return np.asarray(canvas)


def arrows(image: Pixels, bits: int) -> Pixels:
    """Draw three arrows, each a sixth of the picture long, white with a black edge."""
    canvas, draw, unit = _open(image)
    rows, columns = image.shape
    reach = min(rows, columns) / 6
    for x, y, angle in ((0.3, 0.35, 0.5), (0.65, 0.5, 2.4), (0.5, 0.75, -1.2)):
        tip = np.array([columns * x, rows * y])
        along = np.array([np.cos(angle), np.sin(angle)])
        side = np.array([-along[1], along[0]])
        for colour, wide in ((0, unit), (255, max(unit // 2, 1))):
            draw.line([tuple(tip - along * reach), tuple(tip)], fill=colour, width=wide)
            head = [tip + along * wide]
            head += [tip + s * side * 2 * wide - along * 4 * wide for s in (1, -1)]
            draw.polygon([tuple(point) for point in head], fill=colour)
    return np.asarray(canvas)


def ruler(image: Pixels, bits: int) -> Pixels:
    """Draw a ruler with ticks and numbers along the right and the lower side."""
    canvas, draw, unit = _open(image)
    rows, columns = image.shape
    font = ImageFont.load_default(max(3 * unit // 2, 8))
    step = 2 * unit
    for length, upright in ((rows, True), (columns, False)):
        for number in range(1, length // step):
            tick = (1, 1, 1, 1, 2)[number % 5 - 1] * unit
            at = number * step
            end = (columns - tick, at) if upright else (at, rows - tick)
            edge = (columns, at) if upright else (at, rows)
            draw.line([end, edge], fill=255, width=max(unit // 6, 1))
            if number % 10 == 0:
                text = (columns - 5 * unit, at) if upright else (at, rows - 4 * unit)
                draw.text(text, str(number // 5), fill=255, font=font)
    return np.asarray(canvas)


def _open(image: Pixels) -> tuple[Image.Image, ImageDraw.ImageDraw, int]:
    """Return the view to draw on, its pen, and 1 % of its longer side."""
    canvas = Image.fromarray(view(image))
    return canvas, ImageDraw.Draw(canvas), max(round(max(image.shape) / 100), 4)


def border(share: float) -> Attack:
    """Put black borders around the view, each this share of the side it lies on."""

    def attack(image: Pixels, bits: int) -> Pixels:
        high, wide = (round(length * share) for length in image.shape)
        return np.pad(view(image), ((high, high), (wide, wide)))

    return attack


def bars(aspect: float) -> Attack:
    """Put black bars at the left and the right of the view until it is this wide over high."""

    def attack(image: Pixels, bits: int) -> Pixels:
        rows, columns = image.shape
        missing = max(round(rows * aspect) - columns, 0)
        return np.pad(view(image), ((0, 0), (missing // 2, missing - missing // 2)))

    return attack


def slide(image: Pixels, bits: int) -> Pixels:
    """Paste the view on a white slide of 1920 x 1080: at most 900 x 800, with text beside it."""
    canvas = Image.new("L", (1920, 1080), 255)
    draw = ImageDraw.Draw(canvas)
    picture = view(image)
    factor = min(900 / picture.shape[1], 800 / picture.shape[0])
    rows, columns = (max(round(length * factor), 1) for length in picture.shape)
    canvas.paste(Image.fromarray(resized(picture, rows, columns)), (107, 203))
    draw.text((107, 70), "Case 12: an incidental finding", fill=20, font=_font(64))
    lines = "72 years, cough for three weeks", "No fever, no weight loss", "Next step?"
    for number, line in enumerate(lines):
        draw.text((1080, 320 + 110 * number), f"- {line}", fill=40, font=_font(44))
    draw.text((1650, 1020), "Radiology round", fill=120, font=_font(26))
    return np.asarray(canvas)


def _font(size: int) -> Any:
    return ImageFont.load_default(size)


def inpainted(share: float, seed: int) -> Attack:
    """Paint over this share of the view; ``inpaint`` says how, and gives the mask as well."""

    def attack(image: Pixels, bits: int) -> Pixels:
        return inpaint(view(image), 8, share, seed)[0]

    return attack


def inpaint(image: Pixels, bits: int, share: float, seed: int) -> tuple[Pixels, Mask]:
    """Remove what lies in some ellipses: smooth filling from their edges, grain as around.

    Parameters
    ----------
    image : integer, shape (rows, columns)
        Any depth.
    bits : int
        Bits stored.
    share : float
        Share of the picture's area that is painted over, up to 0.3: one ellipse for each 0.07.
    seed : int
        Draws shapes and places; the ones with most live pixels of 30 tries are taken.

    Returns
    -------
    attacked : same shape and dtype
        The painted picture; equal to ``image`` outside the mask.
    mask : bool, same shape
        What was painted over.
    """
    generator = np.random.default_rng(seed)
    mask = _ellipses(image, share, generator)
    values = image.astype(np.float32)
    smooth = _filled(values, ~mask)
    grain = values - _blurred(values, 1.5)
    around = _blurred(mask.astype(np.float32), max(image.shape) / 100) > 0.02
    ring = grain[around & ~mask]
    strength = float(np.median(np.abs(ring))) / 0.6745 if ring.size else 0.0
    hum = _blurred(generator.standard_normal(image.shape, np.float32), 0.6)
    hum *= np.float32(strength / max(float(hum.std()), 1e-9))
    low = -(1 << bits - 1) if image.dtype.kind == "i" else 0
    high = low + (1 << depth_of(image, bits)) - 1
    painted = np.clip(np.rint(smooth + hum), low, high).astype(image.dtype)
    return np.where(mask, painted, image), mask


def _ellipses(image: Pixels, share: float, generator: np.random.Generator) -> Mask:
    rows, columns = image.shape
    count = max(round(share / 0.07), 1)
    alive = (image > image.min()) & (image < image.max())
    y, x = np.arange(rows)[:, None], np.arange(columns)[None]
    mask = np.zeros(image.shape, np.bool_)
    step = max(max(image.shape) // 256, 1)
    for _ in range(count):
        best, most = mask, -1
        area = share * image.size / count / np.pi
        for _ in range(30):
            tall = float(np.sqrt(area * generator.uniform(0.6, 1.6)))
            wide = area / tall
            tall, wide = min(tall, rows * 0.45), min(wide, columns * 0.45)
            down = generator.uniform(tall, rows - tall)
            across = generator.uniform(wide, columns - wide)
            shape = ((y[::step] - down) / tall) ** 2 + ((x[:, ::step] - across) / wide) ** 2 <= 1
            fresh = int((shape & alive[::step, ::step] & ~mask[::step, ::step]).sum())
            if fresh > most:
                most = fresh
                best = ((y - down) / tall) ** 2 + ((x - across) / wide) ** 2 <= 1
        mask = mask | best
    return mask


def _filled(values: npt.NDArray[np.float32], known: Mask) -> npt.NDArray[np.float32]:
    """Fill what is unknown from coarser and coarser means of what is known (pull and push)."""
    if known.all() or min(values.shape) < 2:
        return np.where(known, values, values[known].mean() if known.any() else 0)
    rows, columns = values.shape
    odd = (0, rows % 2), (0, columns % 2)
    weights = np.pad(known.astype(np.float32), odd)
    total = np.pad(np.where(known, values, 0), odd)
    count = _quads(weights)
    coarse = _quads(total) / np.maximum(count, 1)
    pushed = _filled(coarse.astype(np.float32), count > 0)
    large = Image.fromarray(pushed).resize(
        (pushed.shape[1] * 2, pushed.shape[0] * 2), Image.Resampling.BILINEAR
    )
    return np.where(known, values, np.asarray(large)[:rows, :columns])


def _quads(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return values[::2, ::2] + values[1::2, ::2] + values[::2, 1::2] + values[1::2, 1::2]


def _blurred(values: npt.NDArray[np.float32], sigma: float) -> npt.NDArray[np.float32]:
    """Return a blur by three box filters of about this sigma in all; the ends are repeated."""
    radius = max(round((np.sqrt(4 * sigma * sigma + 1) - 1) / 2), 1)
    output = values
    for axis in (0, 1) * 3:
        pad = [(0, 0), (0, 0)]
        pad[axis] = (radius + 1, radius)
        sums = np.cumsum(np.pad(output, pad, "edge"), axis=axis, dtype=np.float64)
        size = 2 * radius + 1
        high = np.take(sums, range(size, sums.shape[axis]), axis=axis)
        low = np.take(sums, range(sums.shape[axis] - size), axis=axis)
        output = ((high - low) / size).astype(np.float32)
    return output
