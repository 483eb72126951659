"""Plots of the results, drawn as SVG."""

from html import escape
from math import log10
from statistics import median

from benchmarks.svg import COLOURS, FONT, line, polyline, svg, text
from benchmarks.watermark.store import OURS
from benchmarks.watermark.table import Results, fresh_of

CURVES: dict[str, tuple[str, ...]] = {
    "JPEG": ("JPEG 75", "JPEG 50", "JPEG 30", "JPEG 20", "JPEG 10"),
    "JPEG 2000": ("J2K 10:1", "J2K 20:1", "J2K 40:1", "J2K 80:1"),
    "noise": ("noise 1 %", "noise 2 %", "noise 4 %"),
    "blur": ("blur 1", "blur 2", "blur 4"),
    "size": ("1024 px", "512 px", "256 px"),
    "size, then JPEG 75": ("1024 px + JPEG 75", "512 px + JPEG 75", "256 px + JPEG 75"),
    "crop": ("crop 90 %", "crop 70 %", "crop 50 %", "crop 25 %", "crop 10 %"),
    "rotation": ("rotation 0.5", "rotation 3", "rotation 7", "rotation 15", "rotation 33"),
    "screen": ("screenshot", "photo phone 1", "photo tablet 1", "photo old phone 1", "slide"),
}


def draw(results: Results) -> dict[str, str]:
    """Return the plots by name."""
    if not results.attacks:
        return {}
    return {"attacks": heat(results), "curves": curves(results), "cost": cost(results)}


def heat(results: Results) -> str:
    """Draw the share of exact payloads by attack and method, on the images all had."""
    methods, shared = results.methods, len(results.methods) > 1
    left, top, wide, high = 230, 110, 46, 15
    parts = []
    for column, method in enumerate(methods):
        x = left + column * wide + wide // 2
        parts.append(
            f'<text transform="translate({x},{top - 6}) rotate(-45)" {FONT}>{escape(method)}</text>'
        )
    for row, attack in enumerate(results.attacks):
        y = top + row * high
        parts.append(text(left - 6, y + high - 4, attack, "end"))
        for column, method in enumerate(methods):
            share = results.share(method, [attack], shared=shared)
            if not share.count:
                continue
            x, value = left + column * wide, share.value
            parts.append(
                f'<rect x="{x}" y="{y}" width="{wide - 1}" height="{high - 1}" '
                f'fill="{_shade(value)}"/>'
            )
            label = text(x + wide // 2, y + high - 4, f"{100 * value:.0f}", "middle")
            parts.append(label)
    size = left + len(methods) * wide + 60, top + len(results.attacks) * high + 10
    return svg(*size, parts)


def curves(results: Results) -> str:
    """Draw the share of exact payloads as attacks grow, a panel a kind of attack."""
    methods, shared = results.methods, len(results.methods) > 1
    panels = {
        name: [attack for attack in attacks if attack in results.attacks]
        for name, attacks in CURVES.items()
    }
    panels = {name: attacks for name, attacks in panels.items() if len(attacks) > 1}
    across, wide, high = 3, 260, 190
    parts = []
    for number, (name, attacks) in enumerate(panels.items()):
        left, top = 50 + number % across * (wide + 40), 40 + number // across * (high + 50)
        parts.append(text(left, top - 8, name))
        for level in (0, 50, 100):
            y = top + high * (1 - level / 100)
            parts += [line(left, y, left + wide, y, "#ddd"), text(left - 5, y + 4, level, "end")]
        steps = [left + wide * (i + 0.5) / len(attacks) for i in range(len(attacks))]
        labels = [
            attack.removeprefix(f"{name} ").removesuffix(" + JPEG 75").removeprefix("photo ")
            for attack in attacks
        ]
        crowded = max(map(len, labels)) * 6 > wide / len(labels)  # 6 px a letter, in the mean
        for place, (x, label) in enumerate(zip(steps, labels, strict=True)):
            lower = 12 if crowded and place % 2 else 0
            parts.append(text(x, top + high + 14 + lower, label, "middle"))
        for method, colour in reversed(list(zip(methods, COLOURS, strict=False))):
            shares = [results.share(method, [attack], shared=shared) for attack in attacks]
            points = [
                (x, top + high * (1 - share.value))
                for x, share in zip(steps, shares, strict=True)
                if share.count
            ]
            parts += polyline(points, colour, 3 if method == OURS else 1.2)
    rows = -(-len(panels) // across)
    bottom = 40 + rows * (high + 50)
    for number, (method, colour) in enumerate(zip(methods, COLOURS, strict=False)):
        x, y = 50 + number % 6 * 150, bottom + number // 6 * 18
        parts += [line(x, y, x + 18, y, colour, 3), text(x + 24, y + 4, method)]
    return svg(50 + across * (wide + 40), bottom + 50, parts)


def cost(results: Results) -> str:
    """Draw processor time to embed against PSNR; the area grows with the share that survives."""
    wide, high, left, top = 640, 380, 70, 30
    points = []
    for method, colour in zip(results.methods, COLOURS, strict=False):
        done = [record for record in fresh_of(results, method) if not record.note]
        if done:
            speed = median(1e9 * record.cpu / record.pixels for record in done)
            quality = median(record.values["psnr"] for record in done)
            share = results.share(method, results.attacks, shared=len(results.methods) > 1).value
            points.append((method, colour, quality, log10(max(speed, 0.1)), share))
    if not points:
        return svg(wide, high, [])
    low, most = (edge(p[2] for p in points) for edge in (min, max))
    slow, fast = (edge(p[3] for p in points) for edge in (max, min))
    parts = [
        text(
            left,
            18,
            "PSNR of the view (dB) to the right, ms/MP to embed upwards (log); area: share",
        ),
        f'<rect x="{left}" y="{top}" width="{wide}" height="{high}" fill="none" stroke="#999"/>',
    ]
    for tick in range(int(low) // 5 * 5, int(most) + 6, 5):
        x = left + wide * _place(tick, low, most)
        if left <= x <= left + wide:
            parts.append(text(x, top + high + 16, tick, "middle"))
    for power in range(-1, 6):
        y = top + high * (1 - _place(power, fast, slow))
        if top <= y <= top + high:
            parts.append(text(left - 6, y + 4, f"{10**power:g}", "end"))
    for method, colour, quality, speed, share in points:
        x, y = (
            left + wide * _place(quality, low, most),
            top + high * (1 - _place(speed, fast, slow)),
        )
        radius = 3 + 18 * share**0.5
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}" opacity="0.6"/>'
        )
        parts.append(text(x + radius + 3, y + 4, f"{method}, {100 * share:.0f} %"))
    return svg(left + wide + 170, top + high + 30, parts)


def _place(value: float, low: float, high: float) -> float:
    return 0.08 + 0.84 * (value - low) / max(high - low, 1e-9)


def _shade(value: float) -> str:
    """Return red for 0, yellow for 0.5, green for 1."""
    red, green = (230, 110 + 210 * value) if value < 0.5 else (230 - 260 * (value - 0.5), 215)
    return f"rgb({red:.0f},{green:.0f},110)"
