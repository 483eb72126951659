"""Who holds a revoked key, an old list, a false timestamp or a log gets no seal believed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from revocation_world import Authority, World, make_entry, make_list, read_cases, world_maker
from sqlalchemy import create_engine, text

from ledger import (
    Algorithm,
    Existence,
    ExistenceProof,
    Role,
    StampHash,
    TimeSource,
    TimestampAnchors,
    TimestampRequest,
    TrustedLogs,
    find_existence,
    token_of,
)
from provenance import Site, TrustError, TrustStore, Word, seal, verify
from provenance.findings import Code
from provenance.keys.signers import generate_key
from provenance.site.enrolment import enrol
from provenance.site.key_request import make_request, read_request
from provenance.trust.certificates import NO_EXPIRY
from provenance.trust.crl import parse_crl
from provenance.trust.revocation import Revocations, require_standing

CASES = {case["name"]: case for case in read_cases()}
NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
ROOT = Authority.make("root", NOW - timedelta(days=400))
LEAF = ROOT.certify(
    generate_key(Algorithm.ED25519).public_key(), "CT 3", NOW - timedelta(days=100), NO_EXPIRY
)
PATH = (LEAF, ROOT.certificate)


@pytest.fixture(scope="module")
def make_world(
    tmp_path_factory: pytest.TempPathFactory,
    make_time_authority: Callable[..., Any],
    make_dicom: Callable[..., bytes],
) -> Callable[[str], World]:
    pixels = np.random.default_rng(3).integers(0, 4096, (64, 64), dtype=np.uint16)
    return world_maker(tmp_path_factory.mktemp("worlds"), make_time_authority, make_dicom(pixels))


def day(number: float) -> datetime:
    return NOW + timedelta(days=number)


def seen(number: float, source: TimeSource) -> ExistenceProof:
    return ExistenceProof(day(number), source, 7, "x")


def a_list(since: float, until: float, *revoked: float) -> Any:
    entries = [make_entry(LEAF.serial_number, day(each)) for each in revoked]
    return parse_crl(make_list(ROOT, since=day(since), until=day(until), entries=entries))


days = st.floats(-50, 50)


@given(
    revoked=st.lists(days, min_size=1, max_size=3),
    log=days,
    others=st.lists(st.tuples(days, st.sampled_from([TimeSource.WITNESSES, TimeSource.TIMESTAMP]))),
    at=st.none() | days,
    required=st.booleans(),
)
def test_a_listed_certificate_passes_by_what_others_saw_before_alone(
    revoked: list[float],
    log: float,
    others: list[tuple[float, TimeSource]],
    at: float | None,
    required: bool,
) -> None:
    """Whatever the log says, whenever it is judged, however the list came to be."""
    existence = Existence(
        (seen(log, TimeSource.LOG), *(seen(number, source) for number, source in others))
    )
    earliest = min((number for number, _ in others), default=None)
    lists = Revocations((a_list(-60, 60, *revoked), a_list(-70, 70)), required)

    def judge() -> None:
        moment = None if at is None else day(at)
        require_standing(PATH, existence=existence, revocations=lists, at=moment)

    # a list counts whole seconds
    if earliest is not None and day(earliest) < day(min(revoked)).replace(microsecond=0):
        judge()
        return
    with pytest.raises(TrustError) as caught:
        judge()
    assert caught.value.code is Code.CERTIFICATE_REVOKED


@given(
    spans=st.lists(st.tuples(days, st.floats(0, 30)), max_size=4),
    proven=st.none() | days,
    at=st.none() | days,
)
def test_without_a_list_that_was_good_then_nothing_passes(
    spans: list[tuple[float, float]], proven: float | None, at: float | None
) -> None:
    lists = tuple(a_list(since, since + length) for since, length in spans)
    proofs = () if proven is None else (seen(proven, TimeSource.TIMESTAMP),)
    moment = None if at is None else day(at)

    def judge() -> None:
        require_standing(
            PATH, existence=Existence(proofs), revocations=Revocations(lists, True), at=moment
        )

    by = min(each for each in (proven, at) if each is not None) if at is not None else None
    good = by is not None and any(
        each.this_update <= day(at or 0) and (each.next_update or NOW) >= day(by) for each in lists
    )
    if good:
        judge()
        return
    with pytest.raises(TrustError) as caught:
        judge()
    assert caught.value.code is Code.REVOCATION_UNKNOWN


def test_a_thief_dates_back(make_world: Callable[[str], World]) -> None:
    for name in ("backdated", "backdated-with-the-log"):
        verdict = make_world(f"thief-{name}").play(CASES[name])
        assert verdict.word is Word.UNTRUSTED
        assert Code.CERTIFICATE_REVOKED in [check.code for check in verdict.checks]


def test_a_token_moved_to_a_later_checkpoint(make_world: Callable[[str], World]) -> None:
    """An operator puts the token of an old checkpoint beside one that covers the seal."""
    world = make_world("moved")
    case = {**CASES["earlier-timestamp"], "lists": [{"by": "root", "from": -10, "until": 20}]}
    assert world.play(case).word is Word.AUTHENTIC
    with world.site.writing_log() as log:
        size, note = log.size, log.checkpoint()
    engine = create_engine(f"sqlite:///{world.site.folder / 'ledger.sqlite'}")
    with engine.begin() as connection:
        update = text("UPDATE radseal_timestamp SET size = :size, note = :note")
        assert connection.execute(update, {"size": size, "note": note}).rowcount == 1
    engine.dispose()
    world._write_lists_anew([{"by": "root", "from": 6, "until": 30, "names": [LATER]}])
    verdict = world._judge({"judged": 10}, world.sealed)
    codes = [check.code for check in verdict.checks]
    assert verdict.word is Word.UNTRUSTED
    assert {Code.CERTIFICATE_REVOKED, Code.TIME_NOT_PROVEN} <= set(codes)
    assert Code.TIME_PROVEN not in codes


LATER = {"who": "device", "since": 5}


def test_a_token_of_another_statement_proves_nothing(
    make_world: Callable[[str], World], make_time_authority: Callable[..., Any]
) -> None:
    """The receipt of one seal, its checkpoint truly stamped, beside the statement of another."""
    world = make_world("another")
    verdict = world.play({**CASES["listed-later-timestamp"]})
    assert verdict.word is Word.AUTHENTIC
    records = world.site.records()
    with records.log as log:
        entry, other = log.entry(log.size - 1), log.entry(3)
        (stamped,) = log.stamped_receipts(entry)
    trust = TrustStore.load(world.trust)
    believed = {"logs": trust.logs, "anchors": trust.timestamping, "at": world.day(1)}
    found = find_existence(entry.statement, stamped, **believed)
    assert found.has(TimeSource.TIMESTAMP)
    moved = find_existence(other.statement, stamped, **believed)
    assert (moved.proofs, len(moved.refused)) == ((), 1)
    unjudged = find_existence(entry.statement, stamped, **{**believed, "at": None})
    assert not unjudged.has(TimeSource.TIMESTAMP)
    strangers = find_existence(entry.statement, stamped, **{**believed, "logs": TrustedLogs()})
    assert strangers.proofs == ()


def test_two_trust_stores_share_no_authority(
    make_world: Callable[[str], World], make_time_authority: Callable[..., Any]
) -> None:
    """One store believes the TSA and the lists, the other does not, in turns in one process."""
    world = make_world("two")
    assert world.play(CASES["listed-later-timestamp"]).word is Word.AUTHENTIC
    believer = TrustStore.load(world.trust)
    sceptic = replace(believer, timestamping=TimestampAnchors((world.other_tsa.root,)))
    blind = replace(believer, roots=(ROOT.certificate,))
    trusting = replace(believer, revocations=Revocations())
    expected = {believer: "AUTHENTIC", sceptic: "UNTRUSTED", blind: "UNTRUSTED"}
    for _ in range(2):
        for trust, word in (*expected.items(), (trusting, "AUTHENTIC")):
            records = world.site.records()
            with records.log:
                found = verify(world.sealed, trust=trust, records=records, at=world.day(10))
            assert found.word.value == word


def test_another_key_in_a_request(tmp_path: Path) -> None:
    """Who swaps the key in a request on its way has not the key to sign it with."""
    site = Site.init(tmp_path / "s", name="s")
    honest = make_request(site.signer(Role.DEVICE), name="CT 3", role=Role.DEVICE)
    thief = make_request(site.signer(Role.OPERATOR), name="CT 3", role=Role.DEVICE)
    spki, other = site.signer(Role.DEVICE).spki, site.signer(Role.OPERATOR).spki
    with pytest.raises(Exception, match="not signed with its own key"):
        read_request(honest.replace(spki, other))
    assert read_request(thief).fingerprint != read_request(honest).fingerprint


def test_a_listed_certificate_is_let_into_no_log(tmp_path: Path) -> None:
    from provenance.keys.signers import load_key
    from provenance.site.actor_keys import add_key

    site, at = Site.init(tmp_path / "s", name="s"), datetime.now(UTC)
    root = Authority(load_key(site.folder / "keys/ca.key.pem"), site.authority())  # type: ignore
    device = root.certify(generate_key(Algorithm.ED25519).public_key(), "x", at, NO_EXPIRY)
    entry = make_entry(device.serial_number, at - timedelta(days=1))
    folder = site.folder / "trust" / "crls"
    folder.mkdir()
    until = at + timedelta(days=9)
    data = make_list(root, since=at - timedelta(hours=1), until=until, entries=[entry])
    (folder / "a.crl").write_bytes(data)
    with pytest.raises(TrustError) as caught:
        add_key(site, [device], role=Role.DEVICE, at=at)
    assert caught.value.code is Code.CERTIFICATE_REVOKED
    signer = site.signer(Role.DEVICE)
    request = read_request(make_request(signer, name="x", role=Role.DEVICE))
    enrol(site, request, role=Role.DEVICE, at=at)  # what is there and stands is given again


def test_a_revoked_operator_vouches_for_nobody(
    tmp_path: Path, make_dicom: Callable[..., bytes]
) -> None:
    from ledger import Event
    from provenance.sealing.attestation import Purpose, attestation_body
    from provenance.site.site_crl import Revoked, issue_list

    site = Site.init(tmp_path / "s", name="s")
    with site.device() as device:
        sealed = seal(make_dicom(), device=device)
    at = datetime.now(UTC)
    with site.device(Role.OPERATOR) as operator:
        body = dict(attestation_body(Purpose.REVIEW))
        operator.record(Event.ATTESTED, object_id=sealed.seal_id, body=body, at=at)
    revoked = [Revoked(site.certificate(Role.OPERATOR))]
    issue_list(site, at=at, valid_until=at + timedelta(days=9), revoked=revoked)
    verdict = verify(sealed.to_bytes(), trust=site.trust, records=site.records())
    codes = [check.code for check in verdict.checks]
    assert verdict.word is Word.AUTHENTIC  # the device stands
    assert Code.ATTESTER_UNKNOWN in codes
    assert Code.ATTESTED not in codes


def test_a_timestamp_asked_for_a_root_alone_dates_no_seal(
    make_world: Callable[[str], World],
) -> None:
    """A true token over the bytes of the seal itself is none over the checkpoint."""
    world = make_world("direct")
    assert world.play({**CASES["valid-no-lists"]}).word is Word.AUTHENTIC
    records = world.site.records()
    with records.log as log:
        entry = log.entry(log.size - 1)
        early = next(log.early_receipts(entry))
    request = TimestampRequest(StampHash.SHA256, StampHash.SHA256.digest(entry.statement), 7)
    token = token_of(world.tsa.reply(bytes(request)))
    trust = TrustStore.load(world.trust)
    found = find_existence(
        entry.statement,
        replace(early, tokens=(token,)),
        logs=trust.logs,
        anchors=TimestampAnchors((world.tsa.root,)),
        at=world.day(1),
    )
    assert not found.has(TimeSource.TIMESTAMP)
    assert "prove no time" in found.refused[0]
