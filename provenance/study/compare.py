"""Compare instances with a manifest, one by one: pure functions."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from provenance.judging.verdict import Word
from provenance.study.listed import Listed
from provenance.study.manifest import Manifest
from provenance.study.places import Places, taken_from
from provenance.study.present import Present
from provenance.study.sop_classes import may_come_later
from provenance.study.verdict import InstanceReport, State


def compare(
    present: Sequence[Present],
    manifest: Manifest,
    *,
    roots: Mapping[Path, bytes | None],
    leaf_hash: bytes | None,
) -> list[InstanceReport]:
    """Say of every instance, listed or here, how it compares.

    ``roots`` are the object roots of instances without a seal of their own, by path;
    ``leaf_hash`` is that of the closing.
    """
    listed = {each.instance_uid: each for each in manifest.instances}
    places = Places.of(manifest.instances)
    by_uid: dict[str, list[Present]] = defaultdict(list)
    for each in present:
        by_uid[each.instance_uid].append(each)
    contents = _contents(present, manifest.instances)
    reports: list[InstanceReport] = []
    for uid, files in by_uid.items():
        row = listed.get(uid)
        if row is None:
            for each in files:
                state = _unlisted(each, files, contents)
                carried = None if each.carried is None else each.carried.leaf_hash
                if state is State.ADDED_LATER and carried == leaf_hash:
                    state = State.KEY_OBJECT
                reports.append(report(each, state))
            continue
        good = [each for each in files if _as_listed(each, row, roots)]
        reports += [report(each, State.AS_LISTED) for each in good]
        for each in files:
            if each not in good:
                moved = taken_from(each, row, places)
                reports.append(report(each, State.SWAPPED if moved else State.REPLACED))
    absent = listed.keys() - by_uid.keys()
    reports += [InstanceReport(uid, State.MISSING) for uid in sorted(absent)]
    return reports


def _as_listed(each: Present, row: Listed, roots: Mapping[Path, bytes | None]) -> bool:
    """Whether it is the instance that was listed, as far as seal and roots tell.

    Both bind class and series with the rest of the header.
    """
    if each.word is Word.UNREADABLE:
        return True  # nothing tells, and its own verdict counts
    if each.word is Word.ALTERED:
        return False
    if row.word in (Word.DERIVED, Word.UNSEALED):
        return roots.get(each.path) == row.object_root
    return each.seal is not None and each.seal == row.seal


def _unlisted(each: Present, files: Sequence[Present], contents: Mapping[bytes, set[str]]) -> State:
    if may_come_later(each.class_uid, frames=each.frames) and each.word is not Word.UNREADABLE:
        return State.ADDED_LATER
    others = set() if each.content is None else contents[each.content] - {each.instance_uid}
    twin = len(files) > 1 and each.content is not None
    return State.REPEATED if others or twin else State.EXTRA


def _contents(present: Iterable[Present], rows: Iterable[Listed]) -> dict[bytes, set[str]]:
    """Return which instances show each picture, listed ones and those that are here."""
    found: dict[bytes, set[str]] = defaultdict(set)
    everything: tuple[Present | Listed, ...] = (*present, *rows)
    for each in everything:
        for root in (each.image_root, each.original_root):
            if root is not None:
                found[root].add(each.instance_uid)
    return found


def report(each: Present, state: State) -> InstanceReport:
    """Return the report of a file in a state."""
    return InstanceReport(each.instance_uid, state, each.path, each.word, each.reasons)
