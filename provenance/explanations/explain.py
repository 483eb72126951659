"""Look up what a code means, however it was typed; for an unknown one, the nearest codes."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from provenance.claims.kept_annex import CANNOT_KEEP
from provenance.derivation.derivation_refusals import NOT_A_COPY, OTHER_PATIENT, TOO_MUCH, UNLIKE
from provenance.dicom.original_attributes import CANNOT_RECORD
from provenance.dicom.replace import CANNOT_WRITE
from provenance.errors import Unreadable
from provenance.explanations import EXPLANATIONS, Explanation
from provenance.explanations.deidentifications import REFUSALS
from provenance.judging.verdict import EXIT_CODES, Word
from provenance.study.verdict import CANNOT_DESCRIBE

NEAR = 4
_AGAIN = "Fetch the file again from where it came from."
_NOT_TAMPERED = "It does not mean that the file was tampered with."


def _unreadable(says: str, why: str, do: str = _AGAIN) -> Explanation:
    return Explanation(says, why, do, _NOT_TAMPERED)


# Why a file cannot be decoded (errors.Unreadable), and why one cannot be sealed (SealError).
REASONS: Mapping[str, Explanation] = {
    Unreadable.TOO_LARGE: _unreadable(
        "The file exceeds the size that is read.",
        "A file of more than 2 GiB is not read into memory.",
        "Split the multi-frame object, if it is one you trust.",
    ),
    Unreadable.NOT_DICOM: _unreadable(
        "The file is not a DICOM object.",
        "It has neither the DICM prefix of PS3.10 nor the beginning of a dataset.",
        "Leave it out, or ask for the DICOM object it was made from.",
    ),
    Unreadable.TRUNCATED: _unreadable(
        "The file ends too early.", "A transfer was cut short, or the file is damaged."
    ),
    Unreadable.MALFORMED: _unreadable(
        "The dataset breaks its own structure.",
        "Lengths, value representations or delimiters contradict each other (PS3.5 section 7).",
    ),
    Unreadable.DUPLICATE: _unreadable(
        "An attribute stands twice in the dataset.",
        "PS3.5 section 7.1 forbids it: two readers would see two different objects.",
    ),
    Unreadable.TOO_DEEP: _unreadable(
        "Sequences are nested too deep.", "No information object of DICOM needs that depth."
    ),
    Unreadable.TOO_MANY: _unreadable(
        "The dataset holds too many elements.", "More than a million elements are not read."
    ),
    Unreadable.INFLATE: _unreadable(
        "The deflated dataset cannot be inflated.",
        "It is damaged, or inflates to more than is read into memory (PS3.5 A.5).",
    ),
    Unreadable.TRANSFER_SYNTAX: _unreadable(
        "The transfer syntax is unknown, or is not one of images.",
        "A private transfer syntax, or video.",
        "Have the sender transcode it without loss.",
    ),
    Unreadable.CODEC_MISSING: _unreadable(
        "The frames need a codec that is not installed.",
        "Only native and RLE frames are decoded without radseal[codecs].",
        "Install it: pip install 'radseal[codecs]'.",
    ),
    Unreadable.GEOMETRY: _unreadable(
        "Rows, Columns, bits or samples are missing or contradict each other.",
        "The image pixel module (PS3.3 C.7.6.3) is incomplete or out of bounds.",
    ),
    Unreadable.PIXEL_BYTES: _unreadable(
        "Pixel Data has another length than its geometry says.",
        "The file is cut short, or Rows, Columns or Number of Frames were changed.",
    ),
    Unreadable.FRAGMENTS: _unreadable(
        "The fragments of Pixel Data cannot be put together to frames.",
        "The offset tables or the number of fragments are wrong (PS3.5 A.4).",
    ),
    Unreadable.CODESTREAM: _unreadable(
        "A compressed frame does not decode.",
        "Its codestream is damaged, or is not of the transfer syntax that is named.",
    ),
    "SE101": Explanation(
        "The object carries a seal already.",
        "An object is sealed once, when it is made; its seal stays with it.",
        "Verify it instead: radseal verify. A copy that you changed is a new object: give it its "
        "own SOP Instance UID, and remove the old seal with radseal restore.",
        "It does not mean that the seal is good: radseal verify says that.",
    ),
    "SE102": Explanation(
        "The object cannot carry a mark.",
        "Marks need one frame of grey samples, 8 to 16 bits deep.",
        "Seal it unmarked: --watermark none, or leave the option out.",
        "It does not mean that the object cannot be sealed.",
    ),
    "SE103": Explanation(
        "The image is too small, too flat or too saturated to carry a mark.",
        "A mark stays below the image's own noise; where there is none, there is no room.",
        "Seal it unmarked: --watermark none, or leave the option out.",
        "It does not mean that the object cannot be sealed.",
    ),
    "SE104": Explanation(
        "There is no mark profile of that name.",
        "Profiles are fixed strengths of the mark.",
        "Leave --watermark out: the modality decides.",
        "",
    ),
    CANNOT_WRITE: Explanation(
        "The object cannot be written as it must be.",
        "An element has no encoding, or the samples do not fit the object's own.",
        "Seal the object as the device made it, in an encoding without loss.",
        "It does not mean that the object was changed.",
    ),
    CANNOT_KEEP: Explanation(
        "The correction is too large to be kept.",
        "Its values, or all corrections of the object together, exceed what is kept beside the "
        "log.",
        "Correct fewer attributes at a time, or shorter ones.",
        "It does not mean that the object was changed.",
    ),
    CANNOT_RECORD: Explanation(
        "The corrected object cannot be written as it must be.",
        "Read back, it does not say exactly what was asked for, or its Original Attributes "
        "Sequence cannot be continued.",
        "Have the object stored in Explicit VR Little Endian without change, and correct that.",
        "It does not mean that the object was changed: nothing was logged.",
    ),
    CANNOT_DESCRIBE: Explanation(
        "The Key Object of the study cannot be written.",
        "Patient or study of its instances hold what cannot be written again.",
        "Close the study without --kos; the ledger knows the manifest all the same.",
        "It does not mean that the study cannot be closed.",
    ),
    NOT_A_COPY: Explanation(
        "The object is no copy that could be signed as one.",
        "It has the SOP Instance UID of a parent or of another original, none at all, or carries a "
        "seal that is no parent's.",
        "Give the copy a SOP Instance UID of its own; of an object with a seal of its own make the "
        "copy without it.",
        "It does not mean that its pixels are wrong: they were not looked at.",
    ),
    OTHER_PATIENT: Explanation(
        "The copy stands under another patient or study than its parents.",
        "PatientID, PatientName and StudyInstanceUID must be theirs; birth date, sex and issuer "
        "must not contradict.",
        "Correct the copy's header, or the parent's (radseal correct), before you sign.",
        "It does not mean that the pixels are another patient's.",
    ),
    UNLIKE: Explanation(
        "The copy provably shows another picture than its parents.",
        "No frame of a parent is equal to it, resembles it, or holds it as a part; nor does a "
        "mark in it name a parent.",
        "See that the parents are the right ones, and that --kind says what was done.",
        "Of a copy that was turned, bent or cut to a small part it does not mean that it is wrong.",
    ),
    TOO_MUCH: Explanation(
        "The copy has more parents or frames than its annex can show.",
        "The parents' statements and frame hashes travel with it (docs/spec/derivation.md).",
        "Make several copies, each of fewer parents.",
        "It does not mean that the copy is wrong.",
    ),
    "SE301": Explanation(
        "The object cannot be given a PS3.15 signature.",
        "It carries signature items that break their format, lacks a UID that the profile wants "
        "signed, or holds what the profile wants signed with an unknown VR.",
        "Seal it without --ps315, or ask the device for an object in Explicit VR.",
        "It does not mean that the object cannot be sealed.",
    ),
    **REFUSALS,
    "SE302": Explanation(
        "The PS3.15 signature got no timestamp.",
        "The TSA did not answer, or its answer does not hold under an authority in trust/tsa.",
        "Check its address and trust/tsa; or seal without --tsa, and add one later: radseal "
        "timestamp.",
        "It does not mean that the object cannot be sealed: nothing was logged.",
    ),
    "no-private-block": Explanation(
        "There is no room for the seal in the object.",
        "All 240 blocks of the private group 5253 are reserved by others (PS3.5 section 7.8.1).",
        "Ask who wrote those private elements; no maker needs so many.",
        "It does not mean that the object was changed.",
    ),
}


@dataclass(frozen=True, slots=True)
class Explained:
    """A code as it is spelt, what it means, and its exit code if it is a verdict."""

    code: str
    explanation: Explanation
    exit_code: int | None


class UnknownCodeError(LookupError):
    """No such code; ``near`` holds those that are spelt alike."""

    def __init__(self, code: str, near: tuple[str, ...]) -> None:
        super().__init__(f"there is no code {code!r}")
        self.near = near


def codes() -> tuple[str, ...]:
    """Return every code there is: verdicts, findings, reasons."""
    return tuple(dict.fromkeys(str(code) for code in (*EXPLANATIONS, *REASONS)))


def explain(code: str) -> Explained:
    """Return what ``code`` means; case, spaces, hyphens and underscores do not matter."""
    wanted = _folded(code)
    for known in codes():
        if _folded(known) == wanted:
            found = EXPLANATIONS.get(known) or REASONS[known]
            exit_code = EXIT_CODES[Word(known)] if known in set(Word) else None
            return Explained(known, found, exit_code)
    by_folded = {_folded(known): known for known in codes()}
    near = difflib.get_close_matches(wanted, list(by_folded), n=NEAR, cutoff=0.5)
    raise UnknownCodeError(code, tuple(by_folded[match] for match in near))


def _folded(code: str) -> str:
    return re.sub(r"[\s_-]+", "-", code.strip()).casefold()
