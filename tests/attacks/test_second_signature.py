"""Second signatures stripped, swapped, forged, left out: nothing of it may pass for AUTHENTIC.

Who can forge curves is played by whoever holds the first key, and the authority's.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import mldsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import Role, SecondSigner
from provenance import Site, Verdict, Word, seal, verify
from provenance.claims.annex import Annex
from provenance.claims.second_signature import SecondSignature
from provenance.dicom.carrier import read_carrier, remove_carrier, write_carrier
from provenance.dicom.read import read_instance
from provenance.dicom.write import instance_bytes
from provenance.findings import Code
from provenance.keys.signers import load_key, load_second_key
from provenance.site.device import Device, SecondIdentity
from provenance.trust.certificates import certificate_der, issue_role
from provenance.trust.second_demand import SecondDemand
from provenance.trust.store import TrustStore

Make = Callable[..., bytes]


@pytest.fixture(scope="module")
def hybrid(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site.init(tmp_path_factory.mktemp("hybrid") / "site", name="hybrid", hybrid=True)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site.init(tmp_path_factory.mktemp("other") / "site", name="other", hybrid=True)


@pytest.fixture(scope="module")
def sealed(hybrid: Site, make_dicom: Make) -> bytes:
    with hybrid.device() as device:
        return seal(make_dicom(), device=device).to_bytes()


def judge(data: bytes, site: Site, *, trust: TrustStore | None = None) -> Verdict:
    return verify(data, trust=trust or site.trust, records=site.records(), mark_key=site.mark_key)


def changed(data: bytes, change: Callable[[Annex], Annex]) -> bytes:
    instance = read_instance(data)
    values = read_carrier(instance.dataset)
    assert values is not None
    annex = change(Annex.decode(values.annex))
    write_carrier(instance.dataset, replace(values, annex=annex.encode()))
    return instance_bytes(instance)


def second_of(data: bytes) -> SecondSignature:
    values = read_carrier(read_instance(data).dataset)
    assert values is not None
    second = Annex.decode(values.annex).second
    assert second is not None
    return second


def untrusted(verdict: Verdict, code: Code) -> bool:
    codes = {check.code for check in verdict.checks}
    return verdict.word is Word.UNTRUSTED and code in codes and Code.SECOND_VERIFIES not in codes


def test_as_sealed(sealed: bytes, hybrid: Site) -> None:
    verdict = judge(sealed, hybrid)
    assert verdict.word is Word.AUTHENTIC
    assert verdict.second is not None
    assert (verdict.second.signer, verdict.second.demanded) == ("hybrid device", True)
    assert verify(sealed, trust=hybrid.trust).word is Word.AUTHENTIC


def test_stripped(sealed: bytes, hybrid: Site) -> None:
    stripped = changed(sealed, lambda annex: replace(annex, second=None))
    assert untrusted(judge(stripped, hybrid), Code.SECOND_MISSING)
    asks_nothing = replace(hybrid.trust, second=SecondDemand())
    assert untrusted(judge(stripped, hybrid, trust=asks_nothing), Code.SECOND_MISSING)


def test_a_lost_carrier_is_found_with_both(sealed: bytes, hybrid: Site) -> None:
    instance = read_instance(sealed)
    remove_carrier(instance.dataset)
    verdict = judge(instance_bytes(instance), hybrid)
    assert verdict.word is Word.STRIPPED
    assert verdict.second is not None
    assert verdict.second.problem is None


def test_of_another_seal(sealed: bytes, hybrid: Site, make_dicom: Make) -> None:
    with hybrid.device() as device:
        another = seal(make_dicom(), device=device).to_bytes()
    moved = changed(sealed, lambda annex: replace(annex, second=second_of(another)))
    assert untrusted(judge(moved, hybrid), Code.SECOND_BROKEN)


def test_by_another_key(sealed: bytes, hybrid: Site, other: Site) -> None:
    """A device of another site signs the same bytes with its own, trusted key."""
    with other.device() as device:
        assert device.second is not None
        statement = read_carrier(read_instance(sealed).dataset)
        assert statement is not None
        signature = device.second.signer.sign(statement.statement)
        by_other = SecondSignature(signature, device.second.certificates)
    trust = replace(hybrid.trust, roots=(*hybrid.trust.roots, *other.trust.roots))
    moved = changed(sealed, lambda annex: replace(annex, second=by_other))
    assert untrusted(judge(moved, hybrid, trust=trust), Code.SECOND_BROKEN)
    own = second_of(sealed)
    for mixed in (replace(own, certificates=by_other.certificates), replace(own, signature=b"x")):
        broken = changed(sealed, lambda annex, mixed=mixed: replace(annex, second=mixed))
        assert untrusted(judge(broken, hybrid, trust=trust), Code.SECOND_BROKEN)


@pytest.mark.parametrize("place", [0, 60, 200, 1800, -1])
def test_one_bit(place: int, sealed: bytes, hybrid: Site) -> None:
    signature = bytearray(second_of(sealed).signature)
    signature[place] ^= 1
    second = SecondSignature(bytes(signature), second_of(sealed).certificates)
    flipped = changed(sealed, lambda annex: replace(annex, second=second))
    assert untrusted(judge(flipped, hybrid), Code.SECOND_BROKEN)


def without(device: Device) -> Device:
    """The same first key, as one who can forge it would use it: nothing else is his."""
    return replace(device, second=None)


def test_left_out_by_a_forger(hybrid: Site, make_dicom: Make) -> None:
    with hybrid.device() as device:
        forged = seal(make_dicom(), device=without(device)).to_bytes()
    verdict = judge(forged, hybrid)
    assert untrusted(verdict, Code.SECOND_DEMANDED)
    assert verdict.second is not None
    assert (verdict.second.demanded, verdict.second.kid) == (True, None)
    nobody_asks = replace(hybrid.trust, second=SecondDemand())
    assert judge(forged, hybrid, trust=nobody_asks).word is Word.AUTHENTIC


def test_every_seal_must_have_one(site: Site, hybrid: Site, make_dicom: Make) -> None:
    with site.device() as device:
        classical = seal(make_dicom(), device=device).to_bytes()
    assert judge(classical, site).word is Word.AUTHENTIC
    assert judge(classical, site).second is None
    strict = replace(site.trust, second=SecondDemand(every=True))
    assert untrusted(judge(classical, site, trust=strict), Code.SECOND_DEMANDED)
    listed = replace(site.trust, second=SecondDemand(frozenset({device.signer.kid})))
    assert untrusted(judge(classical, site, trust=listed), Code.SECOND_DEMANDED)
    others = replace(site.trust, second=hybrid.trust.second)
    assert judge(classical, site, trust=others).word is Word.AUTHENTIC


def test_an_unnamed_one_is_no_gain(
    site: Site, hybrid: Site, sealed: bytes, make_dicom: Make
) -> None:
    with site.device() as device:
        classical = seal(make_dicom(), device=device).to_bytes()
    glued = changed(classical, lambda annex: replace(annex, second=second_of(sealed)))
    assert verify(glued, trust=site.trust).word is Word.ALTERED
    assert judge(glued, site).word is Word.STRIPPED  # the ledger has another annex


Forge = Callable[[Site, Site, mldsa.MLDSA65PrivateKey], tuple[x509.Certificate, ...]]
NOW = datetime.now(UTC)


def issue(site: Site, key: mldsa.MLDSA65PrivateKey, **changes: Any) -> x509.Certificate:
    root = site.folder / "trust" / "roots" / changes.pop("root", "site.second.pem")
    authority_key: Any = load_second_key(site.folder / "keys" / "ca.second.key.pem")
    if root.name == "site.pem":
        authority_key = load_key(site.folder / "keys" / "ca.key.pem")
    fields: dict[str, Any] = {
        "name": "hybrid device",
        "role": Role.DEVICE,
        "serial": x509.random_serial_number(),
        "valid_from": NOW,
        "authority": x509.load_pem_x509_certificate(root.read_bytes()),
        "authority_key": authority_key,
    } | changes
    return issue_role(key.public_key(), **fields)


FORGERIES: dict[str, Forge] = {
    "by the authority of curves": lambda own, _, key: (issue(own, key, root="site.pem"),),
    "by an authority nobody trusts": lambda _, other, key: (issue(other, key),),
    "of another name": lambda own, _, key: (issue(own, key, name="another device"),),
    "of another role": lambda own, _, key: (issue(own, key, role=Role.OPERATOR),),
    "not valid any more": lambda own, _, key: (
        issue(own, key, valid_from=NOW - timedelta(9), valid_until=NOW - timedelta(1)),
    ),
    "not valid yet": lambda own, _, key: (issue(own, key, valid_from=NOW + timedelta(1)),),
    "below an authority of curves": lambda own, _, key: (issue(own, key), own.authority()),
}


@pytest.mark.parametrize("how", sorted(FORGERIES))
def test_a_certificate_that_is_worth_nothing(
    how: str, hybrid: Site, other: Site, make_dicom: Make
) -> None:
    """The forger has the first key, and an ML-DSA key of his own."""
    key = mldsa.MLDSA65PrivateKey.generate()
    chain = tuple(certificate_der(each) for each in FORGERIES[how](hybrid, other, key))
    with hybrid.device() as device:
        second = SecondIdentity(SecondSigner.from_private_key(key), chain)
        forged = seal(make_dicom(), device=replace(device, second=second)).to_bytes()
    assert untrusted(judge(forged, hybrid), Code.SECOND_UNTRUSTED)


def test_the_forgeries_fail_by_what_they_are_named_for(hybrid: Site, make_dicom: Make) -> None:
    key = mldsa.MLDSA65PrivateKey.generate()
    second = SecondIdentity(
        SecondSigner.from_private_key(key), (certificate_der(issue(hybrid, key)),)
    )
    with hybrid.device() as device:
        fine = seal(make_dicom(), device=replace(device, second=second)).to_bytes()
    assert judge(fine, hybrid).word is Word.AUTHENTIC


def test_a_trust_folder_without_the_lasting_root(
    sealed: bytes, hybrid: Site, tmp_path: Path
) -> None:
    roots = tuple(r for r in hybrid.trust.roots if r.subject == hybrid.authority().subject)
    verdict = judge(sealed, hybrid, trust=replace(hybrid.trust, roots=roots))
    assert untrusted(verdict, Code.SECOND_UNTRUSTED)


def test_a_root_of_the_same_name_with_another_key(
    sealed: bytes, hybrid: Site, other: Site, tmp_path: Path
) -> None:
    """Path building goes by names: the signature of the root must be looked at, too."""
    from provenance.trust.certificates import issue_authority

    (named,) = (r for r in hybrid.trust.roots if r.subject != hybrid.authority().subject)
    false = issue_authority(
        mldsa.MLDSA65PrivateKey.generate(),
        name=named.subject.rfc4514_string().removeprefix("CN="),
        serial=7,
        valid_from=NOW - timedelta(1),
        valid_until=NOW + timedelta(1),
    )
    assert false.subject == named.subject
    trust = replace(hybrid.trust, roots=(hybrid.authority(), false))
    assert untrusted(judge(sealed, hybrid, trust=trust), Code.SECOND_UNTRUSTED)
    assert false.public_bytes(Encoding.DER) != named.public_bytes(Encoding.DER)


@settings(max_examples=150)
@given(
    part=st.sampled_from(("statement", "annex", "second")),
    place=st.integers(0, (1 << 20) - 1),
    flip=st.integers(1, 255),
)
def test_no_byte_of_the_evidence_can_change(
    part: str, place: int, flip: int, sealed: bytes, hybrid: Site
) -> None:
    """In statement or annex, second signature and its certificate included: never AUTHENTIC."""
    instance = read_instance(sealed)
    values = read_carrier(instance.dataset)
    assert values is not None
    whole = bytearray(values.statement if part == "statement" else values.annex)
    first = whole.index(second_of(sealed).signature) if part == "second" else 0
    whole[first + place % (len(whole) - first)] ^= flip
    name = "statement" if part == "statement" else "annex"
    write_carrier(instance.dataset, replace(values, **{name: bytes(whole)}))
    word = verify(instance_bytes(instance), trust=hybrid.trust).word
    if part == "second":
        assert word in (Word.UNTRUSTED, Word.STRIPPED)
    else:
        assert word not in (Word.AUTHENTIC, Word.CORRECTED)
