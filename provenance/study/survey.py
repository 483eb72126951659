"""Look at everything that shall belong to a study: list it, and name what must not be listed."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from provenance.errors import NotProvenError
from provenance.judging.verdict import Word
from provenance.study.listed import WORDS, Listed, is_uid
from provenance.study.manifest import MAX_INSTANCES
from provenance.study.present import Present, listed_root, look
from provenance.verifying.verifier import Verifier
from provenance.walk import Found


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that keeps the study from being closed, and why."""

    path: Path
    why: str


@dataclass(frozen=True, slots=True)
class Survey:
    """What a study consists of, or what keeps it from being closed; ``notes`` do not."""

    study_uid: str
    listed: tuple[Listed, ...]
    present: tuple[Present, ...]
    refused: tuple[Refused, ...]
    notes: tuple[str, ...]

    def require(self) -> None:
        """Raise NotProvenError unless the study can be closed as it is."""
        if self.refused:
            first = self.refused[0]
            raise NotProvenError(
                f"{len(self.refused)} file(s) keep the study from being closed, the first: "
                f"{first.path}: {first.why}"
            )


def survey(
    files: Iterable[Found],
    verifier: Verifier,
    *,
    salt: bytes,
    with_unsealed: bool,
    with_mac: bool = False,
    step: Callable[[], object] = lambda: None,
) -> Survey:
    """Verify every file and list what it is; what must not be listed is named, not skipped."""
    refused: list[Refused] = []
    good: list[Present] = []
    for file in files:
        present = look(file, verifier, with_mac=with_mac)
        why = _why_not(present, with_unsealed=with_unsealed)
        if why is None:
            good.append(present)
        else:
            refused.append(Refused(file.path, why))
        step()
    studies = Counter(each.study_uid for each in good)
    if len(studies) > 1:
        most = studies.most_common(1)[0][0]
        refused += [
            Refused(each.path, f"it is of the study {each.study_uid}, most are of {most}")
            for each in good
            if each.study_uid != most
        ]
        return Survey("", (), (), tuple(refused), ())
    listed, clashes, notes = _list(good, salt)
    if len(listed) > MAX_INSTANCES:
        words = f"{len(listed)} instances, where {MAX_INSTANCES} are allowed"
        refused += [Refused(good[-1].path, words)]
    study_uid = good[0].study_uid if good else ""
    assert study_uid is not None
    return Survey(study_uid, listed, tuple(good), (*refused, *clashes), notes)


def _why_not(present: Present, *, with_unsealed: bool) -> str | None:
    """Say why a file must not be listed; None if it may."""
    if present.word not in WORDS:
        return "; ".join((present.word.value, *present.reasons[:2]))
    if present.word is Word.UNSEALED and not with_unsealed:
        return "UNSEALED: it has no seal (--with-unsealed lists it as such)"
    uids = (present.study_uid, present.instance_uid, present.class_uid, present.series_uid)
    if not all(uid is not None and is_uid(uid) for uid in uids):
        return "a UID of it, or of its study or series, is missing or is none"
    return None


def _list(
    good: Iterable[Present], salt: bytes
) -> tuple[tuple[Listed, ...], list[Refused], tuple[str, ...]]:
    """Return one row for each instance, what clashes, and what is worth a note."""
    rows: dict[str, Listed] = {}
    clashes: list[Refused] = []
    notes: list[str] = []
    shown: dict[bytes, set[str]] = defaultdict(set)
    for each in good:
        row = _row(each, salt)
        if row is None:
            clashes.append(Refused(each.path, "it changed while the study was looked at"))
            continue
        known = rows.setdefault(row.instance_uid, row)
        if known is not row:
            if known != row:
                why = f"another file has other content under its UID {row.instance_uid}"
                clashes.append(Refused(each.path, why))
            else:
                notes.append(f"{row.instance_uid} is there twice, and listed once")
        if row.content is not None:
            shown[row.content].add(row.instance_uid)
    for uids in shown.values():
        if len(uids) > 1:
            notes.append(f"{', '.join(sorted(uids)[:4])} show the same image")
    return tuple(rows[uid] for uid in sorted(rows)), clashes, tuple(notes)


def _row(each: Present, salt: bytes) -> Listed | None:
    own = each.word in (Word.AUTHENTIC, Word.CORRECTED)
    root = each.own_root if own else listed_root(
        each.path, salt=salt, instance_uid=each.instance_uid
    )  # fmt: skip
    if root is None:
        return None
    sealed = each.word is not Word.UNSEALED
    return Listed(
        instance_uid=each.instance_uid,
        class_uid=each.class_uid,
        series_uid=each.series_uid,
        number=each.number,
        frames=each.frames,
        position=each.position,
        word=each.word,
        seal=each.seal if sealed else None,
        object_root=root,
        image_root=each.image_root,
        original_root=each.original_root if sealed else None,
    )
