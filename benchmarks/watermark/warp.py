"""Attacks on geometry: crops, turns, flips, shear, perspective.

A homography here maps points of the new picture to points of the old one; x along the columns, y
along the rows, the origin at the outer corner of the first pixel. Where there was no picture the
ground is black.
"""

from math import ceil, cos, radians, sin, sqrt

import numpy as np
import numpy.typing as npt

from benchmarks.watermark.picture import Attack, Floats, Pixels, fitted, rounded, scaled, view

Matrix = npt.NDArray[np.float64]

STRIP = 32


def times(factor: float) -> Attack:
    """Scale the view by a factor."""

    def attack(image: Pixels, bits: int) -> Pixels:
        return scaled(view(image), factor)

    return attack


def longer_side(pixels: int) -> Attack:
    """Scale the view so that its longer side has this many pixels, up or down."""

    def attack(image: Pixels, bits: int) -> Pixels:
        return fitted(view(image), pixels)

    return attack


def crop(share: float, *, down: float = 0.5, across: float = 0.5) -> Attack:
    """Keep this share of the area, the same aspect; 0.5 is the middle, 0 and 1 are the ends.

    Keeps depth.
    """

    def attack(image: Pixels, bits: int) -> Pixels:
        side = sqrt(share)
        rows, columns = (max(round(length * side), 1) for length in image.shape)
        top = round((image.shape[0] - rows) * down)
        left = round((image.shape[1] - columns) * across)
        return np.ascontiguousarray(image[top : top + rows, left : left + columns])

    return attack


def trim(left: float) -> Attack:
    """Cut this share of the width off the left side. Keeps depth."""

    def attack(image: Pixels, bits: int) -> Pixels:
        return np.ascontiguousarray(image[:, round(image.shape[1] * left) :])

    return attack


def quarter_turns(count: int) -> Attack:
    """Turn by a multiple of 90 degrees, counter-clockwise. Keeps depth."""

    def attack(image: Pixels, bits: int) -> Pixels:
        return np.ascontiguousarray(np.rot90(image, count))

    return attack


def mirror(image: Pixels, bits: int) -> Pixels:
    """Swap left and right. Keeps depth."""
    return np.ascontiguousarray(image[:, ::-1])


def upside_down(image: Pixels, bits: int) -> Pixels:
    """Swap top and bottom. Keeps depth."""
    return np.ascontiguousarray(image[::-1])


def rotate(degrees: float) -> Attack:
    """Turn the view counter-clockwise; the canvas grows to hold all of it."""
    turn = radians(degrees)
    return _linear(np.array([[cos(turn), sin(turn)], [-sin(turn), cos(turn)]]))


def shear(slant: float, aspect: float) -> Attack:
    """Shear the view along its rows and stretch its width; the canvas grows to hold all of it."""
    return _linear(np.array([[aspect, slant], [0.0, 1.0]]))


def _linear(forward: Matrix) -> Attack:
    def attack(image: Pixels, bits: int) -> Pixels:
        rows, columns = image.shape
        corners = np.array([[0, 0], [columns, 0], [0, rows], [columns, rows]]) @ forward.T
        least, most = corners.min(axis=0), corners.max(axis=0)
        width, height = (max(ceil(x - 1e-6), 1) for x in most - least)
        matrix = np.eye(3)
        matrix[:2, :2] = forward
        matrix[:2, 2] = (np.array([width, height]) - most - least) / 2
        return warped(view(image), np.linalg.inv(matrix).astype(np.float64), height, width)

    return attack


def perspective(reach: float, seed: int) -> Attack:
    """Move every corner of the view by up to this share of either side; the canvas stays."""

    def attack(image: Pixels, bits: int) -> Pixels:
        rows, columns = image.shape
        shifts = np.random.default_rng(seed).uniform(-reach, reach, (4, 2))
        old = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float64)
        new = old + shifts * (columns, rows)
        return warped(view(image), homography(new, old), rows, columns)

    return attack


def homography(source: Matrix, target: Matrix) -> Matrix:
    """Return the 3 x 3 matrix that takes four points (4, 2) to four others."""
    lines = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        lines.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        lines.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    solved = np.linalg.solve(np.array(lines), target.ravel())
    return np.append(solved, 1.0).reshape(3, 3)


def warped(picture: Pixels, matrix: Matrix, rows: int, columns: int) -> Pixels:
    """Return a uint8 picture under a homography that does not shrink it much."""
    output = np.empty((rows, columns), np.uint8)
    source = padded(picture)
    x = np.arange(columns) + 0.5
    for top in range(0, rows, STRIP):
        y = np.arange(top, min(top + STRIP, rows))[:, None] + 0.5
        depth = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2]
        across = (matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]) / depth
        down = (matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]) / depth
        output[top : top + STRIP] = rounded(sample(source, across, down))
    return output


MARGIN = 3


def padded(picture: Pixels) -> Floats:
    """Return the picture with the black ground around it that ``sample`` needs."""
    return np.pad(picture.astype(np.float32), MARGIN)


def sample(source: Floats, across: Matrix, down: Matrix) -> Floats:
    """Read a padded picture at points: bicubic (Keys 1981, a = -1/2), black outside."""
    rows, columns = source.shape
    x = np.clip(across + (MARGIN - 0.5), 1, columns - 3).astype(np.float32)
    y = np.clip(down + (MARGIN - 0.5), 1, rows - 3).astype(np.float32)
    left, top = x.astype(np.int32), y.astype(np.int32)
    over, under = _weights(x - left), _weights(y - top)
    first = (top - 1) * np.int32(columns) + (left - 1)
    flat = source.ravel()
    total = np.zeros(first.shape, np.float32)
    for i in range(4):
        line = np.zeros_like(total)
        for j in range(4):
            line += over[j] * flat[first + np.int32(i * columns + j)]
        total += under[i] * line
    return total


def _weights(t: Pixels) -> tuple[Pixels, Pixels, Pixels, Pixels]:
    square = t * t
    cube = square * t
    return (
        (-cube + 2 * square - t) / 2,
        (3 * cube - 5 * square + 2) / 2,
        (-3 * cube + 4 * square + t) / 2,
        (cube - square) / 2,
    )
