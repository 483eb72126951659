"""The workflow matrix: 36 things that hospitals and attackers do to images, and all cases."""

from benchmarks.workflow import (
    rows_copies,
    rows_declared,
    rows_header,
    rows_pixels,
    rows_seals,
    rows_storage,
    rows_transport,
)
from benchmarks.workflow.row import Case, Row, is_there
from provenance.judging.verdict import Word

A, H, X, PLUS = Word.AUTHENTIC, Word.HEADER_CHANGED, Word.ALTERED, Word.CORRECTED
D, S, N, U = Word.DERIVED, Word.STRIPPED, Word.UNSEALED, Word.UNTRUSTED

ROWS = (
    Row(1, "store and forward, C-GET, STOW, re-save", (A,)),
    Row(2, "implicit, explicit, big endian, deflated; group lengths; undefined lengths", (A,),
        "The transfer syntax is not signed, so that it can be changed: the finding names who wrote "
        "the file since (RD104, ADR 17)."),
    Row(3, "RLE, JPEG lossless SV1, JPEG-LS, JPEG 2000 lossless, HTJ2K, and back", (A,)),
    Row(4, "JPEG 2000 to raw: Bits Stored 12 becomes 16", (A, PLUS),
        "Values are compared, not their storage; PX104 says what changed."),
    Row(5, "planar configuration; RGB inside as YBR_RCT", (A,)),
    Row(6, "overlay bits above Bits Stored, lost or kept by a codec", (A,)),
    Row(7, "odd-length 8-bit frames, fragments split anew, offset tables", (A,)),
    Row(8, "character set converted; trailing spaces; DS 1, 1.0", (A,)),
    Row(9, "Specific Character Set swapped, text not converted", (H,),
        "HD110 proves the cause: read in the old set, the bytes are what was signed."),
    Row(10, "name or ID corrected, with an event by an authorised role", (PLUS,)),
    Row(11, "the same without", (H,)),
    Row(12, "patient merge, study move", (PLUS, H)),
    Row(13, "image under another patient, its seal intact", (X,)),
    Row(14, "administrative fields coerced", (PLUS, H)),
    Row(15, "side corrected by quality control, with an event", (PLUS,)),
    Row(16, "side, orientation or view flipped silently; pixels mirrored", (X,)),
    Row(17, "spacing, magnification, position, thickness", (X, PLUS),
        "A calibration with an event (GEOMETRY, FIDUCIAL) is CORRECTED."),
    Row(18, "rescale, Modality LUT, MONOCHROME1 for 2; pixels and label inverted", (X, D)),
    Row(19, "window, VOI LUT", (H,), "Display alone: HD103, of low severity."),
    Row(20, "presentation state, key object, report, segmentation added", (A,)),
    Row(21, "one pixel, a nodule, noise", (X,)),
    Row(22, "frames or slices swapped, removed, repeated", (X, "DIFFERS", "INCOMPLETE"),
        "A study has a word of its own (`radseal study verify`).",
        pending="slices of a series that are missing or repeated: the manifest of a study",
        needs="provenance.study"),
    Row(23, "padding, shutter or collimation written into the pixels", (X, D),
        pending="DERIVED if the derivation is declared",
        needs="provenance.derivation.derive"),
    Row(24, "text or overlay burned in, black box", (X, D),
        pending="DERIVED if the derivation is declared",
        needs="provenance.derivation.derive"),
    Row(25, "overlay (60xx) added or removed", (H,)),
    Row(26, "lossy: JPEG, JPEG 2000 10:1, near-lossless JPEG-LS", (D,),
        pending="copies of unmarked images, if declared",
        needs="provenance.derivation.derive"),
    Row(27, "lossy, UID kept, flags absent", (X,)),
    Row(28, "resized, cut, turned, windowed to 8 bits, PNG, JPEG, Secondary Capture", (D, N),
        "DERIVED by the mark; of an unmarked image nothing is left to find: UNSEALED.",
        pending="copies of unmarked images, if declared",
        needs="provenance.derivation.derive"),
    Row(29, "classic to enhanced multi-frame, multi-frame split", (D,),
        pending="a declared derivation, whose frames' roots are equal",
        needs="provenance.derivation.derive"),
    Row(30, "private elements stripped", (A,)),
    Row(31, "de-identified by PS3.15 Annex E", (D,),
        pending="the declared de-identifier that seals anew",
        needs="provenance.deidentification"),
    Row(32, "seal stripped, everything else kept", (S,)),
    Row(33, "generated, a plausible header, no seal", (N, S),
        pending="STRIPPED, where a policy says that its device must seal",
        needs="provenance.policy"),
    Row(34, "a stolen key, later revoked", (U, A)),
    Row(35, "clock wrong, sealed before notBefore", (U,),
        pending="a clock ahead of the log, of a seal without receipt",
        needs="provenance.trust.existence"),
    Row(36, "a program in the preamble, bytes after (FFFC,FFFC)", (A,)),
)  # fmt: skip

# Cases that need a part of radseal which may not be there.
WAITING = {
    "provenance.derivation.derive": rows_declared.DERIVATIONS,
    "provenance.study": rows_declared.STUDIES,
    "provenance.deidentification": rows_declared.DEIDENTIFIED,
    "provenance.policy": rows_declared.POLICY,
    "provenance.trust.existence": [rows_seals.AHEAD],
}
CASES: tuple[Case, ...] = tuple(
    sorted(
        (
            *rows_transport.CASES,
            *rows_storage.CASES,
            *rows_header.CASES,
            *rows_pixels.CASES,
            *rows_copies.CASES,
            *rows_seals.CASES,
            *(c for module, cases in WAITING.items() if is_there(module) for c in cases),
        ),
        key=lambda case: case.row,
    )
)


def cases_of(row: Row) -> tuple[Case, ...]:
    """Return the cases of a row, in their order."""
    return tuple(case for case in CASES if case.row == row.number)
