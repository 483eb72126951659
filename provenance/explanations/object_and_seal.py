"""What findings mean: reading the object, and finding its seal."""

from collections.abc import Mapping

from provenance.explanations.explanation import NOTHING, QUARANTINE, Explanation
from provenance.findings import Code

OBJECT_AND_SEAL: Mapping[str, Explanation] = {
    Code.READABLE: Explanation("The file was read.", "It parses within bounds.", NOTHING, ""),
    Code.UNREADABLE: Explanation(
        "The file or its pixels cannot be decoded.",
        "It is damaged, hostile, not DICOM, or needs a codec that is not installed.",
        "Fetch it again; install radseal[codecs] if the reason names a codec.",
        "It does not mean that the file was tampered with.",
    ),
    Code.PREAMBLE: Explanation(
        "The 128 bytes before the DICOM prefix hold another program's file header.",
        "PS3.10 section 7.1 leaves them free; they can make the file run as a program.",
        "Do not execute the file; clear the preamble. The seal covers the object, not these bytes.",
        "It does not mean that the image was changed: dual-format TIFF files do this by design.",
    ),
    Code.TRAILING_BYTES: Explanation(
        "The file goes on after the object.",
        "Bytes follow the last element, or its padding (FFFC,FFFC); no reader takes them for "
        "elements. They can be a program, an archive or a second document.",
        "Write the file anew with a toolkit, which leaves them out. The seal does not cover them.",
        "It does not mean that the image was changed: old media filled sectors up.",
    ),
    Code.REWRITTEN: Explanation(
        "Another program wrote this file since it was sealed.",
        "Its file meta names another implementation (0002,0012) than the one that seals: it was "
        "sent, converted, recompressed or edited. The transfer syntax is that of now.",
        NOTHING,
        "It does not mean that anything changed, and anyone can write this name.",
    ),
    Code.SEAL_FOUND: Explanation(
        "The file carries a seal whose signature verifies.", "", NOTHING, ""
    ),
    Code.NO_SEAL: Explanation(
        "The file carries no seal.",
        "It has no private block of creator RADSEAL 1.",
        "See the verdict: the mark or a ledger may still know the object.",
        "It does not mean that the image is fake.",
    ),
    Code.CARRIER_BROKEN: Explanation(
        "The file carries something like a seal that cannot be read.",
        "The private block is damaged, or was written by something else.",
        QUARANTINE,
        "It does not mean that the pixels were changed.",
    ),
    Code.SEAL_MISFIT: Explanation(
        "The parts of the seal do not belong together.",
        "Signature, certificate or annex were changed after signing, or come from another seal.",
        QUARANTINE,
        "It does not say who changed it.",
    ),
    Code.SEAL_FROM_LEDGER: Explanation(
        "The seal was found in the ledger, not in the file.",
        "The ledger knows this SOP Instance UID, or these very pixels.",
        "Compare with the sealed original: radseal trace.",
        "",
    ),
    Code.SEAL_FROM_MARK: Explanation(
        "The seal was found through the mark in the pixels.",
        "The mark carries the seal id, and the ledger holds that seal.",
        "Compare with the sealed original: radseal trace.",
        "",
    ),
    Code.PICTURE: Explanation(
        "The file is a picture, not a DICOM object: it cannot carry a seal.",
        "PNG, JPEG and TIFF are looked at for a mark alone. A header cannot be compared, either.",
        "Ask for the DICOM object that it was made from (radseal trace, if it bears a mark).",
        "It does not mean that a seal was removed, or that the picture is fake.",
    ),
    Code.SEAL_OUT_OF_REACH: Explanation(
        "The mark names a seal that could not be looked at.",
        "No ledger was asked, or it does not hold the seal, or its annex was erased.",
        "Run again with --site of the custodian whose key reads the mark.",
        "It does not mean that the picture was changed; nor that it was not.",
    ),
}
