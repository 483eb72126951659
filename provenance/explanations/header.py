"""What findings mean: the header."""

from collections.abc import Mapping

from provenance.explanations.explanation import NOTHING, QUARANTINE, Explanation
from provenance.findings import Code

HEADER: Mapping[str, Explanation] = {
    Code.HEADER_AS_SEALED: Explanation(
        "Every signed attribute means what it meant when it was sealed.", "", NOTHING, ""
    ),
    Code.CLINICAL_CHANGED: Explanation(
        "An attribute was changed that decides how the image is read.",
        "Side, view, spacing, orientation, grey-value meaning or acquisition differ from what was "
        "signed, and no authorised correction documents it.",
        QUARANTINE,
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
        NOTHING,
        "It does not weaken the verdict.",
    ),
    Code.NOTED: Explanation(
        "Attributes that toolkits write when they transcode were changed or added.",
        "An icon was made anew, or a note says how the pixels were compressed.",
        NOTHING,
        "It does not weaken the verdict: no sample and no signed meaning changed.",
    ),
    Code.MOVED_SEAL: Explanation(
        "The seal belongs to another object.",
        "Attributes that never change within one instance (its UIDs, its device) differ.",
        QUARANTINE,
        "",
    ),
    Code.PATIENT_REPLACED: Explanation(
        "The image stands under another patient than the one it was sealed for.",
        "Name, ID and more of the identity differ together; a correction touches one or two.",
        QUARANTINE,
        "It does not mean that the pixels were changed.",
    ),
    Code.HEADER_NOT_COMPARED: Explanation(
        "The header was not compared.", "No seal was found to compare it with.", "", ""
    ),
    Code.CHARSET_SWAPPED: Explanation(
        "Text reads differently, its bytes unchanged: another character set is declared.",
        "Specific Character Set (0008,0005) was changed, and the text was not converted. Read in "
        "the set that is named, it is what was signed.",
        "Put the declared character set back; the attributes are then as sealed.",
        "It does not excuse the change: whoever reads the file now reads another name.",
    ),
    Code.HEADER_CORRECTED: Explanation(
        "These attributes were changed, and a correction in the ledger documents it.",
        "Their values are those of the newest correction, by a role that may correct.",
        NOTHING,
        "It does not mean that the correction is right: it says who answers for it.",
    ),
}
