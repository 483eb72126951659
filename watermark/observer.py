"""A reader that can be computed: does the mark make faint lesions harder to find?

The reader is a channelised Hotelling observer (Myers and Barrett 1987) with Laguerre-Gauss
channels (Gallas and Barrett 2003). It knows the lesion and the place, and says how sure it is
that the lesion is there; the area under its ROC curve is how well it does. Where a choice had to
be made, the one that shows more harm was taken:

- **No internal noise**, which real readers have and which would hide that of the mark.
- **Channels that come near the best linear observer** for round lesions, rather than those that
  imitate a person.
- **The canonical grid** (watermark.grid). Lesions of six points and more, and the mark, have
  nothing beyond its finest details, but the image's fine noise is averaged away there.
- **Equal conspicuity**: a lesion's contrast is a common multiple of the local level of detail
  at its scale, and readings are in units of that level. With one contrast everywhere, quiet
  places would be certain and busy ones hopeless, marked or not.
- **Contrast at which the unmarked area is 0.841**, a detectability d' of the square root of 2.
  There the area moves most for a given loss of d'.

Two readers see the marked image. The *fixed* one has learnt from the unmarked image alone. The
*adapted* one has learnt from the marked image, as people do who see nothing else; it is the one
to judge by, and its figure also holds what learning from noisier examples costs.

Nobody is examined on what they learnt from: squares of 64 x 64 grid points are coloured like a
chessboard, and readings on one colour come from a template learnt on the other. The interval of
a difference is a bootstrap over squares, whose patches belong together (Obuchowski 1997). Both
images are read at the same places with the same lesions, so differences are paired. The
template's own spread is not resampled; with 5 channels and 20 patches at the very least, mostly
hundreds, it is small: of 150 comparisons of two images that differ in nothing but the draw of
their noise, 140 intervals of the fixed and 139 of the adapted reader included zero.

To expect: noise of r times the image's own at the lesion's scale leaves ``1 / sqrt(1 + r^2)`` of
d', and takes about ``0.12 r^2`` from the area. No noise is so faint that this observer, given
patches enough, would not notice it: what counts is the size of the loss, and its bound.

References
----------
Myers, K. J., and Barrett, H. H. (1987). Addition of a channel mechanism to the ideal-observer
model. J. Opt. Soc. Am. A 4, 2447-2457.
Gallas, B. D., and Barrett, H. H. (2003). Validating the use of channels to estimate the ideal
linear observer. J. Opt. Soc. Am. A 20, 1725-1738.
Burgess, A. E., Jacobson, F. L., and Judy, P. F. (2001). Human observer detection experiments
with mammograms and power-law noise. Med. Phys. 28, 419-437.
Obuchowski, N. A. (1997). Nonparametric analysis of clustered ROC curve data. Biometrics 53,
567-578.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from watermark.canvas import to_canvas
from watermark.channels import channels, lesion, radius
from watermark.errors import ArgumentError
from watermark.grid import SIDE, Geometry

Image = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DIAMETERS: Final = (6, 12, 24)
"""Lesions, in grid points: 1/171, 1/85 and 1/43 of the longer side (2.5, 5, 10 mm of 43 cm)."""
AREA: Final = 0.8413
"""Area under the unmarked ROC curve: the normal distribution function at 1."""
MOST: Final = 500
"""Patches for a lesion at most."""
LEAST: Final = 20
"""Patches of a colour below which a lesion is left out."""
_LIVE: Final = 0.9  # of a patch
_SQUARE: Final = 64
_RESAMPLES: Final = 1000
_INTERVAL: Final = (2.5, 97.5)
_CHUNK: Final = 64


@dataclass(frozen=True, slots=True)
class Change:
    """How a reader does on the marked image.

    Attributes
    ----------
    area : float
        Area under the ROC curve.
    difference : float
        This area less that of the unmarked image; negative is harm.
    low, high : float
        95 % confidence interval of the difference.
    """

    area: float
    difference: float
    low: float
    high: float

    @property
    def unchanged(self) -> bool:
        """Whether the interval includes zero: no harm was shown, nor ruled out beyond it."""
        return self.low <= 0 <= self.high


@dataclass(frozen=True, slots=True)
class Detection:
    """What the mark does to the detection of one lesion.

    Attributes
    ----------
    diameter : int
        Of the lesion, in 1024ths of the longer side.
    contrast : float
        Of the lesion at its centre, in grey levels; median over the patches.
    patches : int
        Places where it was looked for.
    area : float
        Area under the ROC curve without the mark; set to ``AREA`` by the contrast.
    fixed : Change
        Of a reader who has learnt from the unmarked image.
    adapted : Change
        Of a reader who has learnt from the marked image.
    """

    diameter: int
    contrast: float
    patches: int
    area: float
    fixed: Change
    adapted: Change


@dataclass(frozen=True, slots=True)
class Observation:
    """What the observer found, by lesion.

    Attributes
    ----------
    detections : tuple of Detection
        By growing diameter. Lesions for which the image has too few live patches are left out.
    """

    detections: tuple[Detection, ...]


def observe(original: Image, marked: Image, *, seed: int) -> Observation:
    """Examine a reader on an image with and without its mark.

    Parameters
    ----------
    original, marked : integer, shape (rows, columns)
        Grey levels.
    seed : int
        Of the choice of patches and of the bootstrap. The same seed gives the same figures.

    Returns
    -------
    Observation
        Areas under the ROC curve and their differences.

    Raises
    ------
    ArgumentError
        The images are not planes of one size.
    CapacityError
        No mark fits into an image of this size.
    """
    if original.ndim != 2 or original.shape != marked.shape:
        raise ArgumentError(
            f"images to compare are planes of one size, not {original.shape} and {marked.shape}"
        )
    geometry = Geometry.of(original.shape)
    before, after = (to_canvas(image, geometry) for image in (original, marked))
    rounding = min(1.0, SIDE / geometry.longer) ** 2 / 12
    found = (
        _detect(before, after, diameter, rounding, np.random.default_rng((seed, diameter)))
        for diameter in DIAMETERS
    )
    return Observation(tuple(detection for detection in found if detection is not None))


def _detect(
    before: Floats, after: Floats, diameter: int, rounding: float, rng: np.random.Generator
) -> Detection | None:
    places = _places(before, diameter, rng)
    squares = places // _SQUARE
    colour = squares.sum(axis=1) % 2 == 0
    if min(np.count_nonzero(colour), np.count_nonzero(~colour)) < LEAST:
        return None
    level = _level(before, diameter, rounding)[tuple(places.T)]
    templates = channels(diameter)
    signal = templates @ lesion(diameter).ravel()
    plain = _respond(before, places, templates, diameter) / level[:, np.newaxis]
    changed = _respond(after, places, templates, diameter) / level[:, np.newaxis]
    scores = _read(plain, plain, signal, colour)
    contrast = _contrast(scores)
    unmarked = _wins(scores, contrast)
    weights = _resample(squares, rng)
    area = _area(unmarked, np.ones((1, len(places)), np.float32))[0]

    def change(learnt: Doubles) -> Change:
        wins = _wins(_read(learnt, changed, signal, colour), contrast)
        here = _area(wins, np.ones((1, len(places)), np.float32))[0]
        low, high = np.percentile(_area(wins, weights) - _area(unmarked, weights), _INTERVAL)
        return Change(float(here), float(here - area), float(low), float(high))

    return Detection(
        diameter=diameter,
        contrast=contrast * float(np.median(level)),
        patches=len(places),
        area=float(area),
        fixed=change(plain),
        adapted=change(changed),
    )


def _places(canvas: Floats, diameter: int, rng: np.random.Generator) -> Ints:
    """Return centres (row, column) of live patches, one and a half diameters apart."""
    reach = radius(diameter)
    low, high = float(canvas.min()), float(canvas.max())
    edge = 1e-6 * (high - low)
    live = _box((canvas > low + edge) & (canvas < high - edge), 2 * reach + 1)
    axes = (np.arange(reach, side - reach, diameter * 3 // 2) for side in canvas.shape)
    places: Ints = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    places = places[live[tuple(places.T)] >= _LIVE]
    if len(places) > MOST:
        places = places[np.sort(rng.choice(len(places), MOST, replace=False))]
    return places


def _level(canvas: Floats, diameter: int, rounding: float) -> Doubles:
    """Return the root mean square detail at the lesion's scale, over the size of a patch.

    ``rounding`` is the variance that rounding to grey levels leaves at least.
    """
    detail = _box(canvas, diameter // 4 * 2 + 1) - _box(canvas, diameter + 1)
    return np.sqrt(_box(np.square(detail), 2 * radius(diameter) + 1) + rounding)


def _box(values: npt.NDArray[Any], width: int) -> Doubles:
    """Return means over squares of an odd width, ends repeated."""
    reach = width // 2
    means = values.astype(np.float64)
    for _ in range(2):
        padded = np.pad(means, ((reach + 1, reach), (0, 0)), mode="edge")
        sums = np.cumsum(padded, axis=0)
        means = ((sums[width:] - sums[:-width]) / width).T
    return means


def _respond(canvas: Floats, places: Ints, templates: Doubles, diameter: int) -> Doubles:
    """Return what the channels make of the patches, shape (patches, channels)."""
    reach = radius(diameter)
    side = 2 * reach + 1
    windows = np.lib.stride_tricks.sliding_window_view(canvas, (side, side))
    result = np.empty((len(places), len(templates)))
    for start in range(0, len(places), _CHUNK):
        rows, columns = (places[start : start + _CHUNK] - reach).T
        patches = windows[rows, columns].reshape(len(rows), -1).astype(np.float64)
        patches -= patches.mean(axis=1, keepdims=True)
        result[start : start + _CHUNK] = patches @ templates.T
    return result


def _read(
    learnt: Doubles, read: Doubles, signal: Doubles, colour: npt.NDArray[np.bool_]
) -> Doubles:
    """Return the reader's scores of lesion-free patches; a lesion of contrast c adds c.

    For each colour, the Hotelling template is learnt on the other one.
    """
    scores = np.empty(len(read))
    for test in (colour, ~colour):
        train = learnt[~test]
        template = np.linalg.solve(np.cov(train, rowvar=False), signal)
        template /= template @ signal
        scores[test] = (read[test] - train.mean(axis=0)) @ template
    return scores


def _contrast(scores: Doubles) -> float:
    """Return what has to be added to scores for the wanted area."""
    others = ~np.eye(len(scores), dtype=np.bool_)
    return float(np.quantile(np.subtract.outer(scores, scores)[others], AREA))


def _wins(scores: Doubles, contrast: float) -> Floats:
    """Return where patch i with a lesion scores more than patch j without; a patch meets others."""
    wins = (scores[:, np.newaxis] + contrast > scores).astype(np.float32)
    np.fill_diagonal(wins, 0)
    return wins


def _area(wins: Floats, weights: Floats) -> Doubles:
    """Return the area under the ROC curve (Mann-Whitney) for each row of patch weights."""
    pairs = np.square(weights.sum(axis=1)) - np.square(weights).sum(axis=1)
    return np.asarray(np.sum((weights @ wins) * weights, axis=1) / pairs, np.float64)


def _resample(squares: Ints, rng: np.random.Generator) -> Floats:
    """Return bootstrap weights of patches, shape (resamples, patches): squares are drawn whole."""
    _, number = np.unique(squares, axis=0, return_inverse=True)
    count = int(number.max()) + 1
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=_RESAMPLES)
    return drawn[:, number.ravel()].astype(np.float32)
