"""Verify studies: look at every file once, find the closings, and judge study by study."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ledger import LedgerError
from provenance.judging.verdict import Word
from provenance.records import ReadableLog, Records
from provenance.study.choice import choose
from provenance.study.closings import Closings, ask_ledger, read_key_object
from provenance.study.judge import StudyEvidence, judge_study
from provenance.study.present import Present, listed_root, look
from provenance.study.verdict import StudyVerdict
from provenance.trust.store import TrustStore
from provenance.verifying.verifier import Verifier
from provenance.walk import Found, walk


@dataclass(frozen=True, slots=True)
class Studies:
    """The verdict on each study, and files of none: pictures, and what does not read."""

    verdicts: tuple[StudyVerdict, ...]
    strays: tuple[Present, ...]


def verify_study(
    paths: Sequence[Path | str],
    *,
    trust: TrustStore,
    records: Records[ReadableLog] | None = None,
    mark_key: bytes | None = None,
    former_mark_keys: Sequence[bytes] = (),
) -> Studies:
    """Judge every study among the files at or under ``paths``. Never fails open; no network.

    Without ``records`` the Key Objects among the files must tell what a study consists of. Raises
    only for a mistake of the caller.
    """
    if trust.judged_at is None:
        trust = trust.as_of(datetime.now(UTC))
    found = walk([Path(path) for path in paths])
    return verify_files(found.files, Verifier(trust, records, mark_key, tuple(former_mark_keys)))


def verify_files(
    files: Iterable[Found], verifier: Verifier, *, step: Callable[[], object] = lambda: None
) -> Studies:
    """The same for files that were found already; ``step`` hears of each that is done."""
    studies: dict[str, list[Present]] = defaultdict(list)
    strays: list[Present] = []
    for file in files:
        present = look(file, verifier)
        if present.study_uid is None or not present.instance_uid:
            strays.append(present)
        else:
            studies[present.study_uid].append(present)
        step()
    verdicts = tuple(
        judge_study(_gather(uid, tuple(present), verifier))
        for uid, present in sorted(studies.items())
    )
    return Studies(verdicts, tuple(strays))


def _gather(study_uid: str, present: tuple[Present, ...], verifier: Verifier) -> StudyEvidence:
    former = {uid for each in present for uid in each.former_study_uids}
    uids = (study_uid, *sorted(former - {study_uid}))
    carried = [
        read_key_object(
            each.carried.block,
            uids,
            source=f"the Key Object {each.path.name}",
            trust=verifier.trust,
        )
        for each in present
        if each.carried is not None and each.carried.block is not None
    ]
    asked: Closings | None = None
    unreachable: str | None = None
    if verifier.records is not None:
        try:
            named = [each.closing.object_id for each in carried if each.closing is not None]
            asked = ask_ledger(uids, verifier.records, verifier.trust, also=named)
        except LedgerError as error:
            unreachable = f"the ledger cannot be read: {error}"
    closings = choose(asked, carried)
    roots = _roots(present, closings)
    return StudyEvidence(study_uid, present, closings, roots, unreachable)


def _roots(present: Iterable[Present], closings: Closings) -> Mapping[Path, bytes | None]:
    """Compute the roots of what was listed without a seal of its own; reads those files again."""
    if closings.closing is None:
        return {}
    manifest = closings.closing.manifest
    listed = {
        each.instance_uid
        for each in manifest.instances
        if each.word in (Word.DERIVED, Word.UNSEALED)
    }
    return {
        each.path: listed_root(each.path, salt=manifest.salt, instance_uid=each.instance_uid)
        for each in present
        if each.instance_uid in listed
    }
