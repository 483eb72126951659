"""The witness: published transcripts, attacks on what it remembers, hostile requests."""

import hashlib
import json
import sqlite3
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    AddCheckpoint,
    Answer,
    Checkpoint,
    Cosigner,
    KeySet,
    LogKeys,
    MalformedError,
    NoteKey,
    NotFoundError,
    StoreError,
    TrustedLog,
    TrustedLogs,
    UsageError,
    Witness,
    cosigned_by,
    create_witness,
    hash_leaf,
    merkle_root,
    open_checkpoint,
    open_witness,
    origin_hash,
    parse_add_checkpoint,
    parse_note,
)
from ledger.checkpoints.note import Note, parse_signature_lines
from ledger.storage.sqlite import WITNESS_ID, SqliteDatabase
from ledger.tree.merkle import EMPTY_ROOT
from ledger.tree.tiles import TreeBuilder, consistency_path

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "witness"
NOW = datetime(2026, 5, 1, tzinfo=UTC)
ORIGIN = "log.example/1"
LOG = LogKeys.from_seeds(ORIGIN, ed25519_seed=bytes(32), mldsa44_seed=bytes(32))
COSIGNER = Cosigner.from_seeds(
    "example.com/witness", ed25519_seed=b"w" * 32, mldsa44_seed=b"w" * 32
)


class Tree:
    """A tree in memory, and requests about it."""

    def __init__(self, *, fork_at: int = 10**9) -> None:
        self.leaves = [hash_leaf(f"{n} {n >= fork_at}".encode()) for n in range(40)]

    def root(self, size: int) -> bytes:
        return merkle_root(self.leaves[:size])

    def path(self, old: int, new: int) -> tuple[bytes, ...]:
        builder = TreeBuilder()
        tiles = dict(builder.extend(self.leaves[:new]))
        return consistency_path(old, new, lambda level, number: tiles[level, number])

    def checkpoint(self, size: int, keys: LogKeys = LOG) -> bytes:
        return keys.sign_checkpoint(size=size, root=self.root(size), timestamp=1)

    def request(self, old: int, new: int) -> bytes:
        path = self.path(old, new) if 0 < old <= new else ()
        return bytes(AddCheckpoint(old, path, self.checkpoint(new)))


TREE, FORK = Tree(), Tree(fork_at=5)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "witness.db"
    create_witness(path)
    return path


@pytest.fixture
def witness(file: Path) -> Iterator[Witness]:
    witness = open_witness(file, cosigner=COSIGNER, vkeys=LOG.vkeys)
    yield witness
    witness.close()


def status(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.body.decode().strip() if answer.status == 409 else ""


def seen(witness: Witness) -> tuple[int, bytes]:
    answer = witness.checkpoint(origin_hash(ORIGIN))
    assert answer.status == 200
    head = open_checkpoint(answer.body, TrustedLogs.from_vkeys(LOG.vkeys))
    assert len(cosigned_by(parse_note(answer.body), COSIGNER.note_keys)) == 2
    return head.size, head.root


def require_cosigned(answer: Answer, checkpoint: bytes) -> None:
    assert answer.status == 200
    note = parse_note(checkpoint)
    signatures = parse_signature_lines(answer.body)
    times = cosigned_by(Note(note.text, signatures), COSIGNER.note_keys)
    assert times == dict.fromkeys(COSIGNER.note_keys, int(NOW.timestamp()))
    assert len(signatures) == 2


def test_a_log_grows_under_a_witness(witness: Witness) -> None:
    assert witness.checkpoint(origin_hash(ORIGIN)).status == 404
    for old, new in ((0, 3), (3, 3), (3, 4), (4, 33)):
        answer = witness.add_checkpoint(TREE.request(old, new), at=NOW)
        require_cosigned(answer, TREE.checkpoint(new))
        assert seen(witness) == (new, TREE.root(new))


def test_a_log_of_nothing_is_cosigned_once_it_is_one(witness: Witness) -> None:
    wrong = LOG.sign_checkpoint(size=0, root=bytes(32), timestamp=1)
    assert witness.add_checkpoint(bytes(AddCheckpoint(0, (), wrong)), at=NOW).status == 422
    assert TREE.root(0) == EMPTY_ROOT
    assert witness.add_checkpoint(TREE.request(0, 0), at=NOW).status == 200
    assert witness.add_checkpoint(TREE.request(0, 0), at=NOW).status == 200
    assert witness.add_checkpoint(TREE.request(0, 2), at=NOW).status == 200
    assert seen(witness)[0] == 2


def test_a_fork_is_refused_at_every_size(witness: Witness) -> None:
    assert witness.add_checkpoint(TREE.request(0, 10), at=NOW).status == 200
    for new in range(6, 40):
        answer = witness.add_checkpoint(FORK.request(min(10, new), new), at=NOW)
        expected = 422 if new > 10 else 409
        assert answer.status == expected, new
        assert witness.add_checkpoint(FORK.request(0, new), at=NOW).status == 409
        mixed = bytes(AddCheckpoint(10, TREE.path(10, max(new, 10)), FORK.checkpoint(new)))
        assert witness.add_checkpoint(mixed, at=NOW).status in (400, 409, 422)
    assert seen(witness) == (10, TREE.root(10))


def test_a_roll_back_is_refused(witness: Witness) -> None:
    witness.add_checkpoint(TREE.request(0, 20), at=NOW)
    for new in range(1, 20):
        for old in (0, new - 1, new):
            answer = witness.add_checkpoint(TREE.request(old, new), at=NOW)
            assert status(answer) == (409, "20")
        high = bytes(AddCheckpoint(20, (), TREE.checkpoint(new)))
        assert witness.add_checkpoint(high, at=NOW).status == 400
    assert seen(witness)[0] == 20


def test_a_wrong_proof_is_refused(witness: Witness) -> None:
    witness.add_checkpoint(TREE.request(0, 7), at=NOW)
    right = TREE.path(7, 25)
    assert len(right) > 2
    wrong = [(), right[:-1], (*right, right[0]), right[::-1], (bytes(32), *right[1:]),
             FORK.path(7, 25), TREE.path(6, 25)]  # fmt: skip
    for path in wrong:
        body = bytes(AddCheckpoint(7, path, TREE.checkpoint(25)))
        assert witness.add_checkpoint(body, at=NOW).status == 422
    for path in (right, (bytes(32),)):
        equal = bytes(AddCheckpoint(7, path, TREE.checkpoint(7)))
        assert witness.add_checkpoint(equal, at=NOW).status == 422
    assert seen(witness)[0] == 7


def test_a_proof_from_nothing_is_refused(witness: Witness) -> None:
    body = bytes(AddCheckpoint(0, (bytes(32),), TREE.checkpoint(3)))
    assert witness.add_checkpoint(body, at=NOW).status == 422
    assert witness.checkpoint(origin_hash(ORIGIN)).status == 404


def test_unknown_logs_and_forged_signatures(witness: Witness) -> None:
    stranger = LogKeys.generate("other.example/1")
    impostor = LogKeys.generate(ORIGIN)
    note = parse_note(TREE.checkpoint(3))
    forged = parse_note(TREE.checkpoint(4))
    bodies = {
        404: [TREE.checkpoint(3, stranger)],
        403: [
            TREE.checkpoint(3, impostor),
            bytes(Note(note.text, note.signatures[:1])),  # the Ed25519 key alone was stolen
            bytes(Note(note.text, note.signatures[1:])),
            bytes(Note(note.text, forged.signatures)),
            bytes(Note(note.text, COSIGNER.cosign(_checkpoint(3), timestamp=5))),
        ],
    }
    for expected, checkpoints in bodies.items():
        for checkpoint in checkpoints:
            body = bytes(AddCheckpoint(0, (), checkpoint))
            assert witness.add_checkpoint(body, at=NOW).status == expected
    assert witness.checkpoint(origin_hash(ORIGIN)).status == 404
    assert witness.checkpoint(origin_hash("other.example/1")).status == 404
    assert witness.checkpoint("../witness.keys").status == 404


def _checkpoint(size: int) -> Checkpoint:
    return Checkpoint(ORIGIN, size, TREE.root(size))


def test_lines_of_strangers_are_not_kept(witness: Witness) -> None:
    note = parse_note(TREE.checkpoint(3))
    other = Cosigner.generate("other.example").cosign(_checkpoint(3), timestamp=5)
    old = COSIGNER.cosign(_checkpoint(3), timestamp=5)
    body = bytes(AddCheckpoint(0, (), bytes(Note(note.text, (*other, *note.signatures, *old)))))
    assert witness.add_checkpoint(body, at=NOW).status == 200
    kept = parse_note(witness.checkpoint(origin_hash(ORIGIN)).body)
    assert [each.name for each in kept.signatures] == [ORIGIN, ORIGIN, *["example.com/witness"] * 2]


def test_many_threads_and_two_views_never_get_two_roots(file: Path) -> None:
    witnesses = [open_witness(file, cosigner=COSIGNER, vkeys=LOG.vkeys) for _ in range(3)]
    requests = [
        tree.request(0 if round_ == 0 else 6, size)
        for round_ in range(2)
        for size in (6, 7, 8, 9)
        for tree in (TREE, FORK)
    ]
    for size in (6, 7, 8, 9):
        assert TREE.root(size) != FORK.root(size)
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda job: witnesses[job[0] % 3].add_checkpoint(job[1], at=NOW),
                enumerate(requests * 4),
            )
        )
    signed: set[bytes] = set()
    for answer, body in zip(answers, requests * 4, strict=True):
        if answer.status == 200:
            signed.add(parse_note(parse_add_checkpoint(body).checkpoint).text)
    assert signed
    roots = {(text.split(b"\n")[1], text.split(b"\n")[2]) for text in signed}
    assert len({size for size, _ in roots}) == len(roots), "two roots for one size"
    trues = {TREE.checkpoint(size).split(b"\n\n")[0] + b"\n" for size in (6, 7, 8, 9)}
    assert signed <= trues or not signed & trues, "both views were cosigned"
    for each in witnesses:
        each.close()


def test_what_was_cosigned_is_remembered_by_the_next_process(file: Path) -> None:
    first = open_witness(file, cosigner=COSIGNER, vkeys=LOG.vkeys)
    first.add_checkpoint(TREE.request(0, 10), at=NOW)
    first.close()
    second = open_witness(file, cosigner=COSIGNER, vkeys=LOG.vkeys)
    assert status(second.add_checkpoint(FORK.request(0, 10), at=NOW)) == (409, "10")
    assert status(second.add_checkpoint(FORK.request(10, 10), at=NOW)) == (409, "10")
    second.close()


def test_a_lost_file_is_not_made_anew(tmp_path: Path, file: Path) -> None:
    with pytest.raises(NotFoundError):
        open_witness(tmp_path / "gone.db", cosigner=COSIGNER, vkeys=LOG.vkeys)
    with pytest.raises(UsageError):
        create_witness(file)
    SqliteDatabase.create(tmp_path / "log.db").close()
    with pytest.raises(StoreError):
        open_witness(tmp_path / "log.db", cosigner=COSIGNER, vkeys=LOG.vkeys)


def test_commits_are_durable(file: Path) -> None:
    database = SqliteDatabase.open(file, writable=True, application_id=WITNESS_ID)
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
    database.close()


def test_a_damaged_file_is_a_store_error(witness: Witness, file: Path) -> None:
    witness.add_checkpoint(TREE.request(0, 10), at=NOW)
    with sqlite3.connect(file) as connection:
        connection.execute("update radseal_seen_head set size = 'ten'")
    with pytest.raises(StoreError):
        witness.add_checkpoint(TREE.request(10, 11), at=NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0\n",
        b"old 0\n\n",
        b"old 00\n\n" + TREE.checkpoint(3),
        b"old -1\n\n" + TREE.checkpoint(3),
        b"old  0\n\n" + TREE.checkpoint(3),
        b"old 0\r\n\r\n" + TREE.checkpoint(3),
        b"OLD 0\n\n" + TREE.checkpoint(3),
        b"old 18446744073709551616\n\n" + TREE.checkpoint(3),
        b"old 4\n\n" + TREE.checkpoint(3),
        b"old 0\nAAAA\n\n" + TREE.checkpoint(3),
        b"old 1\n" + (b"A" * 43 + b"=\n") * 64 + b"\n" + TREE.checkpoint(3),
        b"old 0\n\n" + TREE.checkpoint(3)[:-1],
        b"old 0\n\n\n" + TREE.checkpoint(3),
        b"old 0\n\nlog.example/1\n3\n\n",
        b"old 0\n\n" + b"x" * (1 << 16),
    ],
)  # fmt: skip
def test_malformed_requests(witness: Witness, body: bytes) -> None:
    assert witness.add_checkpoint(body, at=NOW).status == 400


@given(st.binary(max_size=200))
def test_arbitrary_requests_raise_only_our_error(data: bytes) -> None:
    for body in (data, b"old 0\n\n" + data, b"old 1\n" + data + b"\n\nx"):
        try:
            parsed = parse_add_checkpoint(body)
        except MalformedError:
            continue
        assert bytes(parsed) == body


@given(st.data())
def test_a_mutated_request_never_moves_the_witness_elsewhere(data: st.DataObject) -> None:
    original = TREE.request(3, 9)
    place = data.draw(st.integers(0, len(original) - 1))
    filling = data.draw(st.binary(max_size=3))
    cut = data.draw(st.integers(0, 3))
    body = original[:place] + filling + original[place + cut :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "w.db"
        create_witness(path)
        witness = open_witness(path, cosigner=COSIGNER, vkeys=LOG.vkeys)
        assert witness.add_checkpoint(TREE.request(0, 3), at=NOW).status == 200
        answer = witness.add_checkpoint(body, at=NOW)
        assert answer.status in (200, 400, 403, 404, 409, 422)
        expected = 9 if answer.status == 200 else 3
        assert seen(witness) == (expected, TREE.root(expected))
        witness.close()


def test_our_own_transcript(tmp_path: Path) -> None:
    transcript = json.loads((VECTORS / "transcript.json").read_text(encoding="utf-8"))
    create_witness(tmp_path / "w.db")
    witness = open_witness(tmp_path / "w.db", cosigner=COSIGNER, vkeys=transcript["vkeys"])
    assert {step["status"] for step in transcript["steps"]} == {200, 400, 403, 404, 409, 422}
    for step in transcript["steps"]:
        answer = witness.add_checkpoint(step["request_body"].encode(), at=NOW)
        assert answer.status == step["status"], step["name"]
        if "response_body" in step:
            assert answer.body == step["response_body"].encode()
    witness.close()


@pytest.mark.corpus
def test_published_transcripts(corpus_vectors: Path, tmp_path: Path) -> None:
    found = 0
    for path in sorted((corpus_vectors / "witness").glob("*.json")):
        transcript = json.loads(path.read_text())
        create_witness(tmp_path / path.stem)
        logs = TrustedLogs(
            (TrustedLog(transcript["origin"], (KeySet((NoteKey.parse(transcript["log_vkey"]),)),)),)
        )
        database = SqliteDatabase.open(
            tmp_path / path.stem, writable=True, application_id=WITNESS_ID
        )
        witness = Witness(database, COSIGNER, logs)
        for step in transcript["steps"]:
            body = step["request_body"].encode()
            answer = witness.add_checkpoint(body, at=NOW)
            unknown = f"\n\n{transcript['origin']}\n".encode() not in body
            assert answer.status == (404 if unknown else step["status"])
            if "response_body" in step:
                assert answer.body == step["response_body"].encode()
                assert answer.content_type == "text/x.tlog.size"
            if "response_contains" in step:
                assert step["response_contains"].encode() in answer.body
                require_cosigned(answer, parse_add_checkpoint(body).checkpoint)
            found += 1
        hashed = hashlib.sha256(transcript["origin"].encode()).hexdigest()
        assert witness.checkpoint(hashed).status == 200
        witness.close()
    assert found
