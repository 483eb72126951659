"""Plots of the results, drawn as SVG: rate against batch, time of a proof against size."""

from math import log10

from benchmarks.ledger.rows import Row
from benchmarks.svg import COLOURS, line, polyline, svg, text

_WIDE, _HIGH, _LEFT, _TOP = 520, 320, 70, 40

Curves = dict[str, list[tuple[float, float]]]


def draw(sections: dict[str, list[Row]]) -> dict[str, str]:
    """Return the plots by name; one without points is left out."""
    rates = _curves(sections.get("Batches", []))
    proofs = _curves(
        [
            row
            for name in ("Proofs", "Peer: pymerkle in memory", "Peer: pymerkle on SQLite")
            for row in sections.get(name, [])
        ]
    )
    plots = {}
    if rates:
        plots["batches"] = _plot(rates, "entries/s as a share of V", "entries in a batch")
    if proofs:
        plots["proofs"] = _plot(proofs, "ms for a proof, median (log)", "entries", log=True)
    return plots


def _curves(rows: list[Row]) -> Curves:
    curves: Curves = {}
    for row in rows:
        for name, x, y in row.points:
            curves.setdefault(name, []).append((x, y))
    return curves


def _plot(curves: Curves, title: str, below: str, *, log: bool = False) -> str:
    points = [point for curve in curves.values() for point in curve]
    left, right = (log10(edge(x for x, _ in points)) for edge in (min, max))
    if log:
        low, most = (log10(edge(y for _, y in points)) for edge in (min, max))
    else:
        low, most = 0.0, max(1.0, *(y for _, y in points))

    def place(x: float, y: float) -> tuple[float, float]:
        across = (log10(x) - left) / max(right - left, 1e-9)
        up = ((log10(y) if log else y) - low) / max(most - low, 1e-9)
        return _LEFT + _WIDE * across, _TOP + _HIGH * (1 - up)

    parts = [text(_LEFT, _TOP - 14, title), text(_LEFT + _WIDE, _TOP + _HIGH + 34, below, "end")]
    for x in sorted({x for x, _ in points}):
        at, _ = place(x, points[0][1])
        parts.append(line(at, _TOP, at, _TOP + _HIGH, "#eee"))
        parts.append(text(at, _TOP + _HIGH + 16, f"{x:g}", "middle"))
    for y in _ticks(low, most, log=log):
        _, at = place(points[0][0], y)
        parts.append(line(_LEFT, at, _LEFT + _WIDE, at, "#eee"))
        parts.append(text(_LEFT - 6, at + 4, f"{y:g}", "end"))
    for (name, curve), colour in zip(curves.items(), COLOURS, strict=False):
        placed = [place(x, y) for x, y in sorted(curve)]
        parts += polyline(placed, colour, 2)
        x, y = placed[-1]
        parts.append(text(x + 8, y + 4, name))
    return svg(_LEFT + _WIDE + 150, _TOP + _HIGH + 50, parts)


def _ticks(low: float, most: float, *, log: bool) -> list[float]:
    if log:
        return [10.0**power for power in range(int(low) - 1, int(most) + 2) if low <= power <= most]
    return [tenth / 4 for tenth in range(int(4 * most) + 1)]
