"""The log's side: a log under witnesses that are honest, dead, silent, behind, ahead, or liars."""

import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ledger
from ledger import (
    Answer,
    Checkpoint,
    Cosigner,
    Event,
    Log,
    LogKeys,
    NotFoundError,
    QuorumError,
    RolledBackError,
    TrustedLogs,
    UsageError,
    Witness,
    WitnessError,
    Witnesses,
    cosigned_by,
    create_witness,
    log_keys_body,
    open_checkpoint,
    open_log,
    open_receipt,
    open_witness,
    parse_note,
    parse_policy,
)
from ledger.checkpoints.note import Note, signature_lines
from ledger.exchange import exchange
from ledger.log import CHECKPOINT_EVERY
from ledger.witnessing.publication import Publication
from ledger.witnessing.witness_client import Held, WitnessClient

SECONDS = 1.5  # the time-out of these tests

Trick = Callable[[BaseHTTPRequestHandler, Answer], bool]


def cosigner(name: str) -> Cosigner:
    return Cosigner.from_seeds(
        name, ed25519_seed=name.encode().ljust(32), mldsa44_seed=name.encode().rjust(32)
    )


@dataclass
class Stub:
    """A witness in this process; ``trick`` may answer in its place."""

    name: str
    folder: Path
    vkeys: tuple[str, ...]
    trick: Trick | None = None
    asked: list[str] = field(default_factory=list)
    server: ThreadingHTTPServer = field(init=False)
    witness: Witness = field(init=False)

    def __post_init__(self) -> None:
        path = self.folder / f"{self.name}.db"
        if not path.exists():
            create_witness(path)
        self.witness = open_witness(path, cosigner=cosigner(self.name), vkeys=self.vkeys)
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                stub.asked.append("POST")
                body = self.rfile.read(int(self.headers["content-length"]))
                self.answer(stub.witness.add_checkpoint(body, at=datetime.now(UTC)))

            def do_GET(self) -> None:
                stub.asked.append("GET")
                self.answer(stub.witness.checkpoint(self.path.split("/")[1]))

            def answer(self, answer: Answer) -> None:
                if stub.trick is not None and stub.trick(self, answer):
                    return
                send(self, answer.status, answer.body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.witness.close()


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> bool:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
    return True


@pytest.fixture
def stubs(tmp_path: Path, site: Any) -> Iterator[list[Stub]]:
    """Three honest witnesses of the site's log."""
    found = [Stub(f"w{n}.example", tmp_path, site.keys.vkeys) for n in range(3)]
    yield found
    for stub in found:
        stub.stop()


def policy_of(stubs: list[Stub], rule: str = "2", *, kind: int = 1) -> bytes:
    lines = [f"witness w{n} {cosigner(s.name).vkeys[kind]} {s.url}" for n, s in enumerate(stubs)]
    names = " ".join(f"w{n}" for n in range(len(stubs)))
    return "\n".join([*lines, f"group g {rule} {names}", "quorum g", ""]).encode()


def asking(stubs: list[Stub], rule: str = "2") -> Witnesses:
    return Witnesses(parse_policy(policy_of(stubs, rule)), seconds=SECONDS)


def under(site: Any, stubs: list[Stub], rule: str = "2") -> Log:
    """Open the site's log under witnesses."""
    site.log.close()
    site.log = open_log(
        site.path, keys=site.keys, annex_key=site.annex_key, witnesses=asking(stubs, rule)
    )
    log: Log = site.log
    return log


def counted(stubs: list[Stub], keys: LogKeys, rule: str = "2") -> TrustedLogs:
    return TrustedLogs.from_vkeys(keys.vkeys, policy=parse_policy(policy_of(stubs, rule)))


def test_receipts_carry_the_cosignatures_of_a_quorum(site: Any, stubs: list[Stub]) -> None:
    log, logs = under(site, stubs), counted(stubs, site.keys)
    for _ in range(4):
        _, entry = site.seal()
        receipt = log.prove(entry.index)
        inclusion = open_receipt(entry.statement, receipt, logs=logs)
        assert (inclusion.index, inclusion.head.size) == (entry.index, log.size)
        names = {each.name for each in parse_note(log.checkpoint()).signatures}
        assert len(names - {log.origin}) >= 2
    assert log.audit().ok
    everyone = counted(stubs, site.keys, "all")
    with pytest.raises(QuorumError):
        open_receipt(entry.statement, drop_line(receipt), logs=everyone)


def drop_line(receipt: bytes) -> bytes:
    return receipt[: receipt.rstrip(b"\n").rindex(b"\n") + 1]


def test_all_of_three(site: Any, stubs: list[Stub]) -> None:
    log = under(site, stubs, "all")
    site.seal()
    head = open_checkpoint(log.checkpoint(), counted(stubs, site.keys, "all"))
    assert head.size == log.size


def test_a_receipt_from_before_the_policy_is_no_longer_enough(site: Any, stubs: list[Stub]) -> None:
    _, entry = site.seal()
    before = site.log.prove(entry.index)
    size = site.log.size
    log, logs = under(site, stubs), counted(stubs, site.keys)
    with pytest.raises(QuorumError):
        open_receipt(entry.statement, before, logs=logs)
    assert log.size == size, "the same head, now cosigned"
    assert open_receipt(entry.statement, log.prove(entry.index), logs=logs).head.size == size


def test_one_dead_of_three_costs_nothing(site: Any, stubs: list[Stub]) -> None:
    log = under(site, stubs)
    stubs[1].stop()
    began = time.monotonic()
    for _ in range(3):
        site.seal()
        assert open_checkpoint(log.checkpoint(), counted(stubs, site.keys)).size == log.size
    assert time.monotonic() - began < SECONDS, "nobody waits for the dead"
    stubs[1] = Stub("w1.example", stubs[1].folder, site.keys.vkeys)


def _silent(handler: BaseHTTPRequestHandler, _: Answer) -> bool:
    time.sleep(2 * SECONDS)
    handler.close_connection = True
    return True


def _dripping(handler: BaseHTTPRequestHandler, _: Answer) -> bool:
    try:
        for _ in range(100):
            handler.wfile.write(b"H")
            time.sleep(0.1)
    except OSError:
        handler.close_connection = True
    return True


def _endless(handler: BaseHTTPRequestHandler, _: Answer) -> bool:
    try:
        return send(handler, 200, b"x" * (1 << 22))
    except OSError:
        return True


def _redirect(handler: BaseHTTPRequestHandler, _: Answer) -> bool:
    return send(handler, 302, b"", Location="http://127.0.0.1:1/add-checkpoint")


def _broken(handler: BaseHTTPRequestHandler, answer: Answer) -> bool:
    body = answer.body.replace(b"A", b"B")
    return handler.command == "POST" and send(handler, answer.status, body)


def _noise(handler: BaseHTTPRequestHandler, _: Answer) -> bool:
    handler.wfile.write(b"\x00\xff" * 100)
    handler.close_connection = True
    return True


def _liar(handler: BaseHTTPRequestHandler, _: Answer) -> bool:
    """Says that it has seen more, and has no checkpoint that says so."""
    if handler.command == "POST":
        return send(handler, 409, b"99999\n")
    other = LogKeys.generate("archive.example/2026")
    return send(handler, 200, other.sign_checkpoint(size=99, root=bytes(32), timestamp=1))


TRICKS = [_silent, _dripping, _endless, _redirect, _broken, _noise, _liar]


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.__name__)
def test_one_bad_of_three_does_not_stop_the_log(site: Any, stubs: list[Stub], trick: Trick) -> None:
    stubs[0].trick = trick
    began = time.monotonic()
    log = under(site, stubs)
    site.seal()
    assert open_checkpoint(log.checkpoint(), counted(stubs, site.keys)).size == log.size
    assert time.monotonic() - began < SECONDS + 1
    names = {each.name for each in parse_note(log.checkpoint()).signatures}
    assert names == {log.origin, "w1.example", "w2.example"}


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.__name__)
def test_without_a_quorum_nothing_is_published_and_nothing_is_lost(
    site: Any, stubs: list[Stub], trick: Trick
) -> None:
    log, logs = under(site, stubs), counted(stubs, site.keys)
    _, old = site.seal()
    published = log.checkpoint()
    stubs[0].trick = stubs[1].trick = trick
    began = time.monotonic()
    _, new = site.seal()
    with pytest.raises(WitnessError, match="no quorum"):
        log.checkpoint()
    assert time.monotonic() - began < SECONDS + 1
    with open_log(site.path, keys=None, annex_key=None) as reader:
        assert reader.checkpoint() == published
        assert reader.entry(new.index) == new
    with pytest.raises(WitnessError):
        log.prove(new.index)
    assert open_receipt(old.statement, log.prove(old.index), logs=logs).head.size == new.index
    stubs[0].trick = None
    assert open_receipt(new.statement, log.prove(new.index), logs=logs).index == new.index


def test_a_witness_that_fails_is_said_once(
    site: Any, stubs: list[Stub], caplog: pytest.LogCaptureFixture
) -> None:
    log = under(site, stubs)
    stubs[0].trick = stubs[1].trick = _endless
    site.seal()
    for _ in range(3):
        with pytest.raises(WitnessError):
            log.checkpoint()
    said = [
        each.getMessage() for each in caplog.records if each.name == "ledger.witnessing.witnesses"
    ]
    assert len(said) == 2
    assert all(words.startswith("a witness failed") for words in said)
    stubs[0].trick = stubs[1].trick = None
    caplog.clear()
    log.checkpoint()
    said = [
        each.getMessage() for each in caplog.records if each.name == "ledger.witnessing.witnesses"
    ]
    assert said
    assert all(words.startswith("a witness answers again") for words in said)


def test_a_log_opens_and_appends_while_no_witness_can_be_reached(
    site: Any, stubs: list[Stub]
) -> None:
    for stub in stubs:
        stub.trick = _noise
    log = under(site, stubs)
    stored = sqlite3.connect(site.path)
    signed = stored.execute("select count(*) from radseal_checkpoint").fetchone()
    site.append(*site.seals(CHECKPOINT_EVERY + 1))
    with pytest.raises(WitnessError):
        log.checkpoint()
    log.close()
    assert stored.execute("select count(*) from radseal_checkpoint").fetchone() == signed
    stored.close()


def restore(site: Any, copy: Path) -> None:
    site.log.close()
    for suffix in ("", "-wal", "-shm"):
        Path(f"{site.path}{suffix}").unlink(missing_ok=True)
    shutil.copy(copy, site.path)


@pytest.fixture
def backup(site: Any, stubs: list[Stub], tmp_path: Path) -> Path:
    """A copy of the log from before its last two checkpoints."""
    site.log.close()
    shutil.copy(site.path, tmp_path / "backup.db")
    site.reopen()
    log = under(site, stubs)
    for _ in range(2):
        site.seal()
        log.checkpoint()
    return tmp_path / "backup.db"


def test_a_restored_backup_refuses_to_sign(site: Any, stubs: list[Stub], backup: Path) -> None:
    restore(site, backup)
    began = time.monotonic()
    with pytest.raises(RolledBackError, match="old copy"):
        under(site, stubs)
    assert time.monotonic() - began < 1


def test_a_backup_is_refused_if_one_witness_of_the_quorum_is_left(
    site: Any, stubs: list[Stub], backup: Path
) -> None:
    stubs[0].trick = _noise
    restore(site, backup)
    with pytest.raises(RolledBackError):
        under(site, stubs)


def test_a_backup_that_grew_another_way_is_refused(
    site: Any, stubs: list[Stub], backup: Path
) -> None:
    restore(site, backup)
    site.log = open_log(site.path, keys=None, annex_key=None)
    for stub in stubs:
        stub.trick = _noise
    log = under(site, stubs)
    site.objects += 100
    for _ in range(5):
        site.seal()
    with pytest.raises(WitnessError):
        log.checkpoint()
    for stub in stubs:
        stub.trick = None
    before = [list(stub.asked) for stub in stubs]
    with pytest.raises(RolledBackError, match="other"):
        log.checkpoint()
    for stub, asked in zip(stubs, before, strict=True):
        assert set(stub.asked[len(asked) :]) == {"GET"}, "it was asked before anything was signed"
    with pytest.raises(RolledBackError):
        log.close()
    site.log = open_log(site.path, keys=None, annex_key=None)


def test_a_database_put_back_under_a_running_log_is_noticed(
    site: Any, stubs: list[Stub], backup: Path
) -> None:
    """The comparison at the start has passed; the witnesses' 409 says it too."""
    restore(site, backup)
    site.log = log = open_log(site.path, keys=site.keys, annex_key=site.annex_key)
    log._publication = Publication(log._database, log._trusted, asking(stubs))
    log._publication._compared = True
    with pytest.raises(RolledBackError):
        log.checkpoint()
    log._publication = None


def test_a_witness_that_lags_gets_the_proof_it_needs(site: Any, stubs: list[Stub]) -> None:
    log = under(site, stubs)
    stubs[2].trick = _noise
    for _ in range(5):
        site.seal()
        log.checkpoint()
    stubs[2].trick = None
    stubs[0].trick = _noise
    site.seal()
    note = parse_note(log.checkpoint())
    assert "w2.example" in {each.name for each in note.signatures}
    stubs[0].trick = None
    log = under(site, stubs, "all")  # a client that remembers no size
    site.seal()
    keys = [cosigner(stub.name).note_keys[1] for stub in stubs]
    assert len(cosigned_by(parse_note(log.checkpoint()), keys)) == 3


def test_a_fork_gets_no_quorum(site: Any, stubs: list[Stub], tmp_path: Path) -> None:
    """Two copies of one log, grown differently, before any witness saw either."""
    site.log.close()
    shutil.copy(site.path, tmp_path / "fork.db")
    site.reopen()
    log = under(site, stubs)
    site.seal()
    log.checkpoint()
    log.close()
    fork = open_log(tmp_path / "fork.db", keys=site.keys, annex_key=site.annex_key)
    site.log = fork
    site.objects += 50
    for _ in range(3):
        site.seal()
    fork.close()
    with pytest.raises(RolledBackError):
        open_log(
            tmp_path / "fork.db",
            keys=site.keys,
            annex_key=site.annex_key,
            witnesses=asking(stubs),
        )
    under(site, stubs)


def test_a_replayed_answer_is_no_cosignature(site: Any, stubs: list[Stub]) -> None:
    log = under(site, stubs)
    kept: dict[object, bytes] = {}

    def replay(handler: BaseHTTPRequestHandler, answer: Answer) -> bool:
        if handler.command == "POST" and answer.status == 200:
            return send(handler, 200, kept.setdefault(handler.server, answer.body))
        return False

    stubs[0].trick = stubs[1].trick = replay
    site.seal()
    log.checkpoint()
    site.seal()
    with pytest.raises(WitnessError):
        log.checkpoint()
    stubs[0].trick = stubs[1].trick = None


def test_a_crash_between_witness_and_publication_loses_nothing(
    site: Any, stubs: list[Stub], monkeypatch: pytest.MonkeyPatch
) -> None:
    log, logs = under(site, stubs), counted(stubs, site.keys)
    published = log.checkpoint()

    class CrashError(Exception):
        pass

    def crash(*_: object) -> None:
        raise CrashError

    _, entry = site.seal()
    with monkeypatch.context() as patched:
        patched.setattr("ledger.storage.persist.replace_checkpoint", crash)
        with pytest.raises(CrashError):
            log.checkpoint()
    log._database.close()  # as if the process had ended here: nothing more is signed
    with open_log(site.path, keys=None, annex_key=None) as reader:
        assert reader.checkpoint() == published
    site.log = open_log(
        site.path, keys=site.keys, annex_key=site.annex_key, witnesses=asking(stubs)
    )
    assert open_receipt(entry.statement, site.log.prove(entry.index), logs=logs).head.size == (
        entry.index + 1
    )
    assert site.log.audit().ok


def test_threads_append_while_witnesses_are_asked(site: Any, stubs: list[Stub]) -> None:
    log = under(site, stubs, "all")
    stubs[0].trick = _silent
    failed: list[Exception] = []

    def ask() -> None:
        try:
            log.checkpoint()
        except WitnessError as error:
            failed.append(error)

    site.seal()
    thread = threading.Thread(target=ask)
    thread.start()
    began = time.monotonic()
    site.seal()
    assert time.monotonic() - began < SECONDS / 2
    thread.join()
    assert failed
    stubs[0].trick = None


def test_two_openings_of_one_log_do_not_stand_in_each_others_way(
    site: Any, stubs: list[Stub]
) -> None:
    log = under(site, stubs)
    other = open_log(site.path, keys=site.keys, annex_key=site.annex_key, witnesses=asking(stubs))
    logs = counted(stubs, site.keys)
    for _ in range(5):
        site.seal()
        assert open_checkpoint(other.checkpoint(), logs).size == log.size
        site.seal()
        with ThreadPoolExecutor(2) as pool:
            notes = list(pool.map(Log.checkpoint, (log, other)))
        assert [open_checkpoint(note, logs).size for note in notes] == [log.size] * 2
    other.close()


def test_a_policy_without_addresses_cannot_be_asked() -> None:
    text = f"witness a {cosigner('a.example').vkeys[0]}\nquorum a\n"
    with pytest.raises(UsageError):
        Witnesses(parse_policy(text.encode()))


def test_quorum_none_asks_nobody(site: Any, stubs: list[Stub]) -> None:
    policy = parse_policy(policy_of(stubs).replace(b"quorum g", b"quorum none"))
    site.log.close()
    site.log = open_log(
        site.path, keys=site.keys, annex_key=site.annex_key, witnesses=Witnesses(policy)
    )
    site.seal()
    assert open_checkpoint(site.log.checkpoint(), TrustedLogs.from_vkeys(site.keys.vkeys))
    assert not any(stub.asked for stub in stubs)


def test_a_log_that_had_witnesses_signs_nothing_without_a_policy(
    site: Any, stubs: list[Stub]
) -> None:
    under(site, stubs)
    site.seal()
    site.log.checkpoint()
    site.log.close()
    with pytest.raises(UsageError, match="witnesses cosigned"):
        open_log(site.path, keys=site.keys, annex_key=None)
    with open_log(site.path, keys=None, annex_key=None) as log:
        assert len(parse_note(log.checkpoint()).signatures) >= 4, "it can still be read"
    nobody = parse_policy(policy_of(stubs).replace(b"quorum g", b"quorum none"))
    site.log = open_log(
        site.path, keys=site.keys, annex_key=site.annex_key, witnesses=Witnesses(nobody)
    )
    _, entry = site.seal()
    assert site.log.prove(entry.index)


def test_the_keys_of_a_log_change_under_its_witnesses(site: Any, stubs: list[Stub]) -> None:
    """Each witness gets the new keys at its own time in the overlap."""
    log, old = under(site, stubs), site.keys
    _, first = site.seal()
    receipt = log.prove(first.index)
    new = LogKeys.from_seeds(old.origin, ed25519_seed=bytes(32), mldsa44_seed=bytes(32))
    for keys in (old.joined_by(new), new):
        body = log_keys_body(keys.sets)
        log.change_keys(
            site.statement(Event.LOG_KEYS, site.archivist, body=body), keys, at=site.now
        )
        assert open_checkpoint(log.checkpoint(), counted(stubs, keys)).size == log.size
        site.keys = keys
        for stub in stubs:
            stub.witness.close()
            stub.witness = open_witness(
                stub.folder / f"{stub.name}.db", cosigner=cosigner(stub.name), vkeys=log.vkeys
            )
    logs = TrustedLogs.from_vkeys(log.vkeys, policy=parse_policy(policy_of(stubs)))
    assert open_receipt(first.statement, receipt, logs=logs).index == first.index
    assert log.audit().ok


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://[", "http://127.0.0.1:x", "http://"])
def test_addresses_that_lead_nowhere(url: str) -> None:
    with pytest.raises((OSError, ValueError)):
        exchange("GET", url, None, seconds=1)


ANSWERING = Note(b"log.example/1\n5\n" + b"A" * 43 + b"=\n", ())


@given(st.binary(max_size=200), st.sampled_from([200, 404, 409, 422, 500]))
def test_arbitrary_answers_raise_only_our_error(body: bytes, status: int) -> None:
    class Client(WitnessClient):
        def _exchange(self, *_: object) -> tuple[int, bytes]:
            return status, body

    made = Client("http://w", cosigner("w.example").note_keys, seconds=1)
    lines = cosigner("w.example").cosign(Checkpoint("log.example/1", 5, bytes(32)), timestamp=1)
    assert made._verified(ANSWERING, signature_lines(lines)) == lines
    try:
        answer = made.cosign(ANSWERING, lambda *_: ())
    except WitnessError:
        return
    assert isinstance(answer, Held) or not body


def test_real_witnesses_of_which_one_is_killed(
    site: Any, tmp_path: Path, witness_server: Callable[..., Any]
) -> None:
    from provenance.servers.witness_folder import WitnessFolder

    lines, servers = [], []
    for n in range(3):
        folder = tmp_path / f"witness-{n}"
        made = WitnessFolder.make(folder, name=f"w{n}.example", logs=site.keys.vkeys)
        servers.append(witness_server(folder))
        lines.append(f"witness w{n} {made.cosigner.vkeys[n % 2]} {servers[n].url}")
    text = "\n".join([*lines, "group g 2 w0 w1 w2", "quorum g", ""]).encode()
    policy = parse_policy(text)
    logs = TrustedLogs.from_vkeys(site.keys.vkeys, policy=policy)
    site.log.close()
    opened: dict[str, Any] = {"keys": site.keys, "annex_key": site.annex_key}
    site.log = log = open_log(site.path, witnesses=Witnesses(policy), **opened)
    for n in range(6):
        _, entry = site.seal()
        began = time.monotonic()
        receipt = log.prove(entry.index)
        assert time.monotonic() - began < 3
        assert open_receipt(entry.statement, receipt, logs=logs).index == entry.index
        if n in (1, 3):  # dies between two requests, and comes back
            assert servers[n % 3].stop(9) == -9
            if n == 3:
                port = servers[1].port
                servers[1] = witness_server(tmp_path / "witness-1", f"127.0.0.1:{port}")
    with pytest.raises(NotFoundError):
        ledger.open_witness(tmp_path / "none", cosigner=cosigner("x"), vkeys=())
