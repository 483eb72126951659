"""The Key Object "Signed Complete Acquisition Content": what the standard's own tools say of it."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pydicom.data
import pytest
from click.testing import CliRunner
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element

from provenance import Site, TrustStore, Word, verify
from provenance.cli.root import cli
from provenance.dicom.read import read_instance
from provenance.errors import SealError, UsageError
from provenance.ps315.examine import State as State315
from provenance.study.close import ClosedStudy
from provenance.study.key_object import TITLE, key_object
from provenance.study.reference_mac import reference_mac
from provenance.study.selection import MAX_REFERENCES, KeyObjectNames
from provenance.study.verdict import State, StudyWord
from provenance.study.verify import verify_study

NAME = {"PatientName": "Müller^Jörg", "SpecificCharacterSet": "ISO_IR 100", "StudyID": "7",
        "StudyDate": "20260301", "StudyTime": "120000"}  # fmt: skip


@pytest.fixture(scope="module")
def scene(site: Site, make_study: Any) -> Any:
    made = make_study(site)
    made.slices = [made.seal(made.slice(number, **NAME)) for number in range(1, 4)]
    return made


@pytest.fixture(scope="module")
def folder(scene: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study with its Key Object, as the command writes it."""
    where: Path = scene.write(tmp_path_factory.mktemp("ko") / "study")
    words = ["study", "close", where, "--kos", where / "ko.dcm", "--site", scene.site.folder]
    result = CliRunner().invoke(cli, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return where


def tool(name: str, *words: object) -> subprocess.CompletedProcess[str]:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return subprocess.run(
        [path, *map(str, words)], capture_output=True, text=True, errors="replace", check=False
    )


def test_it_is_what_the_standard_asks(scene: Any, folder: Path) -> None:
    dataset = pydicom.dcmread(folder / "ko.dcm")
    assert dataset.Modality == "KO"
    (title,) = dataset.ConceptNameCodeSequence
    assert (title.CodeValue, title.CodingSchemeDesignator, title.CodeMeaning) == TITLE
    assert dataset.PatientName == "Müller^Jörg"
    (study,) = dataset.CurrentRequestedProcedureEvidenceSequence
    assert study.StudyInstanceUID == scene.study_uid == dataset.StudyInstanceUID
    (series,) = study.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == scene.series_uid != dataset.SeriesInstanceUID
    listed = {each.ReferencedSOPInstanceUID for each in series.ReferencedSOPSequence}
    assert listed == {pydicom.dcmread(BytesIO(d)).SOPInstanceUID for d in scene.slices}
    shown = {each.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for each in dataset[0x0040A730]}
    assert shown == listed
    assert {each.ValueType for each in dataset[0x0040A730]} == {"IMAGE"}


def test_the_macs_are_those_of_the_instances(scene: Any, folder: Path) -> None:
    """Computed once more, by another writer."""
    dataset = pydicom.dcmread(folder / "ko.dcm")
    series = dataset.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    by_uid = {each.ReferencedSOPInstanceUID: each for each in series.ReferencedSOPSequence}
    for data in scene.slices:
        instance = pydicom.dcmread(BytesIO(data))
        (item,) = by_uid[instance.SOPInstanceUID].ReferencedSOPInstanceMACSequence
        assert item.MACAlgorithm == "SHA256"
        assert item.MACCalculationTransferSyntaxUID == "1.2.840.10008.1.2.1"
        assert pydicom.tag.Tag("PixelData") in item.DataElementsSigned
        assert not any(tag >> 16 & 1 for tag in item.DataElementsSigned)
        buffer = DicomBytesIO()
        buffer.is_implicit_VR, buffer.is_little_endian = False, True
        for tag in item.DataElementsSigned:
            write_data_element(buffer, instance[tag], ["latin-1"])
        assert hashlib.sha256(buffer.getvalue()).digest() == item.MAC


def test_the_macs_do_not_depend_on_the_encoding(scene: Any, tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(scene.slices[0])
    assert tool("dcmconv", "+ti", tmp_path / "a.dcm", tmp_path / "b.dcm").returncode == 0
    one, two = (reference_mac(read_instance(tmp_path / name)) for name in ("a.dcm", "b.dcm"))
    assert one == two
    assert one is not None


def test_the_mac_of_compressed_pixels_names_their_syntax() -> None:
    path = Path(pydicom.data.get_testdata_file("JPEG2000.dcm", download=False))
    mac = reference_mac(read_instance(path))
    assert mac is not None
    assert mac.syntax == pydicom.dcmread(path).file_meta.TransferSyntaxUID
    assert 0x7FE00010 in mac.tags


def test_it_is_an_object_like_any_other(scene: Any, folder: Path) -> None:
    assert verify(folder / "ko.dcm", trust=scene.site.trust).word is Word.AUTHENTIC
    (verdict,) = verify_study([folder], trust=scene.site.trust).verdicts
    assert verdict.word is StudyWord.COMPLETE
    assert [each.state for each in verdict.instances].count(State.KEY_OBJECT) == 1


@pytest.mark.parametrize("option", ["+ti", "+tb", "+td", "-e"])
def test_dcmtk_writes_it_anew_and_it_still_tells(
    scene: Any, folder: Path, tmp_path: Path, option: str
) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    result = tool("dcmconv", option, folder / "ko.dcm", copy / "ko.dcm")
    assert result.returncode == 0, result.stderr
    (verdict,) = verify_study([copy], trust=scene.site.trust).verdicts
    assert verdict.word is StudyWord.COMPLETE
    assert verdict.closing is not None
    assert "ko.dcm" in verdict.closing.source


def test_dcmtk_reads_it_as_a_key_object(folder: Path) -> None:
    result = tool("dsrdump", "-Er", folder / "ko.dcm")
    assert result.returncode == 0, result.stderr
    assert "Signed Complete Acquisition Content" in result.stdout
    assert "Key Object Selection Document" in result.stdout


def test_dciodvfy_finds_no_error(folder: Path) -> None:
    result = tool("dciodvfy", folder / "ko.dcm")
    assert "KeyObjectSelectionDocument" in result.stderr
    assert not [line for line in result.stderr.splitlines() if "Error" in line], result.stderr


@pytest.mark.parametrize("kind", ["rsa", "SECP256R1"])
def test_dcmsign_verifies_its_signature(
    scene: Any, tmp_path: Path, make_identity: Callable[..., Any], kind: str
) -> None:
    folder, who = scene.write(tmp_path / "study"), make_identity(kind)
    words = ["study", "close", folder, "--kos", tmp_path / "ko.dcm", "--site", scene.site.folder]
    keys = ["--ps315-key", who.key, "--ps315-certificate", who.certificate]
    result = CliRunner().invoke(cli, [str(word) for word in (*words, *keys)])
    assert result.exit_code == 0, result.output
    (signature,) = verify(tmp_path / "ko.dcm", trust=scene.site.trust).signatures
    assert signature.state is State315.VALID
    assert verify(tmp_path / "ko.dcm", trust=scene.site.trust).word is Word.AUTHENTIC
    # the certificate is its own authority
    result = tool("dcmsign", "--verify", "+cf", who.certificate, tmp_path / "ko.dcm")
    assert result.returncode == 0, result.stderr
    assert CliRunner().invoke(cli, [*map(str, words[:3]), *map(str, keys)]).exit_code == 2


def test_more_than_can_be_read_are_refused(folder: Path) -> None:
    from dataclasses import replace

    from provenance.study.closing_block import read_closing_block
    from provenance.study.manifest import Manifest

    block = read_closing_block(read_instance(folder / "ko.dcm").dataset)
    assert block is not None
    manifest = Manifest.decode(block.manifest)
    many = replace(manifest, instances=manifest.instances[:1] * (MAX_REFERENCES + 1))
    closed = ClosedStudy(many, bytes(12), 1, block.statement, None, None, 0)
    names, at = KeyObjectNames("1.2", "1.3"), datetime.now(UTC)
    with pytest.raises(UsageError, match="50000"):
        key_object(closed, read_instance(folder / "ko.dcm"), macs={}, names=names, at=at)


def test_a_patient_that_cannot_be_written(scene: Any, folder: Path) -> None:
    from provenance.study.closing_block import read_closing_block
    from provenance.study.manifest import Manifest

    block = read_closing_block(read_instance(folder / "ko.dcm").dataset)
    assert block is not None
    manifest = Manifest.decode(block.manifest)
    closed = ClosedStudy(manifest, bytes(12), 1, block.statement, None, None, 0)
    instance = read_instance(scene.slices[0])
    tag = pydicom.tag.BaseTag(0x00100010)
    instance.dataset._dict[tag] = pydicom.dataelem.RawDataElement(
        tag, "PN", 70_000, b"x" * 70_000, 0, False, True
    )
    names, at = KeyObjectNames("1.2", "1.3"), datetime.now(UTC)
    with pytest.raises(SealError):
        key_object(closed, instance, macs={}, names=names, at=at)


def test_a_ledger_need_not_know_what_was_logged_elsewhere(
    scene: Any, folder: Path, stranger: Site, tmp_path: Path
) -> None:
    """Another site trusts this one, and asks its own ledger: the receipts speak."""
    for part, end in (("roots", "pem"), ("logs", "vkeys")):
        (tmp_path / "trust" / part).mkdir(parents=True)
        for site in (scene.site, stranger):
            source = site.folder / "trust" / part / f"site.{end}"
            shutil.copy(source, tmp_path / "trust" / part / f"{site.name}.{end}")
    records = stranger.records()
    with records.log:
        trust = TrustStore.load(tmp_path / "trust")
        (verdict,) = verify_study([folder], trust=trust, records=records).verdicts
    assert verdict.word is StudyWord.COMPLETE
    assert verdict.closing is not None
    assert "ko.dcm" in verdict.closing.source


def test_private_elements_may_be_lost(
    scene: Any, folder: Path, tmp_path: Path, edit: Callable[..., bytes]
) -> None:
    """Archives strip them: then the ledger must be asked."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    bare = edit((folder / "ko.dcm").read_bytes(), lambda d: d.remove_private_tags())
    (copy / "ko.dcm").write_bytes(bare)
    (verdict,) = verify_study([copy], trust=scene.site.trust).verdicts
    assert verdict.word is StudyWord.NOT_CLOSED
    records = scene.site.records()
    with records.log:
        (verdict,) = verify_study([copy], trust=scene.site.trust, records=records).verdicts
    assert verdict.word is StudyWord.DIFFERS  # the Key Object itself was stripped of its seal
    (copy / "ko.dcm").unlink()
    records = scene.site.records()
    with records.log:
        (verdict,) = verify_study([copy], trust=scene.site.trust, records=records).verdicts
    assert verdict.word is StudyWord.COMPLETE
