"""Tables of the records, in Markdown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.watermark.attacks import ATTACKS
from benchmarks.watermark.goals import GOALS, Goal
from benchmarks.watermark.images import SMALL, SMALLEST
from benchmarks.watermark.peers import NOT_RUN, PEERS, SLOW_PEERS
from benchmarks.watermark.store import DEEP, EMBED, OURS, UNMARKED, Record

PAYLOAD = {
    OURS: "96 + tag",
    "dwtDct": "64",
    "dwtDctSvd": "64",
    "dwtDct colour": "64",
    "dwtDctSvd colour": "64",
    "blind-watermark": "64",
    "wmforge": "192 + RS",
    "ghostmark": "43 + CRC",
    "clawid fm": "128 + CRC",
    "clawid qim": "128 + CRC",
    "zenid": "96 + HMAC",
    "copyright-watermark": "256",
    "imagestego": "128 + RS",
    "melu": "none",
}
"""Bits that are hidden, and what checks them; those with no check cannot say no."""


@dataclass(frozen=True, slots=True)
class Share:
    """How many of some tries gave the exact payload."""

    exact: int
    count: int

    @property
    def value(self) -> float:
        """The share, 0 to 1; 0 of nothing is 0."""
        return self.exact / self.count if self.count else 0.0

    def __str__(self) -> str:
        return f"{100 * self.value:.0f} ({self.exact}/{self.count})" if self.count else ""


class Results:
    """Records, looked at from several sides."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.records = list(records)
        present = {record.method for record in self.records}
        self.methods = [name for name in (OURS, *PEERS, *SLOW_PEERS) if name in present]
        self.shared = {record.image for record in self.records if record.method != OURS}
        present = {record.subject for record in self.records}
        self.attacks = [name for name in ATTACKS if name in present]

    def share(
        self,
        method: str,
        attacks: Sequence[str],
        *,
        least: int = SMALLEST,
        below: int | None = None,
        shared: bool = False,
    ) -> Share:
        """Return the share of exact payloads over attacks and images of some sizes."""
        hits = [
            record.exact
            for record in self.records
            if record.method == method
            and record.subject in attacks
            and record.pixels >= least
            and (below is None or record.pixels < below)
            and (not shared or record.image in self.shared)
        ]
        return Share(sum(hits), len(hits))

    def of(self, method: str, subject: str) -> list[Record]:
        """Return a method's records of one subject or kind of it."""
        return [r for r in self.records if r.method == method and r.subject.startswith(subject)]


def markdown(results: Results, absent: dict[str, str]) -> str:
    """Return the whole report."""
    parts = [
        heading(results),
        goals_table(results),
        attacks_table(results),
        bits_table(results),
        cost_table(results),
        losses(results),
        left_out(absent),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def heading(results: Results) -> str:
    """Say how much was tried, and what was refused or misread."""
    ours = results.of(OURS, EMBED)
    large = [record for record in ours if record.pixels >= SMALLEST]
    small = [record for record in ours if SMALL <= record.pixels < SMALLEST]
    refused = [f"{r.image} ({r.note})" for r in ours if r.note]
    tried = [r for r in results.records if r.method == OURS and r.subject in ATTACKS]
    wrong = sum(record.found and not record.exact for record in tried)
    unmarked = results.of(OURS, UNMARKED)
    alarms = sum(record.found for record in unmarked)
    return "\n".join(
        (
            f"{len(ours)} radiographs: {len(large)} of at least 0.9 megapixel, {len(small)} of 0.2 "
            f"to 0.9; {len(results.attacks)} attacks.",
            f"Refused by us: {'; '.join(refused) or 'none'}. Wrong payloads read: {wrong} of "
            f"{len(tried)}. False alarms on unmarked images: {alarms} of {len(unmarked)}.",
        )
    )


def goals_table(results: Results) -> str:
    """Hold our shares against what the mark has to show."""
    lines = [
        "| class | goal | exact | met | attacks below the goal |",
        "|---|---:|---:|---|---|",
    ]
    for goal in GOALS:
        attacks = [name for name in goal.attacks if name in results.attacks]
        whole = _goal_share(results, goal, attacks)
        if not whole.count:
            continue
        each = {name: _goal_share(results, goal, [name]) for name in attacks}
        below = [f"{name} {share}" for name, share in each.items() if share.value < goal.share]
        met = "yes" if whole.value >= goal.share else "**no**"
        cells = goal.name, f"{100 * goal.share:.0f}", str(whole), met, "; ".join(below) or "none"
        lines.append(f"| {' | '.join(cells)} |")
    return "## Goals\n\nShare of exact payloads, %.\n\n" + "\n".join(lines)


def _goal_share(results: Results, goal: Goal, attacks: Sequence[str]) -> Share:
    return results.share(OURS, attacks, least=goal.least, below=goal.below)


def attacks_table(results: Results) -> str:
    """Return shares by attack: ours on all images, then everyone's on the images all had."""
    peers = [name for name in results.methods if name != OURS]
    head = ["attack", "ours, 0.2-0.9 MP", "ours, all"]
    head += ["ours, shared images", *peers] if peers else []
    lines = [f"| {' | '.join(head)} |", "|---" + "|---:" * (len(head) - 1) + "|"]
    for attack in results.attacks:
        row = [str(results.share(OURS, [attack], least=SMALL, below=SMALLEST))]
        row += [str(results.share(OURS, [attack]))]
        if peers:
            row += [str(results.share(OURS, [attack], shared=True))]
        row += [str(results.share(name, [attack])) for name in peers]
        lines.append(f"| {' | '.join([attack, *row])} |")
    text = "Share of exact payloads, % (count); images of at least 0.9 megapixel but where said."
    return f"## Attacks\n\n{text}\n\n" + "\n".join(lines)


def bits_table(results: Results) -> str:
    """Return mean bit accuracy of the methods that give raw bits."""
    named = [name for name in results.methods if PAYLOAD[name] == "64"]
    if not named:
        return ""
    lines = [f"| attack | {' | '.join(named)} |", "|---" + "|---:" * len(named) + "|"]
    for attack in results.attacks:
        row = []
        for name in named:
            got = [r.values["bits"] for r in results.of(name, attack) if _is_bits(r, attack)]
            row.append(f"{100 * sum(got) / len(got):.0f}" if got else "")
        lines.append(f"| {' | '.join([attack, *row])} |")
    text = "Mean share of right bits, %, where raw bits are given; 50 is chance."
    return f"## Bit accuracy\n\n{text}\n\n" + "\n".join(lines)


def _is_bits(record: Record, attack: str) -> bool:
    return record.subject == attack and "bits" in record.values and record.pixels >= SMALLEST


def cost_table(results: Results) -> str:
    """Return quality, speed, false alarms and depth."""
    head = (
        "method",
        "bits",
        "images",
        "PSNR median (min)",
        "SSIM median (min)",
        "largest change",
        "embed ms/MP (times ours)",
        "read ms/MP (times ours)",
        "claims on unmarked",
        "more than 8 bits",
    )
    lines = [f"| {' | '.join(head)} |", "|---|---" + "|---:" * 7 + "|---|"]
    base = _speeds(results, OURS)
    for name in results.methods:
        done = [record for record in fresh_of(results, name) if not record.note]
        if not done:
            lines.append(f"| {name} | {PAYLOAD[name]} | refuses all |")
            continue
        quality = [[r.values[key] for r in done] for key in ("psnr", "ssim")]
        cells = [name, PAYLOAD[name], str(len(done))]
        cells.append(f"{median(quality[0]):.1f} ({min(quality[0]):.1f})")
        cells.append(f"{median(quality[1]):.4f} ({min(quality[1]):.4f})")
        cells.append(f"{max(r.values['change'] for r in done):.0f}")
        for own, other in zip(_speeds(results, name), base, strict=True):
            cells.append(f"{own:.1f} ({own / other:.1f})" if other else f"{own:.1f}")
        unmarked = results.of(name, UNMARKED)
        claims = sum(record.found for record in unmarked)
        says_no = PAYLOAD[name] not in ("64",)
        cells.append(f"{claims} of {len(unmarked)}" if says_no else "cannot say no")
        cells.append(_depth(results, name))
        lines.append(f"| {' | '.join(cells)} |")
    text = (
        "On the images that the peers had as well, of at least 0.9 megapixel. PSNR, SSIM and "
        "change are of the 8-bit view, for all alike. Speed is processor time at each one's own "
        "payload, median; reading is from the fresh mark."
    )
    native = [record for record in results.of(OURS, EMBED) if not record.note]
    deep = [record for record in native if record.bits > 8 and record.pixels >= SMALLEST]
    flat = [record for record in native if record.bits <= 8 and record.pixels >= SMALLEST]
    extra = [
        f"- Ours at {label}, all images, full range: PSNR {median(psnr):.1f} ({min(psnr):.1f}) dB, "
        f"SSIM {median(ssim):.4f} ({min(ssim):.4f})"
        for label, group in (("8 bits", flat), ("10 bits and up", deep))
        if group
        for psnr in ([r.values["psnr native"] for r in group],)
        for ssim in ([r.values["ssim native"] for r in group],)
    ]
    if native:
        detect = [1e9 * r.values["detect"] / r.pixels for r in native if r.pixels >= 3 * SMALLEST]
        extra += [f"- Ours, reading without search: {median(detect):.1f} ms/MP"] if detect else []
    return f"## Quality and cost\n\n{text}\n\n" + "\n".join(lines) + "\n\n" + "\n".join(extra)


def fresh_of(results: Results, method: str) -> list[Record]:
    """Return the records of embedding that compare: large images that the peers had as well."""
    shared = results.shared or {record.image for record in results.records}
    fresh = results.of(method, EMBED)
    return [record for record in fresh if record.image in shared and record.pixels >= SMALLEST]


def _speeds(results: Results, method: str) -> tuple[float, float]:
    """Return milliseconds a megapixel to embed and to read."""
    done = [record for record in fresh_of(results, method) if not record.note]
    if not done:
        return 0.0, 0.0
    embed = median(1e9 * record.cpu / record.pixels for record in done)
    return embed, median(1e9 * record.values["read"] / record.pixels for record in done)


def _depth(results: Results, method: str) -> str:
    if method == OURS:
        return "as they are"
    notes = [record.note for record in results.of(method, DEEP) if record.note]
    return "; ".join(sorted(set(notes))[:2])


def losses(results: Results) -> str:
    """Name the images that lost most to us, and by what."""
    by_image: dict[str, list[str]] = {}
    counted = {name for goal in GOALS for name in goal.attacks}
    for record in results.records:
        lost = record.method == OURS and record.subject in counted and not record.exact
        if lost and record.pixels >= SMALL:
            by_image.setdefault(record.image, []).append(record.subject)
    if not by_image:
        return ""
    ranked = sorted(by_image.items(), key=lambda pair: -len(pair[1]))
    lines = [f"- {image}: {len(lost)}: {', '.join(lost)}" for image, lost in ranked]
    return "## Losses of ours among attacks with a goal, by image\n\n" + "\n".join(lines)


def left_out(absent: dict[str, str]) -> str:
    """Say which peers did not run, and why."""
    lines = [f"- {name}: {why}" for name, why in (absent | NOT_RUN).items()]
    return "## Peers that did not run\n\n" + "\n".join(lines)
