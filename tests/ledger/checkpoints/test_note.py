"""Notes, verifier keys and checkpoints: published vectors, our own checkpoints, hostile bytes."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger import (
    KeySet,
    LedgerError,
    LogKeys,
    MalformedError,
    NoteKey,
    SignatureError,
    TrustedLog,
    TrustedLogs,
    UnknownLogError,
    UsageError,
    merkle_root,
    open_checkpoint,
    parse_note,
    verify_note,
)
from ledger.checkpoints.checkpoint import Checkpoint, parse_checkpoint
from ledger.checkpoints.note_keys import KeyType
from ledger.tree.merkle import hash_leaf


def _cases(folder: Path, pattern: str) -> list[dict]:
    found = [
        case
        for path in sorted(folder.glob(pattern))
        for case in json.loads(path.read_text()).get("cases", [])
    ]
    assert found, f"no vector {pattern} in {folder}"
    return found


@pytest.mark.corpus
def test_published_verifier_keys(corpus_vectors: Path) -> None:
    for case in _cases(corpus_vectors / "notes", "*vkeys*.json"):
        if case["ok"]:
            key = NoteKey.parse(case["vkey"])
            assert (key.type, str(key)) == (case["type"], case["vkey"])
        else:
            with pytest.raises(MalformedError):
                NoteKey.parse(case["vkey"])


@pytest.mark.corpus
def test_published_notes(corpus_vectors: Path) -> None:
    cases = [c for c in _cases(corpus_vectors / "notes", "*.json") if "note" in c]
    assert cases
    for case in cases:
        note = case["note"].encode()
        if case["ok"]:
            parsed = parse_note(note)
            assert bytes(parsed) == note
            verify_note(parsed, [NoteKey.parse(case["vkey"])])
        else:
            with pytest.raises(LedgerError):
                verify_note(parse_note(note), [NoteKey.parse(case["vkey"])])


@pytest.mark.corpus
def test_a_log_whose_key_name_is_not_its_origin(corpus_vectors: Path) -> None:
    found = 0
    for path in sorted((corpus_vectors / "notes").glob("*.json")):
        about = json.loads(path.read_text())
        if "origin" not in about:
            continue
        logs = TrustedLogs(
            (TrustedLog(about["origin"], (KeySet((NoteKey.parse(about["vkey"]),)),)),)
        )
        for note in sorted(path.parent.glob(f"{path.stem}-*.txt")):
            head = open_checkpoint(note.read_bytes(), logs)
            assert head.origin == about["origin"]
            assert str(head.size) in note.name
            with pytest.raises(UnknownLogError):
                open_checkpoint(note.read_bytes(), TrustedLogs.from_vkeys([about["vkey"]]))
            found += 1
    assert found


@pytest.mark.corpus
def test_published_logs_of_tiles(corpus_vectors: Path) -> None:
    found = 0
    for about in sorted((corpus_vectors / "tlog-tiles").glob("*.json")):
        folder = about.with_suffix("")
        logs = TrustedLogs.from_vkeys([json.loads(about.read_text())["vkey"]])
        for path in sorted(folder.glob("checkpoint*")):
            head = open_checkpoint(path.read_bytes(), logs)
            assert merkle_root(map(hash_leaf, _bundle(folder, head.size))) == head.root
            if head.size:
                tile = (folder / "tile/0/000.p" / str(head.size)).read_bytes()
                leaves = [tile[at : at + 32] for at in range(0, len(tile), 32)]
                assert merkle_root(leaves) == head.root
            found += 1
    assert found


def _bundle(folder: Path, size: int) -> list[bytes]:
    if not size:
        return []
    data = (folder / "tile/entries/000.p" / str(size)).read_bytes()
    entries = []
    while data:
        length = int.from_bytes(data[:2], "big")
        entries.append(data[2 : 2 + length])
        data = data[2 + length :]
    assert len(entries) == size
    return entries


@pytest.fixture
def signed(fixed_log_keys: LogKeys) -> bytes:
    return fixed_log_keys.sign_checkpoint(size=7, root=bytes(range(32)), timestamp=1_700_000_000)


@pytest.fixture
def logs(fixed_log_keys: LogKeys) -> TrustedLogs:
    return TrustedLogs.from_vkeys(fixed_log_keys.vkeys)


def test_a_checkpoint_of_ours_opens(signed: bytes, logs: TrustedLogs) -> None:
    head = open_checkpoint(signed, logs)
    assert (head.size, head.root) == (7, bytes(range(32)))
    assert head.cosigned_at is not None
    assert head.cosigned_at.timestamp() == 1_700_000_000


@pytest.mark.parametrize("kept", [0, 1])
def test_both_signatures_are_required(signed: bytes, logs: TrustedLogs, kept: int) -> None:
    text, _, block = signed.rpartition(b"\n\n")
    line = block.split(b"\n")[kept]
    with pytest.raises(SignatureError):
        open_checkpoint(text + b"\n\n" + line + b"\n", logs)


@pytest.mark.parametrize("kept", [0, 1])
def test_one_configured_key_needs_one_signature(
    signed: bytes, fixed_log_keys: LogKeys, kept: int
) -> None:
    logs = TrustedLogs.from_vkeys([fixed_log_keys.vkeys[kept]])
    text, _, block = signed.rpartition(b"\n\n")
    line = block.split(b"\n")[kept]
    assert open_checkpoint(text + b"\n\n" + line + b"\n", logs).size == 7


def test_every_signed_bit_counts(signed: bytes, logs: TrustedLogs) -> None:
    text, _, block = signed.rpartition(b"\n\n")
    for line in block.split(b"\n")[:2]:
        start = line.rindex(b" ") + 1
        raw = bytearray(base64.b64decode(line[start:]))
        for place in (4, 11, 12, 40, len(raw) - 1):
            broken = bytearray(raw)
            broken[place] ^= 1
            changed = signed.replace(line[start:], base64.b64encode(broken))
            with pytest.raises(SignatureError):
                open_checkpoint(changed, logs)
    for old, new in ((b"\n7\n", b"\n8\n"), (b"AAEC", b"AAED")):
        with pytest.raises(SignatureError):
            open_checkpoint(text.replace(old, new) + b"\n\n" + block, logs)


def test_lines_of_unknown_keys_are_ignored(signed: bytes, logs: TrustedLogs) -> None:
    lines = "— witness.example AAAAAAAAAA==\n— archive.example/2026 AAAAAAAAAA==\n"
    assert open_checkpoint(signed + lines.encode(), logs).size == 7


def test_an_unknown_origin_is_its_own_error(signed: bytes) -> None:
    other = LogKeys.generate("elsewhere.example")
    with pytest.raises(UnknownLogError):
        open_checkpoint(signed, TrustedLogs.from_vkeys(other.vkeys))
    with pytest.raises(UnknownLogError):
        open_checkpoint(signed, TrustedLogs())


def test_what_was_good_once_is_good_for_the_same_keys_alone(
    signed: bytes, logs: TrustedLogs, fixed_log_keys: LogKeys
) -> None:
    assert open_checkpoint(signed, logs) is open_checkpoint(signed, logs)
    other = LogKeys.generate(fixed_log_keys.origin)
    retired = TrustedLogs.from_vkeys([*other.vkeys, "retired 6", *fixed_log_keys.vkeys])
    for believed in (TrustedLogs.from_vkeys(other.vkeys), retired):
        for _ in range(2):
            with pytest.raises(SignatureError):
                open_checkpoint(signed, believed)
    broken = signed[:-4] + (b"A" if signed[-4:-3] != b"A" else b"B") + signed[-3:]
    for _ in range(2):
        with pytest.raises(LedgerError):
            open_checkpoint(broken, logs)


def test_a_long_one_is_not_remembered(signed: bytes, logs: TrustedLogs) -> None:
    line = f"— witness.example {base64.b64encode(bytes(600)).decode()}\n"
    many = signed + line.encode() * 40
    assert open_checkpoint(many, logs) == open_checkpoint(signed, logs)
    assert open_checkpoint(many, logs) is not open_checkpoint(many, logs)


def test_configuration_mistakes(fixed_log_keys: LogKeys) -> None:
    first, second = (NoteKey.parse(vkey) for vkey in fixed_log_keys.vkeys)
    with pytest.raises(UsageError):
        TrustedLog("a", (KeySet((first, first)),))
    with pytest.raises(UsageError):
        TrustedLog("a", ())
    with pytest.raises(UsageError):
        TrustedLogs((TrustedLog("a", (KeySet((first,)),)), TrustedLog("a", (KeySet((second,)),))))
    witness = NoteKey.from_public_bytes("w", KeyType.ED25519_COSIGNATURE, first.public)
    with pytest.raises(UsageError):
        TrustedLog("a", (KeySet((witness,)),))


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\n\n",
        b"text\n\nno dash AAAAAAAA\n",
        "text\n\n— name AAAAAAAA".encode(),
        "text\n\n— name AAAA\n".encode(),
        "text\n\n— name AAAAAB==\n".encode(),
        "text\n\n— na+me AAAAAAAA\n".encode(),
        "text\n\n—  AAAAAAAA\n".encode(),
        "te\rxt\n\n— name AAAAAAAA\n".encode(),
        "text\n\n— name AAAAAAAA\n\n".encode(),
        b"t\xff\n\n\xe2\x80\x94 name AAAAAAAA\n",
        ("text\n\n" + "— name AAAAAAAA\n" * 65).encode(),
    ],
)
def test_what_is_not_a_note(note: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_note(note)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"origin\n1\n",
        b"\n1\n" + b"A" * 43 + b"=\n",
        b"origin\n01\n" + b"A" * 43 + b"=\n",
        b"origin\n+1\n" + b"A" * 43 + b"=\n",
        b"origin\n18446744073709551616\n" + b"A" * 43 + b"=\n",
        b"origin\n1\nAAAA\n",
        b"origin\n1\n" + b"A" * 43 + b"=",
        b"origin\n1\n" + b"A" * 42 + b"B=\n",
        b"origin\n1\n" + b"A" * 43 + b"=\n\n",
    ],
)
def test_what_is_not_a_checkpoint(text: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_checkpoint(text)


def test_extension_lines_are_kept() -> None:
    checkpoint = Checkpoint("origin ü", 2**63, bytes(32), ("one", "two words"))
    assert parse_checkpoint(checkpoint.text) == checkpoint
    with pytest.raises(UsageError):
        Checkpoint("two\nlines", 0, bytes(32))


@given(st.binary(max_size=300))
@example("x\n\n— n AAAAAAAA\n".encode())
def test_arbitrary_bytes_raise_only_our_errors(data: bytes) -> None:
    for parse in (parse_note, parse_checkpoint):
        try:
            parsed = parse(data)
        except LedgerError:
            continue
        assert (bytes(parsed) if parse is parse_note else parsed.text) == data


@given(st.text(max_size=120))
@example("a+00000000+AQ==")
@example("a+00000000+\ud800")
def test_arbitrary_text_is_no_verifier_key(text: str) -> None:
    with pytest.raises(LedgerError):
        NoteKey.parse(text)


@given(st.integers(0, 10_000), st.integers(0, 255), st.sampled_from(["set", "cut", "insert"]))
def test_mutated_checkpoints_never_open(place: int, value: int, kind: str) -> None:
    keys = MUTATED_KEYS
    place %= len(MUTATED)
    changed = bytearray(MUTATED)
    if kind == "set":
        changed[place] = value
    elif kind == "cut":
        del changed[place:]
    else:
        changed.insert(place, value)
    if bytes(changed) == MUTATED:
        return
    try:
        head = open_checkpoint(bytes(changed), TrustedLogs.from_vkeys(keys.vkeys))
    except LedgerError:
        return
    assert head.size == 7  # only lines by other keys can change without harm
    assert changed.startswith(MUTATED.rpartition(b"\n\n")[0])


MUTATED_KEYS = LogKeys.from_seeds("m.example", ed25519_seed=bytes(32), mldsa44_seed=bytes(32))
MUTATED = MUTATED_KEYS.sign_checkpoint(size=7, root=bytes(32), timestamp=9)
