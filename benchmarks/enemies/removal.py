"""Take a mark away without the key: subtract estimates, smooth, ask a reader."""

from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.enemies.estimate import ESTIMATES, redrawn
from benchmarks.enemies.subjects import (
    KEY,
    Subject,
    clipped,
    identities,
    marked,
    psnr,
    whole_subjects,
)
from benchmarks.enemies.table import RIGHT, decibels, read, share, show
from benchmarks.watermark.filters import blur, median, renoise
from benchmarks.watermark.picture import Attack, Floats, Pixels, view
from watermark.canvas import to_canvas
from watermark.evidence import WEIGHTS, gather, terms
from watermark.grid import Geometry
from watermark.payload import frame
from watermark.polar import encode
from watermark.threshold import THRESHOLD

IMAGES = 6
_FIRST, _GROWTH, _STEPS = 0.25, 1.2, 20
_MOST = 16.0
_HALVINGS = 3
_PROBES = 200

Case = tuple[Subject, Pixels, bytes]


def cases() -> list[Case]:
    """Return some marked images."""
    found = []
    for subject, payload in zip(whole_subjects(IMAGES), identities(key=KEY), strict=False):
        image = marked(subject, payload)
        if image is not None:
            found.append((subject, image, payload))
    return found


def score(image: Pixels, payload: bytes) -> float:
    """Return the score of a known id over the blind threshold: the defender's view."""
    gathered = gather(terms(to_canvas(image, Geometry.of(image.shape))), key=KEY)
    word = encode(frame(payload, key=KEY))[np.newaxis]
    return float(gathered.weighed(WEIGHTS[0]).scores(word)[0]) / THRESHOLD


def remodulation() -> None:
    """Print what subtracting an estimate costs and brings."""
    show(
        "Estimate, and subtract it gamma times (Voloshynovskiy et al. 2001)",
        (
            "estimate",
            *(f"gamma {gamma}: reads, PSNR dB" for gamma in (1, 2, 3)),
            "gone at: PSNR, dB",
            "mark's own PSNR, dB",
        ),
        _remodulated(),
    )


def _remodulated() -> Iterator[tuple[object, ...]]:
    done = cases()
    own = decibels([psnr(s[0], image, s[1]) for s, image, _ in done])
    ways = {**ESTIMATES, "wavelet Wiener, signs drawn anew": redrawn}
    for name, estimate in ways.items():
        guesses = [estimate(image) for _, image, _ in done]
        cells = []
        for gamma in (1, 2, 3):
            outcomes, ratios = [], []
            for ((_, bits), image, payload), guess in zip(done, guesses, strict=True):
                left = clipped(image - gamma * guess, image)
                outcomes.append(read(left, [payload]))
                ratios.append(psnr(image, left, bits))
            cells.append(f"{share(outcomes)}, {decibels(ratios)}")
        ends = [
            psnr(image, _at_edge(image, guess, payload)[0], bits)
            for ((_, bits), image, payload), guess in zip(done, guesses, strict=True)
        ]
        yield name, *cells, decibels(ends), own


def _at_edge(image: Pixels, guess: Floats, payload: bytes) -> tuple[Pixels, int]:
    """Subtract just so much that nothing reads; also return how often the reader was asked.

    Small steps come first, as a mark that was subtracted twice reads again, turned.
    """
    low, high, asked = 0.0, _MOST, 0
    for step in range(1, _STEPS + 1):
        asked += 1
        gamma = _FIRST * _GROWTH**step
        if not _reads(image, guess, gamma, payload):
            high = gamma
            break
        low = gamma
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        asked += 1
        if _reads(image, guess, middle, payload):
            low = middle
        else:
            high = middle
    return clipped(image - high * guess, image), asked


def _reads(image: Pixels, guess: Floats, gamma: float, payload: bytes) -> bool:
    return read(clipped(image - gamma * guess, image), [payload]) == RIGHT


def smoothing() -> None:
    """Print what the usual filters do."""
    show(
        "Denoise, renoise, blur",
        ("filter", "reads", "PSNR to the marked view, dB"),
        _smoothed(),
    )


def _smoothed() -> Iterator[tuple[object, ...]]:
    ways: dict[str, Attack] = {
        "non-local means, then noise": renoise(5),
        "the same three times": lambda image, bits: renoise(7)(
            renoise(6)(renoise(5)(image, bits), 8), 8
        ),
        "median 5": median(5),
        "blur 4": blur(4),
        "blur 8": blur(8),
    }
    done = cases()
    for name, way in ways.items():
        outcomes, ratios = [], []
        for (_, bits), image, payload in done:
            left = way(image, bits)
            outcomes.append(read(left, [payload]))
            ratios.append(psnr(view(image), left, 8))
        yield name, share(outcomes), decibels(ratios)


def oracle() -> None:
    """Print what someone gets who may ask a reader as often as they like."""
    show(
        "Oracle: the reader is asked",
        ("what is asked", "questions an image", "PSNR where nothing reads, dB"),
        _asked(),
    )


def _asked() -> Iterator[tuple[object, ...]]:
    done = cases()[:4]
    yield _search("yes or no, along the wavelet Wiener estimate", done, _plain)
    yield _search("yes or no, which parts matter, then along them", done, _by_answer)
    yield _search("the score as well, which parts matter, then along them", done, _by_score)


Learn = Callable[[Pixels, bytes], tuple[Floats, int]]


def _search(name: str, done: list[Case], learn: Learn) -> tuple[object, ...]:
    counts, ratios = [], []
    for (_, bits), image, payload in done:
        direction, asked = learn(image, payload)
        left, more = _at_edge(image, direction, payload)
        counts.append(asked + more)
        ratios.append(psnr(image, left, bits))
    return name, f"{np.mean(counts):.0f}", decibels(ratios)


def _plain(image: Pixels, payload: bytes) -> tuple[Floats, int]:
    return ESTIMATES["wavelet Wiener"](image), 0


def _by_score(image: Pixels, payload: bytes) -> tuple[Floats, int]:
    """Ask for the score with the estimate added and subtracted at random; learn weights."""
    guess = ESTIMATES["wavelet Wiener"](image)
    return _weighed(image, guess, lambda picture: score(picture, payload)), _PROBES


def _by_answer(image: Pixels, payload: bytes) -> tuple[Floats, int]:
    """The same at the edge of reading, where yes or no tells which way the score went."""
    guess = ESTIMATES["wavelet Wiener"](image)
    edge, asked = _at_edge(image, guess, payload)
    return (
        _weighed(image, guess, lambda p: float(read(p, [payload]) == RIGHT), base=edge),
        asked + _PROBES,
    )


def _weighed(
    image: Pixels,
    guess: Floats,
    answer: Callable[[Pixels], float],
    *,
    base: Pixels | None = None,
) -> Floats:
    rng = np.random.default_rng(11)
    start = image if base is None else base
    rows, columns = (-(-side // 64) for side in image.shape)
    signs = rng.choice([-1.0, 1.0], (_PROBES, rows, columns)).astype(np.float32)
    answers = np.array(
        [answer(clipped(start - 0.3 * _spread(s, image) * guess, image)) for s in signs]
    )
    slope = -np.tensordot(answers - answers.mean(), signs, axes=1)
    energy = _by_block(np.square(guess))
    worth = np.maximum(slope, 0) / np.maximum(energy, np.percentile(energy, 20) + 1e-6)
    if worth.max() <= 0:
        return guess
    return _spread((worth / np.percentile(worth, 95)).astype(np.float32), image) * guess


def _spread(blocks: Floats, image: Pixels) -> Floats:
    wide = np.repeat(np.repeat(blocks, 64, axis=0), 64, axis=1)
    return wide[: image.shape[0], : image.shape[1]]


def _by_block(levels: Floats) -> Floats:
    margins = [(0, -side % 64) for side in levels.shape]
    wide = np.pad(levels, margins)
    apart = wide.reshape(wide.shape[0] // 64, 64, wide.shape[1] // 64, 64)
    energy: Floats = apart.sum(axis=(1, 3), dtype=np.float32)
    return energy
