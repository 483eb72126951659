"""Policies: what is read, what is refused, and which cosignatures are a quorum."""

import json
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import Cosigner, LogKeys, MalformedError, NoteKey, parse_policy
from ledger.checkpoints.note_keys import KeyType

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "policy"
CASES = [
    case
    for path in sorted(VECTORS.glob("*.json"))
    for case in json.loads(path.read_text(encoding="utf-8"))["cases"]
]


def witness(name: str) -> Cosigner:
    return Cosigner.from_seeds(
        name, ed25519_seed=name.encode().ljust(32), mldsa44_seed=name.encode().rjust(32)
    )


W = [witness(f"w{number}.example") for number in range(1, 6)]
VKEYS = {f"{{{n}{kind}}}": each.vkeys[k] for n, each in enumerate(W, 1) for k, kind in
         enumerate(("e", "m"))}  # fmt: skip
LOG = LogKeys.from_seeds("log.example/1", ed25519_seed=bytes(32), mldsa44_seed=bytes(32))
VKEYS |= {"{log}": LOG.vkeys[0], "{log-m}": LOG.vkeys[1]}


def filled(text: str) -> bytes:
    """Write the fixed verifier keys where the vector names them."""
    for word, vkey in VKEYS.items():
        text = text.replace(word, vkey)
    return text.encode("latin-1")


def test_there_are_vectors() -> None:
    assert {case["expect"] for case in CASES} == {"policy", "malformed"}
    assert all((c["expect"] == "policy") is not c["name"].endswith("_fail") for c in CASES)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_vector(case: dict) -> None:
    if case["expect"] == "malformed":
        with pytest.raises(MalformedError):
            parse_policy(filled(case["policy"]))
        return
    policy = parse_policy(filled(case["policy"]))
    wanted = {frozenset(each) for each in case["quorums"]}
    names = [each.name.decode("latin-1") for each in policy.witnesses]
    keys = {each.name.decode("latin-1"): each.key for each in policy.witnesses}
    for count in range(len(names) + 1):
        for chosen in combinations(names, count):
            met = policy.is_met_by([keys[name] for name in chosen])
            assert met is any(each <= set(chosen) for each in wanted), chosen


def test_the_key_of_a_witness_under_another_name_is_the_same_key() -> None:
    same = NoteKey.from_public_bytes(
        "other.example", KeyType.ED25519_COSIGNATURE, W[0].note_keys[0].public
    )
    text = f"witness a {W[0].vkeys[0]}\nwitness b {same}\ngroup g all a b\nquorum g\n"
    with pytest.raises(MalformedError, match="twice"):
        parse_policy(text.encode())


def test_a_key_of_the_log_under_another_name_is_no_witness() -> None:
    lasting = LOG.sets[0][1]
    other = NoteKey.from_public_bytes("w.example", lasting.type, lasting.public)
    text = f"log {LOG.vkeys[1]}\nwitness a {other}\nquorum a\n"
    with pytest.raises(MalformedError, match="own witness"):
        parse_policy(text.encode())


def test_limits() -> None:
    with pytest.raises(MalformedError):
        parse_policy(b"#" * (1 << 20) + b"\n")
    groups = "".join(f"group g{n} any {'a' if n == 0 else f'g{n - 1}'}\n" for n in range(65))
    with pytest.raises(MalformedError, match="more than 64"):
        parse_policy(f"witness a {W[0].vkeys[0]}\n{groups}quorum g64\n".encode())
    deep = "".join(f"group g{n} any {'a' if n == 0 else f'g{n - 1}'}\n" for n in range(64))
    policy = parse_policy(f"witness a {W[0].vkeys[0]}\n{deep}quorum g63\n".encode())
    assert policy.is_met_by(policy.witness_keys)
    assert not policy.is_met_by(())


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_only_our_error(data: bytes) -> None:
    try:
        parse_policy(data)
    except MalformedError:
        return


WORDS = st.sampled_from(
    ["log", "witness", "group", "quorum", "any", "all", "none", "1", "2", "a", "b", "g", "\n", "#",
     *VKEYS.values(), "http://x", "\t"]
)  # fmt: skip


@given(st.lists(WORDS, max_size=40))
def test_words_of_policies_in_any_order_raise_only_our_error(words: list[str]) -> None:
    try:
        policy = parse_policy((" ".join(words) + "\n").encode())
    except MalformedError:
        return
    assert policy.is_met_by(policy.witness_keys), "whoever has all cosignatures has a quorum"
