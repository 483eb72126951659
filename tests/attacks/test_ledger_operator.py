"""What an operator does to a log, and who notices: each cell of docs/ledger-security.md.

The table of that page is the data of this test.
"""

import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger import (
    FIRST,
    AddCheckpoint,
    AuditReport,
    AuditState,
    Cosigner,
    Event,
    Monitor,
    NotFoundError,
    QuorumError,
    Role,
    Signer,
    Submission,
    TrustedLogs,
    Witness,
    create_witness,
    hash_leaf,
    open_checkpoint,
    open_log,
    open_receipt,
    open_witness,
    parse_note,
    parse_policy,
    sign_statement,
)
from ledger.checkpoints.note import Note, parse_signature_lines
from ledger.tree.tiles import TreeBuilder, consistency_path
from provenance import Site, seal
from provenance.dicom.carrier import read_carrier
from provenance.dicom.read import read_instance
from provenance.keys.signers import load_signer
from provenance.verifying.custody import find_custody
from provenance.verifying.seal_search import FoundSeal, from_carrier

Raw = sqlite3.Connection

PAGE = Path(__file__).resolve().parents[2] / "docs" / "ledger-security.md"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

PARTIES = ("the log's own audit", "an older checkpoint", "the auditor's state", "a monitor's copy")
PARTIES += ("witnesses", "the image's chain", "a receipt")
UNSEEN = "-"


@dataclass(frozen=True)
class Row:
    """An attack, how far it goes, and what each of PARTIES finds."""

    attack: str
    how: str
    seen: Sequence[str]

    @property
    def name(self) -> str:
        return f"{self.attack}, {self.how}"


ALONE, REMADE, COPY = "rows alone", "all re-made", "an old copy put back"


def read_table() -> tuple[Row, ...]:
    """The page's table, whose first line names the parties."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    cells = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]
    start = cells.index(("attack", "how", *PARTIES))
    return tuple(Row(attack, how, seen) for attack, how, *seen in cells[start + 2 :])


TABLE = read_table()


@dataclass
class Scene:
    """A log with a history, and what others hold of it before the operator sets to work."""

    folder: Path
    site: Site
    images: dict[str, FoundSeal]
    places: dict[str, int]
    old_copy: Path
    held: bytes
    state: AuditState
    last: bytes
    receipts: dict[int, tuple[bytes, bytes]]
    witnesses: list[Path]

    @property
    def path(self) -> Path:
        return self.folder / "ledger.sqlite"


@dataclass
class Writer:
    """Signs for the site's roles and remembers where things happened."""

    site: Site
    log: Any
    links: dict[Role, Any] = field(default_factory=dict)
    count: int = 0

    def signer(self, role: Role) -> Signer:
        return load_signer(self.site.folder / "keys" / f"{role}.key.pem")

    def tell(self, event: Event, role: Role, object_id: bytes | None = None) -> int:
        """Append one event, of a new object unless one is named; return its index."""
        return self._append([self._sign(event, role, object_id)])

    def fill(self, count: int) -> None:
        """Append what operators look at all day."""
        self._append([self._sign(Event.VIEWED, Role.OPERATOR, None) for _ in range(count)])

    def _append(self, statements: Sequence[bytes]) -> int:
        return int(self.log.append([Submission(each) for each in statements], at=NOON)[-1].index)

    def _sign(self, event: Event, role: Role, object_id: bytes | None) -> bytes:
        self.count += 1
        signer = self.signer(role)
        link = self.links.get(role) or self.log.actor_link(signer.kid)
        made = sign_statement(
            event=event,
            object_id=object_id or self.count.to_bytes(12, "big"),
            object_link=FIRST if object_id is None else self.log.object_link(object_id),
            actor_link=link,
            claimed_at=NOON + timedelta(seconds=self.count),
            head_seen=None,
            body={},
            signer=signer,
        )
        self.links[role] = link.next(hash_leaf(made))
        return made


def cosigner(number: int) -> Cosigner:
    seed = b"%032d" % number
    return Cosigner.from_seeds(f"w{number}.example", ed25519_seed=seed, mldsa44_seed=seed)


def policy() -> bytes:
    lines = [f"witness w{n} {cosigner(n).vkeys[0]}" for n in range(3)]
    return "\n".join([*lines, "group g 2 w0 w1 w2", "quorum g", ""]).encode()


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory, make_dicom: Callable[..., bytes]) -> Scene:
    """300 entries; an older checkpoint of 220, an old copy of 160, witnesses of all 300."""
    folder = tmp_path_factory.mktemp("operator")
    site = Site.init(folder / "site", name="here")
    images: dict[str, FoundSeal] = {}

    def sealed(name: str) -> bytes:
        with site.device() as device:
            values = read_carrier(
                read_instance(seal(make_dicom(), device=device).to_bytes()).dataset
            )
        assert values is not None
        found, _ = from_carrier(values)
        assert found is not None
        images[name] = found
        return found.claim.seal_id

    a = sealed("A")
    places: dict[str, int] = {}
    log = site.writing_log()
    writer = Writer(site, log)
    places["below"] = writer.tell(Event.INGESTED, Role.GATEWAY, a)
    writer.tell(Event.VERIFIED, Role.GATEWAY, a)
    writer.fill(160 - log.size)
    log.checkpoint()
    log.close()
    old_copy = folder / "old.sqlite"
    shutil.copyfile(site.folder / "ledger.sqlite", old_copy)
    log = writer.log = site.writing_log()
    writer.fill(60)
    held = log.checkpoint()
    report = log.audit()
    assert report.ok
    assert report.state is not None
    log.close()
    b = sealed("B")
    log = writer.log = site.writing_log()
    places["above"] = writer.tell(Event.INGESTED, Role.GATEWAY, b)
    writer.tell(Event.VERIFIED, Role.GATEWAY, b)
    places["last event"] = writer.tell(Event.VIEWED, Role.AUDITOR, b)
    writer.fill(20)
    places["neighbour"] = writer.tell(Event.RELEASED, Role.ARCHIVIST)
    writer.tell(Event.VIEWED, Role.OPERATOR)
    writer.fill(20)
    log.checkpoint()
    places["end"] = log.size
    log.close()
    sealed("C")
    log = writer.log = site.writing_log()
    places["in the tail"] = writer.tell(Event.VIEWED, Role.OPERATOR, a)
    writer.fill(300 - log.size)
    last = log.checkpoint()
    receipts = {at: (log.entry(at).statement, log.prove(at)) for at in places.values()}
    seal_of_c = images["C"].claim.statement.encoded
    places["C"] = log.events(images["C"].claim.seal_id)[0].index
    receipts[places["C"]] = seal_of_c, log.prove(places["C"])
    assert Monitor(folder / "copy", logs=site.trust.logs).follow(log).alarm is None
    log.close()
    witnesses = []
    for number in range(3):
        witnesses.append(folder / f"w{number}.db")
        create_witness(witnesses[-1])
        with closing(opened(witnesses[-1], number, site)) as witness:
            assert witness.add_checkpoint(bytes(AddCheckpoint(0, (), last)), at=NOON).status == 200
    return Scene(
        site.folder, site, images, places, old_copy, held, report.state, last, receipts, witnesses
    )


def opened(path: Path, number: int, site: Site) -> Witness:
    return open_witness(path, cosigner=cosigner(number), vkeys=site.log_keys().vkeys)


# What the operator does. Each returns the image and the entry that it was about.


def change(scene: Scene, work: Callable[[Raw], object]) -> None:
    with closing(sqlite3.connect(scene.path)) as raw:
        raw.execute("pragma foreign_keys = off")
        work(raw)
        raw.commit()


def flip(raw: Raw, index: int) -> None:
    asked = "select encoded from radseal_statement where idx=?"
    (encoded,) = raw.execute(asked, (index,)).fetchone()
    forged = encoded[:-1] + bytes([encoded[-1] ^ 1])
    raw.execute("update radseal_statement set encoded=? where idx=?", (forged, index))


def drop(raw: Raw, index: int) -> None:
    raw.execute("delete from radseal_statement where idx=?", (index,))


def close_gap(raw: Raw, index: int) -> None:
    """Renumber all that came after an entry that was taken out."""
    for table in ("statement", "pseudonym", "annex", "erased"):
        name = f"radseal_{table}"
        raw.execute(f"update {name} set idx=-idx where idx>?", (index,))
        raw.execute(f"update {name} set idx=-idx-1 where idx<0")


def swap(raw: Raw, index: int) -> None:
    for old, new in ((index, -1), (index + 1, index), (-1, index + 1)):
        raw.execute("update radseal_statement set idx=? where idx=?", (new, old))


def cut(raw: Raw, size: int) -> None:
    for table in ("statement", "pseudonym", "annex"):
        raw.execute(f"delete from radseal_{table} where idx>=?", (size,))
    kept = "select object_id from radseal_annex"
    raw.execute(f"delete from radseal_annex_key where object_id not in ({kept})")


def remake(scene: Scene, raw: Raw) -> None:
    """With all keys of the log: leaves, tiles, head, and checkpoints signed anew."""
    keys = scene.site.log_keys()
    rows = raw.execute("select idx, encoded from radseal_statement order by idx").fetchall()
    assert [index for index, _ in rows] == list(range(len(rows)))
    for index, encoded in rows:
        leaf = hash_leaf(encoded)
        raw.execute("update radseal_statement set leaf_hash=? where idx=?", (leaf, index))
    tree = TreeBuilder()
    raw.execute("delete from radseal_tile")
    for (level, number), hashes in tree.extend(hash_leaf(each) for _, each in rows).items():
        raw.execute("insert into radseal_tile values (?, ?, ?)", (level, number, hashes))
    raw.execute("update radseal_head set size=?, root=?", (tree.size, tree.root))
    raw.execute("delete from radseal_checkpoint")
    note = keys.sign_checkpoint(size=tree.size, root=tree.root, timestamp=1)
    raw.execute("insert into radseal_checkpoint values (?, ?)", (tree.size, note))


def fork(scene: Scene) -> None:
    """Put back the log as it was at ``end``, and let it go on another way, as long as the first."""
    change(scene, lambda raw: (cut(raw, scene.places["end"]), remake(scene, raw)))
    with scene.site.writing_log() as log:
        writer = Writer(scene.site, log, count=10_000)
        writer.fill(301 - log.size)
        log.checkpoint()


Attack = Callable[[Scene], tuple[str, int]]


def by_rows(image: str, place: str, work: Callable[[Raw, int], object]) -> Attack:
    def attack(scene: Scene) -> tuple[str, int]:
        change(scene, lambda raw: work(raw, scene.places[place]))
        return image, scene.places[place]

    return attack


def remade(attack: Attack, *, gap: bool = False) -> Attack:
    def whole(scene: Scene) -> tuple[str, int]:
        image, index = attack(scene)
        if gap:
            change(scene, lambda raw: close_gap(raw, index))
        change(scene, lambda raw: remake(scene, raw))
        return image, index

    return whole


def cut_off(image: str, place: str) -> Attack:
    def attack(scene: Scene) -> tuple[str, int]:
        change(scene, lambda raw: cut(raw, scene.places["end"]))
        return image, scene.places[place]

    return attack


def rolled_back(scene: Scene) -> tuple[str, int]:
    for suffix in ("-wal", "-shm"):
        Path(f"{scene.path}{suffix}").unlink(missing_ok=True)
    shutil.copyfile(scene.old_copy, scene.path)
    return "B", scene.places["above"]


def forked(scene: Scene) -> tuple[str, int]:
    fork(scene)
    return "A", scene.places["in the tail"]


ATTACKS: dict[tuple[str, str], Attack] = {
    ("edit an event below the older checkpoint", ALONE): by_rows("A", "below", flip),
    ("edit an event below the older checkpoint", REMADE): remade(by_rows("A", "below", flip)),
    ("edit an event above it", ALONE): by_rows("B", "above", flip),
    ("edit an event above it", REMADE): remade(by_rows("B", "above", flip)),
    ("delete an event above it", ALONE): by_rows("B", "above", drop),
    ("delete an event above it", REMADE): remade(by_rows("B", "above", drop), gap=True),
    ("delete an image's last event", ALONE): by_rows("B", "last event", drop),
    ("delete an image's last event", REMADE): remade(by_rows("B", "last event", drop), gap=True),
    ("swap neighbours of different images and signers", ALONE): by_rows("B", "neighbour", swap),
    ("swap neighbours of different images and signers", REMADE): remade(
        by_rows("B", "neighbour", swap)
    ),
    ("cut the tail, with an image's last event", ALONE): cut_off("A", "in the tail"),
    ("cut the tail, with an image's last event", REMADE): remade(cut_off("A", "in the tail")),
    ("cut the tail, with an image's seal", REMADE): remade(cut_off("C", "C")),
    ("roll back below the older checkpoint", COPY): rolled_back,
    ("fork: another reader sees another tail", REMADE): forked,
}


# Who looks. Each returns what it finds, or UNSEEN.


def own_audit(scene: Scene) -> str:
    with open_log(scene.path, keys=None, annex_key=None) as log:
        return codes(log.audit())


def older_checkpoint(scene: Scene) -> str:
    with open_log(scene.path, keys=None, annex_key=None) as log:
        alone, held = codes(log.audit()), codes(log.audit(held=[scene.held]))
    return ", ".join(c for c in held.split(", ") if c not in alone.split(", ")) or UNSEEN


def auditors_state(scene: Scene) -> str:
    with open_log(scene.path, keys=None, annex_key=None) as log:
        return codes(log.audit_since(scene.state))


def codes(report: AuditReport) -> str:
    return ", ".join(sorted({str(finding.code) for finding in report.findings})) or UNSEEN


def monitors_copy(scene: Scene) -> str:
    with open_log(scene.path, keys=None, annex_key=None) as log:
        followed = Monitor(scene.folder / "copy", logs=scene.site.trust.logs).follow(log)
    return UNSEEN if followed.alarm is None else "alarm"


def witnesses(scene: Scene) -> str:
    """Show them the log as it is now, one entry later, with the best proof that can be made."""
    keys = scene.site.log_keys()
    with closing(sqlite3.connect(scene.path)) as raw:
        rows = raw.execute("select level, number, hashes from radseal_tile").fetchall()
        (size,) = raw.execute("select size from radseal_head").fetchone()
    tiles = {(level, number): hashes for level, number, hashes in rows}
    leaves = b"".join(tiles[0, number] for number in range(-(-size // 256)))
    tree = TreeBuilder()
    grown = dict(tree.extend(leaves[at : at + 32] for at in range(0, 32 * size, 32)))
    grown |= tree.extend([bytes(32)])
    note = keys.sign_checkpoint(size=tree.size, root=tree.root, timestamp=1)
    seen = open_checkpoint(scene.last, scene.site.trust.logs).size
    statuses, lines = set(), b""
    for number, path in enumerate(scene.witnesses):
        old = min(seen, tree.size)
        proof = consistency_path(old, tree.size, lambda *at: grown[at]) if old < tree.size else ()
        with closing(opened(path, number, scene.site)) as witness:
            answer = witness.add_checkpoint(bytes(AddCheckpoint(old, proof, note)), at=NOON)
        statuses.add(answer.status)
        lines += answer.body if answer.status == 200 else b""
    (status,) = statuses
    bare = parse_note(note)
    more = parse_signature_lines(lines) if lines else ()
    shown = bytes(Note(bare.text, bare.signatures + more))
    logs = TrustedLogs.from_vkeys(keys.vkeys, policy=parse_policy(policy()))
    try:
        open_checkpoint(shown, logs)
    except QuorumError:
        return f"{status}, no quorum"
    return UNSEEN


def images_chain(scene: Scene, image: str) -> str:
    """Whoever verifies the image, without its receipt, and asks the ledger."""
    records = scene.site.records()
    with records.log:
        claim = scene.images[image].claim
        custody = find_custody(claim, None, trust=scene.site.trust, records=records)
    return UNSEEN if custody.ledger is None else str(custody.ledger.code.value)


def receipt(scene: Scene, index: int) -> str:
    """Whoever holds the receipt of the entry asks the log for it; the receipt holds alone."""
    statement, proof = scene.receipts[index]
    assert open_receipt(statement, proof, logs=scene.site.trust.logs).index == index
    with open_log(scene.path, keys=None, annex_key=None) as log:
        try:
            return UNSEEN if log.entry(index).statement == statement else "another entry"
        except NotFoundError:
            return "no such entry"


def look(scene: Scene, attack: Attack) -> tuple[str, ...]:
    image, index = attack(scene)
    return (
        own_audit(scene),
        older_checkpoint(scene),
        auditors_state(scene),
        monitors_copy(scene),
        witnesses(scene),
        images_chain(scene, image),
        receipt(scene, index),
    )


def copied(before: Scene, folder: Path) -> Scene:
    shutil.copytree(before.folder, folder / "site")
    shutil.copytree(before.folder.parent / "copy", folder / "site" / "copy")
    memories = []
    for path in before.witnesses:
        memories.append(Path(shutil.copy(path, folder)))
    site = Site.open(folder / "site")
    return Scene(
        site.folder,
        site,
        before.images,
        before.places,
        before.old_copy,
        before.held,
        before.state,
        before.last,
        before.receipts,
        memories,
    )


def test_every_attack_is_in_the_table() -> None:
    assert [(row.attack, row.how) for row in TABLE] == list(ATTACKS)


def test_nobody_is_alarmed_without_an_attack(before: Scene, tmp_path: Path) -> None:
    for image, index in (("A", before.places["below"]), ("C", before.places["C"])):
        found = look(copied(before, tmp_path / image), lambda _, i=image, n=index: (i, n))
        assert found == (UNSEEN,) * len(PARTIES)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_who_notices(before: Scene, tmp_path: Path, row: Row) -> None:
    found = look(copied(before, tmp_path), ATTACKS[row.attack, row.how])
    assert dict(zip(PARTIES, found, strict=True)) == dict(zip(PARTIES, row.seen, strict=True))


def test_every_attack_is_noticed_by_witnesses_or_needs_no_one() -> None:
    """Whatever shows in the tree is refused by witnesses; the rest fails the log's own audit."""
    witness = PARTIES.index("witnesses")
    for row in TABLE:
        assert row.seen[witness] != UNSEEN or row.seen[0] != UNSEEN, row.name
