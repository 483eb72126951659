"""Closing a study and verifying it: what is legal, and what is told."""

from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.uid import generate_uid

from ledger import Event, RefusedError, Role, StoreError
from provenance import Reason, Site, Word, correct
from provenance.errors import EvidenceMissingError, NotProvenError
from provenance.explanations.studies import study_explanation
from provenance.findings import Code
from provenance.records import Lookup, Records
from provenance.site.erasure import erase_objects, plan_erasure
from provenance.study.close import ClosedStudy, close_study
from provenance.study.verdict import State, StudyVerdict, StudyWord
from provenance.study.verify import verify_study

PRESENTATION_STATE = "1.2.840.10008.5.1.4.1.1.11.1"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"


@pytest.fixture(scope="module")
def scene(site: Site, make_study: Callable[[Site], Any]) -> Any:
    return make_study(site)


@pytest.fixture(scope="module")
def closed(scene: Any, tmp_path_factory: pytest.TempPathFactory) -> ClosedStudy:
    return close(scene, scene.write(tmp_path_factory.mktemp("study") / "all"))


def close(scene: Any, folder: Path, **more: Any) -> ClosedStudy:
    records = scene.site.records()
    with records.log, scene.site.device(Role.ARCHIVIST) as archivist:
        return close_study(
            [folder], archivist=archivist, records=records, trust=scene.site.trust, **more
        )


def judge(scene: Any, folder: Path, *, offline: bool = False) -> StudyVerdict:
    records = None if offline else scene.site.records()
    studies = verify_study([folder], trust=scene.site.trust, records=records)
    if records is not None:
        records.log.close()
    (verdict,) = studies.verdicts
    return verdict


def codes(verdict: StudyVerdict) -> set[Code]:
    return {finding.code for finding in verdict.findings}


def states(verdict: StudyVerdict) -> list[State]:
    return [each.state for each in verdict.instances]


def later(scene: Any, class_uid: str, *, pixels: bool = False) -> bytes:
    """An object of another class that joins the study, unsealed."""
    dataset = pydicom.dcmread(BytesIO(scene.slice(90, SOPInstanceUID=generate_uid())))
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = class_uid
    if not pixels:
        del dataset.PixelData, dataset.Rows, dataset.Columns
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def test_a_closed_study_is_complete(scene: Any, closed: ClosedStudy, tmp_path: Path) -> None:
    verdict = judge(scene, scene.write(tmp_path / "s"))
    assert verdict.word is StudyWord.COMPLETE
    assert verdict.exit_code == 0
    assert states(verdict) == [State.AS_LISTED] * 4
    assert {each.word for each in verdict.instances} == {Word.AUTHENTIC}
    assert verdict.closing is not None
    assert verdict.closing.log_index == closed.log_index
    assert Code.STUDY_AS_LISTED in codes(verdict)
    with pytest.raises(TypeError):
        bool(verdict)


def test_every_word_is_explained() -> None:
    for word in StudyWord:
        words = study_explanation(word.value)
        assert words.says
        assert words.why


def test_the_log_shows_nothing_of_the_study(scene: Any, closed: ClosedStudy) -> None:
    for secret in (scene.study_uid, scene.series_uid, closed.manifest.instances[0].instance_uid):
        assert secret.encode() not in closed.statement
    for root in (closed.manifest.root, *(i.object_root for i in closed.manifest.instances)):
        assert root not in closed.statement


def test_it_is_found_by_a_pseudonym_of_its_own(scene: Any, closed: ClosedStudy) -> None:
    records = scene.site.records()
    with records.log:
        uid = scene.study_uid.encode()
        assert records.find(Lookup.MANIFEST, uid) == (closed.object_id,)
        assert closed.object_id not in records.find(Lookup.STUDY, uid)


def test_a_study_that_nobody_closed(site: Site, make_study: Any, tmp_path: Path) -> None:
    fresh = make_study(site)
    verdict = judge(fresh, fresh.write(tmp_path / "s"))
    assert (verdict.word, verdict.exit_code) == (StudyWord.NOT_CLOSED, 11)
    assert Code.STUDY_NOT_CLOSED in codes(verdict)
    assert judge(fresh, tmp_path / "s", offline=True).word is StudyWord.NOT_CLOSED


def test_offline_without_a_key_object_it_is_not_closed(
    scene: Any, closed: ClosedStudy, tmp_path: Path
) -> None:
    verdict = judge(scene, scene.write(tmp_path / "s"), offline=True)
    assert verdict.word is StudyWord.NOT_CLOSED


@pytest.mark.parametrize("class_uid", [PRESENTATION_STATE, SEGMENTATION])
def test_what_comes_later_legally_is_no_alarm(
    scene: Any, closed: ClosedStudy, tmp_path: Path, class_uid: str
) -> None:
    added = later(scene, class_uid, pixels=class_uid == SEGMENTATION)
    verdict = judge(scene, scene.write(tmp_path / "s", [*scene.slices, added]))
    assert verdict.word is StudyWord.COMPLETE
    assert State.ADDED_LATER in states(verdict)
    assert Code.STUDY_ADDED_LATER in codes(verdict)


def test_an_image_that_calls_itself_a_presentation_state_is_an_alarm(
    scene: Any, closed: ClosedStudy, tmp_path: Path
) -> None:
    added = later(scene, PRESENTATION_STATE, pixels=True)
    verdict = judge(scene, scene.write(tmp_path / "s", [*scene.slices, added]))
    assert verdict.word is StudyWord.DIFFERS
    assert State.EXTRA in states(verdict)


def test_the_same_file_twice_is_told_and_no_alarm(
    scene: Any, closed: ClosedStudy, tmp_path: Path
) -> None:
    verdict = judge(scene, scene.write(tmp_path / "s", [*scene.slices, scene.slices[1]]))
    assert verdict.word is StudyWord.COMPLETE
    (finding,) = (f for f in verdict.findings if f.code is Code.STUDY_REPEATED)
    assert len(finding.instances) == 1


def test_late_images_and_a_second_closing(site: Site, make_study: Any, tmp_path: Path) -> None:
    fresh = make_study(site)
    first = close(fresh, fresh.write(tmp_path / "a"))
    late = fresh.seal(fresh.slice(9))
    folder = fresh.write(tmp_path / "b", [*fresh.slices, late])
    assert judge(fresh, folder).word is StudyWord.DIFFERS
    second = close(fresh, folder)
    assert second.object_id == first.object_id
    assert second.superseded == 1
    verdict = judge(fresh, folder)
    assert verdict.word is StudyWord.COMPLETE
    assert Code.CLOSING_SUPERSEDES in codes(verdict)
    assert judge(fresh, tmp_path / "a").word is StudyWord.INCOMPLETE


def test_corrected_after_closing(site: Site, make_study: Any, tmp_path: Path) -> None:
    fresh = make_study(site)
    close(fresh, fresh.write(tmp_path / "a"))
    records = site.records()
    with records.log, site.device(Role.ARCHIVIST) as actor:
        corrected = correct(
            fresh.slices[0],
            {"PatientName": "Doe^Jane"},
            reason=Reason.CORRECT,
            actor=actor,
            records=records,
            trust=site.trust,
            system="test",
        ).to_bytes()
    verdict = judge(fresh, fresh.write(tmp_path / "b", [corrected, *fresh.slices[1:]]))
    assert verdict.word is StudyWord.COMPLETE
    assert Word.CORRECTED in {each.word for each in verdict.instances}


def moved(scene: Any, data: bytes, uid: str) -> bytes:
    """Correct the study of an object."""
    records = scene.site.records()
    with records.log, scene.site.device(Role.ARCHIVIST) as actor:
        return correct(
            data,
            {"StudyInstanceUID": uid},
            reason=Reason.COERCE,
            actor=actor,
            records=records,
            trust=scene.site.trust,
            system="test",
        ).to_bytes()


def test_a_study_that_was_moved(
    site: Site, make_study: Any, tmp_path: Path, edit: Callable[..., bytes]
) -> None:
    fresh = make_study(site)
    close(fresh, fresh.write(tmp_path / "a"))
    uid = generate_uid()
    files = [moved(fresh, data, uid) for data in fresh.slices]
    verdict = judge(fresh, fresh.write(tmp_path / "b", files))
    assert (verdict.word, verdict.study_uid) == (StudyWord.COMPLETE, uid)
    assert Code.STUDY_MOVED in codes(verdict)
    assert judge(fresh, fresh.write(tmp_path / "c", files[1:])).word is StudyWord.INCOMPLETE
    # without a word, or by the object's word alone, nothing leads back
    silent = [edit(d, lambda each: setattr(each, "StudyInstanceUID", uid)) for d in fresh.slices]
    verdict = judge(fresh, fresh.write(tmp_path / "d", silent))
    assert verdict.word is StudyWord.NOT_CLOSED
    bare = [edit(data, lambda each: each.pop("OriginalAttributesSequence")) for data in files]
    assert judge(fresh, fresh.write(tmp_path / "e", bare)).word is not StudyWord.COMPLETE
    # closed again under its new name, the newer closing counts
    close(fresh, tmp_path / "c")
    verdict = judge(fresh, tmp_path / "b")
    assert verdict.word is StudyWord.DIFFERS
    assert Code.STUDY_MOVED not in codes(verdict)


@pytest.mark.parametrize("closed_after", [0, 1])
def test_a_study_that_was_moved_twice(
    site: Site, make_study: Any, tmp_path: Path, closed_after: int
) -> None:
    fresh = make_study(site)
    files = fresh.slices[:2]
    for number in range(3):
        if number == closed_after:
            close(fresh, fresh.write(tmp_path / "a", files))
        if number < 2:
            uid = generate_uid()
            files = [moved(fresh, data, uid) for data in files]
    verdict = judge(fresh, fresh.write(tmp_path / "b", files))
    assert verdict.word is StudyWord.COMPLETE
    assert Code.STUDY_MOVED in codes(verdict)


def test_what_an_object_named_before_it_was_sealed_is_no_former_study(
    site: Site, make_study: Any, tmp_path: Path
) -> None:
    """It is history that nobody of the log answers for."""
    fresh, other = make_study(site), make_study(site)
    close(other, other.write(tmp_path / "a"))
    item, modified = pydicom.Dataset(), pydicom.Dataset()
    modified.StudyInstanceUID = other.study_uid
    item.ModifiedAttributesSequence = [modified]
    data = fresh.seal(fresh.slice(1, OriginalAttributesSequence=[item]))
    verdict = judge(fresh, fresh.write(tmp_path / "b", [moved(fresh, data, generate_uid())]))
    assert {each.word for each in verdict.instances} == {Word.CORRECTED}
    assert (verdict.word, verdict.closing) == (StudyWord.NOT_CLOSED, None)


def test_another_study_cannot_be_claimed_as_the_former_one(
    site: Site, make_study: Any, tmp_path: Path
) -> None:
    """An object that is moved, and lies about where from."""
    fresh, other = make_study(site), make_study(site)
    while len(other.study_uid) != len(fresh.study_uid):
        other = make_study(site)
    close(other, other.write(tmp_path / "a"))
    uid = generate_uid()
    files = [moved(fresh, data, uid) for data in fresh.slices]

    def lie(data: bytes) -> bytes:
        assert data.count(fresh.study_uid.encode()) == 1
        return data.replace(fresh.study_uid.encode(), other.study_uid.encode())

    verdict = judge(fresh, fresh.write(tmp_path / "b", [lie(data) for data in files]))
    assert verdict.closing is None


def test_the_study_is_never_better_than_its_worst_instance(
    scene: Any, closed: ClosedStudy, tmp_path: Path, edit: Callable[..., bytes]
) -> None:
    def rename(dataset: pydicom.Dataset) -> None:
        dataset.PatientName = "Doe^Jane"

    files = [edit(scene.slices[0], rename), *scene.slices[1:]]
    verdict = judge(scene, scene.write(tmp_path / "s", files))
    assert (verdict.word, verdict.exit_code) == (StudyWord.UNPROVEN, 18)
    assert verdict.worst is Word.HEADER_CHANGED


def test_what_has_no_seal_is_refused_unless_told(
    site: Site, make_study: Any, tmp_path: Path, edit: Callable[..., bytes]
) -> None:
    fresh = make_study(site)
    plain = fresh.slice(7)
    folder = fresh.write(tmp_path / "s", [*fresh.slices, plain])
    with pytest.raises(NotProvenError, match="UNSEALED"):
        close(fresh, folder)
    close(fresh, folder, with_unsealed=True)
    verdict = judge(fresh, folder)
    assert (verdict.word, verdict.exit_code) == (StudyWord.UNPROVEN, 11)
    assert Code.STUDY_LISTED_UNSEALED in codes(verdict)
    assert set(states(verdict)) == {State.AS_LISTED}

    def touch(dataset: pydicom.Dataset) -> None:
        dataset.PatientName = "Doe^Jane"

    changed = fresh.write(tmp_path / "c", [*fresh.slices, edit(plain, touch)])
    verdict = judge(fresh, changed)
    assert verdict.word is StudyWord.DIFFERS
    assert State.REPLACED in states(verdict)


def test_two_studies_are_not_closed_as_one(site: Site, make_study: Any, tmp_path: Path) -> None:
    one, other = make_study(site), make_study(site)
    folder = one.write(tmp_path / "s", [*one.slices, other.slices[0]])
    with pytest.raises(NotProvenError, match=other.study_uid):
        close(one, folder)
    records = site.records()
    with records.log:
        assert not records.find(Lookup.MANIFEST, one.study_uid.encode())


def test_nothing_is_not_closed(scene: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvidenceMissingError):
        close(scene, tmp_path / "empty")


def test_only_an_archivist_closes(scene: Any, tmp_path: Path) -> None:
    records = scene.site.records()
    folder = scene.write(tmp_path / "s")
    with records.log, scene.site.device(Role.OPERATOR) as other, pytest.raises(RefusedError):
        close_study([folder], archivist=other, records=records, trust=scene.site.trust)


def test_erased_it_is_not_checked_and_can_be_closed_anew(
    site: Site, make_study: Any, tmp_path: Path
) -> None:
    fresh = make_study(site)
    folder = fresh.write(tmp_path / "s")
    first = close(fresh, folder)
    at = datetime.now(UTC)
    with site.writing_log() as log:
        archivist = site.signer(Role.ARCHIVIST)
        plan = plan_erasure(log, [first.object_id])
        erase_objects(log, plan, archivist=archivist, reason="asked", at=at)
    # the pseudonym is gone with the manifest: nothing tells that it ever was closed
    assert judge(fresh, folder).word is StudyWord.NOT_CLOSED
    second = close(fresh, folder)
    assert second.object_id != first.object_id
    assert judge(fresh, folder).word is StudyWord.COMPLETE


def test_a_manifest_that_was_replaced_beside_the_log_is_not_checked(
    site: Site, make_study: Any, tmp_path: Path
) -> None:
    fresh = make_study(site)
    folder = fresh.write(tmp_path / "s")
    first = close(fresh, folder)
    with site.device(Role.GATEWAY) as gateway:
        gateway.record(
            Event.VERIFIED,
            object_id=first.object_id,
            body={},
            at=datetime.now(UTC),
            annex=b"another",
        )
    verdict = judge(fresh, folder)
    assert (verdict.word, verdict.exit_code) == (StudyWord.NOT_CHECKED, 15)
    assert Code.CLOSING_NOT_KEPT in codes(verdict)


def test_a_ledger_that_fails_is_not_silence(
    scene: Any, closed: ClosedStudy, tmp_path: Path
) -> None:
    folder = scene.write(tmp_path / "s")
    records = scene.site.records()
    records.log.close()

    class Torn:
        origin = "torn"

        def __getattr__(self, name: str) -> Any:
            raise StoreError("torn")

    broken = Records(Torn(), records.lookup_key)  # type: ignore[arg-type]
    (verdict,) = verify_study([folder], trust=scene.site.trust, records=broken).verdicts
    assert (verdict.word, verdict.exit_code) == (StudyWord.NOT_CHECKED, 15)
