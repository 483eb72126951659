"""The results as tables: what became of each part, and why some mutants are still authentic."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

COLUMNS = (
    *("AUTHENTIC", "CORRECTED", "HEADER CHANGED", "ALTERED", "STRIPPED", "UNTRUSTED"),
    *("NOT CHECKED", "UNSEALED", "UNREADABLE", "DERIVED", "TRACEBACK", "HANG"),
)
Row = Mapping[str, object]


def tables(rows: Iterable[Row]) -> str:
    """Return Markdown: verifications by part and verdict, and the accepted ones by class."""
    by_part: defaultdict[str, Counter[str]] = defaultdict(Counter)
    classes: Counter[str] = Counter()
    wrong: list[str] = []
    count, ways, slowest = 0, Counter[str](), 0.0
    for row in rows:
        count += 1
        words = row["words"]
        assert isinstance(words, dict)
        for way, word in words.items():
            by_part[str(row["part"])][str(word)] += 1
            ways[str(way)] += 1
        found = row["classes"]
        assert isinstance(found, list)
        if found or {"AUTHENTIC", "CORRECTED"} & set(words.values()):
            classes[" + ".join(found) or "the very bytes of the sealed copy"] += 1
        slowest = max(slowest, float(str(row["seconds"])))
        problems = row["wrong"]
        assert isinstance(problems, list)
        wrong += [f"{row['number']} {row['subject']}, {row['kind']}: {each}" for each in problems]
    used = [c for c in COLUMNS if any(by_part[part][c] for part in by_part)]
    lines = [f"| changed | verifications | {' | '.join(used)} |", "| --- " * (len(used) + 2) + "|"]
    for part, counted in sorted(by_part.items(), key=lambda pair: -sum(pair[1].values())):
        cells = " | ".join(str(counted[c] or "") for c in used)
        lines.append(f"| {part} | {sum(counted.values())} | {cells} |")
    whole = Counter[str]()
    for counted in by_part.values():
        whole.update(counted)
    total = " | ".join(str(whole[c]) for c in used)
    lines.append(f"| all | {sum(whole.values())} | {total} |")
    lines += ["", "| mutants | accepted: nothing signed differs, but |", "| --- | --- |"]
    lines += [f"| {number} | {name} |" for name, number in classes.most_common()]
    said = ", ".join(f"{number} {way}" for way, number in sorted(ways.items()))
    lines += ["", f"{count} mutants, verified {said}; the slowest took {slowest:.2f} s."]
    lines.append(f"{len(wrong)} wrong.")
    return "\n".join([*lines, *wrong]) + "\n"
