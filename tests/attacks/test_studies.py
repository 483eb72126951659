"""Studies that are not what was closed, and closings that must not count."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.uid import generate_uid

from ledger import (
    Event,
    RefusedError,
    Role,
    StoreError,
    key_added_body,
    key_revoked_body,
)
from provenance import Site, Word
from provenance.dicom.read import read_instance
from provenance.dicom.write import instance_bytes
from provenance.errors import NotProvenError
from provenance.findings import Code
from provenance.records import Lookup, pseudonym
from provenance.sealing.chance import Chance as SealChance
from provenance.sealing.seal import seal_at_time
from provenance.site.erasure import erase_objects, plan_erasure
from provenance.site.founding import ROLES
from provenance.study.close import Chance, ClosedStudy, log_closing
from provenance.study.closing import ClosingBody
from provenance.study.closing_block import (
    CREATOR,
    ClosingBlock,
    read_closing_block,
    write_closing_block,
)
from provenance.study.key_object import key_object
from provenance.study.manifest import Manifest
from provenance.study.places import Places, taken_from
from provenance.study.present import look
from provenance.study.selection import KeyObjectNames
from provenance.study.survey import survey
from provenance.study.verdict import State, StudyVerdict, StudyWord
from provenance.study.verify import verify_study
from provenance.trust.certificates import certificate_der
from provenance.verifying.verifier import Verifier
from provenance.walk import walk

Edit = Callable[[bytes, Callable[[pydicom.Dataset], object]], bytes]


@dataclass
class Case:
    """A closed study, its Key Object, and folders to put files into."""

    scene: Any
    closed: ClosedStudy
    key_object: bytes
    folder: Path
    made: int = 0

    @property
    def slices(self) -> list[bytes]:
        return list(self.scene.slices)

    def judge(self, files: list[bytes], *, offline: bool = False) -> StudyVerdict:
        """Return the verdict on the study of these files."""
        self.made += 1
        folder = self.scene.write(self.folder / f"f{self.made}", files)
        site = self.scene.site
        records = None if offline else site.records()
        studies = verify_study([folder], trust=site.trust, records=records)
        if records is not None:
            records.log.close()
        return next(v for v in studies.verdicts if v.study_uid == self.scene.study_uid)

    def both(self, files: list[bytes]) -> list[StudyVerdict]:
        """The same by the ledger, and offline by the Key Object alone."""
        return [self.judge(files), self.judge([*files, self.key_object], offline=True)]


def close(scene: Any, folder: Path) -> tuple[ClosedStudy, bytes]:
    """Close the study of a folder, and return the sealed Key Object too."""
    chance, site = Chance.draw(), scene.site
    records = site.records()
    found = walk([folder])
    at = datetime.now(UTC)
    with records.log, site.device(Role.ARCHIVIST) as archivist, site.device() as device:
        verifier = Verifier(site.trust, records)
        seen = survey(found.files, verifier, salt=chance.salt, with_unsealed=False, with_mac=True)
        closed = log_closing(seen, archivist=archivist, records=records, at=at, chance=chance)
        data = key_object(
            closed,
            read_instance(found.files[0].path),
            macs={e.instance_uid: e.mac for e in seen.present if e.mac is not None},
            names=KeyObjectNames.draw(),
            at=at,
        )
        sealed = seal_at_time(data, device=device, profile=None, at=at, chance=SealChance.draw())
    return closed, sealed.to_bytes()


@pytest.fixture(scope="module")
def case(site: Site, make_study: Any, tmp_path_factory: pytest.TempPathFactory) -> Case:
    scene = make_study(site)
    folder = tmp_path_factory.mktemp("studies")
    closed, data = close(scene, scene.write(folder / "all"))
    return Case(scene, closed, data, folder)


def codes(verdict: StudyVerdict) -> set[Code]:
    return {finding.code for finding in verdict.findings}


def states(verdict: StudyVerdict) -> list[State]:
    return sorted(each.state for each in verdict.instances if each.state is not State.KEY_OBJECT)


def uid_of(data: bytes) -> str:
    return str(pydicom.dcmread(BytesIO(data)).SOPInstanceUID)


def resealed(case: Case, data: bytes, edit: Edit, **attributes: object) -> bytes:
    """Take the seal off, change the object, and seal it again by the same device."""

    def change(dataset: pydicom.Dataset) -> None:
        for keyword, value in attributes.items():
            setattr(dataset, keyword, value)

    from provenance.dicom.carrier import remove_carrier

    instance = read_instance(data)
    remove_carrier(instance.dataset)
    return bytes(case.scene.seal(edit(instance_bytes(instance), change)))


def test_nothing_is_wrong_at_first(case: Case) -> None:
    assert [v.word for v in case.both(case.slices)] == [StudyWord.COMPLETE] * 2


def test_an_image_is_missing(case: Case) -> None:
    for verdict in case.both(case.slices[:-1]):
        assert (verdict.word, verdict.exit_code) == (StudyWord.INCOMPLETE, 19)
        (finding,) = (f for f in verdict.findings if f.code is Code.STUDY_MISSING)
        assert finding.instances == (uid_of(case.slices[-1]),)


def test_two_exchanged_their_numbers(case: Case, edit: Edit) -> None:
    """Each is authentic by itself: the same device has sealed it again."""
    one = resealed(case, case.slices[0], edit, InstanceNumber=2)
    two = resealed(case, case.slices[1], edit, InstanceNumber=1)
    for verdict in case.both([one, two, *case.slices[2:]]):
        assert (verdict.word, verdict.exit_code) == (StudyWord.DIFFERS, 10)
        assert states(verdict).count(State.SWAPPED) == 2
        assert {each.word for each in verdict.instances} == {Word.AUTHENTIC}


def test_two_exchanged_their_positions(case: Case, edit: Edit) -> None:
    one = resealed(case, case.slices[0], edit, ImagePositionPatient=[0, 0, 5.0])
    two = resealed(case, case.slices[1], edit, ImagePositionPatient=[0, 0, 2.5])
    for verdict in case.both([one, two, *case.slices[2:]]):
        assert verdict.word is StudyWord.DIFFERS
        assert states(verdict).count(State.SWAPPED) == 2


@pytest.mark.parametrize("again", [True, False], ids=["sealed again", "as they are"])
def test_two_exchanged_their_pixels(case: Case, edit: Edit, again: bool) -> None:
    pixels = [bytes(pydicom.dcmread(BytesIO(data)).PixelData) for data in case.slices[:2]]
    if again:
        one = resealed(case, case.slices[0], edit, PixelData=pixels[1])
        two = resealed(case, case.slices[1], edit, PixelData=pixels[0])
    else:
        one = edit(case.slices[0], lambda d: setattr(d, "PixelData", pixels[1]))
        two = edit(case.slices[1], lambda d: setattr(d, "PixelData", pixels[0]))
    for verdict in case.both([one, two, *case.slices[2:]]):
        assert verdict.word is StudyWord.DIFFERS
        assert states(verdict).count(State.SWAPPED) == 2


def test_moved_into_another_series(case: Case, edit: Edit) -> None:
    moved = resealed(case, case.slices[0], edit, SeriesInstanceUID=generate_uid())
    for verdict in case.both([moved, *case.slices[1:]]):
        assert verdict.word is StudyWord.DIFFERS
        assert State.REPLACED in states(verdict)


def test_one_is_repeated_under_another_uid(case: Case, edit: Edit) -> None:
    again = resealed(case, case.slices[0], edit, SOPInstanceUID=generate_uid(), InstanceNumber=5)
    for verdict in case.both([*case.slices, again]):
        assert verdict.word is StudyWord.DIFFERS
        assert states(verdict).count(State.REPEATED) == 1


def test_one_is_replaced_by_another_seal(case: Case, edit: Edit) -> None:
    other = case.scene.seal(case.scene.slice(50, SOPInstanceUID=uid_of(case.slices[0])))
    for verdict in case.both([other, *case.slices[1:]]):
        assert verdict.word is StudyWord.DIFFERS
        assert State.REPLACED in states(verdict)


def test_a_second_file_under_a_listed_uid(case: Case) -> None:
    other = case.scene.seal(case.scene.slice(51, SOPInstanceUID=uid_of(case.slices[0])))
    for verdict in case.both([*case.slices, other]):
        assert verdict.word is StudyWord.DIFFERS


def test_an_image_of_another_patient_by_the_same_device(case: Case) -> None:
    other = case.scene.seal(case.scene.slice(52, PatientID="P-9", PatientName="Other^Person"))
    for verdict in case.both([*case.slices, other]):
        assert (verdict.word, verdict.exit_code) == (StudyWord.DIFFERS, 10)
        (finding,) = (f for f in verdict.findings if f.code is Code.STUDY_EXTRA)
        assert finding.instances == (uid_of(other),)


def test_two_contents_under_one_uid_are_not_closed(
    site: Site, make_study: Any, tmp_path: Path
) -> None:
    """Both are authentic; which of them belongs to the study nobody can say."""
    scene = make_study(site)
    other = scene.seal(scene.slice(51, SOPInstanceUID=uid_of(scene.slices[0])))
    folder = scene.write(tmp_path / "all", [*scene.slices, other])
    with pytest.raises(NotProvenError, match="other content under its UID"):
        close(scene, folder)
    with site.records().log as log:
        assert not log.find(
            pseudonym(site.records().lookup_key, Lookup.MANIFEST, scene.study_uid.encode())
        )


def test_a_place_that_several_share_is_nobodys(case: Case) -> None:
    """Sharing a number is no exchange: of such an image only that it is another is said."""
    one, two, three, _ = case.closed.manifest.instances
    shared = [replace(each, number=7, position=None) for each in (one, two)]
    places = Places.of([*shared, three])
    here = look(walk([case.folder / "all" / "000.dcm"]).files[0], Verifier(case.scene.site.trust))
    here = replace(here, number=7, position=None, image_root=None, original_root=None)
    assert taken_from(here, three, places) is None
    assert taken_from(here, three, Places.of([shared[0], three])) == one.instance_uid


def test_a_listed_image_lost_its_seal(case: Case) -> None:
    from provenance.dicom.carrier import remove_carrier

    instance = read_instance(case.slices[0])
    remove_carrier(instance.dataset)
    for verdict in case.both([instance_bytes(instance), *case.slices[1:]]):
        assert verdict.word is StudyWord.DIFFERS


def test_the_manifest_of_another_study(case: Case, make_study: Any, edit: Edit) -> None:
    """Its Key Object is moved over, and says of itself that it belongs here."""
    other = make_study(case.scene.site)
    _, data = close(other, other.write(case.folder / "other"))

    def move(dataset: pydicom.Dataset) -> None:
        dataset.StudyInstanceUID = case.scene.study_uid

    verdict = case.judge([*case.slices, edit(data, move)], offline=True)
    assert verdict.word is StudyWord.DIFFERS
    assert Code.CLOSING_BROKEN in codes(verdict)
    assert verdict.closing is None


def test_a_superseded_key_object_is_replayed(site: Site, make_study: Any, tmp_path: Path) -> None:
    scene = make_study(site)
    _, old = close(scene, scene.write(tmp_path / "all"))
    late = scene.seal(scene.slice(9))
    closed, new = close(scene, scene.write(tmp_path / "more", [*scene.slices, late]))
    case = Case(scene, closed, new, tmp_path)
    # the ledger knows better: what the old one lists is not all
    verdict = case.judge([*case.slices, old])
    assert verdict.word is StudyWord.INCOMPLETE
    assert Code.CLOSING_SUPERSEDED in codes(verdict)
    # offline, the newer one at hand counts
    verdict = case.judge([*case.slices, late, old, new], offline=True)
    assert verdict.word is StudyWord.COMPLETE
    assert Code.CLOSING_SUPERSEDED in codes(verdict)
    # with the old one alone, what came later is an alarm, and that there is a newer is not known
    assert case.judge([*case.slices, late, old], offline=True).word is StudyWord.DIFFERS
    assert case.judge([*case.slices, old], offline=True).word is StudyWord.COMPLETE


def test_an_older_closing_does_not_come_back_by_other_events(
    site: Site, make_study: Any, tmp_path: Path
) -> None:
    """Somebody who may append puts the older manifest beside the log again."""
    scene = make_study(site)
    first, _ = close(scene, scene.write(tmp_path / "all"))
    late = scene.seal(scene.slice(9))
    second, new = close(scene, scene.write(tmp_path / "more", [*scene.slices, late]))
    with site.device(Role.GATEWAY) as gateway:
        gateway.record(
            Event.VERIFIED,
            object_id=second.object_id,
            body={},
            at=datetime.now(UTC),
            annex=first.manifest.encode(),
        )
    case = Case(scene, second, new, tmp_path)
    assert case.judge(case.slices).word is StudyWord.NOT_CHECKED
    # the Key Object of the newest closing still tells
    assert case.judge([*case.slices, new]).word is StudyWord.INCOMPLETE
    assert case.judge([*case.slices, late, new]).word is StudyWord.COMPLETE


@pytest.mark.parametrize("role", [r for r in ROLES if r is not Role.ARCHIVIST])
def test_no_other_role_closes(case: Case, role: Role) -> None:
    with case.scene.site.device(role) as actor, pytest.raises(RefusedError):
        actor.record(
            Event.STUDY_CLOSED,
            object_id=case.closed.object_id,
            body=ClosingBody.of(case.closed.manifest).to_cbor(),
            at=datetime.now(UTC),
        )


def forged(case: Case, manifest: Manifest, *, role: Role) -> ClosingBlock:
    """A closing that another actor of the site has signed, and no log has taken."""
    site = case.scene.site
    with site.device(role) as actor:
        manifest = replace(manifest, certificates=actor.certificates)
        statement = actor.sign(
            Event.STUDY_CLOSED,
            object_id=secrets.token_bytes(12),
            object_link=actor.log.object_link(secrets.token_bytes(12)),
            body=ClosingBody.of(manifest).to_cbor(),
            at=datetime.now(UTC),
        )
    return ClosingBlock(statement, manifest.encode())


def with_block(data: bytes, block: ClosingBlock) -> bytes:
    """Put another closing into a Key Object."""
    from provenance.dicom.private_block import own_tags

    instance = read_instance(data)
    for tag in own_tags(instance.dataset, CREATOR):
        del instance.dataset[pydicom.tag.BaseTag(tag)]
    write_closing_block(instance.dataset, block)
    return instance_bytes(instance)


def shorter(case: Case) -> Manifest:
    return replace(case.closed.manifest, instances=case.closed.manifest.instances[:-1])


def test_a_key_object_signed_by_a_device(case: Case) -> None:
    """It lists one image less, and the device's certificate is trusted: for sealing."""
    data = with_block(case.key_object, forged(case, shorter(case), role=Role.DEVICE))
    verdict = case.judge([*case.slices[:-1], data], offline=True)
    assert (verdict.word, verdict.exit_code) == (StudyWord.UNTRUSTED, 12)
    assert Code.CLOSER_UNTRUSTED in codes(verdict)
    assert case.judge([*case.slices[:-1], data]).word is StudyWord.INCOMPLETE


def test_a_closing_that_was_never_logged(case: Case) -> None:
    """A stolen archivist's key, and nobody shall see it in the log."""
    data = with_block(case.key_object, forged(case, shorter(case), role=Role.ARCHIVIST))
    verdict = case.judge([*case.slices[:-1], data], offline=True)
    assert verdict.word in (StudyWord.DIFFERS, StudyWord.NOT_CHECKED)
    assert verdict.exit_code
    assert Code.CLOSING_NOT_LOGGED in codes(verdict)
    verdict = case.judge([*case.slices[:-1], data])
    assert verdict.word is StudyWord.INCOMPLETE


def test_the_receipt_of_another_statement(case: Case) -> None:
    block = read_closing_block(read_instance(case.key_object).dataset)
    assert block is not None
    false = replace(forged(case, shorter(case), role=Role.ARCHIVIST), receipt=block.receipt)
    verdict = case.judge([*case.slices[:-1], with_block(case.key_object, false)], offline=True)
    assert verdict.word is not StudyWord.COMPLETE
    assert Code.CLOSING_NOT_LOGGED in codes(verdict)


def test_a_tampered_manifest(case: Case) -> None:
    block = read_closing_block(read_instance(case.key_object).dataset)
    assert block is not None
    data = with_block(case.key_object, replace(block, manifest=shorter(case).encode()))
    for verdict in (
        case.judge([*case.slices[:-1], data], offline=True),
        case.judge([*case.slices[:-1], data]),
        case.judge([*case.slices, data]),
    ):
        assert (verdict.word, verdict.exit_code) == (StudyWord.DIFFERS, 10)
        assert Code.CLOSING_BROKEN in codes(verdict)


def test_a_broken_block(case: Case) -> None:
    instance = read_instance(case.key_object)
    (block,) = [t for t in instance.dataset.keys() if t == 0x52530010]  # noqa: SIM118
    element = pydicom.tag.BaseTag(0x52531002)
    assert block
    value = instance.dataset.get_item(element).value
    instance.dataset[element] = pydicom.DataElement(element, "OB", b"\xff" + bytes(value)[1:])
    verdict = case.judge([*case.slices, instance_bytes(instance)])
    assert verdict.word is StudyWord.DIFFERS
    assert Code.CLOSING_BROKEN in codes(verdict)


def test_references_that_are_not_the_manifest(case: Case, edit: Edit) -> None:
    def shorten(dataset: pydicom.Dataset) -> None:
        series = dataset.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
        del series.ReferencedSOPSequence[-1]

    for verdict in (
        case.judge([*case.slices, edit(case.key_object, shorten)], offline=True),
        case.judge([*case.slices, edit(case.key_object, shorten)]),
    ):
        assert verdict.word is StudyWord.DIFFERS
        assert Code.KEY_OBJECT_DIFFERS in codes(verdict)


def test_another_object_under_the_name_of_the_study(case: Case) -> None:
    """A device hangs one of its own under the pseudonym, and cannot hide the closing."""
    site = case.scene.site
    with site.device() as device:
        name = pseudonym(device.lookup_key, Lookup.MANIFEST, case.scene.study_uid.encode())
        device.record(
            Event.SEALED,
            object_id=secrets.token_bytes(12),
            body={},
            at=datetime.now(UTC),
            annex=b"nothing",
            pseudonyms=(name,),
        )
    assert case.judge(case.slices).word is StudyWord.COMPLETE


def test_a_closer_whom_nobody_vouches_for(
    site: Site, stranger: Site, make_study: Any, tmp_path: Path
) -> None:
    """Its key is in the log in the role, without a certificate."""
    scene = make_study(site)
    closed, data = close(scene, scene.write(tmp_path / "all"))
    unknown = stranger.signer(Role.ARCHIVIST)
    at = datetime.now(UTC)
    with site.device(Role.ARCHIVIST) as archivist:
        body = key_added_body(unknown.spki, role=Role.ARCHIVIST, certificate=None)
        archivist.record(Event.KEY_ADDED, object_id=None, body=body, at=at)
        manifest = replace(closed.manifest, instances=closed.manifest.instances[:-1])
        other = replace(archivist, signer=unknown)
        other.record(
            Event.STUDY_CLOSED,
            object_id=closed.object_id,
            body=ClosingBody.of(manifest).to_cbor(),
            at=at,
            annex=manifest.encode(),
        )
    case = Case(scene, closed, data, tmp_path)
    verdict = case.judge(case.slices[:-1])
    assert Code.CLOSER_UNTRUSTED in codes(verdict)
    assert verdict.word in (StudyWord.UNTRUSTED, StudyWord.NOT_CHECKED)
    # what counts is the closing before it, whose manifest the Key Object has
    assert case.judge([*case.slices[:-1], data]).word is StudyWord.INCOMPLETE


def test_a_closer_whose_key_was_revoked_before(
    stranger: Site, make_study: Any, tmp_path: Path
) -> None:
    own = Site.init(tmp_path / "site", name="own")
    scene = make_study(own)
    folder = scene.write(tmp_path / "all")
    with own.device(Role.ARCHIVIST) as archivist:
        second = stranger.signer(Role.ARCHIVIST)
        at = datetime.now(UTC)
        body = key_added_body(second.spki, role=Role.ARCHIVIST, certificate=None)
        archivist.record(Event.KEY_ADDED, object_id=None, body=body, at=at)
        kid = archivist.signer.kid
        replace(archivist, signer=second).record(
            Event.KEY_REVOKED,
            object_id=None,
            body=key_revoked_body(kid, reason="lost"),
            at=at,
        )
    with pytest.raises(RefusedError, match="revoked"):
        close(scene, folder)


def test_a_ledger_that_hides_the_newest_closing(
    site: Site, make_study: Any, tmp_path: Path
) -> None:
    """Its operator answers with the events of before; the Key Object has the receipt."""
    scene = make_study(site)
    first, _ = close(scene, scene.write(tmp_path / "all"))
    late = scene.seal(scene.slice(9))
    _, new = close(scene, scene.write(tmp_path / "more", [*scene.slices, late]))
    folder = scene.write(tmp_path / "f", [*scene.slices, new])
    records = site.records()

    class CutBack:
        def __getattr__(self, name: str) -> Any:
            return getattr(records.log, name)

        def events(self, object_id: bytes) -> Any:
            found = records.log.events(object_id)
            return found[:1] if object_id == first.object_id else found

        def annex(self, object_id: bytes) -> Any:
            known = object_id == first.object_id
            return first.manifest.encode() if known else records.log.annex(object_id)

    asked = replace(records, log=CutBack())
    (verdict,) = verify_study([folder], trust=site.trust, records=asked).verdicts
    records.log.close()
    assert verdict.word is StudyWord.UNTRUSTED
    assert Code.CLOSING_NOT_LOGGED in codes(verdict)


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        ({"role": Role.GATEWAY}, "not of an archivist"),
        ({"revoked_index": 1}, "revoked at entry 1"),
        ({"added_index": 10**6}, "added later"),
        ({"certificate": None}, "no certificate"),
        ({"certificate": "another's"}, "that of another"),
        ({}, ""),
    ],
    ids=["role", "revoked", "added later", "no certificate", "another's certificate", "honest"],
)
def test_a_log_that_took_what_it_must_not(case: Case, lie: dict[str, Any], words: str) -> None:
    """Its operator let a closing in: what the log says of the key is judged again."""
    site = case.scene.site
    records = site.records()
    archivist = site.signer(Role.ARCHIVIST).kid
    changes = dict(lie)
    if changes.get("certificate"):
        changes["certificate"] = certificate_der(site.certificate(Role.DEVICE))

    class Lying:
        def __getattr__(self, what: str) -> Any:
            return getattr(records.log, what)

        def key(self, kid: bytes) -> Any:
            found = records.log.key(kid)
            return replace(found, **changes) if kid == archivist else found

    case.made += 1
    folder = case.scene.write(case.folder / f"f{case.made}")
    lying = replace(records, log=Lying())
    (verdict,) = verify_study([folder], trust=site.trust, records=lying).verdicts
    records.log.close()
    if not lie:
        assert verdict.word is StudyWord.COMPLETE
        return
    assert (verdict.word, verdict.exit_code) == (StudyWord.UNTRUSTED, 12)
    (finding,) = (f for f in verdict.findings if f.code is Code.CLOSER_UNTRUSTED)
    assert words in finding.detail


def test_a_chain_with_a_closing_taken_out(site: Site, make_study: Any, tmp_path: Path) -> None:
    scene = make_study(site)
    first, _ = close(scene, scene.write(tmp_path / "all"))
    close(scene, tmp_path / "all")
    records = site.records()

    class Cut:
        def __getattr__(self, what: str) -> Any:
            return getattr(records.log, what)

        def events(self, object_id: bytes) -> Any:
            found = records.log.events(object_id)
            return found[1:] if object_id == first.object_id else found

    cut = replace(records, log=Cut())
    (verdict,) = verify_study([tmp_path / "all"], trust=site.trust, records=cut).verdicts
    records.log.close()
    assert verdict.word is StudyWord.UNTRUSTED
    assert Code.CLOSER_UNTRUSTED in codes(verdict)


def test_a_ledger_that_fails_for_the_closing_alone(case: Case) -> None:
    """The Key Object is whole; what the ledger would have said of a newer one is unknown."""
    site = case.scene.site
    records = site.records()
    name = pseudonym(records.lookup_key, Lookup.MANIFEST, case.scene.study_uid.encode())

    class Torn:
        def __getattr__(self, what: str) -> Any:
            return getattr(records.log, what)

        def find(self, asked: bytes) -> Any:
            if asked == name:
                raise StoreError("torn")
            return records.log.find(asked)

    folder = case.scene.write(case.folder / "torn", [*case.slices, case.key_object])
    torn = replace(records, log=Torn())
    (verdict,) = verify_study([folder], trust=site.trust, records=torn).verdicts
    records.log.close()
    assert (verdict.word, verdict.exit_code) == (StudyWord.NOT_CHECKED, 15)
    assert {each.word for each in verdict.instances} == {Word.AUTHENTIC}
    assert Code.STUDY_LEDGER_UNREACHABLE in codes(verdict)


def test_a_closing_without_a_receipt_proves_nothing_offline(case: Case) -> None:
    block = read_closing_block(read_instance(case.key_object).dataset)
    assert block is not None
    data = with_block(case.key_object, replace(block, receipt=None))
    verdict = case.judge([*case.slices, data], offline=True)
    assert (verdict.word, verdict.exit_code) == (StudyWord.NOT_CHECKED, 15)
    assert case.judge([*case.slices, data]).word is StudyWord.COMPLETE


def test_erased_it_is_proven_by_its_key_object(site: Site, make_study: Any, tmp_path: Path) -> None:
    """List and pseudonym are destroyed; the statement stays in the log for ever."""
    scene = make_study(site)
    closed, data = close(scene, scene.write(tmp_path / "all"))
    at = datetime.now(UTC)
    with site.writing_log() as log:
        plan = plan_erasure(log, [closed.object_id])
        erase_objects(log, plan, archivist=site.signer(Role.ARCHIVIST), reason="asked", at=at)
    case = Case(scene, closed, data, tmp_path)
    assert case.judge(case.slices).word is StudyWord.NOT_CLOSED
    assert case.judge([*case.slices, data]).word is StudyWord.COMPLETE
    assert case.judge([*case.slices[1:], data]).word is StudyWord.INCOMPLETE


def test_a_key_object_that_the_ledger_does_not_know(
    stranger: Site, make_study: Any, tmp_path: Path
) -> None:
    """Trusted, with no receipt: the ledger that was asked decides, and holds nothing of it."""
    scene = make_study(stranger)
    closed, data = close(scene, scene.write(tmp_path / "all"))
    case = Case(scene, closed, data, tmp_path)
    block = read_closing_block(read_instance(data).dataset)
    assert block is not None
    never = forged(case, closed.manifest, role=Role.ARCHIVIST)
    with stranger.writing_log() as log:
        plan = plan_erasure(log, [closed.object_id])
        erase_objects(
            log,
            plan,
            archivist=stranger.signer(Role.ARCHIVIST),
            reason="asked",
            at=datetime.now(UTC),
        )
    verdict = case.judge([*case.slices, with_block(data, never)])
    assert (verdict.word, verdict.exit_code) == (StudyWord.UNTRUSTED, 12)
    assert Code.CLOSER_UNTRUSTED in codes(verdict)


def test_the_commitment_binds_the_study(case: Case) -> None:
    manifest = case.closed.manifest
    moved = replace(manifest, study_uid="1.2.3")
    assert moved.commitment != manifest.commitment
    block = read_closing_block(read_instance(case.key_object).dataset)
    assert block is not None
    data = with_block(case.key_object, replace(block, manifest=moved.encode()))
    assert Code.CLOSING_BROKEN in codes(case.judge([*case.slices, data]))
