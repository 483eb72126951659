"""PS3.15 signatures beside the seal: evidence of their own, on which no verdict rests."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from cryptography import x509
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from ledger import TimestampAnchors
from provenance import SealError, Site, UsageError, Verdict, Word
from provenance.dicom.carrier import read_carrier, remove_carrier, write_carrier
from provenance.dicom.read import read_instance
from provenance.dicom.write import instance_bytes
from provenance.findings import Code
from provenance.judging.verdict import Check, Status
from provenance.ps315.algorithms import MacAlgorithm
from provenance.ps315.elements import read_dataset
from provenance.ps315.examine import (
    MAX_SIGNATURES,
    DigitalSignatures,
    State,
    examine_signatures,
)
from provenance.ps315.mac_stream import mac_stream, may_be_signed
from provenance.ps315.profiles import Profile, required_tags, tags_to_sign
from provenance.ps315.sign import DicomSigner, sign_object
from provenance.ps315.signature_items import MacParameters, places
from provenance.ps315.timestamps import TimestampState
from provenance.sealing.chance import Chance
from provenance.sealing.seal import seal_at_time
from provenance.verifying.verify import verify

NOW = datetime.now(UTC) + timedelta(hours=6)  # after whatever a test makes
VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "ps315"
Edit = Callable[[bytes, Callable[[Dataset], object]], bytes]


def signed(data: bytes, signer: DicomSigner, *, uid: str = "2.25.17") -> bytes:
    instance = read_instance(data)
    sign_object(instance, signer, uid=uid, at=NOW)
    return instance_bytes(instance)


def examined(data: bytes) -> DigitalSignatures:
    return examine_signatures(read_instance(data))


@pytest.fixture(scope="module")
def signer(make_identity: Callable[..., Any]) -> DicomSigner:
    identity = make_identity()
    return DicomSigner.load(identity.key, identity.certificate, Profile.CREATOR)


@pytest.fixture(scope="module")
def both(site: Site, signer: DicomSigner, make_dicom: Callable[..., bytes]) -> bytes:
    """An object with our seal, and a Creator signature beside it."""
    with site.device() as device:
        sealed = seal_at_time(
            make_dicom(), device=device, profile=None, at=NOW, chance=Chance.draw(), signer=signer
        )
    assert sealed.signature_uid is not None
    assert sealed.signature_uid.startswith("2.25.")
    return sealed.to_bytes()


def judged(data: bytes, site: Site) -> Verdict:
    records = site.records()
    with records.log:
        return verify(data, trust=site.trust, records=records, mark_key=site.mark_key)


def codes(verdict: Verdict) -> list[Code]:
    return [check.code for check in verdict.checks if check.id == "ps315"]


def others(verdict: Verdict) -> list[Check]:
    return [check for check in verdict.checks if check.id != "ps315"]


def test_beside_the_seal(both: bytes, site: Site) -> None:
    verdict = judged(both, site)
    assert verdict.word is Word.AUTHENTIC
    assert verdict.changes == ()
    assert codes(verdict) == [Code.SIGNATURE_VALID, Code.SIGNATURE_LEAVES_OUT]
    (signature,) = verdict.signatures
    assert (signature.state, signature.signer) == (State.VALID, "signer")
    assert Profile.CREATOR in signature.profiles
    assert {u.group for u in signature.unsigned} == {"identity", "private"}


def test_what_changes_later_is_not_signed(both: bytes, site: Site) -> None:
    """The seal's private block gets receipts later; it is not among what is signed."""
    instance = read_instance(both)
    carrier = read_carrier(instance.dataset)
    assert carrier is not None
    write_carrier(instance.dataset, type(carrier)(carrier.statement, carrier.annex, None, None))
    assert examine_signatures(instance).found[0].state is State.VALID
    remove_carrier(instance.dataset)
    assert examine_signatures(instance).found[0].state is State.VALID


def forget(data: Dataset) -> None:
    del data[0x4FFE0001]
    del data[0xFFFAFFFA]


def strip(data: Dataset) -> None:
    del data[0xFFFAFFFA]


def break_it(data: Dataset) -> None:
    signature = data.DigitalSignaturesSequence[0]
    signature.Signature = bytes(len(signature.Signature))


def forge(data: Dataset) -> None:
    signature = data.DigitalSignaturesSequence[0]
    signature.CertificateOfSigner = b"0\0" + bytes(500)
    del signature.MACIDNumber


WORDS: dict[Word, Callable[[Dataset], object]] = {
    Word.AUTHENTIC: lambda d: None,
    Word.HEADER_CHANGED: lambda d: setattr(d, "PatientID", "P-2"),
    Word.ALTERED: lambda d: setattr(d, "ImageLaterality", "L"),
    Word.STRIPPED: lambda d: d.remove_private_tags(),
}


@pytest.mark.parametrize("word", WORDS)
def test_no_signature_turns_a_verdict(
    word: Word, both: bytes, site: Site, edit: Edit, signer: DicomSigner
) -> None:
    """Added, removed, broken or forged: the verdict and every other check stay what they are."""
    without = edit(edit(both, forget), WORDS[word])
    alone = judged(without, site)
    assert (alone.word, codes(alone), alone.signatures) == (word, [], ())
    again = signed(without, signer)  # signed over the changed object: it verifies
    for data, found in (
        (again, Code.SIGNATURE_VALID),
        (edit(again, strip), Code.SIGNATURE_STRIPPED),
        (edit(again, break_it), Code.SIGNATURE_BROKEN),
        (edit(again, forge), Code.SIGNATURE_NOT_CHECKED),
    ):
        verdict = judged(data, site)
        assert (verdict.word, verdict.integrity, verdict.trust, verdict.custody) == (
            alone.word,
            alone.integrity,
            alone.trust,
            alone.custody,
        )
        assert others(verdict) == list(alone.checks)
        assert found in codes(verdict)
        assert not any(c.status is Status.FAIL for c in verdict.checks if c.id == "ps315")


def test_a_signature_alone_is_no_seal(
    site: Site, make_dicom: Callable[..., bytes], signer: DicomSigner
) -> None:
    verdict = judged(signed(make_dicom(), signer), site)
    assert verdict.word is Word.UNSEALED
    assert Code.SIGNATURE_VALID in codes(verdict)


def test_nested_signatures_are_no_change(both: bytes, site: Site, edit: Edit) -> None:
    """Neither sequence counts as a change of the header, at any level."""

    def plant(data: Dataset) -> None:
        icon = Dataset()
        icon.add_new(0x4FFE0001, "SQ", [Dataset()])
        data.AnatomicRegionSequence = [icon]

    verdict = judged(edit(both, plant), site)
    assert all(c.keyword == "AnatomicRegionSequence" for c in verdict.changes)
    assert [c.detail for c in verdict.checks if c.code is Code.SIGNATURE_STRIPPED] == [
        "MAC parameters without their signature in AnatomicRegionSequence[0]"
    ]


def test_one_of_two_removed(both: bytes, signer: DicomSigner, edit: Edit) -> None:
    two = signed(both, signer)
    assert not examined(two).stripped
    one = edit(two, lambda d: d.DigitalSignaturesSequence.pop())
    found = examined(one)
    assert found.stripped == ("",)
    assert [f.state for f in found.found] == [State.VALID]


def test_a_list_of_what_is_absent_claims_nothing(both: bytes, edit: Edit) -> None:
    """The list of signed elements is itself unsigned: naming what is not there changes no hash."""

    def claim(data: Dataset) -> None:
        parameters = data.MACParametersSequence[0]
        parameters.DataElementsSigned = sorted([*parameters.DataElementsSigned, 0x00100010 + 0x80])

    (found,) = examined(edit(both, claim)).found
    assert found.state is State.VALID
    added = edit(edit(both, claim), lambda d: d.add_new(0x00100090, "LO", "x"))
    assert examined(added).found[0].state is State.BROKEN


def drop(tag: int) -> Callable[[Dataset], None]:
    def change(data: Dataset) -> None:
        parameters = data.MACParametersSequence[0]
        parameters.DataElementsSigned = [t for t in parameters.DataElementsSigned if t != tag]

    return change


def test_a_list_cut_short_is_broken(both: bytes, edit: Edit) -> None:
    assert examined(edit(both, drop(0x00200062))).found[0].state is State.BROKEN


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p, s: setattr(p, "MACAlgorithm", "SHA3"), "SHA3 is not known"),
        (lambda p, s: setattr(p, "MACCalculationTransferSyntaxUID", "1.2.840.10008.1.2"), "no MAC"),
        (lambda p, s: setattr(p, "DataElementsSigned", [0x00200062, 0x00080018]), "ascend"),
        (lambda p, s: setattr(p, "DataElementsSigned", [0x00080018] * 2), "ascend"),
        (lambda p, s: setattr(p, "DataElementsSigned", []), "no list"),
        (lambda p, s: setattr(p, "DataElementsSigned", [0x00080018, 0xFFFAFFFA]), "be signed"),
        (lambda p, s: setattr(p, "MACIDNumber", 7), "missing"),
        (lambda p, s: setattr(s, "CertificateType", "PGP"), "not known"),
        (lambda p, s: setattr(s, "CertificateOfSigner", b"0\0"), "parsed"),
        (lambda p, s: delattr(s, "Signature"), "(0400,0120) is missing"),
        (lambda p, s: delattr(s, "DigitalSignatureDateTime"), "(0400,0105) is missing"),
    ],
)
def test_what_cannot_be_checked(
    change: Callable[[Dataset, Dataset], object], words: str, both: bytes, edit: Edit
) -> None:
    data = edit(
        both,
        lambda d: change(d.MACParametersSequence[0], d.DigitalSignaturesSequence[0]),
    )
    (found,) = examined(data).found
    assert found.state is State.NOT_CHECKED
    assert words in found.reason
    assert not found.profiles


def test_more_than_are_looked_at(both: bytes, edit: Edit) -> None:
    def repeat(data: Dataset) -> None:
        data.DigitalSignaturesSequence = list(data.DigitalSignaturesSequence) * 20

    found = examined(edit(both, repeat))
    assert (len(found.found), found.unexamined) == (MAX_SIGNATURES, 20 - MAX_SIGNATURES)


def test_weaknesses(
    both: bytes, make_dicom: Callable[..., bytes], make_identity: Callable[..., Any], edit: Edit
) -> None:
    late = make_identity(name="late", since=NOW - timedelta(days=9), until=NOW + timedelta(days=9))
    signer = DicomSigner.load(late.key, late.certificate, Profile.BASE)
    instance = read_instance(make_dicom())
    with pytest.raises(UsageError, match="not valid at"):
        sign_object(instance, signer, uid="2.25.1", at=NOW + timedelta(days=10))
    with pytest.raises(UsageError, match="not valid at"):
        sign_object(instance, signer, uid="2.25.1", at=NOW - timedelta(days=10))
    stamped = edit(
        both,
        lambda d: setattr(d.DigitalSignaturesSequence[0], "CertifiedTimestampType", "CMS_TSP"),
    )
    (found,) = examined(stamped).found
    assert found.state is State.VALID  # the timestamp is not part of what is signed
    assert found.timestamp is not None
    assert found.timestamp.state is TimestampState.BROKEN  # a type without a token


@pytest.mark.parametrize(
    ("kind", "more", "profile", "algorithm", "words"),
    [
        ("SECP256R1", {}, Profile.CREATOR, MacAlgorithm.SHA256, "RSA keys only"),
        ("SECP256R1", {}, Profile.BASE, MacAlgorithm.SHA256, "RSA keys only"),
        ("SECP521R1", {}, Profile.UNPROFILED, MacAlgorithm.SHA256, "P-256 or P-384"),
        ("rsa", {"bits": 1024}, Profile.BASE, MacAlgorithm.SHA256, "1024 bits"),
        ("rsa", {}, Profile.BASE, MacAlgorithm.SHA1, "only verified"),
        ("ed25519", {}, Profile.UNPROFILED, MacAlgorithm.SHA256, "neither an RSA nor an EC"),
    ],
)
def test_who_may_not_sign(
    kind: str,
    more: dict[str, Any],
    profile: Profile,
    algorithm: MacAlgorithm,
    words: str,
    make_identity: Callable[..., Any],
) -> None:
    identity = make_identity(kind, **more)
    with pytest.raises(UsageError, match=words):
        DicomSigner.load(identity.key, identity.certificate, profile, algorithm)


def test_files_that_are_no_signer(make_identity: Callable[..., Any], tmp_path: Path) -> None:
    one, two = make_identity(), make_identity("SECP256R1")
    (tmp_path / "junk").write_text("junk")
    for key, certificate, words in (
        (one.key, two.certificate, "not that of the key"),
        (one.certificate, one.certificate, "not an unencrypted PEM private key"),
        (one.key, tmp_path / "junk", "not a PEM certificate"),
        (tmp_path / "none", one.certificate, "cannot be read"),
    ):
        with pytest.raises(UsageError, match=words):
            DicomSigner.load(key, certificate, Profile.BASE)


def test_what_cannot_be_signed_is_not_logged(
    site: Site, signer: DicomSigner, make_dicom: Callable[..., bytes], edit: Edit
) -> None:
    def size() -> int:
        records = site.records()
        with records.log:
            return records.log.size

    named = make_dicom(ManufacturerModelName="model ")
    known, unknown = b"\x08\0\x90\x10LO\6\0model ", b"\x08\0\x90\x10UN\0\0\6\0\0\0model "
    assert known in named
    before = size()
    for data in (
        edit(named, lambda d: delattr(d, "StudyInstanceUID")),
        edit(named, lambda d: d.add_new(0xFFFAFFFA, "OB", b"junk")),
        named.replace(known, unknown),
    ):
        with site.device() as device, pytest.raises(SealError) as caught:
            seal_at_time(
                data, device=device, profile=None, at=NOW, chance=Chance.draw(), signer=signer
            )
        assert caught.value.code == "SE301"
    assert size() == before


def test_lists_follow_the_rules() -> None:
    """PS3.15 C.2 a to d, C.3 a and b, and what our lists add to them."""
    present = [0x00080012, 0x00080016, 0x00080018, 0x00081010, 0x0020000D, 0x0020000E, 0x00280010]
    present += [0x00100010, 0x00280030, 0x00281050, 0x50000005, 0x60003000, 0x00091010, 0x7FE00010]
    creator = required_tags(Profile.CREATOR, present)
    authorization = required_tags(Profile.AUTHORIZATION, present)
    assert creator - authorization == {0x00080012, 0x00081010}
    assert {0x00280010, 0x7FE00010, 0x50000005, 0x60003000} < authorization
    assert not {0x00100010, 0x00280030, 0x00281050, 0x00091010} & creator
    assert required_tags(Profile.BASE, present) == frozenset()
    # more than is asked for: spacing, but not what is legally corrected or saved by viewers
    assert set(tags_to_sign(Profile.CREATOR, present)) == creator | {0x00280030}
    standard = {tag for tag in present if not tag >> 16 & 1}
    for profile in (Profile.BASE, Profile.AUTHORIZATION, Profile.UNPROFILED):
        assert set(tags_to_sign(profile, present)) == standard


@pytest.mark.parametrize(
    ("tag", "allowed"),
    [
        (0x00080018, True),
        (0x00080005, True),
        (0x00080001, False),
        (0x00080000, False),
        (0x00020010, False),
        (0x4FFE0001, False),
        (0xFFFAFFFA, False),
        (0xFFFCFFFC, False),
        (0xFFFEE00D, False),
        (0x00091001, True),
    ],
)
def test_never_included(tag: int, allowed: bool) -> None:
    assert may_be_signed(tag) is allowed


def test_compressed_objects(
    site: Site, signer: DicomSigner, make_dicom: Callable[..., bytes]
) -> None:
    """The MAC is calculated in the object's own transfer syntax, after the mark was put in."""
    data = pydicom.dcmread(pydicom.filebase.DicomBytesIO(make_dicom()))
    data.compress(RLELossless)
    buffer = pydicom.filebase.DicomBytesIO()
    data.save_as(buffer)
    with site.device() as device:
        sealed = seal_at_time(
            buffer.getvalue(),
            device=device,
            profile=None,
            at=NOW,
            chance=Chance.draw(),
            signer=signer,
        )
    assert sealed.mark is not None
    instance = read_instance(sealed.to_bytes())
    assert read_dataset(instance).encapsulated
    assert examine_signatures(instance).found[0].state is State.VALID
    assert judged(sealed.to_bytes(), site).word is Word.AUTHENTIC


def test_marking_breaks_an_earlier_signature(
    site: Site, signer: DicomSigner, make_dicom: Callable[..., bytes]
) -> None:
    """The modality signed, then radseal marked: the old one is told broken, the new one holds."""
    first = signed(make_dicom(), signer)
    with site.device() as device:
        sealed = seal_at_time(
            first, device=device, profile=None, at=NOW, chance=Chance.draw(), signer=signer
        )
    found = examined(sealed.to_bytes()).found
    assert [f.state for f in found] == [State.BROKEN, State.VALID]
    assert judged(sealed.to_bytes(), site).word is Word.AUTHENTIC


def test_pixels_left_out_are_named(make_dicom: Callable[..., bytes], both: bytes) -> None:
    pixels = np.zeros((4, 4), dtype=np.uint16)
    assert examined(make_dicom(pixels)) == DigitalSignatures()
    (found,) = examined(both).found
    assert not any(u.group == "pixels" for u in found.unsigned)


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.dcm")), ids=lambda path: path.name)
def test_vectors(path: Path) -> None:
    """What dcmsign or an earlier radseal signed comes to what it came to then."""
    expected = json.loads((VECTORS / "cases.json").read_text())[path.name]
    assert (expected["state"] == "valid") != path.stem.endswith("_fail")
    root = x509.load_pem_x509_certificate((VECTORS / "tsa-root.pem").read_bytes())
    (found,) = examine_signatures(read_instance(path), TimestampAnchors((root,))).found
    stamped = expected.pop("timestamp", None)
    if stamped is not None:
        pytest.importorskip("rfc3161_client", reason="rfc3161-client is not installed")
    assert stamped == (found.timestamp and found.timestamp.state.value)
    assert expected == {
        "place": found.place,
        "state": found.state.value,
        "algorithm": found.algorithm,
        "key": found.key,
        "profiles": [profile.value for profile in found.profiles],
        "unsigned": {each.group: list(each.keywords) for each in found.unsigned},
    }


def test_every_vector_is_there() -> None:
    cases = json.loads((VECTORS / "cases.json").read_text())
    assert sorted(cases) == sorted(path.name for path in VECTORS.glob("*.dcm"))
    assert len(cases) == 9


def test_vector_of_the_stream() -> None:
    expected = json.loads((VECTORS / "stream.json").read_text())
    dataset = read_dataset(read_instance(VECTORS / expected["file"]))
    (place,) = places(dataset)
    tags = MacParameters.read(place.parameters()[0]).tags
    stream = b"".join(mac_stream(place.elements, tags, place.signatures()[0], dataset))
    assert stream.hex() == expected["hex"]
