"""Objects that a policy must keep out: stripped, dated back, by a false title, of others' seals."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import combinations

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import generate_uid

from ledger import Role
from provenance import (
    AcceptancePolicy,
    Action,
    Admission,
    Arrival,
    Facts,
    Outcome,
    Site,
    UnreadableError,
    Verdict,
    Word,
    admit,
    seal,
    verify,
)
from provenance.dicom.carrier import remove_carrier
from provenance.dicom.read import read_instance
from provenance.dicom.write import instance_bytes
from provenance.findings import Code
from provenance.judging.depth import Depth
from provenance.policy.facts import Fact
from provenance.policy.header import OWN_DATES, read_facts
from provenance.policy.parse import parse_acceptance_policy
from provenance.sealing.attest import attest
from provenance.sealing.attestation import Purpose
from provenance.verifying.verifier import Verifier

Make = Callable[..., bytes]
Edit = Callable[[bytes, Callable[[pydicom.Dataset], object]], bytes]
NOW = datetime(2026, 6, 1, tzinfo=UTC)
FACTS = {"StationName": "CT-7", "Manufacturer": "Acme", "ManufacturerModelName": "Scan 3"}
FACTS |= {"DeviceSerialNumber": "0815", "Modality": "CT", "StudyDate": "20260504"}
BY_SENDER = """version = 1
[defaults]
depth = "ledger"
[defaults.actions]
authentic = "accept"
unsealed = "tag"
[[rules]]
name = "ct 7"
signers = ["here device"]
must_seal_since = 2026-01-01
must_seal_ingest_since = 2026-03-01
match.calling_ae = ["CT7"]
[[rules]]
name = "like ct 7"
signers = ["here device"]
must_seal_since = 2026-01-01
match.station_name = ["CT-7"]
"""


def policy(text: str = BY_SENDER) -> AcceptancePolicy:
    return parse_acceptance_policy(text.encode())


@pytest.fixture(scope="module")
def sealed(site: Site, make_dicom: Make) -> bytes:
    with site.device() as device:
        return seal(make_dicom(**FACTS), device=device, profile="none").to_bytes()


@pytest.fixture(scope="module")
def forged(make_dicom: Make) -> bytes:
    """Made by a machine that never saw a patient, with a header that fits."""
    pixels = np.random.default_rng(11).integers(0, 4096, (200, 232)).astype(np.uint16)
    return make_dicom(pixels, **FACTS)


def arrives(
    data: bytes, site: Site, text: str = BY_SENDER, ae: str | None = "CT7", at: datetime = NOW
) -> Admission:
    records = site.records()
    with records.log:
        return admit(
            data,
            policy=policy(text),
            arrival=Arrival(ae, "PACS", at),
            trust=site.trust,
            records=records,
            mark_key=site.mark_key,
        )


def codes(verdict: Verdict) -> set[Code]:
    return {check.code for check in verdict.checks}


def test_what_the_device_sealed_is_let_in(sealed: bytes, site: Site) -> None:
    found = arrives(sealed, site)
    assert found.verdict.word is Word.AUTHENTIC
    assert found.decision.action is Action.ACCEPT
    assert found.decision.rule == "ct 7"


def test_a_generated_image_of_a_device_that_seals(forged: bytes, site: Site) -> None:
    found = arrives(forged, site)
    assert found.verdict.word is Word.STRIPPED
    assert Code.MUST_BE_SEALED in codes(found.verdict)
    assert found.decision.action is Action.QUARANTINE
    # Without a policy nobody can know.
    assert verify(forged, trust=site.trust, records=site.records()).word is Word.UNSEALED


def test_a_generated_image_is_not_excused_by_a_ledger_out_of_reach(
    forged: bytes, site: Site
) -> None:
    found = admit(forged, policy=policy(), arrival=Arrival("CT7", "PACS"), trust=site.trust)
    assert found.verdict.word is Word.STRIPPED
    assert found.decision.action is Action.QUARANTINE


def test_dated_back(forged: bytes, site: Site, edit: Edit) -> None:
    def back(dataset: pydicom.Dataset) -> None:
        dataset.StudyDate = "20191231"

    found = arrives(edit(forged, back), site)
    assert found.verdict.word is Word.STRIPPED  # the verifier's own clock
    assert "arrived 2026-06-01" in " ".join(found.decision.reasons)
    before = arrives(edit(forged, back), site, at=datetime(2026, 2, 1, tzinfo=UTC))
    assert before.verdict.word is Word.UNSEALED
    # By the header alone it gets through: what `policy check` warns of.
    elsewhere = arrives(edit(forged, back), site, ae="OTHER")
    assert elsewhere.verdict.word is Word.UNSEALED
    assert elsewhere.decision.action is Action.TAG


@pytest.mark.parametrize("day", ["", "2026.5.4", "00000000", "20261301", "2026", "now", "2019-1-1"])
def test_a_date_that_is_none_excuses_nobody(forged: bytes, site: Site, day: str) -> None:
    assert forged.count(b"20260504") == 1
    spoilt = forged.replace(b"20260504", day.ljust(8).encode())
    found = arrives(spoilt, site, ae="OTHER")
    assert (found.verdict.word, found.decision.rule) == (Word.STRIPPED, "like ct 7")


def test_one_old_date_among_new_ones_excuses_nobody(forged: bytes, edit: Edit) -> None:
    for keyword in ("AcquisitionDate", "ContentDate", "SeriesDate", "AcquisitionDateTime"):

        def add(dataset: pydicom.Dataset, keyword: str = keyword) -> None:
            dataset.StudyDate = "20190101"
            setattr(dataset, keyword, "20260504" + "101500" * (keyword == "AcquisitionDateTime"))

        facts = read_facts(read_instance(edit(forged, add)).dataset, Arrival())
        assert str(facts.own_date) == "2026-05-04"
    assert len(OWN_DATES) == 5


def test_a_false_title_or_a_header_cut_down(forged: bytes, site: Site, edit: Edit) -> None:
    """Whoever leaves out what a rule asks for meets that rule: in doubt it is kept apart."""

    def cut(dataset: pydicom.Dataset) -> None:
        for keyword in FACTS:
            delattr(dataset, keyword)

    for ae in ("OTHER", None):
        found = arrives(edit(forged, cut), site, ae=ae)
        assert found.decision.action is Action.QUARANTINE
        assert "like ct 7" in (found.decision.rule, *found.decision.may_fit)
    assert arrives(edit(forged, cut), site).verdict.word is Word.STRIPPED


def test_no_title_and_no_header_are_better_than_the_true_ones(
    sealed: bytes, forged: bytes, site: Site, edit: Edit
) -> None:
    whole = {data: arrives(data, site).decision.action for data in (sealed, forged)}
    for count in (1, 2, 3):
        for gone in combinations(FACTS, count):

            def cut(dataset: pydicom.Dataset, gone: tuple[str, ...] = gone) -> None:
                for keyword in gone:
                    delattr(dataset, keyword)

            action = arrives(edit(forged, cut), site, ae=None).decision.action
            assert not action.lets_in or whole[forged].lets_in


def test_an_ae_title_is_not_authentication(forged: bytes, site: Site, edit: Edit) -> None:
    """A forger who names another sender and another station gets what those get, no more."""

    def other(dataset: pydicom.Dataset) -> None:
        dataset.StationName = "OLD-1"

    found = arrives(edit(forged, other), site, ae="OLD")
    assert (found.verdict.word, found.decision.rule) == (Word.UNSEALED, "defaults")
    assert found.decision.action is Action.TAG
    strict = BY_SENDER.replace('unsealed = "tag"', 'unsealed = "quarantine"')
    assert not arrives(edit(forged, other), site, strict, ae="OLD").decision.action.lets_in


def test_the_seal_of_another_device(sealed: bytes, site: Site) -> None:
    other = BY_SENDER.replace("here device", "some other device")
    found = arrives(sealed, site, other)
    assert found.verdict.word is Word.UNTRUSTED
    assert found.verdict.trust is Outcome.REFUTED
    assert Code.SIGNER_NOT_ACCEPTED in codes(found.verdict)
    assert found.decision.action is Action.QUARANTINE
    for term in ("sha256", "key"):
        wrong = BY_SENDER.replace("here device", f"{term}:{'0' * 64}")
        assert arrives(sealed, site, wrong).verdict.word is Word.UNTRUSTED
    signed_by = found.verdict.signed_by
    assert signed_by is not None
    for digest, term in ((signed_by.certificate, "sha256"), (signed_by.key, "key")):
        right = BY_SENDER.replace("here device", f"{term}:{digest.hex()}")
        assert arrives(sealed, site, right).verdict.word is Word.AUTHENTIC


def test_a_name_that_a_stranger_gave_himself(
    site: Site, make_dicom: Make, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Another authority can write any name into a certificate."""
    twin = Site.init(tmp_path_factory.mktemp("twin") / "site", name="here")
    with twin.device() as device:
        data = seal(make_dicom(**FACTS), device=device, profile="none").to_bytes()
    found = arrives(data, site)
    assert found.verdict.signer == "here device"
    assert found.verdict.word is Word.UNTRUSTED
    assert not found.decision.action.lets_in


def test_the_seal_taken_off(sealed: bytes, site: Site, make_dicom: Make) -> None:
    instance = read_instance(sealed)
    remove_carrier(instance.dataset)
    instance.dataset.SOPInstanceUID = generate_uid()
    instance.dataset.file_meta.MediaStorageSOPInstanceUID = instance.dataset.SOPInstanceUID
    shallow = BY_SENDER.replace('depth = "ledger"', 'depth = "seal"')
    found = arrives(instance_bytes(instance), site, shallow)
    assert found.verdict.depth == "seal"
    assert found.verdict.word is Word.STRIPPED
    assert not found.decision.action.lets_in


def test_less_than_the_depth_that_is_asked_for(sealed: bytes, site: Site) -> None:
    offline = admit(sealed, policy=policy(), arrival=Arrival("CT7", "PACS", NOW), trust=site.trust)
    assert offline.verdict.word is Word.AUTHENTIC  # by its receipt
    assert offline.decision.action is Action.QUARANTINE
    assert "only as deep as seal" in offline.decision.reasons[-1]


def test_sealed_by_a_gateway(site: Site, make_dicom: Make) -> None:
    """On behalf of a device: believed where a rule says so, and nowhere else."""
    with site.device(Role.GATEWAY) as gateway:
        data = seal(make_dicom(**FACTS), device=gateway, profile="none").to_bytes()
    records = site.records()
    with records.log:
        assert verify(data, trust=site.trust, records=records).word is Word.UNTRUSTED
    found = arrives(data, site, BY_SENDER.replace('"here device"', '"here gateway"'))
    assert found.verdict.word is Word.UNTRUSTED
    assert Code.SIGNER_NOT_ACCEPTED in codes(found.verdict)
    behalf = BY_SENDER.replace('signers = ["here device"]', 'roles = ["gateway"]', 1)
    found = arrives(data, site, behalf)
    assert found.verdict.word is Word.AUTHENTIC
    assert found.verdict.signed_by is not None
    assert found.verdict.signed_by.role is Role.GATEWAY
    assert found.decision.action is Action.ACCEPT
    # Which rule is meant is not known: a gateway's seal does not count then.
    assert arrives(data, site, behalf, ae=None).verdict.word is Word.UNTRUSTED


def test_an_altered_object_is_kept_out_by_every_policy(
    sealed: bytes, site: Site, edit: Edit
) -> None:
    def darken(dataset: pydicom.Dataset) -> None:
        pixels = bytearray(dataset.PixelData)
        pixels[100] ^= 1
        dataset.PixelData = bytes(pixels)

    built = policy()
    every = dict.fromkeys(Word, Action.ACCEPT)
    lax = AcceptancePolicy((), replace(built.defaults, actions=every))
    found = admit(
        edit(sealed, darken), policy=lax, arrival=Arrival("CT7", "PACS", NOW), trust=site.trust
    )
    assert found.verdict.word is Word.ALTERED
    assert found.decision.action is Action.QUARANTINE
    unread = admit(b"none", policy=lax, arrival=Arrival("CT7", "PACS", NOW), trust=site.trust)
    assert unread.decision.action is Action.TAG


def test_attestation_is_asked_for(sealed: bytes, site: Site) -> None:
    asked = BY_SENDER.replace("[defaults]", "[defaults]\nrequire_attestation = true", 1)
    found = arrives(sealed, site, asked)
    assert found.verdict.word is Word.AUTHENTIC
    assert found.decision.action is Action.QUARANTINE
    records = site.records()
    with records.log, site.device(Role.OPERATOR) as operator:
        verifier = Verifier(site.trust, records)
        attest(
            sealed,
            operator=operator,
            verifier=verifier,
            purpose=Purpose.VERIFICATION,
            at=datetime.now(UTC),
        )
    assert arrives(sealed, site, asked).decision.action is Action.ACCEPT


def test_hostile_text_in_the_header(forged: bytes, site: Site, edit: Edit) -> None:
    def hostile(dataset: pydicom.Dataset) -> None:
        dataset.StationName = "CT-7\\CT-8"
        dataset.Manufacturer = "\x1b[2J"

    found = arrives(edit(forged, hostile), site, ae="OTHER")
    assert found.decision.rule == "defaults"  # two values are none of the rule's


@settings(max_examples=200)
@given(st.data())
def test_facts_of_damaged_headers(forged: bytes, data: st.DataObject) -> None:
    """Whatever the header holds: our own error, or facts that a policy decides about."""
    last = forged.index(b"\xe0\x7f\x10\0")
    changed = bytearray(forged)
    for _ in range(data.draw(st.integers(1, 8))):
        changed[data.draw(st.integers(132, last))] = data.draw(st.integers(0, 255))
    try:
        dataset = read_instance(bytes(changed)).dataset
    except UnreadableError:
        return
    facts = read_facts(dataset, Arrival("OTHER", "PACS", NOW))
    unknown = Outcome.UNKNOWN
    unsealed = Verdict(Word.UNSEALED, unknown, unknown, unknown, (), depth=Depth.MARK)
    decision = policy().decide(unsealed, facts)
    assert decision.rule is not None  # it did not fail
    assert all(len(text) <= 1_024 for text in texts_of(facts))


def texts_of(facts: Facts) -> list[str]:
    return [text for text in map(facts.text, Fact) if text is not None]


def test_an_old_date_beside_one_that_is_none_excuses_nobody(make_dicom: Make) -> None:
    data = make_dicom(StudyDate="20190101", ContentDate="20260505")
    assert data.count(b"20260505") == 1
    for spoilt, day in ((b"2026.5.5", None), (b"        ", "2019-01-01")):  # blank is absent
        facts = read_facts(read_instance(data.replace(b"20260505", spoilt)).dataset, Arrival())
        assert facts.own_date == (day and date.fromisoformat(day))


def test_the_original_from_before_the_mark_is_no_excuse(site: Site, make_dicom: Make) -> None:
    """A device signed its samples as the original; it came without a seal all the same."""
    raw = make_dicom(**FACTS)
    with site.device() as device:
        assert seal(raw, device=device, profile="radiograph").mark is not None
    records = site.records()
    with records.log:
        alone = verify(raw, trust=site.trust, records=records)
    assert (alone.word, Code.PIXELS_UNMARKED in {c.code for c in alone.checks}) == (
        Word.UNSEALED,
        True,
    )
    found = arrives(raw, site)
    assert found.verdict.word is Word.STRIPPED
    assert Code.MUST_BE_SEALED in {c.code for c in found.verdict.checks}
    assert not found.decision.action.lets_in
