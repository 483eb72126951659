"""What an operator shows is judged without the operator: the first statement no log may hold."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import (
    FIRST,
    Event,
    LogKeys,
    Monitor,
    PrunedError,
    Role,
    SignatureError,
    StoreError,
    TileFolder,
    TrustedLogs,
    UnknownLogError,
    Verifiers,
    hash_leaf,
    judge_log,
    key_revoked_body,
    merkle_root,
)


class Shown:
    """An operator who signs whatever tree these statements make."""

    def __init__(self, keys: LogKeys, entries: list[bytes]) -> None:
        root = merkle_root(map(hash_leaf, entries))
        self.entries = entries
        self.note = keys.sign_checkpoint(size=len(entries), root=root, timestamp=1)

    def checkpoint(self) -> bytes:
        return self.note

    def statements(self, start: int, stop: int) -> Iterator[bytes]:
        return iter(self.entries[start:stop])


@pytest.fixture
def judged(site: Any, tmp_path: Path) -> Callable[[list[bytes]], Any]:
    logs = TrustedLogs.from_vkeys(site.keys.vkeys)
    count = 0

    def judge(entries: list[bytes], **more: Any) -> Any:
        nonlocal count
        count += 1
        scratch = tmp_path / f"scratch {count}"
        return judge_log(Shown(site.keys, entries), logs=logs, scratch=scratch, **more)

    return judge


@pytest.fixture
def lived(site: Any) -> Any:
    """700 entries: images, custody, a key that came and went, an erasure."""
    late = site.signer("late")
    site.add_key(late, Role.DEVICE)
    site.append(site.statement(Event.SEALED, late, site.new_object()))
    site.append(*site.seals(300))
    gone = key_revoked_body(late.kid, reason="sold")
    site.append(site.statement(Event.KEY_REVOKED, site.archivist, body=gone))
    object_id, _ = site.seal(annex=b"annex", pseudonyms=(bytes(32),))
    site.append(site.statement(Event.INGESTED, site.gateway, object_id))
    site.log.erase(site.statement(Event.ERASED, site.archivist, object_id), at=site.now)
    site.append(*site.seals(390))
    site.log.checkpoint()
    site.late = late
    site.entries = [entry.statement for entry in site.log.entries()]
    return site


def test_an_honest_log_keeps_the_rules(lived: Any, judged: Any, tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    found = judged(lived.entries, progress=lambda *step: heard.append(step))
    assert found.ok
    assert (found.index, found.why) == (None, None)
    assert found.head.root == lived.log.head().root
    assert heard[-1] == (len(lived.entries), len(lived.entries))
    with Verifiers(2) as verifiers:
        assert judged(lived.entries, verifiers=verifiers).ok
    logs = TrustedLogs.from_vkeys(lived.keys.vkeys)
    Monitor(tmp_path / "copy", logs=logs).follow(lived.log)
    copy = TileFolder(tmp_path / "copy")
    assert judge_log(copy, logs=logs, scratch=tmp_path / "from a copy").ok
    assert judge_log(lived.log, logs=logs, scratch=tmp_path / "from the log").ok


def test_what_an_operator_may_not_log_is_named(lived: Any, judged: Any) -> None:
    site, entries = lived, lived.entries
    stranger = site.signer("nobody here")
    middle = len(entries) // 2
    one_bit = bytes([*entries[middle][:-1], entries[middle][-1] ^ 1])
    before, after = entries[:middle], entries[middle + 1 :]
    end = len(entries)
    new = [
        site.statement(event, signer, site.new_object())
        for event, signer in (
            (Event.SEALED, stranger),
            (Event.ATTESTED, site.gateway),
            (Event.SEALED, site.late),
        )
    ]
    forged = [
        ([*before, one_bit, *after], middle, "signature"),
        ([*before, *after], middle, "chain"),
        ([*before, after[0], entries[middle], *after[1:]], middle, "chain"),
        ([*before, entries[middle], *after[:2], entries[middle], *after[2:]], middle + 3, "same"),
        ([*entries, new[0]], end, "not added"),
        ([*entries, new[1]], end, "role gateway may not sign attested"),
        ([*entries, new[2]], end, "revoked|stood"),
        ([*entries[:-1], b"no statement"], end - 1, ""),
        ([*entries[:-1], b""], end - 1, ""),
    ]
    for shown, index, words in forged:
        found = judged(shown)
        assert not found.ok
        assert found.index == index, found
        assert any(word in found.why for word in words.split("|")), found.why


def test_another_beginning_is_no_log(lived: Any, judged: Any) -> None:
    for genesis in (lived.entries[1], b"", b"noise"):
        found = judged([genesis, *lived.entries[1:]])
        assert found.index == 0


def test_nothing_is_said_of_what_was_not_signed(lived: Any, judged: Any, tmp_path: Path) -> None:
    logs = TrustedLogs.from_vkeys(lived.keys.vkeys)
    others = (lived.entries[:-1], [*lived.entries[:-1], lived.entries[3]], [])
    for number, entries in enumerate(others):
        shown = Shown(lived.keys, lived.entries)
        shown.entries = entries
        with pytest.raises(StoreError, match="do not lead"):
            judge_log(shown, logs=logs, scratch=tmp_path / f"{number}")
    strangers = LogKeys.from_seeds("other.example", ed25519_seed=bytes(32), mldsa44_seed=bytes(32))
    with pytest.raises(UnknownLogError):
        judge_log(Shown(strangers, lived.entries), logs=logs, scratch=tmp_path / "stranger")
    thief = LogKeys.from_seeds(lived.log.origin, ed25519_seed=bytes(32), mldsa44_seed=bytes(32))
    with pytest.raises((SignatureError, UnknownLogError)):
        judge_log(Shown(thief, lived.entries), logs=logs, scratch=tmp_path / "thief")
    assert list(tmp_path.glob("stranger*")) == list(tmp_path.glob("thief*")) == []


def test_what_was_pruned_cannot_be_judged(lived: Any, tmp_path: Path) -> None:
    lived.log.prune(512, archive=tmp_path / "archive", at=lived.now)
    logs = TrustedLogs.from_vkeys(lived.keys.vkeys)
    with pytest.raises(PrunedError):
        judge_log(lived.log, logs=logs, scratch=tmp_path / "scratch")


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_change_is_found_where_it_is(
    data: st.DataObject, site: Any, judged: Callable[..., Any]
) -> None:
    """A byte anywhere, a statement moved anywhere: found there, or at what it pulls down later."""
    if site.log.size < 30:
        site.append(*site.seals(30))
    entries = [entry.statement for entry in site.log.entries()]
    place = data.draw(st.integers(0, len(entries) - 1))
    changed = list(entries)
    if data.draw(st.booleans()):
        byte = data.draw(st.integers(0, len(entries[place]) - 1))
        one = bytearray(entries[place])
        one[byte] ^= data.draw(st.integers(1, 255))
        changed[place], first = bytes(one), place
    else:
        other = data.draw(st.integers(0, len(entries) - 1).filter(lambda n: n != place))
        changed[place], changed[other] = changed[other], changed[place]
        first = min(place, other)
    found = judged(changed)
    assert not found.ok
    assert found.index >= first


def test_what_a_device_said_late_is_no_breach(site: Any, judged: Any) -> None:
    object_id = site.new_object()
    site.append(site.statement(Event.INGESTED, site.gateway, object_id))
    site.append(site.statement(Event.SEALED, site.device, object_id, object_link=FIRST))
    site.append(site.statement(Event.VERIFIED, site.gateway, object_id))
    *before, ingested, sealed, verified = (each.statement for each in site.log.entries())
    assert judged([*before, ingested, sealed, verified]).ok
    found = judged([*before, sealed, ingested, verified])
    assert (found.ok, found.index) == (False, len(before) + 1), "it cannot be put first"
    assert not judged([*before, ingested, verified]).ok, "nor left out before what follows"
