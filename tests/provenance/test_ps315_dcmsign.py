"""PS3.15 signatures, both ways with DCMTK's dcmsign: ours verified by it, its own by us."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
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

# Each command makes the syntax from Explicit VR Little Endian.
SYNTAXES = {
    "explicit": ("dcmconv", "+te"),
    "implicit": ("dcmconv", "+ti"),
    "big endian": ("dcmconv", "+tb"),
    "deflated": ("dcmconv", "+td"),
    "undefined lengths": ("dcmconv", "+te", "-e"),
    "RLE": ("dcmcrle",),
    "JPEG-LS": ("dcmcjpls",),
    "JPEG lossless": ("dcmcjpeg", "+e1"),
}
NATIVE = ("explicit", "implicit", "big endian", "deflated", "undefined lengths")
PROFILES = {
    Profile.BASE: ("+pb", None),
    Profile.CREATOR: ("+pc", "+rc"),
    Profile.AUTHORIZATION: ("+pa", "+ru"),
}
MACS = {
    MacAlgorithm.RIPEMD160: "+mr",
    MacAlgorithm.SHA1: "+ms",
    MacAlgorithm.MD5: "+mm",
    MacAlgorithm.SHA256: "+m2",
    MacAlgorithm.SHA384: "+m3",
    MacAlgorithm.SHA512: "+m5",
}
KEYS = ("rsa", "SECP256R1", "SECP384R1")
CHARSETS = {
    "Latin-1": ("ISO_IR 100", "Müller^Jörg", "Knöchel"),
    "UTF-8": ("ISO_IR 192", "Ωμέγα^Łukasz", "踝関節"),
    "Japanese": (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎", "膝"),
    "Korean": (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞", "무릎"),
    "GB18030": ("GB18030", "Wang^XiaoDong=王^小东", "膝盖"),
}


def run(*words: object, code: int = 0) -> None:
    done = subprocess.run([str(w) for w in words], capture_output=True, check=False)
    assert done.returncode == code, (words, done.returncode, done.stderr.decode("latin-1")[-600:])


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
            run(*SYNTAXES[name], plain, path)
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


def dcmsign(source: Path, target: Path, identity: Any, *words: object, item: str = "") -> None:
    verb = ["+si" if item else "+s", identity.key, identity.certificate, *([item] if item else [])]
    run("dcmsign", *verb, "-pw", *words, source, target)


def verify(path: Path, identity: Any, *words: object, code: int = 0) -> None:
    run("dcmsign", "--verify", "+rg", "+cf", identity.certificate, *words, path, code=code)


def only(path: Path) -> DigitalSignature:
    found = examine_signatures(read_instance(path))
    assert (found.stripped, found.unexamined, found.problem) == ((), 0, None)
    (one,) = found.found
    return one


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("profile", PROFILES)
def test_ours_by_profile_and_syntax(
    profile: Profile,
    syntax: str,
    encoded: Callable[[str], Path],
    make_identity: Callable[..., Any],
    tmp_path: Path,
) -> None:
    identity, path = make_identity(), tmp_path / "ours.dcm"
    sign(encoded(syntax), path, identity, profile)
    policy = PROFILES[profile][1]
    verify(path, identity, *([policy] if policy else []))
    found = only(path)
    assert found.state is State.VALID, found.reason
    assert profile in found.profiles
    assert not found.weaknesses


@pytest.mark.parametrize("algorithm", [a for a in MACS if not a.weak])
@pytest.mark.parametrize("kind", KEYS)
def test_ours_by_key_and_mac(
    kind: str,
    algorithm: MacAlgorithm,
    plain: Path,
    make_identity: Callable[..., Any],
    tmp_path: Path,
) -> None:
    identity, path = make_identity(kind), tmp_path / "ours.dcm"
    sign(plain, path, identity, Profile.UNPROFILED, algorithm=algorithm)
    verify(path, identity)
    found = only(path)
    assert (found.state, found.algorithm) == (State.VALID, algorithm)
    assert bool(found.profiles) == (kind == "rsa")


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("profile", PROFILES)
def test_theirs_by_profile_and_syntax(
    profile: Profile,
    syntax: str,
    encoded: Callable[[str], Path],
    make_identity: Callable[..., Any],
    tmp_path: Path,
) -> None:
    identity, path = make_identity(), tmp_path / "theirs.dcm"
    least = () if profile is Profile.BASE else ("-t", "SOPInstanceUID")
    dcmsign(encoded(syntax), path, identity, "+m2", PROFILES[profile][0], *least)
    found = only(path)
    assert found.state is State.VALID, found.reason
    assert profile in found.profiles
    assert found.signer == "signer"
    covers_names = not any("PatientName" in u.keywords for u in found.unsigned)
    assert covers_names == (profile is Profile.BASE)


@pytest.mark.parametrize("algorithm", MACS)
@pytest.mark.parametrize("kind", KEYS)
def test_theirs_by_key_and_mac(
    kind: str,
    algorithm: MacAlgorithm,
    plain: Path,
    make_identity: Callable[..., Any],
    tmp_path: Path,
) -> None:
    identity, path = make_identity(kind), tmp_path / "theirs.dcm"
    dcmsign(plain, path, identity, MACS[algorithm])
    found = only(path)
    assert (found.state, found.algorithm) == (State.VALID, algorithm), found.reason
    assert any("weak hash" in weakness for weakness in found.weaknesses) == algorithm.weak
    edited = pydicom.dcmread(path)
    edited.PatientID = "P-2"
    edited.save_as(path)
    assert only(path).state is State.BROKEN


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


@pytest.mark.parametrize("now", NATIVE)
@pytest.mark.parametrize("first", NATIVE)
def test_encoded_anew_after_signing(
    first: str,
    now: str,
    encoded: Callable[[str], Path],
    make_identity: Callable[..., Any],
    tmp_path: Path,
) -> None:
    identity, path = make_identity(), tmp_path / "ours.dcm"
    sign(encoded(first), path, identity, Profile.AUTHORIZATION)
    run(*SYNTAXES[now], path, tmp_path / "now.dcm")
    verify(tmp_path / "now.dcm", identity)
    assert only(tmp_path / "now.dcm").state is State.VALID


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


def test_compressed_after_signing_is_not_checked(
    plain: Path, make_identity: Callable[..., Any], tmp_path: Path
) -> None:
    identity = make_identity()
    sign(plain, tmp_path / "ours.dcm", identity, Profile.CREATOR)
    run("dcmcjpls", tmp_path / "ours.dcm", tmp_path / "now.dcm")
    found = only(tmp_path / "now.dcm")
    assert found.state is State.NOT_CHECKED
    assert "transcoded" in found.reason
    assert not found.profiles
    run("dcmdjpls", tmp_path / "now.dcm", tmp_path / "back.dcm")
    verify(tmp_path / "back.dcm", identity)
    assert only(tmp_path / "back.dcm").state is State.VALID


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
    declared, name, words = CHARSETS[charset]
    dataset = pydicom.dcmread(plain)
    dataset.SpecificCharacterSet = declared
    dataset.PatientName = name
    dataset.AnatomicRegionSequence[0].CodeMeaning = words
    dataset.SeriesDescription = words
    dataset.save_as(tmp_path / "plain.dcm")
    run(*SYNTAXES[syntax], tmp_path / "plain.dcm", source)
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


EDITS: dict[str, tuple[Callable[[Dataset], object], bool]] = {
    # what is done, and whether the Creator profile alone (theirs) notices
    "another name": (lambda d: setattr(d, "PatientName", "Other^Name"), False),
    "another spacing": (lambda d: setattr(d, "PixelSpacing", [0.3, 0.3]), False),
    "a side that was absent": (lambda d: setattr(d, "Laterality", "L"), False),
    "another side": (lambda d: setattr(d, "ImageLaterality", "L"), True),
    "another maker": (lambda d: setattr(d, "Manufacturer", "Other"), True),
    "another instance": (lambda d: setattr(d, "SOPInstanceUID", "1.2.3"), True),
    "an attribute removed": (lambda d: delattr(d, "PhotometricInterpretation"), True),
    "another nested value": (
        lambda d: setattr(d.AnatomicRegionSequence[1], "CodeMeaning", "Foot"),
        True,
    ),
    "an item removed": (lambda d: d.AnatomicRegionSequence.pop(), True),
    "items swapped": (lambda d: d.AnatomicRegionSequence.reverse(), True),
    "one bit of the pixels": (
        lambda d: setattr(d, "PixelData", d.PixelData[:-1] + bytes([d.PixelData[-1] ^ 1])),
        True,
    ),
    "another time of signing": (
        lambda d: setattr(
            d.DigitalSignaturesSequence[0], "DigitalSignatureDateTime", "20260101120000+0000"
        ),
        True,
    ),
    "another hash named": (
        lambda d: setattr(d.MACParametersSequence[0], "MACAlgorithm", "SHA512"),
        True,
    ),
    "one bit of the signature": (
        lambda d: setattr(
            d.DigitalSignaturesSequence[0],
            "Signature",
            bytes([d.DigitalSignaturesSequence[0].Signature[0] ^ 1])
            + d.DigitalSignaturesSequence[0].Signature[1:],
        ),
        True,
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_edits(name: str, plain: Path, make_identity: Callable[..., Any], tmp_path: Path) -> None:
    """Both notice the same; ours signs more under Creator, so more is noticed."""
    identity = make_identity()
    change, noticed = EDITS[name]
    paths = {name: tmp_path / f"{name}.dcm" for name in ("theirs", "ours", "all")}
    dcmsign(plain, paths["theirs"], identity, "+m2", "+pc", "-t", "SOPInstanceUID")
    sign(plain, paths["ours"], identity, Profile.CREATOR)
    sign(plain, paths["all"], identity, Profile.AUTHORIZATION)
    expected = {
        "theirs": noticed,
        "ours": noticed or name == "another spacing",
        "all": name != "a side that was absent",  # what is absent cannot be signed
    }
    for which, path in paths.items():
        dataset = pydicom.dcmread(path)
        change(dataset)
        dataset.save_as(path)
        broken = expected[which]
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
