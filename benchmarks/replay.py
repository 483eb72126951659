"""Every part of every sealed object on every other: what is accepted was sealed so, part for part.

    python -m benchmarks.replay

Nine objects of two sites: other images, patients, studies, devices and logs, one sealed twice, one
before and after a correction, one with a PS3.15 signature, two with marks. Each takes each subset
of statement, annex, receipt, restore data, signature and pixels from each other, and is verified
with and without the ledger, by a verifier who trusts both sites and both logs.
"""

import argparse
import itertools
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from benchmarks.mutations.subjects import _dicom_signer, encoded, radiograph
from ledger import Role, TrustedLogs, read_key_lines
from provenance import Reason, Records, Site, TrustStore, Verdict, Word, correct, seal, verify
from provenance.dicom.carrier import Carrier, read_carrier, remove_carrier, write_carrier
from provenance.dicom.read import read_instance
from provenance.dicom.write import instance_bytes
from provenance.ps315.examine import State
from provenance.sealing.chance import Chance
from provenance.sealing.seal import seal_at_time

PARTS = ("statement", "annex", "receipt", "restore", "signature", "pixels")
CARRIED = PARTS[:4]
SIGNATURE, PIXELS = (0x4FFE0001, 0xFFFAFFFA), 0x7FE00010
ACCEPTED = (Word.AUTHENTIC, Word.CORRECTED)
GENUINE = "it is a genuine object, byte for byte in every part"
RECEIPT = "all but the receipt is of one object, and the ledger that was asked knows it"
RESTORE = "only the restore data are of another: `restore` refuses or needs none"
NO_RESTORE = "only the restore data are missing"
SIGNED = "only the PS3.15 signature is moved: valid over the same instance and pixels, else broken"
MIXED = "MIXED"


@dataclass(frozen=True, slots=True)
class Sealed:
    """An object taken apart; ``rest`` is the file without what is moved."""

    name: str
    data: bytes = field(repr=False)
    parts: dict[str, object] = field(repr=False)
    rest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Scene:
    """The objects, and a verifier who believes all that sealed them."""

    objects: tuple[Sealed, ...]
    trust: TrustStore
    site: Site


@dataclass(frozen=True, slots=True)
class Mixture:
    """A target with parts of a donor, and the genuine objects whose statement it could be."""

    target: str
    donor: str
    moved: tuple[str, ...]
    data: bytes = field(repr=False)
    parts: dict[str, object] = field(repr=False)
    rest: bytes = field(repr=False)


def make_scene(folder: Path) -> Scene:
    """Seal everything."""
    here = Site.init(folder / "here", name="here")
    there = Site.init(folder / "there", name="there")
    first = radiograph()
    same_patient = _other(radiograph(), pixels=1)
    other_patient = _other(radiograph(), patient=True)
    made: dict[str, bytes] = {}
    with here.device() as device:
        plain = encoded(first)
        made["image"] = seal(plain, device=device, profile="none").to_bytes()
        for name, dataset in (
            ("other image", same_patient),
            ("other patient", other_patient),
        ):
            made[name] = seal(encoded(dataset), device=device, profile="none").to_bytes()
        made["sealed twice"] = seal(plain, device=device, profile="none").to_bytes()
        made["signed"] = seal_at_time(
            plain,
            device=device,
            profile="none",
            at=datetime.now(UTC),
            chance=Chance.draw(),
            signer=_dicom_signer(),
        ).to_bytes()
        for name, step in (("marked", 0), ("other marked", 1)):
            dataset = _other(radiograph(200, 232), pixels=step)
            made[name] = seal(encoded(dataset), device=device).to_bytes()
    with there.device() as device:
        made["other site"] = seal(plain, device=device, profile="none").to_bytes()
    records = here.records()
    with records.log, here.device(Role.ARCHIVIST) as actor:
        made["corrected"] = correct(
            made["image"],
            {"PatientName": "Doe^Jane"},
            reason=Reason.CORRECT,
            actor=actor,
            records=records,
            trust=here.trust,
            system="PACS",
        ).to_bytes()
    return Scene(tuple(take_apart(n, d) for n, d in made.items()), _both(here, there), here)


def _other(dataset: Dataset, *, pixels: int = 0, patient: bool = False) -> Dataset:
    dataset.SOPInstanceUID = generate_uid()
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    if pixels:
        samples = bytearray(dataset.PixelData)
        samples[:4000] = samples[4000:8000]
        dataset["PixelData"].value = bytes(samples)
    if patient:
        dataset.PatientName, dataset.PatientID = "Other^Person", "P-2"
        dataset.PatientBirthDate, dataset.StudyInstanceUID = "19991231", generate_uid()
    return dataset


def _both(here: Site, there: Site) -> TrustStore:
    """Trust in the authorities and logs of two sites."""
    lines = []
    for site in (here, there):
        lines += (site.folder / "trust/logs/site.vkeys").read_text().splitlines()
    roots = (*here.trust.roots, *there.trust.roots)
    return TrustStore(roots, TrustedLogs.from_keys(list(read_key_lines(lines))))


def take_apart(name: str, data: bytes) -> Sealed:
    """Return the parts of an object, and the rest."""
    instance = read_instance(data)
    values = read_carrier(instance.dataset)
    assert values is not None
    parts: dict[str, object] = {part: getattr(values, part) for part in CARRIED}
    parts["signature"] = _cut(instance.dataset)
    parts["pixels"] = bytes(instance.dataset.get_item(PIXELS).value)
    remove_carrier(instance.dataset)
    for tag in (*SIGNATURE, PIXELS):
        instance.dataset.pop(tag, None)
    return Sealed(name, data, parts, instance_bytes(instance))


def _cut(dataset: Dataset) -> tuple[RawDataElement, ...] | None:
    """Return the elements of PS3.15 signatures as they lie there, to be compared and moved."""
    found: list[object] = [dataset.get_item(tag) for tag in SIGNATURE if tag in dataset]
    return tuple(e._replace(value_tell=0) for e in found if isinstance(e, RawDataElement)) or None


def mixtures(scene: Scene, target: Sealed) -> Iterator[Mixture]:
    """Yield the target with every subset of parts of every other object, each result once."""
    seen: set[tuple[object, ...]] = set()
    subsets = [s for n in range(1, len(PARTS) + 1) for s in itertools.combinations(PARTS, n)]
    for donor in scene.objects:
        for moved in subsets if donor is not target else ():
            parts = {p: (donor if p in moved else target).parts[p] for p in PARTS}
            key = tuple(parts.values())
            if key in seen or parts == target.parts:
                continue
            seen.add(key)
            data = _built(target, parts)
            yield Mixture(target.name, donor.name, moved, data, parts, target.rest)


def _built(target: Sealed, parts: dict[str, object]) -> bytes:
    instance = read_instance(target.data)
    dataset = instance.dataset
    for tag in SIGNATURE:
        dataset.pop(tag, None)
    element = dataset.get_item(PIXELS)
    dataset._dict[element.tag] = element._replace(value=parts["pixels"])  # type: ignore[attr-defined]
    signature = parts["signature"]
    for raw in signature if isinstance(signature, tuple) else ():
        dataset._dict[raw.tag] = raw
    remove_carrier(dataset)
    write_carrier(dataset, Carrier(*(parts[p] for p in CARRIED)))  # type: ignore[arg-type]
    return instance_bytes(instance)


def judged(scene: Scene, mixture: Mixture, records: Records | None) -> Verdict:  # type: ignore[type-arg]
    """Verify with or without the ledger."""
    return verify(mixture.data, trust=scene.trust, records=records)


def why_accepted(scene: Scene, mixture: Mixture, verdict: Verdict, *, with_ledger: bool) -> str:
    """Say why an accepted mixture may be: it has all that is signed from one genuine object."""
    signed = ("statement", "annex", "pixels")
    alike = [
        each
        for each in scene.objects
        if each.rest == mixture.rest and all(each.parts[p] == mixture.parts[p] for p in signed)
    ]
    for each in alike:
        differing = [p for p in PARTS if each.parts[p] != mixture.parts[p]]
        if not differing:
            return GENUINE
        valid = [s for s in verdict.signatures if s.state is State.VALID]
        if "signature" in differing and valid and not _signed_this(scene, mixture):
            return MIXED
        if "receipt" in differing:
            return RECEIPT if with_ledger else MIXED
        if "restore" in differing:
            return NO_RESTORE if mixture.parts["restore"] is None else RESTORE
        return SIGNED
    return MIXED


def _signed_this(scene: Scene, mixture: Mixture) -> bool:
    """Whether a PS3.15 signature was made over this instance and its pixels.

    A Creator signature leaves out the patient's name: after a correction it is valid still.
    """
    return any(
        each.parts["signature"] == mixture.parts["signature"]
        and each.parts["pixels"] == mixture.parts["pixels"]
        and _uid(each.rest) == _uid(mixture.rest)
        for each in scene.objects
    )


def _uid(rest: bytes) -> str:
    return str(read_instance(rest).dataset.SOPInstanceUID)


def main() -> int:
    """Try them all, and print the table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    counts: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    bad = []
    with tempfile.TemporaryDirectory() as folder:
        scene = make_scene(Path(folder))
        records = scene.site.records()
        with records.log:
            for target in scene.objects:
                for mixture in mixtures(scene, target):
                    for ledger in (False, True):
                        verdict = judged(scene, mixture, records if ledger else None)
                        word = str(verdict.word)
                        if verdict.word in ACCEPTED:
                            word = why_accepted(scene, mixture, verdict, with_ledger=ledger)
                            if word == MIXED:
                                bad.append((mixture, verdict.word, ledger))
                        counts[ledger][word] += 1
    print("| verdict | offline | with the ledger |\n| --- | --- | --- |")
    for word in sorted({*counts[True], *counts[False]}, key=lambda w: (len(w) > 20, w)):
        print(f"| {word} | {counts[False][word]} | {counts[True][word]} |")
    print(f"\n{counts[True].total()} combinations of {len(scene.objects)} objects, {len(bad)} bad.")
    for each in bad:
        print(*each)
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
