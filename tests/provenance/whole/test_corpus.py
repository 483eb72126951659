"""Every file of the corpus: sealed, verified, and attacked with plain pydicom.

One attack each: one sample by one grey level, side, spacing, name, carrier, another image, another
patient. Counts are printed by `pytest -rs -m corpus` as the number of cases that pass.
"""

import io
import os
import random
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from provenance import SealError, Site, UnreadableError, Word, restore, seal, verify
from provenance.dicom.carrier import read_carrier, remove_carrier, write_carrier
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import read_instance
from provenance.dicom.values import text
from provenance.dicom.write import instance_bytes, set_pixels
from provenance.image_tree import TILE

pytestmark = pytest.mark.corpus

CORPUS = (
    Path(os.environ.get("RADSEAL_CORPUS", Path(__file__).resolve().parents[4] / "shared")) / "data"
)
FILES = sorted(
    path
    for folder in ("radiographs_dicom", "dicom_formats")
    for path in (CORPUS / folder).glob("*")
    if path.is_file()
)
if not FILES:
    pytest.skip("the corpus folder data is not here", allow_module_level=True)


class _Case:
    """One sealed file and what attacks need of it."""

    def __init__(self, path: Path, site: Site) -> None:
        self.path = path
        self.site = site
        self.records = site.records()
        self.trust = site.trust
        self.original = path.read_bytes()
        with site.device() as device:
            self.sealed = seal(path, device=device)
        self.data = self.sealed.to_bytes()

    def verdict(self, data: bytes) -> Word:
        return self.judge(data).word

    def judge(self, data: bytes):  # type: ignore[no-untyped-def]
        return verify(data, trust=self.trust, records=self.records, mark_key=self.site.mark_key)

    def edit(self, change) -> bytes:  # type: ignore[no-untyped-def]
        instance = read_instance(self.data)
        change(instance.dataset)
        return instance_bytes(instance)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site.init(tmp_path_factory.mktemp("corpus") / "site", name="corpus")


@pytest.fixture(scope="module")
def cases() -> dict[Path, "_Case | UnreadableError | SealError"]:
    return {}


# One file, one worker: what was sealed for the first test serves the others.
@pytest.fixture(
    params=[pytest.param(p, marks=pytest.mark.xdist_group(p.name)) for p in FILES],
    ids=lambda p: p.name,
)
def case(
    request: pytest.FixtureRequest,
    site: Site,
    cases: dict[Path, "_Case | UnreadableError | SealError"],
) -> _Case:
    path: Path = request.param
    if path not in cases:
        cases.clear()  # parameters come grouped by file: keep one file in memory
        try:
            cases[path] = _Case(path, site)
        except (UnreadableError, SealError) as error:
            cases[path] = error
    found = cases[path]
    if not isinstance(found, _Case):
        # What cannot be sealed must be judged all the same, and never well.
        verdict = verify(path, trust=site.trust)
        if isinstance(found, UnreadableError):
            assert verdict.word is Word.UNREADABLE
        pytest.skip(f"cannot be sealed: {found}")
    return found


def test_unsealed_before_and_authentic_after(case: _Case) -> None:
    assert verify(case.original, trust=case.trust).word is Word.UNSEALED
    verdict = case.judge(case.data)
    assert verdict.word is Word.AUTHENTIC, [c for c in verdict.checks if c.status != "pass"]


def test_authentic_by_the_receipt_alone(case: _Case) -> None:
    assert verify(case.data, trust=case.trust).word is Word.AUTHENTIC


def test_one_sample_by_one_grey_level(case: _Case) -> None:
    instance = read_instance(case.data)
    geometry = pixel_geometry(instance)
    if geometry is None:
        pytest.skip("no pixels")
    chance = random.Random(case.path.name)
    samples = [frame.copy() for frame in frames(instance, geometry)]
    where = (
        chance.randrange(geometry.frames),
        chance.randrange(geometry.rows),
        chance.randrange(geometry.columns),
    )
    frame, row, column = where
    pixel = samples[frame][row, column]
    if geometry.kind == "int":
        high = (1 << (geometry.bits_stored - (1 if geometry.signed else 0))) - 1
        flat = np.ravel(pixel).copy()
        flat[0] = flat[0] - 1 if int(flat[0]) == high else flat[0] + 1
        samples[frame][row, column] = flat.reshape(np.shape(pixel))
    else:
        samples[frame][row, column] = np.nextafter(pixel, np.inf, dtype=samples[frame].dtype)
    written = set_pixels(instance, samples, geometry)
    verdict = case.judge(instance_bytes(written))
    assert verdict.word is Word.ALTERED
    (region,) = verdict.regions
    assert region.frame == frame
    assert (region.x, region.y) == (column // TILE * TILE, row // TILE * TILE)
    assert region.x <= column < region.x + region.w
    assert region.y <= row < region.y + region.h


def test_side_changed(case: _Case) -> None:
    def flip(dataset: pydicom.Dataset) -> None:
        dataset.Laterality = "L" if dataset.get("Laterality") == "R" else "R"

    assert case.verdict(case.edit(flip)) is Word.ALTERED


def test_image_side_changed(case: _Case) -> None:
    def flip(dataset: pydicom.Dataset) -> None:
        dataset.ImageLaterality = "L" if dataset.get("ImageLaterality") == "R" else "R"

    assert case.verdict(case.edit(flip)) is Word.ALTERED


def test_spacing_changed(case: _Case) -> None:
    def scale(dataset: pydicom.Dataset) -> None:
        dataset.PixelSpacing = [0.111, 0.222]

    assert case.verdict(case.edit(scale)) is Word.ALTERED


def test_name_changed(case: _Case) -> None:
    def rename(dataset: pydicom.Dataset) -> None:
        dataset.PatientName = "Another^Name"

    assert case.verdict(case.edit(rename)) is Word.HEADER_CHANGED


def test_carrier_removed(case: _Case) -> None:
    data = case.edit(lambda dataset: remove_carrier(dataset))
    if not text(read_instance(case.data).dataset, 0x00080018):
        assert case.verdict(data) in (Word.STRIPPED, Word.UNSEALED)
    else:
        assert case.verdict(data) is Word.STRIPPED


def test_carrier_removed_and_mark_alone(case: _Case) -> None:
    if case.sealed.mark is None:
        pytest.skip(f"unmarked: {case.sealed.unmarked}")
    data = case.edit(lambda dataset: remove_carrier(dataset))
    verdict = verify(data, trust=case.trust, mark_key=case.site.mark_key)
    assert verdict.word is Word.STRIPPED
    assert verdict.seal_id == case.sealed.seal_id


def test_seal_moved_to_another_image(case: _Case, site: Site) -> None:
    values = read_carrier(read_instance(case.data).dataset)
    assert values is not None
    other = pydicom.dcmread(pydicom.data.get_testdata_file("CT_small.dcm", download=False))
    other.SOPInstanceUID = generate_uid()
    write_carrier(other, values)
    buffer = io.BytesIO()
    other.save_as(buffer)
    assert case.verdict(buffer.getvalue()) is Word.ALTERED


def test_image_moved_under_another_patient(case: _Case) -> None:
    def move(dataset: pydicom.Dataset) -> None:
        dataset.PatientName = "Another^Patient"
        dataset.PatientID = "another-1"
        dataset.PatientBirthDate = "19010203"
        dataset.PatientSex = "F" if dataset.get("PatientSex") == "M" else "M"
        dataset.pop("StudyInstanceUID", None)  # pydicom would look at the old one, and warn
        dataset.StudyInstanceUID = generate_uid()

    assert case.verdict(case.edit(move)) is Word.ALTERED


def test_unknown_authority(case: _Case, tmp_path: Path) -> None:
    stranger = Site.init(tmp_path / "stranger", name="stranger")
    assert verify(case.data, trust=stranger.trust).word is Word.UNTRUSTED


def test_restored_bit_for_bit(case: _Case) -> None:
    before = read_instance(case.original)
    geometry = pixel_geometry(before)
    restored = restore(case.data, mark_key=case.site.mark_key)
    after = read_instance(restored.to_bytes())
    assert read_carrier(after.dataset) is None
    if geometry is None:
        return
    now = pixel_geometry(after)
    assert now is not None
    for was, found in zip(frames(before, geometry), frames(after, now), strict=True):
        np.testing.assert_array_equal(was, found)


def test_resaved_by_pydicom(case: _Case) -> None:
    dataset = pydicom.dcmread(io.BytesIO(case.data))
    buffer = io.BytesIO()
    try:
        dataset.save_as(buffer)
    except ValueError as error:
        pytest.skip(f"pydicom does not write it: {error}")
    assert case.verdict(buffer.getvalue()) is Word.AUTHENTIC


def test_truncated_is_never_fine(case: _Case) -> None:
    data = case.data[: len(case.data) * 3 // 4]
    assert case.verdict(data) not in (Word.AUTHENTIC, Word.UNSEALED)
