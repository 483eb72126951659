"""De-identification by real tools: what each leaves behind, and that the page's commands work."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pydicom
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset

from benchmarks.ports import free_port
from ledger import Role
from provenance import Site, Word, seal, verify
from provenance.deidentification.check import Allowed, IdentityRemainsError
from provenance.deidentification.make import Deidentified, MarkChoice, deidentify
from provenance.deidentification.profiles import BUILT_IN, GROUP, profile_names
from provenance.deidentification.with_dicognito import SEED_FILE
from provenance.deidentification.with_dicognito import deidentify as with_dicognito
from provenance.errors import SealError, UsageError
from provenance.site.actor_keys import renew_key

CHECKOUT = Path(__file__).resolve().parents[3]
PAGE = (CHECKOUT / "docs" / "deidentification.md").read_text(encoding="utf-8")
Make = Callable[..., bytes]
Tool = Callable[[Path], Path]
PATIENT: dict[str, object] = {
    "PatientName": "Mustermann^Erika",
    "PatientID": "P-12345",
    "StudyDate": "20240203",
    "StudyTime": "101112",
    "InstanceCreationDate": "20240203",
    "AccessionNumber": "A998877",
    "ReferringPhysicianName": "Meier^Hans",
    "InstitutionName": "Haus am See",
    "DeviceSerialNumber": "SN-00042",
    "PatientSex": "F",
    "StudyID": "7",
}
IMAGES = ("dx", "dx-unmarked", "ct", "mr")


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = Site.init(tmp_path_factory.mktemp("tools") / "site", name="clinic")
    renew_key(site, Role.DEIDENTIFIER, at=datetime.now(UTC))
    return site


@pytest.fixture(scope="module")
def sealed(clinic: Site, make_dicom: Make) -> dict[str, Path]:
    """One of each: a radiograph marked and unmarked, CT and MR as pydicom ships them."""
    sources: dict[str, bytes] = {
        "dx": make_dicom(**PATIENT),
        "dx-unmarked": make_dicom(**PATIENT),
        "ct": Path(str(get_testdata_file("CT_small.dcm"))).read_bytes(),
        "mr": Path(str(get_testdata_file("MR_small.dcm"))).read_bytes(),
    }
    made = {}
    with clinic.device() as device:
        for name, data in sources.items():
            made[name] = clinic.folder.parent / f"{name}.dcm"
            profile = "none" if name == "dx-unmarked" else None
            seal(data, device=device, profile=profile).write(made[name])
    return made


@dataclass(frozen=True)
class Orthanc:
    """A running Orthanc on loopback."""

    port: int

    def ask(self, path: str, body: bytes | None = None) -> bytes:
        request = Request(f"http://127.0.0.1:{self.port}{path}", data=body)
        with urlopen(request, timeout=20) as response:
            answer: bytes = response.read()
        return answer

    def anonymize(self, path: Path, **options: object) -> Path:
        answer = json.loads(self.ask("/instances", path.read_bytes()))
        body = json.dumps(options).encode()
        out = path.with_name(f"{path.stem}-orthanc.dcm")
        out.write_bytes(self.ask(f"/instances/{answer['ID']}/anonymize", body))
        return out


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    program = shutil.which("Orthanc")
    if program is None:
        pytest.skip("Orthanc is not installed (apt install orthanc)")
    folder = tmp_path_factory.mktemp("orthanc")
    port = free_port()
    settings = {
        "Name": "test",
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "HttpPort": port,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "Plugins": [],
    }
    (folder / "db").mkdir()
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, str(folder / "orthanc.json")], stdout=log, stderr=subprocess.STDOUT
        )
        try:
            server = Orthanc(port)
            _await(server, process)
            yield server
        finally:
            os.kill(process.pid, signal.SIGTERM)
            process.wait(timeout=20)


def _await(server: Orthanc, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        assert process.poll() is None, "Orthanc did not start"
        try:
            server.ask("/system")
        except URLError:
            time.sleep(0.1)
            continue
        return
    pytest.fail("Orthanc does not answer")


def gdcmanon(path: Path) -> Path:
    if shutil.which("gdcmanon") is None:
        pytest.skip("gdcmanon is not installed (apt install libgdcm-tools)")
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gdcmanon")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = path.with_suffix(".pem")
    pem.write_bytes(certificate.public_bytes(Encoding.PEM))
    out = path.with_name(f"{path.stem}-gdcm.dcm")
    words = ["gdcmanon", "-e", "-c", str(pem), "-i", str(path), "-o", str(out)]
    subprocess.run(words, check=True, capture_output=True)
    return out


def test_the_profile_moves_the_clock_and_draws_no_name_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """dicognito leaves times of day by one seed in 24, and may draw the name that was there."""
    module = pytest.importorskip("dicognito.anonymizer", reason="dicognito is not installed")
    left = same = 0
    for number in range(60):
        seed = tmp_path / f"seed {number}"
        seed.write_bytes(f"{number:016}".encode())
        monkeypatch.setenv(SEED_FILE, str(seed))
        alone, profiled = Dataset(), Dataset()
        for dataset in (alone, profiled):
            dataset.file_meta = FileMetaDataset()
            dataset.StudyDate, dataset.StudyTime = "20200102", "120000"
            dataset.PatientName = "Ann^Ann"
        module.Anonymizer(seed=seed.read_bytes().hex()).anonymize(alone)
        left += alone.StudyTime == "120000"
        same += "Ann" in str(alone.PatientName).title()
        assert with_dicognito(profiled).StudyTime != "120000"
        assert "ann" not in str(profiled.PatientName).casefold()
    assert left > 0
    assert same > 0


def test_the_profile_does_not_draw_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    module = pytest.importorskip("dicognito.anonymizer", reason="dicognito is not installed")
    monkeypatch.setattr(module.Anonymizer, "anonymize", lambda self, dataset: None)
    monkeypatch.delenv(SEED_FILE, raising=False)
    with pytest.raises(UsageError, match="again and again"):
        with_dicognito(Dataset())


def dicognito(path: Path) -> Path:
    pytest.importorskip("dicognito", reason="dicognito is not installed")
    from dicognito.anonymizer import Anonymizer

    dataset = pydicom.dcmread(path)
    Anonymizer(seed="test").anonymize(dataset)
    out = path.with_name(f"{path.stem}-dicognito.dcm")
    dataset.save_as(out)
    return out


def reseal(clinic: Site, original: Path, copy: Path | None, **more: object) -> Deidentified:
    records = clinic.records()
    with records.log, clinic.device(Role.DEIDENTIFIER) as actor:
        return deidentify(
            original,
            copy,
            actor=actor,
            records=records,
            trust=clinic.trust,
            reidentification_key=clinic.make_reidentification_key(),
            **more,  # type: ignore[arg-type]
        )


def left(clinic: Site, original: Path, copy: Path) -> set[str]:
    """Return the attributes that are refused, as a person reads them."""
    try:
        reseal(clinic, original, copy)
    except IdentityRemainsError as error:
        return {str(each.place) for each in error.remains}
    return set()


def keep(*keywords: str) -> Allowed:
    from provenance.correcting.new_values import tag_of

    return Allowed(keep=frozenset(tag_of(each) for each in keywords))


def check_derived(clinic: Site, made: Deidentified) -> None:
    data = made.to_bytes()
    assert verify(data, trust=clinic.trust).word is Word.DERIVED
    for name in (b"Mustermann", b"P-12345", b"A998877", b"SN-00042"):
        assert name not in data


# What each tool leaves behind


@pytest.mark.parametrize("choice", list(MarkChoice))
@pytest.mark.parametrize("image", IMAGES)
def test_orthanc(
    clinic: Site, sealed: dict[str, Path], orthanc: Orthanc, image: str, choice: MarkChoice
) -> None:
    copy = orthanc.anonymize(sealed[image])
    expected = {
        "dx": {"InstanceCreationDate"},
        "dx-unmarked": {"InstanceCreationDate"},
        "ct": {"InstanceCreationDate"},
        "mr": {"InstanceCreationDate", "Manufacturer"},  # whose name is that of the institution
    }[image]
    assert left(clinic, sealed[image], copy) == expected
    copy = orthanc.anonymize(sealed[image], Remove=sorted(expected))
    made = reseal(clinic, sealed[image], copy, mark=choice)
    assert made.stripped == ()
    assert made.declared.kept == ()
    check_derived(clinic, made)


@pytest.mark.parametrize("image", IMAGES)
def test_orthanc_that_keeps_private_elements(
    clinic: Site, sealed: dict[str, Path], orthanc: Orthanc, image: str
) -> None:
    """Then the seal of the original stays as well, and leads back: it is taken out."""
    copy = orthanc.anonymize(
        sealed[image], Remove=["InstanceCreationDate", "Manufacturer"], KeepPrivateTags=True
    )
    made = reseal(clinic, sealed[image], copy)
    assert made.stripped == ("the original's seal",)
    check_derived(clinic, made)


@pytest.mark.parametrize("image", IMAGES)
def test_dicognito(clinic: Site, sealed: dict[str, Path], image: str) -> None:
    copy = dicognito(sealed[image])
    expected = {
        "dx": {"PatientSex", "DeviceSerialNumber"},
        "dx-unmarked": {"PatientSex", "DeviceSerialNumber"},
        "ct": {"PatientSex", "PatientAge", "PatientWeight", "StudyDescription",
               "TimezoneOffsetFromUTC"},
        "mr": {"PatientSex", "PatientWeight", "DeviceSerialNumber", "TimezoneOffsetFromUTC",
               "Manufacturer"},
    }[image]  # fmt: skip
    found = left(clinic, sealed[image], copy)
    assert found == expected
    made = reseal(clinic, sealed[image], copy, allowed=keep(*expected))
    assert verify(made.to_bytes(), trust=clinic.trust).word is Word.DERIVED
    assert len(made.declared.kept) == len(expected)
    assert "the original's seal" in made.stripped


@pytest.mark.parametrize("image", IMAGES)
def test_gdcmanon(clinic: Site, sealed: dict[str, Path], image: str) -> None:
    copy = gdcmanon(sealed[image])
    expected = {
        "dx": {"InstanceCreationDate", "StudyDate", "StudyTime"},
        "dx-unmarked": {"InstanceCreationDate", "StudyDate", "StudyTime"},
        "ct": {"InstanceCreationDate", "StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate",
               "StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime",
               "TimezoneOffsetFromUTC"},
        "mr": {"InstanceCreationDate", "StudyDate", "StudyTime", "TimezoneOffsetFromUTC",
               "Manufacturer"},
    }[image]  # fmt: skip
    assert left(clinic, sealed[image], copy) == expected
    made = reseal(clinic, sealed[image], copy, allowed=keep(*expected))
    assert {"the original's seal", "Encrypted Attributes Sequence"} <= set(made.stripped)
    check_derived(clinic, made)


def test_gdcmanon_dumb(clinic: Site, sealed: dict[str, Path]) -> None:
    """Emptying the name alone makes no other instance of it."""
    if shutil.which("gdcmanon") is None:
        pytest.skip("gdcmanon is not installed (apt install libgdcm-tools)")
    out = sealed["dx"].with_name("dumb.dcm")
    words = ["gdcmanon", "--dumb", "--empty", "10,10", "--empty", "10,20"]
    subprocess.run([*words, "-i", sealed["dx"], "-o", out], check=True, capture_output=True)
    with pytest.raises(SealError, match="instance of its own"):
        reseal(clinic, sealed["dx"], out)


# Signatures of PS3.15 that no longer verify


@pytest.fixture(scope="module")
def signed(clinic: Site, make_dicom: Make) -> Path:
    """A sealed radiograph with a Creator RSA signature beside the seal."""
    folder = clinic.folder.parent
    (folder / "plain.dcm").write_bytes(make_dicom(**PATIENT))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "rsa.key", "-out",
         "rsa.pem", "-days", "30", "-subj", "/CN=device"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    words = [sys.executable, "-m", "provenance.cli", "seal", "plain.dcm", "-o", "signed"]
    words += ["--ps315", "creator", "--ps315-key", "rsa.key", "--ps315-certificate", "rsa.pem"]
    subprocess.run(
        [*words, "--site", str(clinic.folder)],
        cwd=folder, check=True, capture_output=True,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )  # fmt: skip
    return folder / "signed" / "plain.dcm"


@pytest.mark.parametrize(
    ("tool", "remains"),
    [
        ("orthanc", {"MACParametersSequence"}),
        ("gdcmanon", {"MACParametersSequence", "DigitalSignaturesSequence"}),
        ("dicognito", {"MACParametersSequence", "DigitalSignaturesSequence"}),
    ],
)
def test_signatures_are_left_behind(
    clinic: Site, signed: Path, tool: str, remains: set[str], request: pytest.FixtureRequest
) -> None:
    tools: dict[str, Tool] = {"gdcmanon": gdcmanon, "dicognito": dicognito}
    if tool == "orthanc":
        copy = request.getfixturevalue("orthanc").anonymize(signed)
    else:
        copy = tools[tool](signed)
    dataset = pydicom.dcmread(copy)
    names = {"MACParametersSequence", "DigitalSignaturesSequence"}
    assert {name for name in names if name in dataset} == remains
    made = reseal(clinic, signed, copy, allowed=keep(*left(clinic, signed, copy)))
    written = pydicom.dcmread(BytesIO(made.to_bytes()))
    assert not {name for name in names if name in written}
    assert {"MAC Parameters Sequence"} <= set(made.stripped)
    assert verify(made.to_bytes(), trust=clinic.trust).word is Word.DERIVED


# The shipped profile, and those of others


@pytest.mark.parametrize("image", IMAGES)
def test_the_profile_dicognito(
    clinic: Site, sealed: dict[str, Path], image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("dicognito", reason="dicognito is not installed")
    monkeypatch.delenv(SEED_FILE, raising=False)
    allowed = keep("Manufacturer") if image == "mr" else None
    made = reseal(clinic, sealed[image], None, profile="dicognito", allowed=allowed)
    check_derived(clinic, made)
    assert made.instance.dataset.PatientIdentityRemoved == "YES"


def test_one_seed_makes_one_patient(
    clinic: Site, sealed: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("dicognito", reason="dicognito is not installed")

    def named(seed: bytes, image: str) -> tuple[str, str]:
        path = tmp_path / seed.hex()
        path.write_bytes(seed)
        monkeypatch.setenv(SEED_FILE, str(path))
        dataset = reseal(clinic, sealed[image], None, profile="dicognito").instance.dataset
        return str(dataset.PatientID), str(dataset.PatientName)

    one, two = bytes(range(16)), bytes(range(1, 17))
    assert named(one, "dx") == named(one, "dx-unmarked")
    assert named(one, "dx") != named(two, "dx")
    with pytest.raises(UsageError, match="at least 16 bytes"):
        named(b"short", "dx")
    monkeypatch.setenv(SEED_FILE, str(tmp_path / "missing"))
    with pytest.raises(UsageError, match="cannot be read"):
        reseal(clinic, sealed["dx"], None, profile="dicognito")


OURS = """
import pydicom.uid

def good(dataset):
    for keyword in ("PatientBirthDate", "StudyDate", "StudyTime", "AccessionNumber", "PatientSex"):
        setattr(dataset, keyword, "")
    for keyword in ("ReferringPhysicianName", "InstitutionName", "DeviceSerialNumber",
                    "InstanceCreationDate", "StudyID"):
        delattr(dataset, keyword)
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        setattr(dataset, keyword, pydicom.uid.generate_uid())
    dataset.PatientName, dataset.PatientID = "ANON", "0001"
    return dataset

def lazy(dataset):
    return dataset

def failing(dataset):
    raise RuntimeError("Mustermann")

def nothing(dataset):
    return None

value = 7
"""


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a distribution that offers profiles, as pip would lay it down."""
    (tmp_path / "ours_profiles.py").write_text(OURS)
    info = tmp_path / "ours-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ours\nVersion: 1\n")
    names = ("good", "lazy", "failing", "nothing", "value", "missing")
    lines = "\n".join(f"{name} = ours_profiles:{name}" for name in names)
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}\n")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("ours")
def test_a_profile_of_ours(clinic: Site, sealed: dict[str, Path]) -> None:
    assert set(profile_names()) >= {*BUILT_IN, "good", "lazy"}
    check_derived(clinic, reseal(clinic, sealed["dx"], None, profile="good"))


@pytest.mark.usefixtures("ours")
@pytest.mark.parametrize(
    ("profile", "error", "words"),
    [
        ("lazy", SealError, "instance of its own"),
        ("failing", SealError, "failed: RuntimeError"),
        ("nothing", SealError, "failed: AttributeError"),
        ("value", UsageError, "no function"),
        ("missing", UsageError, "cannot be loaded"),
        ("unheard-of", UsageError, "there are dicognito"),
    ],
)
def test_profiles_that_do_not_serve(
    clinic: Site, sealed: dict[str, Path], profile: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as raised:
        reseal(clinic, sealed["dx"], None, profile=profile)
    assert "Mustermann" not in str(raised.value)


# The page


def _blocks() -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_the_commands_of_the_page(
    tmp_path: Path, make_dicom: Make, request: pytest.FixtureRequest
) -> None:
    """Every command of docs/deidentification.md, in its order, in one folder."""
    pytest.importorskip("dicognito", reason="dicognito is not installed")
    for program in ("gdcmanon", "openssl", "curl"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    server: Orthanc = request.getfixturevalue("orthanc")
    programs = tmp_path / "bin"
    programs.mkdir()
    script = programs / "radseal"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m provenance.cli "$@"\n')
    script.chmod(0o755)
    site = Site.init(tmp_path / "site", name="clinic")
    with site.device() as device:
        patient = {k: v for k, v in PATIENT.items() if k != "InstanceCreationDate"}
        seal(make_dicom(**patient), device=device).write(tmp_path / "sealed.dcm")
    folders = (programs, Path(sys.executable).parent)
    path = os.pathsep.join([*(str(f) for f in folders), os.environ["PATH"]])
    blocks = _blocks()
    assert len(blocks) == 7
    for block in blocks:
        if "-o research.dcm" in block:
            (tmp_path / "research.dcm").unlink(missing_ok=True)
        commands = block.replace("127.0.0.1:8042", f"127.0.0.1:{server.port}")
        commands = commands.replace("-m dicognito", "-m dicognito --seed test")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PATH": path, "PYTHONPATH": str(CHECKOUT)},
        )
        assert done.returncode == 0, (block, done.stderr)
        if "-o research.dcm" in block:
            assert verify(tmp_path / "research.dcm", trust=site.trust).word is Word.DERIVED
    assert re.match(r"seal [0-9a-f]{24} was made of seal", done.stdout)
    assert len(done.stdout.splitlines()) == 2 + 5
