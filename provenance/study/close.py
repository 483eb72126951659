"""Close a study: verify everything of it, list it, and log that this is all.

`close_study` draws clock and chance; `survey` and `log_closing` are its two steps with both given.
"""

import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from ledger import Entry, Event, LedgerError, parse_statement
from provenance.device import Device
from provenance.errors import EvidenceMissingError, NotProvenError, UsageError
from provenance.records import Lookup, ReadableLog, Records, pseudonym
from provenance.study.closing import ClosingBody
from provenance.study.manifest import (
    MAX_INSTANCES,
    SALT_SIZE,
    SEAL_ID_SIZE,
    WORDS,
    Listed,
    Manifest,
    is_uid,
)
from provenance.study.present import Present, listed_root, look
from provenance.trust import TrustStore
from provenance.verdict import Word
from provenance.verifier import Verifier
from provenance.walk import Found, walk


@dataclass(frozen=True, slots=True)
class Chance:
    """The random values of one closing; each is used once."""

    object_id: bytes
    salt: bytes

    @classmethod
    def draw(cls) -> Self:
        """Draw from the operating system."""
        return cls(secrets.token_bytes(SEAL_ID_SIZE), secrets.token_bytes(SALT_SIZE))


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


@dataclass(frozen=True, slots=True)
class ClosedStudy:
    """A closing in the log; ``no_receipt`` says why there is no receipt yet."""

    manifest: Manifest
    object_id: bytes
    log_index: int
    statement: bytes
    receipt: bytes | None
    no_receipt: str | None
    superseded: int


def close_study(
    paths: Sequence[Path | str],
    *,
    archivist: Device,
    records: Records[ReadableLog],
    trust: TrustStore,
    mark_key: bytes | None = None,
    with_unsealed: bool = False,
) -> ClosedStudy:
    """Close the study of the files at or under ``paths``: verify, list, sign, log.

    ``archivist`` holds the key of an archivist, ``records`` read the log that it writes to.
    NotProvenError unless every file is AUTHENTIC, CORRECTED or DERIVED (or UNSEALED, if asked for)
    and of one study; errors of the ledger.
    """
    chance = Chance.draw()
    found = walk([Path(path) for path in paths])
    surveyed = survey(
        found.files,
        Verifier(trust, records, mark_key),
        salt=chance.salt,
        with_unsealed=with_unsealed,
    )
    return log_closing(
        surveyed, archivist=archivist, records=records, at=datetime.now(UTC), chance=chance
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


def log_closing(
    surveyed: Survey,
    *,
    archivist: Device,
    records: Records[ReadableLog],
    at: datetime,
    chance: Chance,
) -> ClosedStudy:
    """Sign and log a closing of what was surveyed, with clock and random values given.

    ``chance`` must be the one whose salt the survey had. NotProvenError if anything was refused.
    """
    surveyed.require()
    if not surveyed.listed:
        raise EvidenceMissingError("there is no object to close a study of")
    certificates = archivist.certificates
    manifest = Manifest(chance.salt, surveyed.study_uid, certificates, surveyed.listed)
    object_id, superseded = _object_of(surveyed.study_uid, records)
    object_id = object_id or chance.object_id
    uid = surveyed.study_uid.encode("ascii")
    entry = archivist.record(
        Event.STUDY_CLOSED,
        object_id=object_id,
        body=ClosingBody.of(manifest).to_cbor(),
        at=at,
        annex=manifest.encode(),
        pseudonyms=(pseudonym(archivist.lookup_key, Lookup.MANIFEST, uid),),
    )
    if not isinstance(entry, Entry):
        raise UsageError("an archivist is online: a closing does not wait in an outbox")
    receipt, no_receipt = _receipt(archivist, entry)
    return ClosedStudy(
        manifest, object_id, entry.index, entry.statement, receipt, no_receipt, superseded
    )


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


def _object_of(study_uid: str, records: Records[ReadableLog]) -> tuple[bytes | None, int]:
    """Return the object of the study's newest closing that was not erased, and how many it has."""
    newest: tuple[int, bytes, int] | None = None
    for object_id in records.find(Lookup.MANIFEST, study_uid.encode("ascii")):
        entries = records.log.events(object_id)
        events = [parse_statement(entry.statement).event for entry in entries]
        closings = [
            entry
            for entry, event in zip(entries, events, strict=True)
            if event is Event.STUDY_CLOSED
        ]
        if not closings or Event.ERASED in events:
            continue
        if newest is None or closings[-1].index > newest[0]:
            newest = closings[-1].index, object_id, len(closings)
    return (None, 0) if newest is None else newest[1:]


def _receipt(archivist: Device, entry: Entry) -> tuple[bytes | None, str | None]:
    """Return the receipt, or why a closing that is logged has none."""
    try:
        return archivist.receipt(entry), None
    except LedgerError as error:
        return None, str(error)
