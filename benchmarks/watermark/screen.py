"""Attacks through a screen: a screenshot, and photographs of a monitor."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from benchmarks.watermark.coding import jpeg_coded
from benchmarks.watermark.picture import Attack, Floats, Pixels, fitted, rounded, scaled, view
from benchmarks.watermark.warp import STRIP, Matrix, crop, homography, padded, sample

DISPLAY = 2.2
"""Exponent from grey levels to light of the monitor."""


def screenshot(image: Pixels, bits: int) -> Pixels:
    """Window to eight bits, show at 0.6 of the size, JPEG 75, keep the middle 80 %."""
    return crop(0.8)(jpeg_coded(scaled(view(image), 0.6), 75), 8)


def inverted_screenshot(image: Pixels, bits: int) -> Pixels:
    """Take the screenshot of a viewer that shows the inverted picture, with gamma 1.5."""
    return screenshot(rounded(255 * ((255 - view(image)) / 255) ** 1.5), 8)


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera before a monitor.

    Attributes
    ----------
    monitor : int
        Longer side of the picture as it is shown, in monitor pixels.
    sensor : int
        Longer side of the photograph, in camera pixels.
    sent : int
        Longer side of the picture that is sent on.
    fill : float
        Longer side of the shown picture over that of the photograph.
    keystone : float
        Each corner is off by up to this share of the sides.
    tilt : float
        The camera is turned by up to this many degrees.
    distortion : float
        Radial distortion at the corner of the photograph, a share of the radius; less than 0 is
        a barrel.
    vignette : float
        Share of the light lost at the corner.
    gamma : float
        Exponent of the camera's tone curve against the monitor's light; 1 / 2.2 would undo it.
    glare : float
        Light that the glass reflects, a share of white.
    shot, read : float
        Noise of the sensor: sigma at white that grows with the root of light, and in the dark.
    grid : float
        Share of light that the gaps between monitor pixels take away: what the moire is made of.
    """

    monitor: int
    sensor: int
    sent: int
    fill: float
    keystone: float
    tilt: float
    distortion: float
    vignette: float
    gamma: float
    glare: float
    shot: float
    read: float
    grid: float


PHONE = Camera(1500, 2000, 1600, 0.90, 0.02, 1.5, -0.012, 0.25, 0.42, 0.01, 0.015, 0.004, 0.3)
"""A new phone, held well, before an office monitor; sent by a chat program."""
TABLET = Camera(1400, 1600, 1280, 0.88, 0.03, 2.5, 0.008, 0.2, 0.48, 0.02, 0.02, 0.006, 0.3)
"""A tablet at an angle, some light in the room; wide moire, as both grids are nearly equal."""
OLD_PHONE = Camera(2000, 1600, 1280, 0.94, 0.02, 3.0, -0.02, 0.4, 0.5, 0.03, 0.03, 0.01, 0.4)
"""An old phone before a diagnostic monitor whose pixels are finer than the phone's."""

APERTURE = 0.6
"""Side of what a camera pixel gathers light from, over the pitch of the camera's pixels."""


def photograph(camera: Camera, seed: int) -> Attack:
    """Photograph the view on a monitor; JPEG 70 at the end.

    The picture is scaled to the monitor and stands on black. Light is the grey level to the
    power 2.2, through a grid of pixel gaps that the camera samples (so it shows moire), a
    keystone, a lens, a vignette, glare and a sensor with noise. The camera sharpens, applies its
    tone curve and shrinks.
    """

    pitch = camera.monitor / (camera.sensor * camera.fill)

    def attack(image: Pixels, bits: int) -> Pixels:
        generator = np.random.default_rng(seed)
        shown = fitted(view(image), camera.monitor).astype(np.float32)
        light: Floats = (shown / np.float32(255)) ** np.float32(DISPLAY)
        if pitch > 1:
            light = _shrunk(light, pitch)
        rows, columns = light.shape
        zoom = camera.sensor / max(light.shape)
        width, height = round(columns * zoom), round(rows * zoom)
        corners = _aim(camera, generator, width, height)
        old = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float64)
        seen = _expose(camera, light, homography(corners, old), height, width, generator)
        tone = rounded(255 * np.clip(seen, 0, 1) ** np.float32(camera.gamma))
        sharp = Image.fromarray(tone).filter(ImageFilter.UnsharpMask(1, 60, 2))
        return jpeg_coded(fitted(np.asarray(sharp), camera.sent), 70)

    return attack


def _shrunk(light: Floats, factor: float) -> Floats:
    size = tuple(round(length / factor) for length in light.shape[::-1])
    small = Image.fromarray(light).resize((size[0], size[1]), Image.Resampling.LANCZOS)
    return np.maximum(np.asarray(small, np.float32), np.float32(0))


def _aim(camera: Camera, generator: np.random.Generator, width: int, height: int) -> Matrix:
    """Return where the corners of the shown picture fall on the photograph, (4, 2)."""
    middle = np.array([width, height]) / 2
    box = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * middle * camera.fill
    box += generator.uniform(-camera.keystone, camera.keystone, (4, 2)) * (width, height)
    turn = np.radians(generator.uniform(-camera.tilt, camera.tilt))
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    off = generator.uniform(-0.02, 0.02, 2) * (width, height)
    corners: Matrix = middle + off + box @ rotation
    return corners


def _expose(
    camera: Camera,
    light: Floats,
    matrix: Matrix,
    rows: int,
    columns: int,
    generator: np.random.Generator,
) -> Floats:
    """Return the light on the sensor, 0 to 1, with noise; ``matrix`` goes from it to ``light``."""
    source = padded(light)
    output = np.empty((rows, columns), np.float32)
    x = (np.arange(columns) + 0.5) - columns / 2
    corner = (rows * rows + columns * columns) / 4
    pixels = camera.monitor / max(light.shape)
    pitch = camera.monitor / (camera.sensor * camera.fill)
    gap = camera.grid / 2 * np.sinc(APERTURE * pitch)
    for top in range(0, rows, STRIP):
        y = (np.arange(top, min(top + STRIP, rows))[:, None] + 0.5) - rows / 2
        far = (x * x + y * y) / corner
        bent = 1 + camera.distortion * far
        u, v = x * bent + columns / 2, y * bent + rows / 2
        depth = matrix[2, 0] * u + matrix[2, 1] * v + matrix[2, 2]
        across = (matrix[0, 0] * u + matrix[0, 1] * v + matrix[0, 2]) / depth
        down = (matrix[1, 0] * u + matrix[1, 1] * v + matrix[1, 2]) / depth
        seen = sample(source, across, down)
        for place in (across, down):
            wave = np.cos((2 * np.pi * pixels * place).astype(np.float32))
            seen *= np.float32(1 - camera.grid / 2) - np.float32(gap) * wave
        seen *= (1 - camera.vignette * far).astype(np.float32)
        seen += np.float32(camera.glare)
        grain = generator.standard_normal(seen.shape, np.float32)
        seen += grain * np.sqrt(camera.read**2 + camera.shot**2 * np.maximum(seen, 0))
        output[top : top + STRIP] = seen
    return output
