"""An outbox: durable before it is handed out, synced exactly once, and never quietly wrong."""

import contextlib
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ledger
from ledger import (
    FIRST,
    AlarmKind,
    BusyError,
    ConflictError,
    Disagreement,
    Entry,
    Event,
    LedgerError,
    Link,
    MalformedError,
    ObjectChain,
    Outbox,
    OutboxConflictError,
    ProofError,
    RefusedError,
    Role,
    StoreError,
    Submission,
    SyncStep,
    TrustedLogs,
    UnreachableError,
    UsageError,
    create_outbox,
    open_log,
    open_outbox,
    sign_statement,
    sync_outbox,
)

WORKER = Path(__file__).with_name("outbox_worker.py")
KEY = bytes(32)
DAYS, EVENTS_A_DAY = 7, 6  # the long form is `python -m benchmarks.outbox`


class Modality:
    """A device that is offline: its signer and its outbox."""

    def __init__(self, site: Any, path: Path, name: str = "modality") -> None:
        self.site, self.path, self.name = site, path, name
        self.signer = site.signer(name)
        self.trusted = TrustedLogs.from_vkeys(site.keys.vkeys)
        if site.log.actor_link(self.signer.kid) == FIRST:
            with contextlib.suppress(RefusedError):
                site.add_key(self.signer, Role.DEVICE)
        self.outbox = self.create(path)

    def create(self, path: Path) -> Outbox:
        return create_outbox(
            path,
            spki=self.signer.spki,
            role=Role.DEVICE,
            link=self.site.log.actor_link(self.signer.kid),
            checkpoint=self.site.log.checkpoint(),
            trusted=self.trusted,
            key=KEY,
            at=self.site.now,
        )

    def reopen(self) -> None:
        self.outbox.close()
        self.outbox = open_outbox(self.path, key=KEY, trusted=self.trusted)

    def sign(
        self, event: Event = Event.SEALED, object_id: bytes | None = None, **how: Any
    ) -> bytes:
        object_id = object_id or self.site.new_object()
        return self.site.statement(
            event,
            self.signer,
            object_id,
            object_link=how.get("object_link") or self.outbox.object_link(object_id),
            actor_link=how.get("actor_link") or self.outbox.actor_link(self.signer.kid),
        )

    def keep(
        self, event: Event = Event.SEALED, object_id: bytes | None = None, **aside: Any
    ) -> Any:
        statement = self.sign(event, object_id)
        (kept,) = self.outbox.append([Submission(statement, **aside)], at=self.site.now)
        return kept

    def sync(self, log: Any = None, **how: Any) -> Any:
        return sync_outbox(self.outbox, log or self.site.log, clock=lambda: self.site.now, **how)

    def logged(self) -> list[bytes]:
        """Leaf hashes of this key in the log, in order."""
        query = ledger.Query(actor=self.signer.kid)
        return [entry.leaf_hash for entry in self.site.log.query(query)]


@pytest.fixture
def modality(site: Any, tmp_path: Path) -> Any:
    made = Modality(site, tmp_path / "outbox.db")
    yield made
    made.outbox.close()


def test_it_keeps_and_syncs_statements_with_all_that_belongs_to_them(modality: Any) -> None:
    site = modality.site
    object_id = site.new_object()
    first = modality.keep(object_id=object_id, annex=b"the annex", pseudonyms=(bytes(32),))
    sent = modality.keep(Event.SENT, object_id)
    assert (first.seq, sent.seq) == (0, 1)
    state = modality.outbox.state()
    assert (state.waiting, state.unproven, state.head.size) == (2, 2, 4)
    heard: list[Any] = []
    done = modality.sync(progress=lambda *words: heard.append(words))
    assert (done.registered, done.received) == (2, 2)
    assert heard == [(SyncStep.REGISTER, 2, 2), (SyncStep.RECEIPTS, 2, 2)]
    assert [e.leaf_hash for e in site.log.events(object_id)] == [first.leaf_hash, sent.leaf_hash]
    assert site.log.annex(object_id) == b"the annex"
    assert site.log.find(bytes(32)) == (object_id,)
    assert site.log.audit().ok
    state = modality.outbox.state()
    assert (state.waiting, state.unproven, state.head.size) == (0, 0, 6)
    receipt = modality.outbox.receipt_of(first.statement)
    assert ledger.open_receipt(first.statement, receipt, logs=modality.trusted).index == 4
    assert modality.sync() == ledger.Synced(0, 0)


def test_the_file_is_its_owners_and_shows_no_annex(modality: Any) -> None:
    modality.keep(annex=b"what nobody else may read" * 40)
    modality.outbox.close()
    assert stat.S_IMODE(modality.path.stat().st_mode) == 0o600
    for path in modality.path.parent.glob("outbox.db*"):
        assert b"nobody else may" not in path.read_bytes()
    with pytest.raises(UsageError, match="not the key of the outbox"):
        open_outbox(modality.path, key=bytes(31) + b"x", trusted=modality.trusted)
    modality.reopen()


def test_what_the_log_would_refuse_is_not_kept(modality: Any, spare_signer: Any) -> None:
    site, outbox = modality.site, modality.outbox
    known = modality.keep().statement
    object_id = ledger.parse_statement(known).object_id
    link = outbox.actor_link(modality.signer.kid)
    stranger = site.statement(
        Event.SEALED, spare_signer, site.new_object(), object_link=FIRST, actor_link=link
    )
    cases: list[tuple[bytes, type[Exception]]] = [
        (stranger, RefusedError),
        (modality.sign(Event.ATTESTED), RefusedError),  # not a device's
        (modality.sign(Event.SENT), RefusedError),  # its chain did not begin here
        (modality.sign(actor_link=FIRST), ConflictError),
        (modality.sign(actor_link=Link(2, bytes(32))), ConflictError),
        (modality.sign(Event.SENT, object_id, object_link=Link(5, bytes(32))), ConflictError),
        (modality.sign(Event.SEALED, object_id), RefusedError),  # sealed twice
        (known, ConflictError),
        (known[:-1], MalformedError),
        (b"", MalformedError),
    ]
    for statement, error in cases:
        with pytest.raises(error):
            outbox.append([Submission(modality.sign()), Submission(statement)], at=site.now)
        assert outbox.actor_link(modality.signer.kid) == link
    with pytest.raises(UsageError):
        outbox.actor_link(spare_signer.kid)


def test_what_takes_effect_at_once_is_not_kept(site: Any, tmp_path: Path) -> None:
    outbox = create_outbox(
        tmp_path / "o.db",
        spki=site.archivist.spki,
        role=Role.ARCHIVIST,
        link=site.log.actor_link(site.archivist.kid),
        checkpoint=site.log.checkpoint(),
        trusted=TrustedLogs.from_vkeys(site.keys.vkeys),
        key=KEY,
        at=site.now,
    )
    body = ledger.key_revoked_body(site.device.kid, reason="lost")
    statement = site.statement(Event.KEY_REVOKED, site.archivist, body=body)
    with pytest.raises(RefusedError, match="takes effect at once"):
        outbox.append([Submission(statement)], at=site.now)
    closed = site.statement(Event.STUDY_CLOSED, site.archivist)
    assert outbox.append([Submission(closed)], at=site.now)[0].seq == 3
    link = outbox.actor_link(site.archivist.kid)
    other = site.statement(Event.STUDY_CLOSED, site.archivist, actor_link=link)
    with pytest.raises(UsageError):
        outbox.append([Submission(other, annex=b"x")], at=site.now)
    outbox.close()


class Line:
    """Between outbox and log: loses answers, fails, sends twice, as ``chance`` says."""

    def __init__(self, log: Any, chance: Callable[[], int]) -> None:
        self._log, self._chance = log, chance

    def append(self, submissions: Sequence[Submission], *, at: Any) -> list[Entry]:
        fate = self._chance()
        if fate == 1:
            raise UnreachableError("nothing arrived")
        if fate == 2:
            self._log.append(submissions, at=at)
            raise UnreachableError("the answer was lost")
        if fate == 3:
            self._log.append(submissions[: len(submissions) // 2 + 1], at=at)
            raise KeyboardInterrupt
        if fate == 4:
            self._log.append(submissions, at=at)
        if fate == 5:
            raise BusyError("later")
        return self._log.append(submissions, at=at)

    def receipt(self, entry: Entry) -> bytes:
        if self._chance() in (1, 2):
            raise UnreachableError("no receipt")
        return self._log.receipt(entry)

    def actor_link(self, kid: bytes) -> Link:
        return self._log.actor_link(kid)


@pytest.mark.parametrize("number", range(4))
def test_a_week_is_synced_exactly_once_on_a_bad_line(modality: Any, number: int) -> None:
    chance = random.Random(number)
    line = Line(modality.site.log, lambda: chance.randrange(10))
    kept = [modality.keep(annex=b"a").leaf_hash for _ in range(DAYS * EVENTS_A_DAY)]
    for _ in range(200):
        with contextlib.suppress(UnreachableError, BusyError, KeyboardInterrupt):
            modality.sync(line, batch=chance.randint(1, 20))
        modality.reopen()
        if not modality.outbox.state().unproven:
            break
    assert modality.logged() == kept
    assert modality.outbox.state().unproven == 0


def _start(modality: Any, what: str, *rest: str) -> subprocess.Popen[str]:
    vkeys = modality.path.with_suffix(".vkeys")
    vkeys.write_text("\n".join(modality.site.keys.vkeys))
    root = str(Path(ledger.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, str(WORKER), what, str(modality.path), str(vkeys), *rest],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    )


def test_killed_at_any_moment_it_goes_on_exactly(modality: Any) -> None:
    site = modality.site
    handed_out: list[str] = []
    for lines in (3, 9, 20):
        worker = _start(modality, "seal", site.seed(modality.name).hex(), "100000")
        assert worker.stdout is not None
        handed_out += [worker.stdout.readline() for _ in range(lines)]
        worker.send_signal(signal.SIGKILL)
        rest, _ = worker.communicate()
        handed_out += rest.splitlines(keepends=True)
    handed = [line.strip() for line in handed_out if line.endswith("\n")]
    modality.reopen()
    keys_path = site.path.with_suffix(".keys")
    keys_path.write_bytes(site.keys.to_bytes())
    site.log.close()
    for lines in range(3):
        worker = _start(modality, "sync", str(site.path), str(keys_path), site.annex_key.hex())
        assert worker.stdout is not None
        worker.stdout.readline()
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.wait(timeout=0.03 * (lines + 1))
        worker.send_signal(signal.SIGKILL)
        worker.communicate()
    site.log = open_log(site.path, keys=site.keys, annex_key=site.annex_key)
    modality.reopen()
    modality.sync()
    logged = [leaf.hex() for leaf in modality.logged()]
    assert len(set(logged)) == len(logged) == modality.outbox.state().stop
    positions = [logged.index(leaf) for leaf in handed]
    assert positions == sorted(positions), "nothing handed out is lost, or out of order"
    assert len(logged) - len(handed) <= 3, "at most one a crash was signed and not handed out"
    assert site.log.audit().ok


def test_a_key_that_signed_elsewhere_stops_the_sync(modality: Any) -> None:
    site = modality.site
    modality.keep()
    other = site.statement(Event.SEALED, modality.signer, site.new_object(), object_link=FIRST)
    site.append(other)
    for _ in range(2):
        with pytest.raises(OutboxConflictError, match="signed elsewhere") as caught:
            modality.sync()
        assert caught.value.disagreement is Disagreement.FORK
        assert modality.outbox.state().waiting == 1, "nothing is dropped, nothing signed anew"
    assert modality.logged() == [ledger.hash_leaf(other)]


def test_a_copy_on_another_machine_is_a_fork(modality: Any, tmp_path: Path) -> None:
    modality.keep()
    modality.outbox.close()
    copy = tmp_path / "copy.db"
    copy.write_bytes(modality.path.read_bytes())
    modality.reopen()
    modality.keep()
    modality.sync()
    modality.outbox.close()
    modality.outbox = open_outbox(copy, key=KEY, trusted=modality.trusted)
    modality.keep()
    with pytest.raises(OutboxConflictError, match="signed elsewhere"):
        modality.sync()
    assert modality.outbox.state().waiting == 2


def test_an_older_copy_with_nothing_waiting_is_told_too(modality: Any, tmp_path: Path) -> None:
    modality.outbox.close()
    old = modality.path.read_bytes()
    modality.reopen()
    modality.keep()
    modality.sync()
    modality.outbox.close()
    modality.path.write_bytes(old)
    modality.outbox = open_outbox(modality.path, key=KEY, trusted=modality.trusted)
    with pytest.raises(OutboxConflictError) as caught:
        modality.sync()
    assert caught.value.disagreement is Disagreement.FORK


def test_a_log_that_was_cut_back_is_told(modality: Any) -> None:
    site = modality.site
    site.log.close()
    before = site.path.read_bytes()
    site.log = open_log(site.path, keys=site.keys, annex_key=site.annex_key)
    modality.keep()
    modality.sync()
    for waiting in (False, True):
        if waiting:
            modality.keep()
        site.log.close()
        site.path.write_bytes(before)
        site.log = open_log(site.path, keys=site.keys, annex_key=site.annex_key)
        with pytest.raises(OutboxConflictError, match="cut back") as caught:
            modality.sync()
        assert caught.value.disagreement is Disagreement.LOG_BEHIND


def test_an_object_that_others_spoke_of_meanwhile(modality: Any) -> None:
    site = modality.site
    object_id = site.new_object()
    seal = modality.keep(object_id=object_id)
    modality.sync()
    sent = modality.keep(Event.SENT, object_id)
    (ingested,) = site.append(site.statement(Event.INGESTED, site.gateway, object_id))
    modality.sync()
    told = [each.leaf_hash for each in site.log.events(object_id)]
    assert told == [seal.leaf_hash, ingested.leaf_hash, sent.leaf_hash]
    assert site.log.object_link(object_id) == Link(3, sent.leaf_hash)
    assert site.log.audit().ok


def test_pruning_needs_a_receipt_that_verifies(modality: Any) -> None:
    first, second = modality.keep(annex=b"a"), modality.keep(annex=b"b")
    assert modality.outbox.prune() == 0, "nothing is in the log yet"
    modality.sync()
    third = modality.keep()
    assert modality.outbox.prune() == 2
    assert modality.outbox.prune() == 0
    assert not modality.outbox.holds(first.statement)
    assert modality.outbox.holds(third.statement)
    state = modality.outbox.state()
    assert (state.start, state.pruned, state.received, state.stop) == (0, 2, 2, 3)
    modality.reopen()
    link = modality.outbox.actor_link(modality.signer.kid)
    assert link == Link(3, third.leaf_hash)
    object_id = ledger.parse_statement(second.statement).object_id
    assert modality.outbox.object_link(object_id) == Link(1, second.leaf_hash)
    modality.sync()
    assert modality.site.log.audit().ok


def test_a_receipt_that_proves_something_else_is_not_kept(modality: Any) -> None:
    site = modality.site
    modality.keep()
    good = site.log.receipt

    class Liar:
        append, actor_link = site.log.append, site.log.actor_link

        def receipt(self, entry: Entry) -> bytes:
            return good(Entry(entry.index - 1, entry.statement, entry.leaf_hash))

    with pytest.raises(ProofError):
        modality.sync(Liar())
    assert modality.outbox.state().unproven == 1
    assert modality.outbox.prune() == 0


def _edit(path: Path, words: str, *values: object) -> None:
    with contextlib.closing(sqlite3.connect(path)) as raw:
        raw.execute(words, values)
        raw.commit()


@pytest.mark.parametrize(
    "words",
    [
        "delete from radseal_outbox_entry where seq=0",
        "delete from radseal_outbox_entry where seq=2",
        "delete from radseal_outbox",
        "update radseal_outbox set next_seq=2",
        "update radseal_outbox set registered=9",
        "update radseal_outbox set format=2",
        "update radseal_outbox set last_hash=x'00'",
        "update radseal_outbox set role='king'",
        "update radseal_outbox set origin='elsewhere'",
        "update radseal_outbox_entry set leaf_hash=zeroblob(32) where seq=2",
        "drop table radseal_outbox",
        "pragma application_id=1",
    ],
)
def test_a_file_that_was_edited_does_not_open(modality: Any, words: str) -> None:
    for _ in range(3):
        modality.keep()
    modality.outbox.close()
    _edit(modality.path, words)
    with pytest.raises(StoreError):
        open_outbox(modality.path, key=KEY, trusted=modality.trusted)


@pytest.mark.parametrize(
    "words",
    [
        "update radseal_outbox_entry set statement=zeroblob(90) where seq=1",
        "update radseal_outbox_entry set statement=null where seq=1",
        "update radseal_outbox_entry set statement='text' where seq=1",
        "update radseal_outbox_entry set leaf_hash=zeroblob(32) where seq=1",
        "update radseal_outbox_entry set object_id=null where seq=1",
        "update radseal_outbox_entry set object_seq=4 where seq=1",
        "update radseal_outbox_entry set pseudonyms=x'00' where seq=1",
        "update radseal_outbox_entry set nonce=null where seq=1",
        "update radseal_outbox_entry set ciphertext=zeroblob(40) where seq=1",
        "update radseal_outbox_entry set wrapped_key=zeroblob(40) where seq=1",
        "update radseal_outbox_entry set idx='text' where seq=1",
    ],
)
def test_a_row_that_was_edited_is_not_sent(modality: Any, words: str) -> None:
    for _ in range(3):
        modality.keep(annex=b"annex")
    _edit(modality.path, words)
    with pytest.raises(StoreError):
        modality.sync()
    assert modality.logged() == []


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    column=st.sampled_from(
        ["leaf_hash", "object_id", "statement", "pseudonyms", "wrapped_key", "nonce", "receipt"]
    ),
    value=st.none() | st.binary(max_size=80) | st.text(max_size=5) | st.integers(0, 9),
)
def test_any_value_in_any_place_raises_only_our_errors(
    modality: Any, column: str, value: Any
) -> None:
    if modality.outbox.state().stop == 0:
        modality.keep(annex=b"a")
        modality.sync()
        modality.outbox.close()
        modality.good = modality.path.read_bytes()
    modality.path.write_bytes(modality.good)
    with contextlib.suppress(sqlite3.IntegrityError):
        _edit(modality.path, f"update radseal_outbox_entry set {column}=?", value)
    try:
        outbox = open_outbox(modality.path, key=KEY, trusted=modality.trusted)
    except LedgerError:
        return
    try:
        for ask in (outbox.prune, outbox.state):
            with contextlib.suppress(LedgerError):
                ask()
    finally:
        outbox.close()


def test_another_file_is_no_outbox(site: Any, tmp_path: Path) -> None:
    trusted = TrustedLogs.from_vkeys(site.keys.vkeys)
    with pytest.raises(StoreError):
        open_outbox(site.path, key=KEY, trusted=trusted)
    (tmp_path / "noise").write_bytes(os.urandom(5000))
    with pytest.raises(StoreError):
        open_outbox(tmp_path / "noise", key=KEY, trusted=trusted)


def test_batches_are_bounded(modality: Any) -> None:
    for size in (10, 10, 40_000, 10):
        modality.keep(annex=bytes(size))
    sizes = []

    class Counter:
        actor_link, receipt = modality.site.log.actor_link, modality.site.log.receipt

        def append(self, submissions: Sequence[Submission], *, at: Any) -> list[Entry]:
            sizes.append(len(submissions))
            return modality.site.log.append(submissions, at=at)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ledger.offline.outbox_sync.MAX_BATCH_BYTES", 30_000)
        modality.sync(Counter(), batch=3)
    assert sizes == [2, 1, 1]


def test_head_seen_is_the_newest_checkpoint_here(modality: Any) -> None:
    assert modality.outbox.head().size == 4
    modality.keep()
    modality.sync()
    head = modality.outbox.head()
    assert (head.size, head.root) == (5, modality.site.log.head().root)
    assert sign_statement  # what a device signs next names it: see test_bracket.py


def _aside(site: Any, object_id: bytes) -> tuple[bytes | None, tuple[bytes, ...]]:
    return site.log.annex(object_id), site.log.find(b"n" * 32)


def test_a_seal_that_others_were_quicker_than_is_logged(modality: Any) -> None:
    site, object_id = modality.site, modality.site.new_object()
    seal = modality.keep(object_id=object_id, annex=b"annex", pseudonyms=(b"n" * 32,))
    sent = modality.keep(Event.SENT, object_id)
    other = modality.keep()
    ingested = site.append(site.statement(Event.INGESTED, site.gateway, object_id))
    verified = site.append(site.statement(Event.VERIFIED, site.gateway, object_id))
    modality.sync()
    viewed = site.append(site.statement(Event.EXPORTED, site.gateway, object_id))
    told = [each.leaf_hash for each in site.log.events(object_id)]
    first = [each.leaf_hash for each in (*ingested, *verified)]
    assert told == [*first, seal.leaf_hash, sent.leaf_hash, viewed[0].leaf_hash], "the log's order"
    last = ledger.parse_statement(viewed[0].statement)
    assert last.object_link == Link(4, sent.leaf_hash), "what follows pins all that came before"
    assert modality.logged() == [seal.leaf_hash, sent.leaf_hash, other.leaf_hash]
    assert _aside(site, object_id) == (b"annex", (object_id,))
    assert modality.outbox.state().unproven == 0
    assert site.log.history(object_id, 2, count=2)[0].leaf_hash == seal.leaf_hash
    assert not [each for each in site.log.alarms() if each.open]
    assert site.log.audit().ok


def test_what_a_device_cannot_claim_by_coming_late(modality: Any) -> None:
    site, device = modality.site, modality.signer
    object_id, other = site.new_object(), site.new_object()
    for each in (object_id, other):
        site.append(site.statement(Event.INGESTED, site.gateway, each))
    (sealed,) = site.append(site.statement(Event.SEALED, device, object_id, object_link=FIRST))
    site.append(site.statement(Event.VERIFIED, site.gateway, object_id))
    foreign = site.log.events(object_id)[0].leaf_hash
    for event, about, link, error in (
        (Event.SEALED, object_id, FIRST, ConflictError),  # once
        (Event.SENT, object_id, FIRST, ConflictError),  # a device begins with its seal
        (Event.SENT, other, FIRST, ConflictError),
        (Event.SENT, object_id, Link(1, foreign), ConflictError),  # another's word
        (Event.SENT, object_id, Link(2, sealed.leaf_hash), ConflictError),  # another number
        (Event.SENT, other, Link(1, sealed.leaf_hash), ConflictError),  # another object
        (Event.SEALED, other, Link(1, foreign), RefusedError),
    ):
        with pytest.raises(error):
            site.append(site.statement(event, device, about, object_link=link))
    stale = Link(1, foreign)
    with pytest.raises(ConflictError):  # nobody but a device
        site.append(site.statement(Event.VERIFIED, site.gateway, object_id, object_link=stale))
    late = Link(1, sealed.leaf_hash)
    site.append(site.statement(Event.SENT, device, object_id, object_link=late))
    with pytest.raises(ConflictError):  # its own chain is one, too
        site.append(site.statement(Event.SENT, device, object_id, object_link=late))
    assert site.log.audit().ok


def test_a_rival_cannot_block_a_device_nor_take_its_place(modality: Any, tmp_path: Path) -> None:
    site, object_id = modality.site, modality.site.new_object()
    thief = Modality(site, tmp_path / "thief.db", name="thief")
    honest = modality.keep(object_id=object_id, annex=b"true")
    modality.sync()
    before = site.log.events(object_id)
    rival = thief.keep(object_id=object_id, annex=b"false", pseudonyms=(b"n" * 32,))
    thief.keep(Event.SENT, object_id, annex=b"false too")
    thief.sync()
    assert site.log.events(object_id)[0] == before[0]
    assert _aside(site, object_id) == (b"true", ()), "beside a rival nothing is kept"
    (alarm,) = site.log.alarms()
    assert (alarm.kind, alarm.open, alarm.kid) == (AlarmKind.RIVAL, True, thief.signer.kid)
    assert (alarm.evidence, alarm.other) == (rival.statement, before[0].index)
    assert alarm.numbers == ((0, 0),)
    for device in (modality, thief):
        found = list(site.log.query(ledger.Query(device=device.signer.kid)))
        assert len(found) == 3, "both have sealed it"
    site.append(site.statement(Event.KEY_REVOKED, site.archivist, body=_revoked(thief)))
    (alarm,) = site.log.alarms()
    assert not alarm.open
    assert alarm.closed_by == site.log.size - 1
    assert site.log.audit().ok
    assert modality.logged() == [honest.leaf_hash]
    thief.outbox.close()


def _revoked(device: Any) -> dict[int, object]:
    return ledger.key_revoked_body(device.signer.kid, reason="stolen")


def test_who_seals_first_with_a_stolen_key_blocks_nobody(modality: Any, tmp_path: Path) -> None:
    site, object_id = modality.site, modality.site.new_object()
    thief = Modality(site, tmp_path / "thief.db", name="thief")
    honest, other = modality.keep(object_id=object_id), modality.keep()
    thief.keep(object_id=object_id)
    thief.sync()
    modality.sync()
    assert modality.logged() == [honest.leaf_hash, other.leaf_hash]
    (alarm,) = site.log.alarms()
    assert (alarm.kind, alarm.kid) == (AlarmKind.RIVAL, modality.signer.kid)
    assert site.log.entry(alarm.other).leaf_hash == thief.logged()[0], "the other is named"
    thief.outbox.close()


def test_a_late_seal_brings_nothing_of_an_erased_object_back(modality: Any) -> None:
    site, object_id = modality.site, modality.site.new_object()
    modality.keep(object_id=object_id, annex=b"a secret of some length", pseudonyms=(b"n" * 32,))
    modality.keep(Event.SENT, object_id)
    site.append(site.statement(Event.INGESTED, site.gateway, object_id))
    site.log.erase(site.statement(Event.ERASED, site.archivist, object_id), at=site.now)
    modality.sync()
    assert site.log.is_erased(object_id)
    assert _aside(site, object_id) == (None, ())
    assert [ledger.parse_statement(e.statement).event for e in site.log.events(object_id)][2:] == [
        Event.SEALED,
        Event.SENT,
    ]
    assert site.log.audit().ok


def test_an_audit_that_goes_on_knows_late_seals(modality: Any) -> None:
    site, object_id = modality.site, modality.site.new_object()
    modality.keep(object_id=object_id)
    modality.keep(Event.SENT, object_id)
    site.append(site.statement(Event.INGESTED, site.gateway, object_id))
    state = site.log.audit().state
    modality.sync(batch=1)
    assert state is not None
    assert site.log.audit_since(state).ok


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("update radseal_statement set object_seq = 7 where object_seq = 1", "index"),
        ("update radseal_statement set object_seq = 4 where object_seq = 2", "index"),
        ("update radseal_key set role = 'gateway' where role = 'device'", "keys"),
    ],
)
def test_an_audit_looks_at_the_place_of_a_late_seal(modality: Any, change: str, code: str) -> None:
    site, object_id = modality.site, modality.site.new_object()
    modality.keep(object_id=object_id)
    modality.keep(Event.SENT, object_id)
    site.append(site.statement(Event.INGESTED, site.gateway, object_id))
    modality.sync()
    assert site.log.audit().ok
    site.change(change)
    assert code in {each.code.value for each in site.log.audit().findings}


def test_an_audit_finds_a_late_link_that_is_not_a_devices(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    object_id, sealed = site.seal()
    site.append(site.statement(Event.INGESTED, site.gateway, object_id))
    stale = FIRST.next(sealed.leaf_hash)
    made = site.statement(Event.VERIFIED, site.gateway, object_id, object_link=stale)
    with monkeypatch.context() as patch:  # a log that forgets its rule
        patch.setattr("ledger.appending.draft.Draft._is_late", lambda *_: True)
        site.append(made)
    assert {each.code.value for each in site.log.audit().findings} == {"object-link"}


def test_an_outbox_says_why_it_has_stopped(modality: Any) -> None:
    site = modality.site
    kept = [modality.keep(), modality.keep()]
    assert modality.outbox.state().stopped is None
    site.append(site.statement(Event.KEY_REVOKED, site.archivist, body=_revoked(modality)))
    for _ in range(2):
        since = site.now
        with pytest.raises(RefusedError):
            modality.sync()
        stopped = modality.outbox.state().stopped
        assert (stopped.code, stopped.seq, stopped.since) == ("refused", 0, since)
        assert "revoked" in stopped.words
        modality.reopen()
    assert [each.statement.leaf_hash for each in modality.outbox.statements()] == [
        each.leaf_hash for each in kept
    ], "nothing is lost"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("code", b"x"),
        ("words", b"x"),
        ("seq", "x"),
        ("since", "x"),
        ("since", -1),
        ("since", 1 << 62),
    ],
)
def test_a_reason_that_was_edited_is_not_believed(
    modality: Any, column: str, value: object
) -> None:
    modality.outbox.note_stopped("refused", "why" * 1_000, at=modality.site.now)
    assert len(modality.outbox.state().stopped.words) == 1_000
    raw = sqlite3.connect(modality.path)
    raw.execute(f"update radseal_outbox_stop set {column} = ?", (value,))
    raw.commit()
    raw.close()
    with pytest.raises(StoreError, match="the outbox is damaged"):
        modality.outbox.state()


def test_what_goes_on_is_not_stopped_any_more(modality: Any) -> None:
    site = modality.site
    modality.keep()

    class Refusing:
        receipt, actor_link = site.log.receipt, site.log.actor_link

        def append(self, _submissions: object, *, at: object) -> list[Entry]:
            raise RefusedError("not now")

    with pytest.raises(RefusedError):
        modality.sync(Refusing())
    assert modality.outbox.state().stopped.words == "not now"
    modality.sync()
    assert modality.outbox.state().stopped is None


@pytest.mark.parametrize("number", range(4))
def test_whatever_others_do_meanwhile_no_device_is_blocked(
    modality: Any, tmp_path: Path, number: int
) -> None:
    site, chance = modality.site, random.Random(number)
    devices = [modality, Modality(site, tmp_path / "other.db", name="other")]
    objects = [site.new_object() for _ in range(5)]
    erased: set[bytes] = set()

    def offline(device: Any, about: bytes) -> None:
        sealed = device.outbox.object_link(about) != FIRST
        device.keep(Event.SENT if sealed else Event.SEALED, about, annex=b"a")

    def online(_: Any, about: bytes) -> None:
        event = chance.choice((Event.INGESTED, Event.VERIFIED, Event.EXPORTED))
        site.append(site.statement(event, site.gateway, about))

    def erase(_: Any, about: bytes) -> None:
        if about not in erased and site.log.events(about):
            erased.add(about)
            site.log.erase(site.statement(Event.ERASED, site.archivist, about), at=site.now)

    def sync(device: Any, _: bytes) -> None:
        device.sync(batch=chance.randint(1, 3))

    for _ in range(60):
        act = chance.choice((offline, offline, online, online, erase, sync))
        act(chance.choice(devices), chance.choice(objects))
    for device in devices:
        device.sync()
        kept = [each.statement.leaf_hash for each in device.outbox.statements()]
        assert device.logged() == kept, "all of it, in its order"
    known = site.log.keys()
    roles = {key.kid: key.role for key in known}
    for about in objects:
        chain = ObjectChain()
        for entry in site.log.events(about):
            said = ledger.parse_statement(entry.statement)
            assert chain.follow(said, roles[said.kid])
        assert site.log.object_link(about) == chain.newest
        assert about not in erased or site.log.annex(about) is None
    assert {each.kind for each in site.log.alarms()} <= {AlarmKind.RIVAL}
    assert site.log.audit().ok
    devices[1].outbox.close()


def test_an_operator_cannot_put_a_late_seal_first(modality: Any) -> None:
    site, object_id = modality.site, modality.site.new_object()
    modality.keep(object_id=object_id)
    (ingested,) = site.append(site.statement(Event.INGESTED, site.gateway, object_id))
    modality.sync()
    sealed = site.log.events(object_id)[1]
    assert sealed.index == ingested.index + 1
    for index, place, of in (
        (-1, 7, ingested.leaf_hash),
        (ingested.index, 0, sealed.leaf_hash),
        (sealed.index, 1, ingested.leaf_hash),
    ):
        change = "update radseal_statement set idx = :idx, object_seq = :place"
        site.change(f"{change} where leaf_hash = :leaf", idx=index, place=place, leaf=of)
    assert "object-link" in {each.code.value for each in site.log.audit().findings}
