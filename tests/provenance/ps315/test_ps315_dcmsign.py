"""PS3.15 signatures, both ways with DCMTK's dcmsign: ours verified by it, its own by us.

Every case and its outcome are data: tests/vectors/ps315-interop/cases.json. The page
docs/ps315-interop.md is written from them: python tests/provenance/ps315/test_ps315_dcmsign.py
"""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from provenance.dicom.items import Encoded
from provenance.dicom.read import read_instance
from provenance.dicom.write import write_instance
from provenance.errors import UsageError
from provenance.ps315.algorithms import MacAlgorithm
from provenance.ps315.elements import read_dataset
from provenance.ps315.examine import DigitalSignature, State, examine_signatures
from provenance.ps315.mac_stream import mac_stream
from provenance.ps315.profiles import Profile
from provenance.ps315.sign import DicomSigner, sign_object
from provenance.ps315.signature_items import MacParameters, SignatureItem, places

pytestmark = pytest.mark.skipif(
    shutil.which("dcmsign") is None, reason="there is no dcmsign (Debian: dcmtk) to compare with"
)

CHECKOUT = Path(__file__).resolve().parents[3]
ITSELF = "tests/provenance/ps315/test_ps315_dcmsign.py"
CASES: dict[str, Any] = json.loads(
    (CHECKOUT / "tests/vectors/ps315-interop/cases.json").read_text(encoding="utf-8")
)
PAGE = CHECKOUT / "docs" / "ps315-interop.md"
SIGNERS = ("dcmsign", "radseal")
PROFILES, MACS, KEYS = CASES["profiles"], CASES["macs"], CASES["keys"]
SYNTAXES, CHARSETS = CASES["syntaxes"], CASES["charsets"]
NATIVE = ("explicit", "implicit", "big endian", "deflated", "undefined lengths")
REFUSED = 85  # of dcmsign: the key is not allowed for the profile


def expected(signer: str, profile: str, mac: str, key: str) -> dict[str, Any]:
    """Return the first rule that fits a case of the matrix; the syntax never matters."""
    case = {"signer": signer, "profile": profile, "mac": mac, "key": key}
    for rule in CASES["rules"]:
        if all(case[name] in rule[name] for name in case.keys() & rule.keys()):
            found: dict[str, Any] = rule
            return found
    raise AssertionError(f"no rule for {case}")


def run(*words: object, code: int = 0) -> None:
    done = subprocess.run([str(w) for w in words], capture_output=True, check=False)
    assert done.returncode == code, (words, done.returncode, done.stderr.decode("latin-1")[-600:])


def convert(command: list[str], source: Path, target: Path) -> None:
    """Run a command of the cases; skip where its tool is not installed."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]}")
    places = {"SOURCE": str(source), "TARGET": str(target)}
    run(*(places.get(word, word) for word in command))


@pytest.fixture(scope="module")
def plain(make_dicom: Callable[..., bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed-sample image with what makes encodings differ: items, numbers, overlay, private."""
    pixels = np.arange(-600, 600, dtype=np.int16).reshape(30, 40)
    path = tmp_path_factory.mktemp("plain") / "image.dcm"
    path.write_bytes(make_dicom(pixels, bits=12, Manufacturer="Maker", StudyDate="20260101"))
    dataset = pydicom.dcmread(path)
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "T-1", "SRT", "Knee"
    region = Dataset()
    region.CodeValue, region.AnatomicRegionModifierSequence = "T-2", [code, Dataset()]
    dataset.AnatomicRegionSequence = [region, code]
    dataset.add(DataElement(0x00280120, "SS", -2000))  # Pixel Padding Value
    dataset.add(DataElement(0x00281050, "DS", ["40", "80"]))
    dataset.add(DataElement(0x60000010, "US", 4))
    dataset.add(DataElement(0x60003000, "OW", b"\1\2\3\4"))
    dataset.add(DataElement(0x00080080, "LO", ""))
    dataset.save_as(path)
    return path


@pytest.fixture(scope="module")
def encoded(plain: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the image in a transfer syntax, made by DCMTK."""
    folder = tmp_path_factory.mktemp("encoded")

    def encode(name: str) -> Path:
        path = folder / f"{name}.dcm"
        if not path.exists():
            convert(SYNTAXES[name], plain, path)
        return path

    return encode


def sign(source: Path, target: Path, identity: Any, profile: Profile, **more: Any) -> None:
    instance = read_instance(source)
    signer = DicomSigner.load(identity.key, identity.certificate, profile)
    if "algorithm" in more:
        signer = replace(signer, algorithm=more["algorithm"])
    at = more.get("at") or datetime.now(UTC)
    sign_object(instance, signer, uid=more.get("uid", "2.25.17"), at=at)
    write_instance(instance, target)


def dcmsign(
    source: Path, target: Path, identity: Any, *words: object, item: str = "", code: int = 0
) -> None:
    verb = ["+si" if item else "+s", identity.key, identity.certificate, *([item] if item else [])]
    run("dcmsign", *verb, "-pw", *words, source, target, code=code)


def verify(path: Path, identity: Any, *words: object, code: int = 0) -> None:
    run("dcmsign", "--verify", "+rg", "+cf", identity.certificate, *words, path, code=code)


def only(path: Path) -> DigitalSignature:
    found = examine_signatures(read_instance(path))
    assert (found.stripped, found.unexamined, found.problem) == ((), 0, None)
    (one,) = found.found
    return one


@pytest.fixture(scope="module")
def signers(make_identity: Callable[..., Any]) -> dict[str, Callable[[str, str], DicomSigner]]:
    """For each key a maker of our signers; the key files are read once."""
    makers: dict[str, Callable[[str, str], DicomSigner]] = {}
    for name, how in KEYS.items():
        identity = make_identity(how["kind"], bits=how["bits"])
        loaded = DicomSigner.load(identity.key, identity.certificate, Profile.UNPROFILED)

        def make(profile: str, mac: str, loaded: DicomSigner = loaded) -> DicomSigner:
            which = Profile(PROFILES[profile]["radseal"])
            return replace(loaded, profile=which, algorithm=MacAlgorithm(mac))

        makers[name] = make
    return makers


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_matrix_of_theirs(
    syntax: str, key: str, encoded: Callable[[str], Path], make_identity: Callable[..., Any],
    tmp_path: Path,
) -> None:  # fmt: skip
    """dcmsign signs under every profile with every MAC, radseal verifies."""
    identity = make_identity(KEYS[key]["kind"], bits=KEYS[key]["bits"])
    source, path = encoded(syntax), tmp_path / "theirs.dcm"
    for profile, mac in product(PROFILES, MACS):
        case, outcome = (profile, mac), expected("dcmsign", profile, mac, key)["outcome"]
        listed = profile in ("creator", "authorization")
        words = [MACS[mac], PROFILES[profile]["dcmsign"]]
        words += ["-t", "SOPInstanceUID"] if listed else []
        if outcome == "refused":
            dcmsign(source, path, identity, *words, code=REFUSED)
            continue
        dcmsign(source, path, identity, *words)
        found = only(path)
        if mac == "RIPEMD160" and not _has(mac):
            assert found.state is State.NOT_CHECKED, case
            continue
        assert (found.state, found.algorithm) == (State.VALID, mac), (case, found.reason)
        assert found.signer == "signer", case
        assert any("weak hash" in w for w in found.weaknesses) is (outcome == "weak"), case
        assert bool(found.profiles) is (KEYS[key]["kind"] == "rsa"), case
        assert profile in (*found.profiles, "none"), case
        covers_names = not any("PatientName" in u.keywords for u in found.unsigned)
        assert covers_names is not listed, case


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_matrix_of_ours(
    syntax: str, key: str, encoded: Callable[[str], Path], make_identity: Callable[..., Any],
    signers: dict[str, Callable[[str, str], DicomSigner]], tmp_path: Path,
) -> None:  # fmt: skip
    """radseal signs under every profile with every MAC, dcmsign verifies, and so does radseal."""
    identity = make_identity(KEYS[key]["kind"], bits=KEYS[key]["bits"])
    source, path = encoded(syntax), tmp_path / "ours.dcm"
    for profile, mac in product(PROFILES, MACS):
        case, outcome = (profile, mac), expected("radseal", profile, mac, key)["outcome"]
        if outcome == "refused":
            with pytest.raises(UsageError):
                signers[key](profile, mac)
            continue
        assert outcome == "valid", case
        instance = read_instance(source)
        sign_object(instance, signers[key](profile, mac), uid="2.25.17", at=datetime.now(UTC))
        write_instance(instance, path, overwrite=True)
        demand = PROFILES[profile]["demand"]
        verify(path, identity, *([demand] if demand else []))
        found = only(path)
        assert (found.state, found.algorithm) == (State.VALID, mac), (case, found.reason)
        assert not found.weaknesses, case
        assert profile in (*found.profiles, "none"), case
        assert bool(found.profiles) is (KEYS[key]["kind"] == "rsa"), case


def _has(mac: str) -> bool:
    try:
        hashlib.new(mac.lower(), usedforsecurity=False)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("by", SIGNERS)
@pytest.mark.parametrize("name", CASES["afterwards"])
def test_encoded_anew_after_signing(
    name: str, by: str, encoded: Callable[[str], Path], make_identity: Callable[..., Any],
    tmp_path: Path,
) -> None:  # fmt: skip
    """What radseal and dcmsign say of a signature whose object was encoded anew."""
    case, identity, path = CASES["afterwards"][name], make_identity(), tmp_path / "0.dcm"
    if by == "radseal":
        sign(encoded(case["signed"]), path, identity, Profile.AUTHORIZATION)
    else:
        dcmsign(encoded(case["signed"]), path, identity, "+m2")
    assert only(path).state is State.VALID
    for number, step in enumerate(case["steps"], start=1):
        convert(step, path, tmp_path / f"{number}.dcm")
        path = tmp_path / f"{number}.dcm"
    found = only(path)
    assert (found.state, bool(found.profiles)) == (case["radseal"], case["radseal"] == "valid")
    assert ("transcoded" in found.reason) is (case["radseal"] == "not checked")
    verify(path, identity, code=case["dcmsign"])


@pytest.mark.parametrize("mac", MACS)
@pytest.mark.parametrize("key", KEYS)
def test_whatever_the_mac_a_change_is_seen(
    key: str, mac: str, plain: Path, make_identity: Callable[..., Any], tmp_path: Path
) -> None:
    identity, path = make_identity(KEYS[key]["kind"], bits=KEYS[key]["bits"]), tmp_path / "x.dcm"
    dcmsign(plain, path, identity, MACS[mac])
    edited = pydicom.dcmread(path)
    edited.PatientID = "P-2"
    edited.save_as(path)
    broken = State.BROKEN if _has(mac) else State.NOT_CHECKED
    assert only(path).state is broken


@pytest.mark.parametrize("item", ["", "AnatomicRegionSequence[0]"])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_stream_byte_for_byte(
    syntax: str,
    item: str,
    encoded: Callable[[str], Path],
    make_identity: Callable[..., Any],
    tmp_path: Path,
) -> None:
    path, dump = tmp_path / "theirs.dcm", tmp_path / "stream"
    dcmsign(encoded(syntax), path, make_identity(), "+m2", "+sp", "14", "+d", dump, item=item)
    dataset = read_dataset(read_instance(path))
    (place,) = places(dataset)
    signature = SignatureItem.read(place.signatures()[0])
    tags = MacParameters.read(place.parameters()[0]).tags
    stream = mac_stream(place.elements, tags, signature.item, dataset)
    assert b"".join(stream) == dump.read_bytes()
    assert place.path == item


def test_bytes_in_implicit_vr(
    make_dicom: Callable[..., bytes], make_identity: Callable[..., Any], tmp_path: Path
) -> None:
    """8-bit pixels are OB or OW, and Implicit VR does not say which: DCMTK takes the wrong one."""
    identity = make_identity()
    pixels = np.arange(120, dtype=np.uint8).reshape(10, 12)
    (tmp_path / "in.dcm").write_bytes(make_dicom(pixels, bits=8))
    dataset = pydicom.dcmread(tmp_path / "in.dcm")
    dataset["PixelData"].VR = "OB"
    dataset.save_as(tmp_path / "in.dcm")
    sign(tmp_path / "in.dcm", tmp_path / "ours.dcm", identity, Profile.CREATOR)
    verify(tmp_path / "ours.dcm", identity)
    run("dcmconv", "+ti", tmp_path / "ours.dcm", tmp_path / "now.dcm")
    assert only(tmp_path / "now.dcm").state is State.VALID
    verify(tmp_path / "now.dcm", identity, code=101)


def test_nested(plain: Path, make_identity: Callable[..., Any], tmp_path: Path) -> None:
    path, item = tmp_path / "theirs.dcm", "AnatomicRegionSequence[1]"
    dcmsign(plain, path, make_identity(), "+m2", item=item)
    found = only(path)
    assert (found.place, found.state, found.profiles) == (item, State.VALID, (Profile.BASE,))
    dataset = pydicom.dcmread(path)
    dataset.PatientID = "P-2"  # not in the item
    dataset.save_as(path)
    assert only(path).state is State.VALID
    dataset.AnatomicRegionSequence[1].CodeMeaning = "Foot"
    dataset.save_as(path)
    assert only(path).state is State.BROKEN
    verify(path, make_identity(), code=101)


def test_a_nested_signature_is_not_under_ours(
    plain: Path, make_identity: Callable[..., Any], tmp_path: Path
) -> None:
    identity = make_identity()
    sign(plain, tmp_path / "ours.dcm", identity, Profile.BASE)
    item = "AnatomicRegionSequence[0]"
    dcmsign(tmp_path / "ours.dcm", tmp_path / "both.dcm", identity, "+m2", item=item)
    verify(tmp_path / "both.dcm", identity)
    found = examine_signatures(read_instance(tmp_path / "both.dcm")).found
    assert [(f.place, f.state) for f in found] == [("", State.VALID), (item, State.VALID)]


@pytest.mark.parametrize("syntax", ["explicit", "implicit", "big endian"])
@pytest.mark.parametrize("ours_first", [True, False])
def test_several_signatures(
    ours_first: bool,
    syntax: str,
    encoded: Callable[[str], Path],
    make_identity: Callable[..., Any],
    tmp_path: Path,
) -> None:
    identity, between, path = make_identity(), tmp_path / "one.dcm", tmp_path / "two.dcm"
    if ours_first:
        sign(encoded(syntax), between, identity, Profile.CREATOR)
        dcmsign(between, path, identity, "+m5")
    else:
        dcmsign(encoded(syntax), between, identity, "+m5")
        sign(between, path, identity, Profile.CREATOR)
    verify(path, identity)
    found = examine_signatures(read_instance(path))
    assert [f.state for f in found.found] == [State.VALID, State.VALID]
    assert not found.stripped


@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("syntax", ["explicit", "implicit", "big endian"])
def test_character_sets(
    syntax: str,
    charset: str,
    plain: Path,
    make_identity: Callable[..., Any],
    tmp_path: Path,
) -> None:
    """Text is signed as the bytes that stand in the file, and read back so after pydicom set it."""
    identity, source = make_identity(), tmp_path / "in.dcm"
    words = CHARSETS[charset]["words"]
    dataset = pydicom.dcmread(plain)
    dataset.SpecificCharacterSet = CHARSETS[charset]["declared"]
    dataset.PatientName = CHARSETS[charset]["name"]
    dataset.AnatomicRegionSequence[0].CodeMeaning = words
    dataset.SeriesDescription = words
    dataset.save_as(tmp_path / "plain.dcm")
    convert(SYNTAXES[syntax], tmp_path / "plain.dcm", source)
    sign(source, tmp_path / "ours.dcm", identity, Profile.AUTHORIZATION)
    verify(tmp_path / "ours.dcm", identity, "+ru")
    dcmsign(source, tmp_path / "theirs.dcm", identity, "+m2")
    assert only(tmp_path / "ours.dcm").state is State.VALID
    assert only(tmp_path / "theirs.dcm").state is State.VALID
    again = read_instance(tmp_path / "theirs.dcm")
    again.dataset.SeriesDescription = words  # set through pydicom: encoded in the same set
    assert examine_signatures(again).found[0].state is State.VALID
    again.dataset.SeriesDescription = words + "x"
    assert examine_signatures(again).found[0].state is State.BROKEN


def test_pad_bytes(plain: Path, make_identity: Callable[..., Any], tmp_path: Path) -> None:
    """OB values have an even length: odd certificates and ECDSA signatures carry a byte more."""
    lengths: set[tuple[int, int]] = set()
    for number in range(40):
        identity = make_identity("SECP256R1", name="n" * (1 + number % 4), bits=number)
        path = tmp_path / f"{number}.dcm"
        (sign if number % 2 else dcmsign)(plain, path, identity, *_more(number))
        (place,) = places(read_dataset(read_instance(path)))
        item = {each.tag: each for each in place.signatures()[0]}
        values = [_bytes(item[tag]) for tag in (0x04000115, 0x04000120)]
        lengths.add(tuple(_der_size(value) % 2 for value in values))  # type: ignore[arg-type]
        assert all(len(value) % 2 == 0 for value in values)
        verify(path, identity)
        assert only(path).state is State.VALID
        if len(lengths) == 4 and number > 7:
            break
    assert len(lengths) == 4


def _more(number: int) -> tuple[Any, ...]:
    return (Profile.UNPROFILED,) if number % 2 else ("+m2",)


def _bytes(element: Encoded) -> bytes:
    assert isinstance(element.value, bytes)
    return element.value


def _der_size(value: bytes) -> int:
    if value[1] < 0x80:
        return 2 + value[1]
    count = value[1] & 0x7F
    return 2 + count + int.from_bytes(value[2 : 2 + count], "big")


def test_a_certificate_made_in_the_same_second(
    plain: Path, make_identity: Callable[..., Any], tmp_path: Path
) -> None:
    since = datetime.now(UTC).replace(microsecond=0)
    identity = make_identity(since=since, name="new")
    sign(plain, tmp_path / "ours.dcm", identity, Profile.CREATOR, at=since)
    dcmsign(plain, tmp_path / "theirs.dcm", identity, "+m2")
    for name in ("ours.dcm", "theirs.dcm"):
        found = only(tmp_path / name)
        assert (found.state, found.weaknesses) == (State.VALID, ())


EDITS: dict[str, Callable[[Dataset], object]] = {
    "another name": lambda d: setattr(d, "PatientName", "Other^Name"),
    "another spacing": lambda d: setattr(d, "PixelSpacing", [0.3, 0.3]),
    "a side that was absent": lambda d: setattr(d, "Laterality", "L"),
    "another side": lambda d: setattr(d, "ImageLaterality", "L"),
    "another maker": lambda d: setattr(d, "Manufacturer", "Other"),
    "another instance": lambda d: setattr(d, "SOPInstanceUID", "1.2.3"),
    "an attribute removed": lambda d: delattr(d, "PhotometricInterpretation"),
    "another nested value": lambda d: setattr(d.AnatomicRegionSequence[1], "CodeMeaning", "Foot"),
    "an item removed": lambda d: d.AnatomicRegionSequence.pop(),
    "items swapped": lambda d: d.AnatomicRegionSequence.reverse(),
    "one bit of the pixels": lambda d: setattr(
        d, "PixelData", d.PixelData[:-1] + bytes([d.PixelData[-1] ^ 1])
    ),
    "another time of signing": lambda d: setattr(
        d.DigitalSignaturesSequence[0], "DigitalSignatureDateTime", "20260101120000+0000"
    ),
    "another hash named": lambda d: setattr(d.MACParametersSequence[0], "MACAlgorithm", "SHA512"),
    "one bit of the signature": lambda d: setattr(
        d.DigitalSignaturesSequence[0],
        "Signature",
        bytes([d.DigitalSignaturesSequence[0].Signature[0] ^ 1])
        + d.DigitalSignaturesSequence[0].Signature[1:],
    ),
}


@pytest.mark.parametrize("name", CASES["edits"])
def test_edits(name: str, plain: Path, make_identity: Callable[..., Any], tmp_path: Path) -> None:
    """Both notice the same; ours signs more under Creator, so more is noticed."""
    identity = make_identity()
    paths = {which: tmp_path / f"{which}.dcm" for which in ("theirs", "ours", "all")}
    dcmsign(plain, paths["theirs"], identity, "+m2", "+pc", "-t", "SOPInstanceUID")
    sign(plain, paths["ours"], identity, Profile.CREATOR)
    sign(plain, paths["all"], identity, Profile.AUTHORIZATION)
    for which, path in paths.items():
        dataset = pydicom.dcmread(path)
        EDITS[name](dataset)
        dataset.save_as(path)
        broken = CASES["edits"][name][which]
        assert only(path).state is (State.BROKEN if broken else State.VALID), which
        verify(path, identity, code=101 if broken else 0)


@pytest.mark.parametrize("key", ["SECP256R1", "rsa"])
def test_a_certificate_of_another_key(
    key: str, plain: Path, make_identity: Callable[..., Any], tmp_path: Path
) -> None:
    identity, other, path = make_identity(key), make_identity(key, name="o"), tmp_path / "x.dcm"
    sign(plain, path, identity, Profile.UNPROFILED)
    sign(plain, tmp_path / "other.dcm", other, Profile.UNPROFILED)
    dataset, stolen = pydicom.dcmread(path), pydicom.dcmread(tmp_path / "other.dcm")
    signature = dataset.DigitalSignaturesSequence[0]
    signature.CertificateOfSigner = stolen.DigitalSignaturesSequence[0].CertificateOfSigner
    dataset.save_as(path)
    assert only(path).state is State.BROKEN
    verify(path, other, code=101)


_CELLS = {"valid": "verified", "weak": "verified, weak", "refused": "refused"}
_ENDS = {0: "verified", 101: "fails"}


def page() -> str:
    """Return docs/ps315-interop.md."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    each = len(SYNTAXES)
    cases = list(product(SIGNERS, PROFILES, MACS, KEYS))
    outcomes = [expected(*case)["outcome"] for case in cases]
    afterwards, charsets, edits = CASES["afterwards"], CASES["charsets"], CASES["edits"]
    after, texts, changes = 2 * len(afterwards), 2 * 3 * len(charsets), 3 * len(edits)
    total = len(cases) * each + after + texts + changes
    yield "# PS3.15 signatures beside dcmsign"
    yield ""
    yield f"<!-- Written by python {ITSELF}: change its cases. -->"
    yield ""
    yield (
        f"What radseal and DCMTK's dcmsign make of each other's [digital signatures]"
        f"(spec/ps315.md): {total:,} cases,"
    )
    yield f"all of them run by `{ITSELF}` with the tools themselves."
    yield f"Tools: {CASES['tool']}."
    yield ""
    yield "## Profile, MAC, key and transfer syntax"
    yield (
        f"{len(cases) * each:,} cases: {len(cases)} combinations of signer, profile, key and MAC, "
        f"each in {each} transfer"
    )
    yield f"syntaxes: {', '.join(SYNTAXES)}."
    yield "The outcome never depends on the syntax that was signed in."
    yield ""
    yield "| outcome | cases | what it means |"
    yield "| --- | ---: | --- |"
    for rule in CASES["rules"]:
        count = sum(expected(*case) is rule for case in cases) * each
        yield f"| {_CELLS[rule['outcome']]} | {count} | {rule['why']} |"
    assert sum(outcome in _CELLS for outcome in outcomes) == len(cases)
    yield ""
    yield f"| signed by, verified by the other | profile | key | {' | '.join(MACS)} |"
    yield f"| --- | --- | --- |{' --- |' * len(MACS)}"
    for signer, profile, key in product(SIGNERS, PROFILES, KEYS):
        cells = [_CELLS[expected(signer, profile, mac, key)["outcome"]] for mac in MACS]
        yield f"| {signer} | {profile} | {key} | {' | '.join(cells)} |"
    yield ""
    yield "What radseal signs is verified by radseal as well, and dcmsign is asked for the profile"
    yield "(`+rc`, `+ru`). RIPEMD160 needs an OpenSSL that has it; else radseal says *not checked*."
    yield ""
    yield "## Encoded anew after signing"
    yield f"{after} cases: each for a signature by radseal (*authorization*) and one by dcmsign."
    yield ""
    yield "| signed in | then | radseal says | dcmsign |"
    yield "| --- | --- | --- | --- |"
    for name, case in afterwards.items():
        says = {"valid": "verified"}.get(case["radseal"], case["radseal"])
        yield f"| {case['signed']} | {name} | {says} | {_ENDS[case['dcmsign']]} |"
    yield ""
    yield "dcmsign fails where the bytes that were signed are not there; radseal says that it"
    yield "cannot tell. gdcmconv rewrites Bits Stored on the way to JPEG 2000 and back."
    yield ""
    yield "## Character sets"
    yield (f"{texts} cases: {', '.join(charsets)}, at the top level and in an item, in 3 native")
    yield "syntaxes, both ways: verified. Text is signed as the bytes that stand in the file."
    yield ""
    yield "## Changes after signing"
    yield f"{changes} cases. Both programs agree on each: *seen* means that the signature fails."
    yield ""
    yield "| change | dcmsign, creator | radseal, creator | radseal, authorization |"
    yield "| --- | --- | --- | --- |"
    for name, found in edits.items():
        cells = ["seen" if found[which] else "**not seen**" for which in ("theirs", "ours", "all")]
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""
    yield "## Beside these"
    yield "The bytes of the MAC stream, byte for byte, in every syntax and in an item; signatures"
    yield "nested in items, several in one object, in either order; pad bytes of odd certificates"
    yield "and ECDSA signatures; 8-bit pixels in Implicit VR, which dcmsign fails on; a certificate"
    yield "made in the second of signing; a certificate of another key. Timestamps, both ways:"
    yield "`tests/provenance/ps315/test_ps315_timestamps.py`."


def test_the_page_is_written_from_the_cases() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), f"run python {Path(__file__).name}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
