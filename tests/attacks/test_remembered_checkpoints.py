"""A checkpoint that held is remembered with all that made it hold: nothing passes by it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import (
    Cosigner,
    LedgerError,
    LogKeys,
    Policy,
    QuorumError,
    SignatureError,
    TrustedHead,
    TrustedLogs,
    UnknownLogError,
    open_checkpoint,
    parse_policy,
)
from ledger.checkpoints import trusted_logs
from ledger.checkpoints.checkpoint import parse_checkpoint
from ledger.checkpoints.note import parse_note, signature_lines

ORIGIN = "log.example/1"


def keys(number: int, origin: str = ORIGIN) -> LogKeys:
    seed = number.to_bytes(32, "big")
    return LogKeys.from_seeds(origin, ed25519_seed=seed, mldsa44_seed=seed)


OURS, THEIRS, ELSEWHERE = keys(1), keys(2), keys(1, "log.example/2")
WITNESS = Cosigner.from_seeds("w.example", ed25519_seed=bytes(32), mldsa44_seed=bytes(32))
NOTES = [
    made.sign_checkpoint(size=size, root=bytes([size]) * 32, timestamp=1_800_000_000 + size)
    for made in (OURS, THEIRS, ELSEWHERE)
    for size in (1, 2)
]


def cosigned(note: bytes) -> bytes:
    """Return the note with the lines of a witness."""
    checkpoint = parse_checkpoint(parse_note(note).text)
    return note + signature_lines(WITNESS.cosign(checkpoint, timestamp=1_800_000_100))


def policy() -> Policy:
    text = f"log {OURS.vkeys[0]}\nwitness w {WITNESS.vkeys[0]}\nquorum w\n"
    return parse_policy(text.encode())


def damaged(note: bytes, at: int) -> bytes:
    """Return the note with one other character in its last signature."""
    place = len(note) - 2 - at % 3_000
    return note[:place] + (b"A" if note[place : place + 1] != b"A" else b"B") + note[place + 1 :]


STORES = [
    TrustedLogs.from_vkeys(OURS.vkeys),
    TrustedLogs.from_vkeys(THEIRS.vkeys),
    TrustedLogs.from_vkeys(OURS.vkeys[:1]),
    TrustedLogs.from_vkeys([*OURS.vkeys, "retired 1", *THEIRS.vkeys]),
    TrustedLogs.from_vkeys(["retired 1", *OURS.vkeys]),
    TrustedLogs.from_vkeys([*OURS.vkeys, *ELSEWHERE.vkeys]),
    TrustedLogs.from_vkeys(OURS.vkeys, policy=policy()),
    TrustedLogs(),
]
notes = st.sampled_from([*NOTES, *map(cosigned, NOTES)])
questions = st.tuples(
    notes | st.builds(damaged, notes, st.integers(0, 3_000)), st.sampled_from(STORES)
)


def answer(note: bytes, logs: TrustedLogs, *, anew: bool) -> TrustedHead | type[LedgerError]:
    try:
        return trusted_logs._open(note, logs) if anew else open_checkpoint(note, logs)
    except LedgerError as error:
        return type(error)


@settings(max_examples=150, deadline=None)
@given(st.lists(questions, min_size=2, max_size=8))
def test_what_is_remembered_is_what_is_found_anew(asked: list[tuple[bytes, TrustedLogs]]) -> None:
    """Whatever was asked before: other bytes, other keys, other policies."""
    for note, logs in asked:
        found = answer(note, logs, anew=False)
        assert found == answer(note, logs, anew=True)


def test_another_key_of_the_same_log() -> None:
    assert open_checkpoint(NOTES[0], STORES[0]).size == 1
    with pytest.raises(SignatureError):
        open_checkpoint(NOTES[0], STORES[1])
    with pytest.raises(UnknownLogError):
        open_checkpoint(NOTES[0], STORES[-1])
    assert open_checkpoint(NOTES[0], STORES[0]).size == 1


def test_a_policy_that_was_not_asked_before() -> None:
    assert open_checkpoint(NOTES[0], STORES[0]).witnessed_at is None
    with pytest.raises(QuorumError):
        open_checkpoint(NOTES[0], STORES[6])
    assert open_checkpoint(cosigned(NOTES[0]), STORES[6]).witnessed_at is not None
    assert open_checkpoint(cosigned(NOTES[0]), STORES[0]).witnessed_at is None


def test_what_did_not_hold_is_looked_at_again() -> None:
    bad = damaged(NOTES[0], 7)
    open_checkpoint(NOTES[0], STORES[0])
    before = trusted_logs._open_remembered.cache_info()
    for _ in range(3):
        with pytest.raises(SignatureError):
            open_checkpoint(bad, STORES[0])
    after = trusted_logs._open_remembered.cache_info()
    assert (after.hits, after.currsize) == (before.hits, before.currsize)
    assert after.misses == before.misses + 3


def test_what_is_remembered_has_an_end() -> None:
    remembered = trusted_logs._open_remembered
    for size in range(1, trusted_logs.REMEMBERED + 4):
        note = OURS.sign_checkpoint(size=size, root=bytes(32), timestamp=1)
        open_checkpoint(note, STORES[0])
    kept = remembered.cache_info()
    assert kept.maxsize == kept.currsize == trusted_logs.REMEMBERED
    strangers = [keys(n, f"log.example/{n}").sign_checkpoint(size=1, root=bytes(32), timestamp=1)
                 for n in range(3, 15)]  # fmt: skip
    padded = NOTES[0] + b"".join(each.split(b"\n\n", 1)[1] for each in strangers)
    assert len(padded) > trusted_logs.MAX_REMEMBERED
    assert open_checkpoint(padded, STORES[0]).size == 1
    assert remembered.cache_info().misses == kept.misses
