"""What findings mean: the verdicts, each in one word."""

from collections.abc import Mapping

from provenance.explanations.explanation import NOTHING, QUARANTINE, Explanation

WORDS: Mapping[str, Explanation] = {
    "AUTHENTIC": Explanation(
        "Pixels and header are as the device sealed them, the signer is trusted, and the seal is "
        "in the log.",
        "Every hash, the signature, the certificate and the log's receipt agree.",
        NOTHING,
        "It does not mean that the finding in the image is right, or that the right patient was "
        "in front of the device.",
    ),
    "CORRECTED": Explanation(
        "Pixels are as sealed; attributes were corrected by someone who may, and it is logged.",
        "Each changed attribute has the value of the newest correction in the ledger, and the "
        "corrections lead back to what was signed. The checks name them and who made them.",
        "Nothing needs to be done; read what was corrected if it bears on your question.",
        "It does not mean that the correction is right: it says who answers for it.",
    ),
    "ALTERED": Explanation(
        "What is in the file is not what was sealed.",
        "Pixels differ, a clinical attribute was changed without authority, or the seal belongs "
        "to another image. Of a copy: the mark is missing, or the thumbnail differs. The checks "
        "name where.",
        QUARANTINE,
        "It does not say who changed it, or that the diagnosis is wrong; a broken transfer can "
        "do it too.",
    ),
    "UNSEALED": Explanation(
        "This object carries no evidence of where it came from.",
        "The file carries no seal, no mark could be read, and no ledger asked knows it as sealed. "
        "Where the checks say so (PX106), it is the original that a sealed object was made from.",
        "Treat it as any image without proof of origin; ask the device that made it, if you know.",
        "It does not mean that the image is fake: most images in the world were never sealed.",
    ),
    "UNTRUSTED": Explanation(
        "The object is as it was sealed, but there is no reason to believe the one who sealed it.",
        "The signer's certificate leads to no trusted authority, was not valid, was revoked, or "
        "its time cannot be shown; or the ledger that was asked does not hold the seal, or the "
        "policy does not accept this signer here.",
        "Ask the site that sealed it for its trust folder over a channel you trust, or treat the "
        "object as unsealed.",
        "It does not mean that the image was changed.",
    ),
    "DERIVED": Explanation(
        "A copy of an image that was sealed: compressed, windowed, scaled, cut, turned, converted.",
        "Who made it has signed it and named its parents; or the mark in the pixels names the "
        "seal, shows wherever it should, and the picture resembles what was sealed.",
        "Fetch the sealed original (radseal trace) when pixels matter.",
        "It does not mean that fine detail is unchanged, unless the checks say that frames are "
        "proven: a copy is compared coarsely.",
    ),
    "UNREADABLE": Explanation(
        "The file cannot be decoded, so nothing about it can be said.",
        "It is damaged, neither DICOM nor a PNG, JPEG or TIFF, or needs a codec that is not "
        "installed.",
        "Fetch it again; install radseal[codecs] if the reason names a codec.",
        "It does not mean that the file was tampered with.",
    ),
    "NOT CHECKED": Explanation(
        "Nothing contradicts the seal, but something needed for a verdict could not be reached.",
        "The seal has no usable receipt and no ledger was asked, or trust is not configured, or "
        "of a copy that its mark names too little could be compared.",
        "Run again with --site, or where the ledger can be reached; ask for a larger part of the "
        "picture, or for the sealed original.",
        "It is neither good nor bad.",
    ),
    "STRIPPED": Explanation(
        "This object was sealed once, and its seal is gone or broken.",
        "The mark in the pixels, the ledger, or the policy for its device says that there was one.",
        QUARANTINE,
        "It does not mean that the pixels were changed: the checks say what could be compared. "
        "Software that removes private elements does this without intent.",
    ),
    "HEADER CHANGED": Explanation(
        "The pixels are as sealed; identity or administrative attributes were changed, and "
        "nothing documents it.",
        "Attributes that may legally be corrected differ from those that were signed.",
        "Compare with the order or the patient record; correct the sealed object with radseal "
        "correct.",
        "It does not mean that the picture was changed.",
    ),
}
