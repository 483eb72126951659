"""Cosignatures: made and checked, refused where they must be; quorums over checkpoints."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    Checkpoint,
    Cosigner,
    LedgerError,
    LogKeys,
    MalformedError,
    NoteKey,
    ProofError,
    QuorumError,
    SignatureError,
    TrustedLogs,
    UsageError,
    cosigned_by,
    open_checkpoint,
    open_receipt,
    parse_note,
    parse_policy,
    parse_receipt,
)
from ledger.checkpoints.note import Note, NoteSignature
from ledger.checkpoints.note_keys import KeyType

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "witness"
NOW = 1_700_000_000
LOG = LogKeys.from_seeds("log.example/1", ed25519_seed=bytes(32), mldsa44_seed=bytes(32))
ROOT = hashlib.sha256(b"root").digest()
CHECKPOINT = Checkpoint("log.example/1", 7, ROOT)
SIGNED = parse_note(LOG.sign_checkpoint(size=7, root=ROOT, timestamp=NOW))


def witness(name: str) -> Cosigner:
    return Cosigner.from_seeds(
        name, ed25519_seed=name.encode().ljust(32), mldsa44_seed=name.encode().rjust(32)
    )


A, B, C = (witness(f"{name}.example") for name in "abc")


def cosigned(*cosigners: Cosigner, note: Note = SIGNED, timestamp: int = NOW) -> Note:
    lines = [line for each in cosigners for line in each.cosign(CHECKPOINT, timestamp=timestamp)]
    return Note(note.text, (*note.signatures, *lines))


def two_of_three() -> TrustedLogs:
    policy = parse_policy(
        f"log {LOG.vkeys[0]}\nlog {LOG.vkeys[1]}\n"
        f"witness a {A.vkeys[1]}\nwitness b {B.vkeys[0]}\nwitness c {C.vkeys[1]}\n"
        "group g 2 a b c\nquorum g\n".encode()
    )
    return TrustedLogs.from_vkeys((), policy=policy)


def test_both_lines_sign_the_bytes_of_the_specification() -> None:
    classic, lasting = A.cosign(CHECKPOINT, timestamp=NOW)
    assert classic.signature[:8] == lasting.signature[:8] == NOW.to_bytes(8, "big")
    ed25519.Ed25519PublicKey.from_public_bytes(A.note_keys[0].public).verify(
        classic.signature[8:], f"cosignature/v1\ntime {NOW}\n".encode() + CHECKPOINT.text
    )
    message = (
        b"subtree/v1\n\0\x09a.example" + NOW.to_bytes(8, "big") + b"\x0dlog.example/1"
        + bytes(8) + (7).to_bytes(8, "big") + ROOT
    )  # fmt: skip
    mldsa.MLDSA44PublicKey.from_public_bytes(A.note_keys[1].public).verify(
        lasting.signature[8:], message
    )
    for key, line in zip(A.note_keys, (classic, lasting), strict=True):
        whole = hashlib.sha256(b"a.example\n" + bytes([key.type]) + key.public).digest()
        assert line.key_id == key.key_id == whole[:4]


def test_the_keys_are_kept_in_one_form() -> None:
    data = A.to_bytes()
    assert Cosigner.from_bytes(data) == A
    assert Cosigner.from_bytes(data).vkeys == A.vkeys
    for wrong in (
        data + b"\n",
        data[:-1],
        LOG.to_bytes(),
        b"",
        data.replace(b"name a", b"name  a"),
    ):
        with pytest.raises(MalformedError):
            Cosigner.from_bytes(wrong)
    assert "PRIVATE" not in repr(A)


def test_who_cosigned() -> None:
    keys = [*A.note_keys, *B.note_keys, *C.note_keys]
    times = cosigned_by(cosigned(A, B), keys)
    assert times == dict.fromkeys([*A.note_keys, *B.note_keys], NOW)
    assert cosigned_by(SIGNED, keys) == {}


@pytest.mark.parametrize("timestamp", [0, -1, 2**63])
def test_no_cosignature_without_a_time(timestamp: int) -> None:
    with pytest.raises(UsageError):
        A.cosign(CHECKPOINT, timestamp=timestamp)


@pytest.mark.parametrize("kind", [0, 1])
def test_a_cosignature_of_time_0_is_not_counted(kind: int) -> None:
    secret = (ed25519.Ed25519PrivateKey.from_private_bytes, mldsa.MLDSA44PrivateKey.from_seed_bytes)
    name = b"a.example"
    key = secret[kind](name.ljust(32) if kind == 0 else name.rjust(32))
    message = (
        b"cosignature/v1\ntime 0\n" + CHECKPOINT.text,
        b"subtree/v1\n\0\x09a.example" + bytes(8) + b"\x0dlog.example/1" + bytes(8)
        + (7).to_bytes(8, "big") + ROOT,
    )[kind]  # fmt: skip
    line = NoteSignature("a.example", A.note_keys[kind].key_id, bytes(8) + key.sign(message))
    assert A.note_keys[kind].verify(line.signature, CHECKPOINT.text) == 0, "it does verify"
    with pytest.raises(SignatureError, match="without a time"):
        cosigned_by(Note(SIGNED.text, (*SIGNED.signatures, line)), A.note_keys)


@pytest.mark.parametrize("kind", [0, 1])
def test_a_time_of_more_than_63_bits(kind: int) -> None:
    line = A.cosign(CHECKPOINT, timestamp=NOW)[kind]
    late = NoteSignature(line.name, line.key_id, (2**63).to_bytes(8, "big") + line.signature[8:])
    with pytest.raises(SignatureError, match="out of range"):
        cosigned_by(Note(SIGNED.text, (late,)), A.note_keys)


@pytest.mark.parametrize("kind", [0, 1])
def test_a_wrong_key_id_is_an_unknown_key(kind: int) -> None:
    line = A.cosign(CHECKPOINT, timestamp=NOW)[kind]
    for name, key_id in (("a.example", B.note_keys[kind].key_id), ("b.example", line.key_id)):
        note = Note(SIGNED.text, (NoteSignature(name, key_id, line.signature),))
        assert cosigned_by(note, A.note_keys) == {}
    text = A.vkeys[kind].replace(line.key_id.hex(), "00000000")
    with pytest.raises(MalformedError):
        NoteKey.parse(text)


@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize(
    "other",
    [
        Checkpoint("log.example/1", 8, ROOT),
        Checkpoint("log.example/1", 7, bytes(32)),
        Checkpoint("log.example/2", 7, ROOT),
    ],
    ids=["size", "root", "origin"],
)
def test_a_replayed_cosignature_refutes_the_note(kind: int, other: Checkpoint) -> None:
    line = A.cosign(CHECKPOINT, timestamp=NOW)[kind]
    with pytest.raises(SignatureError):
        cosigned_by(Note(other.text, (line,)), A.note_keys)


def test_the_line_of_another_type_is_not_that_key() -> None:
    classic, lasting = A.cosign(CHECKPOINT, timestamp=NOW)
    crossed = NoteSignature("a.example", A.note_keys[0].key_id, lasting.signature)
    with pytest.raises(SignatureError):
        cosigned_by(Note(SIGNED.text, (crossed,)), A.note_keys)
    assert set(cosigned_by(Note(SIGNED.text, (classic,)), A.note_keys)) == {A.note_keys[0]}


def test_a_checkpoint_counts_only_with_a_quorum() -> None:
    logs = two_of_three()
    for few in (cosigned(), cosigned(A), cosigned(C), cosigned(A, A, A)):
        with pytest.raises(QuorumError):
            open_checkpoint(bytes(few), logs)
    for enough in (cosigned(A, B), cosigned(B, C), cosigned(C, B, A)):
        assert open_checkpoint(bytes(enough), logs).size == 7
    assert logs.policy is not None
    unwitnessed = TrustedLogs.from_vkeys(LOG.vkeys)
    assert open_checkpoint(bytes(cosigned()), unwitnessed).size == 7


def test_the_time_of_the_head_is_the_logs_own_word() -> None:
    head = open_checkpoint(bytes(cosigned(A, B, timestamp=NOW + 99)), two_of_three())
    assert head.cosigned_at == datetime.fromtimestamp(NOW, tz=UTC)


def test_the_time_of_witnesses_is_that_of_a_quorum() -> None:
    """Of two of three, the second; none alone moves it before the one that cosigned first."""

    def at(*days: int) -> datetime | None:
        lines = [
            each.cosign(CHECKPOINT, timestamp=NOW + 86_400 * day)
            for each, day in zip((A, B, C), days, strict=False)
        ]
        note = Note(SIGNED.text, SIGNED.signatures + tuple(one for two in lines for one in two))
        return open_checkpoint(bytes(note), two_of_three()).witnessed_at

    for days, told in (((1, 2, 3), 2), ((3, 1, 2), 2), ((5, 5), 5), ((-9_999, 7, 8), 7)):
        assert at(*days) == datetime.fromtimestamp(NOW + 86_400 * told, tz=UTC)


def test_a_policy_that_asks_nobody_proves_no_time() -> None:
    lines = "".join(f"witness {each.name} {each.vkeys[0]}\n" for each in (A, B))
    nobody = parse_policy(f"{lines}quorum none\n".encode())
    logs = TrustedLogs.from_vkeys(LOG.vkeys, policy=nobody)
    assert open_checkpoint(bytes(cosigned(A, B)), logs).witnessed_at is None
    assert (
        open_checkpoint(bytes(cosigned(A)), TrustedLogs.from_vkeys(LOG.vkeys)).witnessed_at is None
    )


def test_a_quorum_without_the_logs_own_signature_is_nothing() -> None:
    bare = Note(SIGNED.text, cosigned(A, B, C).signatures[2:])
    with pytest.raises(SignatureError):
        open_checkpoint(bytes(bare), two_of_three())


def test_the_logs_own_key_never_counts_as_a_witness() -> None:
    lasting = LOG.sets[0][1]
    for name in ("log.example/1", "w.example"):
        own = NoteKey.from_public_bytes(name, lasting.type, lasting.public)
        policy = parse_policy(f"witness w {own}\nquorum w\n".encode())
        seed = mldsa.MLDSA44PrivateKey.from_seed_bytes(bytes(32))
        message = (
            b"subtree/v1\n\0" + bytes([len(name)]) + name.encode() + NOW.to_bytes(8, "big")
            + b"\x0dlog.example/1" + bytes(8) + (7).to_bytes(8, "big") + ROOT
        )  # fmt: skip
        line = NoteSignature(name, own.key_id, NOW.to_bytes(8, "big") + seed.sign(message))
        note = Note(SIGNED.text, (*SIGNED.signatures, line))
        with pytest.raises(QuorumError):
            open_checkpoint(bytes(note), TrustedLogs.from_vkeys(LOG.vkeys, policy=policy))


@given(st.data())
def test_a_mutated_cosignature_never_counts(data: st.DataObject) -> None:
    line = A.cosign(CHECKPOINT, timestamp=NOW)[0]
    place = data.draw(st.integers(0, len(line.signature) - 1))
    bit = 1 << data.draw(st.integers(0, 7))
    changed = bytearray(line.signature)
    changed[place] ^= bit
    with pytest.raises(LedgerError):
        cosigned_by(
            Note(SIGNED.text, (NoteSignature(line.name, line.key_id, bytes(changed)),)), A.note_keys
        )


QUORUMS = json.loads((VECTORS / "quorums.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", QUORUMS["cases"], ids=[c["name"] for c in QUORUMS["cases"]])
def test_vector(case: dict) -> None:
    assert (case["expect"] == "quorum") is not case["name"].endswith("_fail")
    policy = parse_policy(QUORUMS["policy"].encode())
    logs = TrustedLogs.from_vkeys((), policy=policy)
    if case["expect"] == "quorum":
        assert open_checkpoint(case["checkpoint"].encode(), logs).size == 5
        return
    with pytest.raises(ProofError) as raised:
        open_checkpoint(case["checkpoint"].encode(), logs)
    assert isinstance(raised.value, QuorumError) is (case["expect"] == "no-quorum")


@pytest.mark.corpus
def test_a_published_proof_is_held_against_policies(corpus_vectors: Path) -> None:
    found = 0
    for path in sorted((corpus_vectors / "tlog-proof").glob("*/*.tlog-proof")):
        lines = (path.parent / "keys.txt").read_text().splitlines()
        keys = [NoteKey.parse(line) for line in lines if line.strip() and line[0] != "#"]
        leaf, receipt = (path.parent / "leaf.raw").read_bytes(), path.read_bytes()
        origin = parse_note(parse_receipt(receipt).checkpoint).text.decode().split("\n")[0]
        witnesses = [
            key for key in keys
            if key.name != origin and key.type is KeyType.ED25519_COSIGNATURE
        ]  # fmt: skip
        assert len(witnesses) == 5
        text = "".join(f"witness w{n} {key}\n" for n, key in enumerate(witnesses))
        text += "".join(f"log {key}\n" for key in keys if key.name == origin)
        text += f"witness stranger {A.vkeys[0]}\n"
        names = " ".join(f"w{n}" for n in range(len(witnesses)))
        for rule, met in ((f"5 {names} stranger", True), (f"all {names} stranger", False)):
            policy = parse_policy(f"{text}group g {rule}\nquorum g\n".encode())
            logs = TrustedLogs.from_vkeys((), policy=policy)
            if met:
                assert open_receipt(leaf, receipt, logs=logs).head.origin == origin
            else:
                with pytest.raises(QuorumError):
                    open_receipt(leaf, receipt, logs=logs)
        found += 1
    assert found
