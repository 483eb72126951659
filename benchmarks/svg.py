"""Lines and words of a plot, as SVG."""

from collections.abc import Sequence
from html import escape
from itertools import pairwise

FONT = 'font-family="sans-serif" font-size="11"'
COLOURS = (
    "#b30000",
    "#1f77b4",
    "#2ca02c",
    "#9467bd",
    "#8c564b",
    "#e377c2",
    "#7f7f7f",
    "#bcbd22",
    "#17becf",
    "#ff7f0e",
    "#393b79",
    "#637939",
    "#8c6d31",
    "#5254a3",
)


def text(x: float, y: float, words: object, anchor: str = "start") -> str:
    """Return words that begin, end or stand in the middle at a place."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f"<text {place} {FONT}>{escape(str(words))}</text>"


def line(x: float, y: float, to_x: float, to_y: float, colour: str, width: float = 1) -> str:
    """Return a line."""
    ends = f'x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width}"/>'


def polyline(points: Sequence[tuple[float, float]], colour: str, width: float) -> list[str]:
    """Return lines from point to point, and a dot at each."""
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{width}" fill="{colour}"/>' for x, y in points]
    return [line(*a, *b, colour, width) for a, b in pairwise(points)] + dots


def svg(width: float, height: float, parts: Sequence[str]) -> str:
    """Return the whole picture, on white."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}">'
    ground = '<rect width="100%" height="100%" fill="white"/>'
    return "\n".join((head, ground, *parts, "</svg>", ""))
