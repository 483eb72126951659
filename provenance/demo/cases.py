"""The cases: what is done to which image, and what must come out. Data and one maker each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ledger import Role
from provenance.correcting.correct import correct
from provenance.correcting.correction import Reason
from provenance.demo.pictures import cut_and_turned, pasted_mass, screenshot_png
from provenance.demo.result import BIT_EXACT
from provenance.demo.stage import NEVER_SEALED, Stage
from provenance.demo.transcode import to_jpeg_ls
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import read_instance
from provenance.forgeries.tamper import tamper
from provenance.judging.verdict import Word
from provenance.marks.restore import restore
from provenance.sealing.seal import seal

Maker = Callable[[Stage, str, Path], str]


@dataclass(frozen=True, slots=True)
class Case:
    """One case; ``make`` writes the object to a path and says what it did.

    ``offline`` asks the file alone, with the trust folder: no ledger, no mark key.
    """

    image: str
    slug: str
    title: str
    expected: str
    make: Maker
    offline: bool = False
    remark: str = ""
    suffix: str = ".dcm"


def _untouched(stage: Stage, image: str, path: Path) -> str:
    path.write_bytes(stage.images[image].path.read_bytes())
    return "nothing was done to it"


def _transcoded(stage: Stage, image: str, path: Path) -> str:
    path.write_bytes(to_jpeg_ls(stage.images[image].path))
    return "it was recompressed, losslessly, as JPEG-LS by another toolkit"


def _restored(stage: Stage, image: str, path: Path) -> str:
    restore(stage.images[image].path, mark_key=stage.site.mark_key).write(path)
    return "the mark was taken out again with the site's key"


def _forged(kind: str, *, donor: str | None = None) -> Maker:
    def make(stage: Stage, image: str, path: Path) -> str:
        other = None if donor is None else stage.images[donor].path
        forged = tamper(kind, stage.images[image].path, donor=other)
        forged.write(path)
        return forged.what

    return make


def _shot(stage: Stage, image: str, path: Path) -> str:
    return screenshot_png(stage.images[image].path, path)


def _shot_and_pasted(stage: Stage, image: str, path: Path) -> str:
    return pasted_mass(stage.images[image].path, path)


def _shot_and_turned(stage: Stage, image: str, path: Path) -> str:
    return cut_and_turned(stage.images[image].path, path)


def _never_sealed(stage: Stage, image: str, path: Path) -> str:
    path.write_bytes(stage.sources[image].read_bytes())
    return "it comes from somewhere else and was never sealed"


def _sealed_by_stranger(stage: Stage, image: str, path: Path) -> str:
    with stage.stranger.device() as device:
        seal(stage.sources[image], device=device).write(path)
    return "it was sealed by a site that this verifier has no reason to believe"


def _cut_short(stage: Stage, image: str, path: Path) -> str:
    whole = stage.images[image].path.read_bytes()
    path.write_bytes(whole[: len(whole) * 3 // 5])
    return "the transfer broke off after three fifths of the file"


def _flipped_bit(stage: Stage, image: str, path: Path) -> str:
    instance = read_instance(stage.images[image].path)
    carried = bytearray(instance.dataset[0x5253, 0x1001].value)
    carried[-9] ^= 1  # within the signature, the last 64 bytes of the statement
    data = bytearray(stage.images[image].path.read_bytes())
    at = data.find(bytes(instance.dataset[0x5253, 0x1001].value))
    data[at : at + len(carried)] = carried
    path.write_bytes(bytes(data))
    return "one bit of the seal's signature was flipped"


def _corrected(stage: Stage, image: str, path: Path) -> str:
    records = stage.site.records()
    with records.log, stage.site.device(Role.ARCHIVIST) as archivist:
        correct(
            stage.images[image].path,
            {"PatientName": "Corrected^Name"},
            reason=Reason.CORRECT,
            actor=archivist,
            records=records,
            trust=stage.site.trust,
            system="demo",
        ).write(path)
    return "the archivist corrected the patient's name, and the ledger says so"


def same_pixels(first: Path, second: Path) -> bool:
    """Whether two files hold the same samples, bit for bit."""
    one, other = read_instance(first), read_instance(second)
    shape, shape_now = pixel_geometry(one), pixel_geometry(other)
    if shape is None or shape_now is None or shape != shape_now:
        return False
    pairs = zip(frames(one, shape), frames(other, shape_now), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


CASES = (
    Case("chest", "untouched", "Untouched chest radiograph", Word.AUTHENTIC, _untouched),
    Case("leg", "untouched", "Untouched leg radiograph, JPEG 2000", Word.AUTHENTIC, _untouched),
    Case("head", "untouched", "Untouched CT, sealed without a mark", Word.AUTHENTIC, _untouched),
    Case("heart", "untouched", "Untouched clip of 120 lossy frames", Word.AUTHENTIC, _untouched),
    Case(
        "chest",
        "offline",
        "Checked offline by a stranger",
        Word.AUTHENTIC,
        _untouched,
        offline=True,
        remark="No ledger and no key: the receipt in the file and a folder of public keys suffice.",
    ),
    Case("chest", "transcoded", "Recompressed without loss", Word.AUTHENTIC, _transcoded),
    Case(
        "leg",
        "restored",
        "The original given back",
        BIT_EXACT,
        _restored,
        remark="Every sample equals the one that came from the detector, before it was marked.",
    ),
    Case("chest", "lesion", "A nodule added", Word.ALTERED, _forged("lesion")),
    Case("leg", "erase", "A finding erased", Word.ALTERED, _forged("erase")),
    Case("head", "lesion", "A lesion added to a CT", Word.ALTERED, _forged("lesion")),
    Case("perfusion", "lesion", "One of two frames retouched", Word.ALTERED, _forged("lesion")),
    Case("chest", "pixel", "One sample, one grey level", Word.ALTERED, _forged("pixel")),
    Case("leg", "laterality", "Left and right swapped", Word.ALTERED, _forged("laterality")),
    Case("head", "spacing", "Measurements stretched", Word.ALTERED, _forged("spacing")),
    Case(
        "chest",
        "transplant",
        "A seal moved to another image",
        Word.ALTERED,
        _forged("transplant", donor="leg"),
    ),
    Case("chest", "mirrored", "Mirrored, another patient", Word.ALTERED, _forged("transplant")),
    Case("chest", "identity", "Another patient's name", Word.HEADER_CHANGED, _forged("identity")),
    Case(
        "perfusion",
        "corrected",
        "A name corrected by the archivist",
        Word.CORRECTED,
        _corrected,
        remark="The old value stays in the object; the log holds salted commitments, and no name.",
    ),
    Case("chest", "strip", "The seal removed", Word.STRIPPED, _forged("strip")),
    Case("leg", "signature", "One bit of the seal flipped", Word.STRIPPED, _flipped_bit),
    Case("chest", "lossy", "A lossy copy", Word.DERIVED, _forged("lossy")),
    Case("chest", "screenshot", "A screenshot", Word.DERIVED, _forged("screenshot")),
    Case("leg", "screenshot", "A screenshot", Word.DERIVED, _forged("screenshot")),
    Case(
        "chest",
        "picture",
        "A screenshot, saved as PNG",
        Word.DERIVED,
        _shot,
        remark="No header and no seal are left; the mark names the image, and the thumbnail fits.",
        suffix=".png",
    ),
    Case(
        "chest",
        "picture-moved",
        "A screenshot, turned and cut",
        Word.DERIVED,
        _shot_and_turned,
        remark="The mark is found blindly: nobody says how it was turned or where it was cut.",
        suffix=".jpg",
    ),
    Case(
        "chest",
        "picture-forged",
        "A screenshot, a mass pasted in",
        Word.ALTERED,
        _shot_and_pasted,
        remark="What was pasted does not fit the sealed thumbnail, and bears no mark.",
        suffix=".png",
    ),
    Case(NEVER_SEALED, "unsealed", "Never sealed", Word.UNSEALED, _never_sealed),
    Case(NEVER_SEALED, "stranger", "Sealed by a stranger", Word.UNTRUSTED, _sealed_by_stranger),
    Case("chest", "broken", "A broken file", Word.UNREADABLE, _cut_short),
)
