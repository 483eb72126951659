"""Evidence moved between images, patients, sites: nothing of it may pass for the image's own."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from benchmarks import replay
from provenance import EvidenceError, Site, Word, restore, seal, verify
from provenance.dicom.carrier import Carrier, read_carrier, remove_carrier, write_carrier
from provenance.dicom.read import read_instance
from provenance.dicom.write import instance_bytes
from provenance.findings import Code

Edit = Callable[[bytes, Callable[[pydicom.Dataset], object]], bytes]
Make = Callable[..., bytes]


def judge(data: bytes, site: Site) -> Word:
    return verify(data, trust=site.trust, records=site.records(), mark_key=site.mark_key).word


def carrier_of(data: bytes) -> Carrier:
    values = read_carrier(read_instance(data).dataset)
    assert values is not None
    return values


def with_carrier(data: bytes, values: Carrier) -> bytes:
    instance = read_instance(data)
    remove_carrier(instance.dataset)
    write_carrier(instance.dataset, values)
    return instance_bytes(instance)


@pytest.fixture(scope="module")
def two(site: Site, make_dicom: Make) -> tuple[bytes, bytes]:
    """Two sealed images of one device; the second is of other pixels."""
    pixels = np.random.default_rng(5).integers(0, 4096, (200, 232)).astype(np.uint16)
    with site.device() as device:
        first = seal(make_dicom(), device=device)
        second = seal(make_dicom(pixels), device=device)
    return first.to_bytes(), second.to_bytes()


def test_both_are_authentic(two: tuple[bytes, bytes], site: Site) -> None:
    assert [judge(data, site) for data in two] == [Word.AUTHENTIC] * 2


PARTS = ("statement", "annex", "receipt", "restore")


@pytest.mark.parametrize("moved", [m for m in product([0, 1], repeat=4) if any(m[:3])])
def test_no_mixture_of_two_seals_is_authentic(
    two: tuple[bytes, bytes], site: Site, moved: tuple[int, ...]
) -> None:
    own, other = carrier_of(two[0]), carrier_of(two[1])
    mixed = Carrier(
        *(getattr(other if m else own, part) for part, m in zip(PARTS, moved, strict=True))
    )
    word = judge(with_carrier(two[0], mixed), site)
    if moved[:3] == (0, 0, 1):
        # Only the receipt is foreign: the ledger itself still knows the seal, offline nothing does.
        assert word is Word.AUTHENTIC
        alone = verify(with_carrier(two[0], mixed), trust=site.trust)
        assert alone.word is Word.NOT_CHECKED
    else:
        assert word in (Word.ALTERED, Word.STRIPPED)


def test_seal_of_another_site(two: tuple[bytes, bytes], site: Site, stranger: Site) -> None:
    with stranger.device() as device:
        instance = read_instance(two[0])
        remove_carrier(instance.dataset)
        resealed = seal(instance_bytes(instance), device=device).to_bytes()
    assert judge(resealed, stranger) is Word.AUTHENTIC
    assert judge(resealed, site) in (Word.UNTRUSTED, Word.ALTERED)
    assert verify(resealed, trust=site.trust).word is Word.UNTRUSTED


def test_image_under_another_patient(two: tuple[bytes, bytes], site: Site, edit: Edit) -> None:
    def move(dataset: pydicom.Dataset) -> None:
        dataset.PatientName, dataset.PatientID = "Other^Person", "P-2"
        dataset.PatientBirthDate = "19991231"

    assert judge(edit(two[0], move), site) is Word.ALTERED


def test_header_of_the_other_image(two: tuple[bytes, bytes], site: Site) -> None:
    source, target = read_instance(two[0]), read_instance(two[1])
    target.dataset.PixelData = bytes(source.dataset.PixelData)
    remove_carrier(target.dataset)
    write_carrier(target.dataset, carrier_of(two[0]))
    assert judge(instance_bytes(target), site) is Word.ALTERED


def test_new_instance_uid_with_the_seal_kept(
    two: tuple[bytes, bytes], site: Site, edit: Edit
) -> None:
    def renew(dataset: pydicom.Dataset) -> None:
        dataset.SOPInstanceUID = generate_uid()
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID

    assert judge(edit(two[0], renew), site) is Word.ALTERED


def test_lossy_label_does_not_excuse_a_change(
    two: tuple[bytes, bytes], site: Site, edit: Edit
) -> None:
    """Saying "derived, lossy" of a doctored image that kept its UID earns nothing."""

    def doctor(dataset: pydicom.Dataset) -> None:
        dataset.ImageType = ["DERIVED", "PRIMARY"]
        dataset.LossyImageCompression = "01"
        pixels = dataset.pixel_array.copy()
        pixels[50:90, 60:100] = pixels[50:90, 60:100] // 2 + 900
        dataset.PixelData = pixels.tobytes()

    assert judge(edit(two[0], doctor), site) is Word.ALTERED


def test_the_unmarked_original_is_no_forgery(site: Site, make_dicom: Make, edit: Edit) -> None:
    """What a modality kept, or `restore` gave back, was never sealed itself."""
    data = make_dicom()
    with site.device() as device:
        sealed = seal(data, device=device)
    assert sealed.mark is not None
    restored = restore(sealed.to_bytes(), mark_key=site.mark_key).to_bytes()

    def renew(dataset: pydicom.Dataset) -> None:
        dataset.SOPInstanceUID = generate_uid()

    for copy in (data, restored, edit(data, renew)):
        verdict = verify(copy, trust=site.trust, records=site.records(), mark_key=site.mark_key)
        assert verdict.word is Word.UNSEALED
        assert Code.PIXELS_UNMARKED in {c.code for c in verdict.checks}

    def doctor(dataset: pydicom.Dataset) -> None:
        pixels = dataset.pixel_array.copy()
        pixels[100, 100] += 1
        dataset.PixelData = pixels.tobytes()

    assert judge(edit(data, doctor), site) is Word.ALTERED


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> replay.Scene:
    """Nine objects of two sites, and a verifier who trusts both sites and both logs."""
    return replay.make_scene(tmp_path_factory.mktemp("replay"))


OBJECTS = (
    *("image", "other image", "other patient", "sealed twice", "signed", "marked"),
    *("other marked", "other site", "corrected"),
)


def test_what_is_moved_is_accepted_where_it_belongs(scene: replay.Scene) -> None:
    assert tuple(each.name for each in scene.objects) == OBJECTS
    records = scene.site.records()
    with records.log:
        for each in scene.objects:
            word = verify(each.data, trust=scene.trust, records=records).word
            assert word is (Word.CORRECTED if each.name == "corrected" else Word.AUTHENTIC)


@pytest.mark.parametrize("name", OBJECTS)
@pytest.mark.parametrize("ledger", [False, True])
def test_no_combination_of_parts_is_accepted(scene: replay.Scene, name: str, ledger: bool) -> None:
    """Each subset of the parts of each other object; what is accepted was sealed so."""
    (target,) = [each for each in scene.objects if each.name == name]
    tried, accepted = 0, []
    records = scene.site.records()
    with records.log:
        for mixture in replay.mixtures(scene, target):
            tried += 1
            verdict = replay.judged(scene, mixture, records if ledger else None)
            if verdict.word not in replay.ACCEPTED:
                continue
            why = replay.why_accepted(scene, mixture, verdict, with_ledger=ledger)
            accepted.append(why)
            assert why != replay.MIXED, mixture
            if why == replay.RESTORE and "marked" in name:
                with pytest.raises(EvidenceError):
                    restore(mixture.data, mark_key=scene.site.mark_key)
            elif why == replay.RESTORE:
                assert not restore(mixture.data, mark_key=scene.site.mark_key).was_marked
    assert tried > 100
    assert replay.MIXED not in accepted
