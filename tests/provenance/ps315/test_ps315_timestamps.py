"""Certified timestamps of PS3.15 signatures, both ways with dcmsign; openssl is the TSA."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pydicom.data
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from ledger import TimestampAnchors, token_of
from provenance import Site, Word, seal, verify
from provenance.cli.root import cli
from provenance.dicom.read import read_instance
from provenance.dicom.write import write_instance
from provenance.errors import SealError, UsageError
from provenance.findings import Code
from provenance.judging.signature_checks import signature_checks
from provenance.ps315.examine import DigitalSignature, State, examine_signatures
from provenance.ps315.profiles import Profile
from provenance.ps315.sign import DicomSigner, sign_object
from provenance.ps315.stamp import insert_timestamp, stampable
from provenance.ps315.time_stamper import TimeStamper, accept, request_for
from provenance.ps315.timestamps import TimestampState

pytest.importorskip("rfc3161_client", reason="rfc3161-client is not installed")
CT = Path(pydicom.data.__file__).parent / "test_files" / "CT_small.dcm"
needs_dcmsign = pytest.mark.skipif(
    shutil.which("dcmsign") is None, reason="there is no dcmsign (Debian: dcmtk) to compare with"
)
SYNTAXES = {"explicit": "+te", "implicit": "+ti", "big endian": "+tb"}
KEYS = ("rsa", "SECP256R1")


def now() -> datetime:
    return datetime.now(UTC)


def run(*words: object, code: int = 0) -> None:
    done = subprocess.run([str(w) for w in words], capture_output=True, check=False)
    assert done.returncode == code, (words, done.returncode, done.stderr.decode("latin-1")[-600:])


def radseal(*words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, [str(w) for w in words], env={"RADSEAL_SITE": None})
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def tsa(make_time_authority: Callable[..., Any]) -> Any:
    return make_time_authority()


@pytest.fixture(scope="module")
def other_tsa(make_time_authority: Callable[..., Any]) -> Any:
    return make_time_authority("rsa")


def trusting(*authorities: Any) -> TimestampAnchors:
    return TimestampAnchors(tuple(each.root for each in authorities))


@pytest.fixture(scope="module")
def plain(make_dicom: Callable[..., bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plain") / "image.dcm"
    pixels = np.arange(1200, dtype=np.uint16).reshape(30, 40)
    path.write_bytes(make_dicom(pixels, Manufacturer="Maker", StudyDate="20260101"))
    return path


def sign(source: Path, target: Path, identity: Any, *, uid: str = "2.25.17", **more: Any) -> None:
    instance = read_instance(source)
    profile = Profile.UNPROFILED
    signer = replace(
        DicomSigner.load(identity.key, identity.certificate, profile), stamp=more.get("stamp")
    )
    sign_object(instance, signer, uid=uid, at=more.get("at") or now())
    write_instance(instance, target, overwrite=True)


def only(path: Path, anchors: TimestampAnchors) -> DigitalSignature:
    (found,) = examine_signatures(read_instance(path), anchors).found
    return found


def state(path: Path, anchors: TimestampAnchors) -> TimestampState:
    found = only(path, anchors)
    assert found.state is State.VALID, found.reason
    assert found.timestamp is not None
    return found.timestamp.state


def dcmsigned(plain: Path, folder: Path, identity: Any, tsa: Any, *words: object) -> Path:
    """Sign and stamp with dcmsign and openssl alone."""
    query, uid = folder / "query", folder / "uid"
    signed, stamped = folder / "signed.dcm", folder / "stamped.dcm"
    key = ("+s", identity.key, identity.certificate, "-pw", "+m2")
    run("dcmsign", *key, "+ts", query, uid, *words, plain, signed)
    (folder / "reply").write_bytes(tsa.reply(query.read_bytes()))
    run("dcmsign", "+t", query, folder / "reply", uid, signed, stamped)
    return stamped


@needs_dcmsign
@pytest.mark.parametrize("digest", ["+tm2", "+tm3", "+tm5"])
@pytest.mark.parametrize("kind", KEYS)
def test_theirs(
    kind: str, digest: str, plain: Path, tsa: Any, other_tsa: Any,
    make_identity: Callable[..., Any], tmp_path: Path,
) -> None:  # fmt: skip
    path = dcmsigned(plain, tmp_path, make_identity(kind), tsa, digest)
    found = only(path, trusting(tsa))
    assert found.state is State.VALID
    assert found.timestamp is not None
    assert found.timestamp.state is TimestampState.VERIFIED, found.timestamp.reason
    assert found.timestamp.tsa == "CN=tsa"
    assert found.timestamp.time is not None
    assert abs(found.timestamp.time - now()) < timedelta(minutes=5)
    assert not found.weaknesses
    assert state(path, trusting(other_tsa)) is TimestampState.UNTRUSTED
    assert state(path, TimestampAnchors()) is TimestampState.UNTRUSTED


@needs_dcmsign
@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("kind", KEYS)
def test_ours_when_signing(
    kind: str, syntax: str, plain: Path, tsa: Any, other_tsa: Any,
    make_identity: Callable[..., Any], tmp_path: Path,
) -> None:  # fmt: skip
    """dcmsign and openssl take what we made; ECDSA signatures of odd length, too."""
    identity, source, path = make_identity(kind), tmp_path / "in.dcm", tmp_path / "ours.dcm"
    run("dcmconv", SYNTAXES[syntax], plain, source)
    trust = ("+cf", identity.certificate, "+cf")
    for _ in range(1 if kind == "rsa" else 3):
        sign(source, path, identity, stamp=TimeStamper(tsa.url, trusting(tsa)))
        assert state(path, trusting(tsa)) is TimestampState.VERIFIED
        run("dcmsign", "--verify", "+rg", "+tr", *trust, tsa.folder / "root.pem", path)
    run("dcmsign", "--verify", "+tr", *trust, other_tsa.folder / "root.pem", path, code=101)
    item = pydicom.dcmread(path).DigitalSignaturesSequence[0]
    assert item.CertifiedTimestampType == "CMS_TSP"
    instance = read_instance(path)
    (tmp_path / "value").write_bytes(stampable(instance, "2.25.17")[1])
    (tmp_path / "token").write_bytes(item.CertifiedTimestamp)
    words = ["openssl", "ts", "-verify", "-data", tmp_path / "value", "-token_in"]
    run(*words, "-in", tmp_path / "token", "-CAfile", tsa.folder / "root.pem")


@needs_dcmsign
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_added_later_beside_others(
    syntax: str, plain: Path, tsa: Any, make_identity: Callable[..., Any], tmp_path: Path
) -> None:
    """The items of the others are written again, and none of their signatures breaks."""
    identity, source = make_identity(), tmp_path / "in.dcm"
    run("dcmconv", SYNTAXES[syntax], plain, tmp_path / "c.dcm")
    key = ("+s", identity.key, identity.certificate, "-pw", "+m5", "+sp", "14")
    run("dcmsign", *key, tmp_path / "c.dcm", source)
    sign(source, tmp_path / "both.dcm", identity)
    instance = read_instance(tmp_path / "both.dcm")
    with pytest.raises(UsageError, match="has 2 "):
        stampable(instance, None)
    uid, value = stampable(instance, "2.25.17")
    token = TimeStamper(tsa.url, trusting(tsa))(value, now())
    insert_timestamp(instance, token, uid=uid)
    write_instance(instance, tmp_path / "stamped.dcm")
    found = examine_signatures(read_instance(tmp_path / "stamped.dcm"), trusting(tsa)).found
    assert [each.state for each in found] == [State.VALID] * 2
    assert [each.timestamp is None for each in found] == [True, False]
    trust = ("+cf", identity.certificate, "+cf", tsa.folder / "root.pem")
    run("dcmsign", "--verify", "+rg", *trust, tmp_path / "stamped.dcm")
    # now only theirs has none, and with one of its own it has two
    instance = read_instance(tmp_path / "stamped.dcm")
    uid, value = stampable(instance, None)
    insert_timestamp(instance, TimeStamper(tsa.url, trusting(tsa))(value, now()), uid=uid)
    insert_timestamp(instance, TimeStamper(tsa.url, trusting(tsa))(value, now()), uid=uid)
    write_instance(instance, tmp_path / "all.dcm")
    run("dcmsign", "--verify", "+rg", "+tr", *trust, tmp_path / "all.dcm")
    with pytest.raises(UsageError, match="has no "):
        stampable(read_instance(tmp_path / "all.dcm"), None)


@needs_dcmsign
def test_files_go_both_ways(
    plain: Path, tsa: Any, make_identity: Callable[..., Any], tmp_path: Path
) -> None:
    """Our request answered and put in by them; theirs answered and put in by us."""
    identity, trust = make_identity(), tmp_path / "trust"
    shutil.copytree(Site.init(tmp_path / "site", name="s").folder / "trust", trust)
    (trust / "tsa").mkdir()
    shutil.copy(tsa.folder / "root.pem", trust / "tsa" / "tsa.pem")
    ours, query, reply = tmp_path / "ours.dcm", tmp_path / "q", tmp_path / "r"
    sign(plain, ours, identity)
    radseal("timestamp", ours, "--query", query)
    reply.write_bytes(tsa.reply(query.read_bytes()))
    named = Dataset()  # dcmsign keeps the UID in a DICOM file
    named.file_meta = FileMetaDataset()
    named.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    named.file_meta.MediaStorageSOPClassUID = named.file_meta.MediaStorageSOPInstanceUID = "2.25.1"
    named.DigitalSignatureUID = "2.25.17"
    named.save_as(tmp_path / "uid", enforce_file_format=True)
    run("dcmsign", "+t", query, reply, tmp_path / "uid", ours, tmp_path / "by-them.dcm")
    assert state(tmp_path / "by-them.dcm", trusting(tsa)) is TimestampState.VERIFIED
    made = ("--query", query, "--reply", reply, "-o", tmp_path / "by-us.dcm", "--trust", trust)
    radseal("timestamp", ours, *made)
    assert state(tmp_path / "by-us.dcm", trusting(tsa)) is TimestampState.VERIFIED

    theirs, query, uid = tmp_path / "theirs.dcm", tmp_path / "q2", tmp_path / "uid2"
    key = ("+s", identity.key, identity.certificate, "-pw", "+m2")
    run("dcmsign", *key, "+ts", query, uid, plain, theirs)
    reply.write_bytes(tsa.reply(query.read_bytes()))
    made = ("--query", query, "--reply", reply, "-o", tmp_path / "x.dcm", "--trust", trust)
    radseal("timestamp", theirs, *made)
    anchors = ("+cf", identity.certificate, "+cf", tsa.folder / "root.pem")
    run("dcmsign", "--verify", "+tr", *anchors, tmp_path / "x.dcm")
    # an answer to another request
    radseal("timestamp", ours, *made[:4], "-o", tmp_path / "y.dcm", "--trust", trust, code=12)
    assert not (tmp_path / "y.dcm").exists()


@pytest.fixture(scope="module")
def stamped(
    plain: Path, tsa: Any, make_identity: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:  # fmt: skip
    path = tmp_path_factory.mktemp("stamped") / "ours.dcm"
    sign(plain, path, make_identity(), stamp=TimeStamper(tsa.url, trusting(tsa)))
    return path


def edited(path: Path, target: Path, change: Callable[[Any], object]) -> Path:
    dataset = pydicom.dcmread(path)
    change(dataset.DigitalSignaturesSequence[0])
    dataset.save_as(target)
    return target


def flipped(value: bytes, at: int) -> bytes:
    changed = bytearray(value)
    changed[at] ^= 1
    return bytes(changed)


def set_token(change: Callable[[bytes], bytes]) -> Callable[[Any], object]:
    return lambda item: setattr(item, "CertifiedTimestamp", change(bytes(item.CertifiedTimestamp)))


EDITS: dict[str, tuple[Callable[[Any], object], TimestampState]] = {
    "nothing": (lambda _: None, TimestampState.VERIFIED),
    "a type alone": (lambda i: delattr(i, "CertifiedTimestamp"), TimestampState.BROKEN),
    "a token alone": (lambda i: delattr(i, "CertifiedTimestampType"), TimestampState.BROKEN),
    "another type": (
        lambda i: setattr(i, "CertifiedTimestampType", "OTHER"),
        TimestampState.NOT_CHECKED,
    ),
    "no token": (set_token(lambda _: b"ab"), TimestampState.BROKEN),
    "nothing in it": (set_token(lambda _: b""), TimestampState.BROKEN),
    "cut short": (set_token(lambda t: t[:-20]), TimestampState.BROKEN),
    "bytes behind it": (set_token(lambda t: t + b"\0\0\0\0"), TimestampState.BROKEN),
    "its signature changed": (set_token(lambda t: flipped(t, -12)), TimestampState.BROKEN),
    "beyond the limit": (
        set_token(lambda _: b"\x30\x83\x01\x00\x01" + bytes(65_537)),
        TimestampState.BROKEN,
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_edits(name: str, stamped: Path, tsa: Any, tmp_path: Path) -> None:
    """Whatever becomes of the timestamp, the signature stays what it is."""
    change, expected = EDITS[name]
    path = edited(stamped, tmp_path / "edited.dcm", change)
    assert state(path, trusting(tsa)) is expected


def test_of_another_signature(
    plain: Path, stamped: Path, tsa: Any, make_identity: Callable[..., Any], tmp_path: Path
) -> None:
    sign(plain, tmp_path / "other.dcm", make_identity(), uid="2.25.18")
    instance = read_instance(tmp_path / "other.dcm")
    token = pydicom.dcmread(stamped).DigitalSignaturesSequence[0].CertifiedTimestamp
    insert_timestamp(instance, bytes(token), uid="2.25.18")
    write_instance(instance, tmp_path / "moved.dcm")
    found = only(tmp_path / "moved.dcm", trusting(tsa))
    assert found.timestamp is not None
    assert found.timestamp.state is TimestampState.BROKEN
    assert "something else" in found.timestamp.reason


@settings(max_examples=150)
@given(st.data())
def test_a_token_with_bytes_changed(stamped: Path, tsa: Any, data: st.DataObject) -> None:
    """It is verified or not, in words; never an error, and never another time than was stamped."""
    instance = read_instance(stamped)
    good = only(stamped, trusting(tsa)).timestamp
    assert good is not None
    token = bytearray(pydicom.dcmread(stamped).DigitalSignaturesSequence[0].CertifiedTimestamp)
    for _ in range(data.draw(st.integers(1, 3))):
        token[data.draw(st.integers(0, len(token) - 1))] = data.draw(st.integers(0, 255))
    insert_timestamp(instance, bytes(token), uid="2.25.17")
    found = examine_signatures(instance, trusting(tsa))
    (one,) = found.found
    assert one.state is State.VALID
    assert one.timestamp is not None
    if one.timestamp.state is TimestampState.VERIFIED:
        assert one.timestamp == good
    else:
        assert one.timestamp.reason
        assert one.timestamp.time is None
    assert all(check.detail for check in signature_checks(found))


def test_a_token_with_any_byte_zeroed(stamped: Path, tsa: Any) -> None:
    """Each place once: what the parsers of others raise becomes words, too."""
    instance = read_instance(stamped)
    told = only(stamped, trusting(tsa)).timestamp
    good = bytes(pydicom.dcmread(stamped).DigitalSignaturesSequence[0].CertifiedTimestamp)
    for place in range(len(good)):
        token = good[:place] + b"\0" + good[place + 1 :]
        insert_timestamp(instance, token, uid="2.25.17")
        (one,) = examine_signatures(instance, trusting(tsa)).found
        assert one.timestamp is not None
        if one.timestamp.state is TimestampState.VERIFIED:  # a version number, which nobody signs
            assert one.timestamp == told
        else:
            assert one.timestamp.reason, place


def test_times_that_do_not_fit(
    plain: Path, tsa: Any, make_identity: Callable[..., Any], tmp_path: Path
) -> None:
    def weaknesses(identity: Any, at: datetime) -> tuple[str, ...]:
        sign(plain, tmp_path / "x.dcm", identity, at=at)
        instance = read_instance(tmp_path / "x.dcm")
        uid, value = stampable(instance, None)
        token, _ = accept(
            tsa.reply(bytes(request := request_for(value, nonce=5))),
            request,
            value,
            anchors=trusting(tsa),
            at=now(),
        )
        insert_timestamp(instance, token, uid=uid)
        (found,) = examine_signatures(instance, trusting(tsa)).found
        return found.weaknesses

    day, identity = timedelta(days=1), make_identity()
    assert weaknesses(identity, now()) == ()
    assert weaknesses(identity, now() - day / 2) == ()
    assert weaknesses(identity, now() + day) == ("it claims to have been made after its timestamp",)
    ended = make_identity(name="ended", since=now() - 9 * day, until=now() - day)
    assert weaknesses(ended, now() - 2 * day) == (
        "its certificate was not valid when it was timestamped",
    )


@pytest.fixture
def stamping(tmp_path: Path, tsa: Any) -> Path:
    folder = tmp_path / "site"
    Site.init(folder, name="s")
    (folder / "trust" / "tsa").mkdir()
    shutil.copy(tsa.folder / "root.pem", folder / "trust" / "tsa" / "tsa.pem")
    return folder


def test_the_commands(
    stamping: Path, tsa: Any, make_identity: Callable[..., Any], tmp_path: Path
) -> None:
    identity, out = make_identity(), tmp_path / "out"
    given = ("--ps315-key", identity.key, "--ps315-certificate", identity.certificate)
    words = ("seal", CT, "--site", stamping, "--ps315", "creator", *given)
    radseal("seal", CT, "-o", out, "--site", stamping, "--tsa", tsa.url, code=2)
    radseal(*words, "-o", out, "--tsa", tsa.url)
    answer = json.loads(radseal("verify", out / CT.name, "--site", stamping, "--json").stdout)
    assert answer["verdict"] == "AUTHENTIC"
    (signature,) = answer["objects"][0]["signatures"]
    assert signature["timestamp"] | {"time": None} == {
        "state": "verified", "reason": "", "time": None, "accuracy_seconds": 1.0, "tsa": "CN=tsa",
    }  # fmt: skip
    codes = {check["code"] for check in answer["objects"][0]["checks"]}
    assert Code.TIMESTAMP_VERIFIED in codes

    later = tmp_path / "later"
    radseal(*words, "-o", later)
    stamp = ("timestamp", later / CT.name, "--site", stamping)
    radseal(*stamp, "--url", tsa.url, code=2)
    radseal(*stamp, "--query", tmp_path / "q", "-o", tmp_path / "s.dcm", code=2)
    made = radseal(*stamp, "--url", tsa.url, "-o", tmp_path / "s.dcm", "--json")
    assert json.loads(made.stdout)["tsa"] == "CN=tsa"
    radseal(*stamp, "--url", tsa.url, "-o", tmp_path / "s.dcm", code=2)
    radseal(*stamp, "--url", tsa.url, "-o", tmp_path / "s.dcm", "--force")
    seen = json.loads(radseal("verify", tmp_path / "s.dcm", "--site", stamping, "--json").stdout)
    assert seen["verdict"] == "AUTHENTIC"  # neither the seal nor the signature covers it
    assert seen["objects"][0]["signatures"][0]["timestamp"]["state"] == "verified"
    radseal("timestamp", tmp_path / "s.dcm", "--site", stamping, "--query", tmp_path / "q", code=2)


@pytest.mark.parametrize("trouble", ["refused", "garbage", "silent", "untrusted", "of another"])
def test_without_a_timestamp_nothing_is_logged(
    trouble: str, stamping: Path, tsa: Any, other_tsa: Any, make_identity: Callable[..., Any],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    identity, url = make_identity(), tsa.url
    answers: dict[str, Callable[[bytes], bytes]] = {
        "refused": lambda _: bytes.fromhex("30053003020102"),
        "garbage": lambda _: b"no answer",
        "untrusted": other_tsa.reply,
        "of another": lambda _: tsa.reply(bytes(request_for(b"another", nonce=7))),
    }
    if trouble == "silent":
        url = "http://127.0.0.1:9/"
    else:
        monkeypatch.setattr(tsa, "answer", answers[trouble])
    given = ("--ps315-key", identity.key, "--ps315-certificate", identity.certificate)
    with Site.open(stamping).public_log() as log:
        size = log.size
    words = ("seal", CT, "-o", tmp_path / "out", "--site", stamping, "--ps315", "creator", *given)
    result = radseal(*words, "--tsa", url, "--json", code=2)
    (line,) = json.loads(result.stdout)["objects"]
    assert (line["result"], line["code"]) == ("cannot be sealed", "SE302")
    with Site.open(stamping).public_log() as log:
        assert log.size == size
    assert not (tmp_path / "out" / CT.name).exists()
    signed = tmp_path / "signed.dcm"
    sign(CT, signed, identity)
    code = 15 if trouble == "silent" else 12
    stamp = ("timestamp", signed, "--site", stamping, "--url", url, "-o", tmp_path / "s.dcm")
    radseal(*stamp, code=code)
    assert not (tmp_path / "s.dcm").exists()


def test_a_site_that_trusts_no_authority(
    tmp_path: Path, tsa: Any, make_identity: Callable[..., Any]
) -> None:
    Site.init(tmp_path / "site", name="s")
    identity = make_identity()
    given = ("--ps315-key", identity.key, "--ps315-certificate", identity.certificate)
    words = ("seal", CT, "-o", tmp_path / "out", "--site", tmp_path / "site", "--ps315", "creator")
    assert "trust/tsa" in radseal(*words, *given, "--tsa", tsa.url, code=2).stderr
    with pytest.raises(UsageError, match="trust/tsa"):
        TimeStamper(tsa.url, TimestampAnchors())


def test_a_nonce_that_was_not_asked_for(tsa: Any) -> None:
    one, other = request_for(b"signature", nonce=1), request_for(b"signature", nonce=2)
    reply = tsa.reply(bytes(one))
    accept(reply, one, b"signature", anchors=trusting(tsa), at=now())
    wrong = ((other, b"signature", "Nonce"), (one, b"another", "not for this signature"))
    for request, signature, why in wrong:
        with pytest.raises(SealError, match=why):
            accept(reply, request, signature, anchors=trusting(tsa), at=now())
    assert token_of(reply)


def test_it_decides_no_verdict(
    stamping: Path, tsa: Any, make_identity: Callable[..., Any], tmp_path: Path
) -> None:
    """A sealed object with a false timestamp is what its seal says."""
    site, path = Site.open(stamping), tmp_path / "sealed.dcm"
    with site.device() as device:
        seal(CT, device=device).write(path)
    sign(path, tmp_path / "signed.dcm", make_identity())
    instance = read_instance(tmp_path / "signed.dcm")
    insert_timestamp(instance, b"\x30\x00", uid="2.25.17")
    write_instance(instance, tmp_path / "false.dcm")
    verdict = verify(tmp_path / "false.dcm", trust=site.trust)
    assert verdict.word is Word.AUTHENTIC
    assert Code.TIMESTAMP_BROKEN in {check.code for check in verdict.checks}


def test_an_expired_authority_is_judged_at_the_time_of_the_token(
    plain: Path, make_time_authority: Callable[..., Any], make_identity: Callable[..., Any],
    tmp_path: Path,
) -> None:  # fmt: skip
    """Nothing here reads a clock: what was right when it was stamped stays so."""
    brief = make_time_authority(valid=timedelta(seconds=2))
    sign(plain, tmp_path / "x.dcm", make_identity(), stamp=TimeStamper(brief.url, trusting(brief)))
    time.sleep(3)
    assert brief.certificate.not_valid_after_utc < now()
    assert state(tmp_path / "x.dcm", trusting(brief)) is TimestampState.VERIFIED
