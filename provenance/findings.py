"""Every code that radseal prints: what it says, why, what to do, and what it does not mean."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """Stable names of findings; `radseal explain` knows each."""

    READABLE = "RD100"
    UNREADABLE = "RD101"
    PREAMBLE = "RD102"
    SEAL_FOUND = "SL100"
    NO_SEAL = "SL101"
    CARRIER_BROKEN = "SL102"
    SEAL_MISFIT = "SL103"
    SEAL_FROM_LEDGER = "SL104"
    SEAL_FROM_MARK = "SL105"
    PICTURE = "SL106"
    SEAL_OUT_OF_REACH = "SL107"
    PIXELS_AS_SEALED = "PX100"
    PIXELS_DIFFER = "PX101"
    GEOMETRY_DIFFERS = "PX102"
    NO_PIXELS = "PX103"
    RECODED = "PX104"
    PIXELS_NOT_COMPARED = "PX105"
    PIXELS_UNMARKED = "PX106"
    HEADER_AS_SEALED = "HD100"
    CLINICAL_CHANGED = "HD101"
    ADMINISTRATIVE_CHANGED = "HD102"
    DISPLAY_CHANGED = "HD103"
    PRIVATE_CHANGED = "HD104"
    NOTED = "HD108"
    MOVED_SEAL = "HD105"
    PATIENT_REPLACED = "HD106"
    HEADER_NOT_COMPARED = "HD107"
    HEADER_CORRECTED = "HD109"
    CORRECTION = "CR100"
    CORRECTION_REFUSED = "CR101"
    CORRECTION_NOT_SHOWN = "CR102"
    CORRECTION_NEWER = "CR103"
    RECORDED_IN_FILE = "CR104"
    SIGNER_TRUSTED = "TR100"
    SIGNER_UNKNOWN = "TR101"
    KEY_REVOKED = "TR102"
    CLOCK_AHEAD = "TR103"
    SIGNER_NOT_JUDGED = "TR104"
    LOGGED = "LG100"
    NO_RECEIPT = "LG101"
    RECEIPT_BAD = "LG102"
    NOT_LOGGED = "LG103"
    CHAIN_COMPLETE = "LG104"
    CHAIN_BROKEN = "LG105"
    CHAIN_NOT_CHECKED = "LG106"
    LEDGER_UNREACHABLE = "LG107"
    LOGGED_LATER = "LG108"
    CLAIMED_EARLY = "LG109"
    CLAIMED_FUTURE = "LG110"
    HEAD_UNKNOWN = "LG111"
    SEALED_LATE = "LG112"
    RIVAL_SEAL = "LG113"
    ATTESTED = "AT100"
    ATTESTER_UNKNOWN = "AT101"
    MARK_READ = "MK100"
    NO_MARK = "MK101"
    MARK_NOT_SOUGHT = "MK102"
    MARK_OF_ANOTHER = "MK103"
    MARK_PRESENT = "MK104"
    MARK_MISSING = "MK105"
    PRESENCE_UNKNOWN = "MK106"
    COPY_CONSISTENT = "DV100"
    COPY_DIFFERS = "DV101"
    COPY_NOT_COMPARED = "DV102"
    MIRRORED = "DV103"
    SIGNATURE_VALID = "DS100"
    SIGNATURE_BROKEN = "DS101"
    SIGNATURE_NOT_CHECKED = "DS102"
    SIGNATURE_WEAK = "DS103"
    SIGNATURE_LEAVES_OUT = "DS104"
    SIGNATURE_STRIPPED = "DS105"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Four sentences for a person."""

    says: str
    why: str
    do: str
    not_meant: str


_NOTHING = "Nothing needs to be done."
_QUARANTINE = (
    "Quarantine the file, keep it as it is, and ask the sender or the device for the original."
)

EXPLANATIONS: Mapping[str, Explanation] = {
    "AUTHENTIC": Explanation(
        "Pixels and header are as the device sealed them, the signer is trusted, and the seal is "
        "in the log.",
        "Every hash, the signature, the certificate and the log's receipt agree.",
        _NOTHING,
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
        _QUARANTINE,
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
        "its time cannot be shown; or the ledger that was asked does not hold the seal.",
        "Ask the site that sealed it for its trust folder over a channel you trust, or treat the "
        "object as unsealed.",
        "It does not mean that the image was changed.",
    ),
    "DERIVED": Explanation(
        "A copy of an image that was sealed: compressed, windowed, scaled, cut or turned.",
        "The mark in the pixels names the seal, it shows wherever it should, and the picture "
        "resembles what was sealed.",
        "Fetch the sealed original (radseal trace) when pixels matter.",
        "It does not mean that fine detail is unchanged: a copy is compared coarsely.",
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
        "The mark in the pixels, or the ledger, says that there was a seal.",
        _QUARANTINE,
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
    Code.READABLE: Explanation("The file was read.", "It parses within bounds.", _NOTHING, ""),
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
    Code.SEAL_FOUND: Explanation(
        "The file carries a seal whose signature verifies.", "", _NOTHING, ""
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
        _QUARANTINE,
        "It does not mean that the pixels were changed.",
    ),
    Code.SEAL_MISFIT: Explanation(
        "The parts of the seal do not belong together.",
        "Signature, certificate or annex were changed after signing, or come from another seal.",
        _QUARANTINE,
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
    Code.PIXELS_AS_SEALED: Explanation(
        "Every sample is the one that was sealed.", "All tile hashes are equal.", _NOTHING, ""
    ),
    Code.PIXELS_DIFFER: Explanation(
        "Samples differ from those that were sealed.",
        "The hashes of the named tiles (64x64 samples) are not those that were signed.",
        _QUARANTINE,
        "It does not say how much they differ: one grey level is enough.",
    ),
    Code.GEOMETRY_DIFFERS: Explanation(
        "Size, number of frames, depth or colour differ from what was sealed.",
        "The image was scaled, cropped, converted, or frames were added or removed.",
        _QUARANTINE,
        "",
    ),
    Code.NO_PIXELS: Explanation(
        "The object has no pixels; its content is covered by the header tree.", "", _NOTHING, ""
    ),
    Code.RECODED: Explanation(
        "The pixels are stored in another way than when they were sealed; their values are equal.",
        "A toolkit changed Bits Stored, the sign, or decoded frames that were stored lossy.",
        _NOTHING,
        "It does not mean that a sample changed.",
    ),
    Code.PIXELS_UNMARKED: Explanation(
        "The samples are those of the original, before it was marked.",
        "Their root is the original root that was signed.",
        "Use the sealed file (radseal trace); this is what it was made from.",
        "",
    ),
    Code.PIXELS_NOT_COMPARED: Explanation(
        "The pixels were not compared.",
        "No seal was found to compare them with.",
        "See the verdict.",
        "",
    ),
    Code.HEADER_AS_SEALED: Explanation(
        "Every signed attribute means what it meant when it was sealed.", "", _NOTHING, ""
    ),
    Code.CLINICAL_CHANGED: Explanation(
        "An attribute was changed that decides how the image is read.",
        "Side, view, spacing, orientation, grey-value meaning or acquisition differ from what was "
        "signed, and no authorised correction documents it.",
        _QUARANTINE,
        "It does not mean that the pixels were changed.",
    ),
    Code.ADMINISTRATIVE_CHANGED: Explanation(
        "Identity or administrative attributes differ from those that were signed.",
        "They may legally be corrected, but no correction documents this.",
        "Compare with the order or the patient record.",
        "It does not mean that the picture was changed.",
    ),
    Code.DISPLAY_CHANGED: Explanation(
        "Attributes that only affect the first display differ (window, overlays).",
        "A workstation saved its own window or overlay into the image.",
        "Look at the image with its own full range.",
        "It does not mean that the picture was changed.",
    ),
    Code.PRIVATE_CHANGED: Explanation(
        "Private attributes of other makers were changed or removed.",
        "Archives and de-identification tools strip them.",
        _NOTHING,
        "It does not weaken the verdict.",
    ),
    Code.NOTED: Explanation(
        "Attributes that toolkits write when they transcode were changed or added.",
        "An icon was made anew, or a note says how the pixels were compressed.",
        _NOTHING,
        "It does not weaken the verdict: no sample and no signed meaning changed.",
    ),
    Code.MOVED_SEAL: Explanation(
        "The seal belongs to another object.",
        "Attributes that never change within one instance (its UIDs, its device) differ.",
        _QUARANTINE,
        "",
    ),
    Code.PATIENT_REPLACED: Explanation(
        "The image stands under another patient than the one it was sealed for.",
        "Name, ID and more of the identity differ together; a correction touches one or two.",
        _QUARANTINE,
        "It does not mean that the pixels were changed.",
    ),
    Code.HEADER_NOT_COMPARED: Explanation(
        "The header was not compared.", "No seal was found to compare it with.", "", ""
    ),
    Code.HEADER_CORRECTED: Explanation(
        "These attributes were changed, and a correction in the ledger documents it.",
        "Their values are those of the newest correction, by a role that may correct.",
        _NOTHING,
        "It does not mean that the correction is right: it says who answers for it.",
    ),
    Code.CORRECTION: Explanation(
        "The ledger holds a correction of this object that counts.",
        "Its signer may correct, was in force, and is vouched for; it follows on the one before.",
        _NOTHING,
        "",
    ),
    Code.CORRECTION_REFUSED: Explanation(
        "The ledger holds a correction that does not count.",
        "Its signer may not correct, or is not vouched for, or it does not follow on what was "
        "there, or it touches what may not be corrected.",
        "Ask the custodian who made it; have it made again by a person who may.",
        "It does not mean that the pixels were changed.",
    ),
    Code.CORRECTION_NOT_SHOWN: Explanation(
        "The ledger holds a correction whose values cannot be shown any more.",
        "What opens it was erased with the object, or replaced: nothing documents the change.",
        "Ask the custodian whether the object was erased.",
        "It does not mean that the change is wrong.",
    ),
    Code.CORRECTION_NEWER: Explanation(
        "The ledger holds a newer correction of these attributes, which this copy does not carry.",
        "The copy was made before, or the correction was never written into a file.",
        "Ask for the corrected object; if there is none, run radseal correct again.",
        "It does not mean that the copy was tampered with.",
    ),
    Code.RECORDED_IN_FILE: Explanation(
        "The object's own Original Attributes Sequence leads back to what was signed.",
        "Someone recorded the old values in the file (PS3.3 C.12.1.1.9); anyone can write that.",
        "Ask the ledger (--site), or have the correction logged: radseal correct.",
        "It does not mean that the change was authorised, nor that it was not.",
    ),
    Code.SIGNER_TRUSTED: Explanation(
        "A trusted authority vouches for the signer at the time of signing.", "", _NOTHING, ""
    ),
    Code.SIGNER_UNKNOWN: Explanation(
        "No trusted authority vouches for the signer.",
        "The certificate leads to no trusted root, was not valid when it signed, or is for "
        "another role.",
        "Ask the site that sealed the image for its trust folder over a channel you trust.",
        "It does not mean that the image was changed.",
    ),
    Code.KEY_REVOKED: Explanation(
        "The signer's key did not stand when the seal was logged.",
        "The log shows it revoked, or not yet added, at that index.",
        "Ask the custodian why the key was revoked.",
        "",
    ),
    Code.CLOCK_AHEAD: Explanation(
        "The seal claims a time later than the log saw it.",
        "The device's clock ran ahead by more than a day, or the time is false.",
        "Have the device's clock checked.",
        "It does not mean that the image was changed.",
    ),
    Code.SIGNER_NOT_JUDGED: Explanation(
        "The signer was not judged.", "There is no seal whose signature verifies.", "", ""
    ),
    Code.LOGGED: Explanation(
        "The seal is in the log.", "The receipt leads to a checkpoint of a known log.", _NOTHING, ""
    ),
    Code.NO_RECEIPT: Explanation(
        "Nothing shows that the seal is in a log.",
        "The file carries no receipt and no ledger was asked.",
        "Run again with --site, or where the ledger can be reached.",
        "",
    ),
    Code.RECEIPT_BAD: Explanation(
        "The receipt does not prove that the seal is in a known log.",
        "It was changed, is another seal's, or comes from a log or witnesses not trusted here.",
        "Run again with --site of the custodian.",
        "It does not mean that the image was changed.",
    ),
    Code.NOT_LOGGED: Explanation(
        "The ledger that was asked does not hold this seal.",
        "It was sealed elsewhere, never logged, or the ledger was cut back.",
        "Ask the custodian; run radseal log audit.",
        "",
    ),
    Code.CHAIN_COMPLETE: Explanation(
        "The chain of custody in the ledger is complete.",
        "Every event of the object names its predecessor.",
        _NOTHING,
        "",
    ),
    Code.CHAIN_BROKEN: Explanation(
        "The ledger's custody chain of this object has a gap or a contradiction.",
        "An event is missing, or does not name its predecessor.",
        "Run radseal log audit, and ask the custodian.",
        "",
    ),
    Code.CHAIN_NOT_CHECKED: Explanation(
        "Later custody events were not looked up.",
        "Verification used the receipt in the file alone.",
        "Run again with --site to see the whole chain.",
        "",
    ),
    Code.LEDGER_UNREACHABLE: Explanation(
        "The ledger that was asked could not be read.",
        "Its database is damaged, locked or gone; what it would have said is unknown.",
        "Run radseal log audit and radseal doctor; restore the ledger, then verify again.",
        "It says nothing about the image.",
    ),
    Code.LOGGED_LATER: Explanation(
        "It was logged an hour or more after the time at which it claims to have been sealed.",
        "A device that cannot reach the log keeps its seals in an outbox and syncs them later. "
        "The claimed time lies between the checkpoint it had seen and the one that covers it.",
        _NOTHING,
        "It does not say which moment between the two checkpoints is the true one.",
    ),
    Code.CLAIMED_EARLY: Explanation(
        "The seal claims a time before a checkpoint that its signer had already seen.",
        "The device's clock was wrong, or the seal was dated back.",
        "Go by the bracket between the two checkpoints; have the device's clock looked at.",
        "It does not mean that the image was changed.",
    ),
    Code.CLAIMED_FUTURE: Explanation(
        "The seal claims a time after the checkpoint that covers it.",
        "The device's clock runs ahead, or the seal was dated forward.",
        "Go by the bracket between the two checkpoints; have the device's clock looked at.",
        "It does not mean that the image was changed.",
    ),
    Code.HEAD_UNKNOWN: Explanation(
        "The seal names a state of the log that this log never had.",
        "The log was cut back or replaced after the device had seen it, or the device made it up.",
        "Hold the log against checkpoints kept elsewhere: radseal log audit --held.",
        "It does not mean that the image was changed.",
    ),
    Code.SEALED_LATE: Explanation(
        "Others logged events about this object before its seal reached the log.",
        "The device was offline, and whoever received the image was quicker; or an image that was "
        "known already was sealed afterwards. The order of the log shows which came first, and "
        "no order is claimed beyond it.",
        "Read the events before the seal (radseal trace), above all what was verified then, and "
        "the bracket of the seal; ask for the device's outbox if they do not fit.",
        "It does not mean that the image was changed.",
    ),
    Code.RIVAL_SEAL: Explanation(
        "Another device has sealed under the same seal id, later than this one.",
        "Seal ids are random and do not meet by chance: one of the two keys was misused. The "
        "seal that came first counts, and this is the one that came first.",
        "Find out which device made the image, and revoke the other's key: radseal log alarms.",
        "It does not say which of the two devices is the honest one.",
    ),
    Code.ATTESTED: Explanation(
        "A person has vouched for the object.",
        "An operator, vouched for by a trusted authority, verified it and signed that in the log.",
        _NOTHING,
        "It does not mean that the finding in the image is right; and without it an object is no "
        "less authentic.",
    ),
    Code.ATTESTER_UNKNOWN: Explanation(
        "Somebody has vouched for the object who is not known as an operator.",
        "No trusted authority vouches for the signer in that role, the key was revoked, or it is "
        "not known here what was meant.",
        "Ask the site for its trust folder over a channel you trust.",
        "It does not weaken the seal of the device.",
    ),
    Code.MARK_READ: Explanation("The mark was read from the pixels.", "", _NOTHING, ""),
    Code.NO_MARK: Explanation(
        "No mark was found in the pixels.",
        "The image was never marked with this site's key, or was changed beyond what the mark "
        "survives.",
        "",
        "It does not mean that the image was never sealed.",
    ),
    Code.MARK_NOT_SOUGHT: Explanation(
        "The mark was not looked for.",
        "The hashes decide, or no mark key was at hand, or the object has no single grey frame.",
        "Give --site to look for a mark.",
        "",
    ),
    Code.MARK_OF_ANOTHER: Explanation(
        "The mark in the pixels belongs to another seal than the one in the file.",
        "The seal was moved here from another image.",
        _QUARANTINE,
        "",
    ),
    Code.MARK_PRESENT: Explanation(
        "The mark shows wherever it should.",
        "Cell by cell, the pattern that the seal's id spells was looked for.",
        "Fetch the sealed original when fine detail matters.",
        "It does not mean that nothing was drawn over the image softly, or in places too dark, too "
        "light or too smooth to hold a mark.",
    ),
    Code.MARK_MISSING: Explanation(
        "The mark is missing in places where it should show.",
        "Something there was painted over, pasted in or covered after the image was sealed: an "
        "edit, but also an annotation or a black box.",
        _QUARANTINE,
        "It does not say what was there before, or that it was done in bad faith.",
    ),
    Code.PRESENCE_UNKNOWN: Explanation(
        "It cannot be told where the mark shows.",
        "The picture was changed as a whole (compressed, blurred) until no part tells by itself.",
        "Fetch the sealed original when detail matters.",
        "It does not mean that the picture was edited; nor that it was not.",
    ),
    Code.COPY_CONSISTENT: Explanation(
        "The picture resembles the sealed one everywhere it was compared.",
        "The thumbnails agree, whatever grey curve lies between them.",
        "Fetch the sealed original when fine detail matters.",
        "It does not prove that fine detail is unchanged.",
    ),
    Code.COPY_DIFFERS: Explanation(
        "The picture differs from the sealed one by more than a grey curve.",
        "The thumbnails disagree in the named regions, or as a whole: then the mark was taken from "
        "another image.",
        _QUARANTINE,
        "Regions are coarse: an eighth of the image on a side.",
    ),
    Code.COPY_NOT_COMPARED: Explanation(
        "Too little of the picture could be compared with the sealed one.",
        "It shows a small part, or almost nothing in it stands out, or the seal remembers no "
        "thumbnail.",
        "Ask for a larger part of the picture, or for the sealed original.",
        "The mark alone does not make it a copy: a mark can be carried over to another picture.",
    ),
    Code.MIRRORED: Explanation(
        "The image is shown mirrored: left is right.",
        "The mark lies mirrored in the picture.",
        "Do not read sides from it; fetch the sealed original (radseal trace).",
        "Of a picture it does not mean bad faith: viewers can mirror. A DICOM object that is "
        "mirrored is ALTERED, since it is read by its sides.",
    ),
    Code.SIGNATURE_VALID: Explanation(
        "A digital signature of DICOM's own kind (PS3.15) covers what stands here.",
        "What it lists as signed has the hash that was signed with the key in its certificate.",
        "Compare the signer with whom you expect; see what it does not cover.",
        "It does not mean that the signer is trusted: no authority was asked, and anyone can make "
        "a certificate of any name. It decides no verdict.",
    ),
    Code.SIGNATURE_BROKEN: Explanation(
        "A digital signature of DICOM's own kind (PS3.15) does not fit what stands here.",
        "A signed attribute or the pixels changed after it was made, or the signature itself did.",
        "Go by the verdict, which says what changed; ask the sender how the object was processed.",
        "It does not mean that the object was falsified: to mark, correct or convert an object "
        "breaks an earlier signature, too.",
    ),
    Code.SIGNATURE_NOT_CHECKED: Explanation(
        "A digital signature of DICOM's own kind (PS3.15) could not be checked.",
        "Its items break their format, it uses what is not known here, or the object was encoded "
        "anew so that the signed bytes are not here.",
        "Check it on the object as it was when it was signed.",
        "It means neither that the signature is good nor that it is bad.",
    ),
    Code.SIGNATURE_WEAK: Explanation(
        "A digital signature proves less than it seems to.",
        "Its hash or key is weak, its certificate was not valid when it claims to have been made, "
        "or its certified timestamp was not checked.",
        "Do not rest a decision on this signature alone.",
        "It does not mean that the object was changed.",
    ),
    Code.SIGNATURE_LEAVES_OUT: Explanation(
        "Attributes that decide whose image it is or how it is read are not signed.",
        "A PS3.15 signature covers the attributes it lists; the profiles leave out patient, side "
        "and spacing. What is absent can also be added without breaking it.",
        "Take these attributes from the seal, not from the signature.",
        "It does not mean that they were changed.",
    ),
    Code.SIGNATURE_STRIPPED: Explanation(
        "A digital signature was removed.",
        "The parameters of its MAC are still there (4FFE,0001); tools that anonymise forget them.",
        "Ask the sender for the object as it was signed.",
        "It does not say by whom or why, or that anything else was changed.",
    ),
}
