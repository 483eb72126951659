"""What findings mean: de-identified copies."""

from collections.abc import Mapping

from provenance.explanations.explanation import Explanation
from provenance.findings import Code

DEIDENTIFICATIONS: Mapping[str, Explanation] = {
    Code.DEIDENTIFIED: Explanation(
        "The object is a de-identified copy, and whoever removed the identity has signed it.",
        "The de-identifier verified the original, compared the samples with it, and found nothing "
        "left in the copy that leads back.",
        "Believe it as far as you believe the de-identifier: which device made the original, and "
        "whose it is, is not shown, on purpose.",
        "It does not mean that nobody can be recognised in the picture, nor that no text that "
        "identifies is left: what is searched for is in docs/deidentification.md.",
    ),
    Code.IDENTITY_KEPT: Explanation(
        "The de-identifier kept these attributes though they identify, or hold what does.",
        "They were named when the copy was made (radseal deidentify --keep).",
        "Treat the copy as personal data if they are enough to find the person.",
        "It does not mean that the name or the patient ID is left: only what is named here.",
    ),
    Code.CLINICAL_LEFT_OUT: Explanation(
        "These clinical attributes are not as in the original, and the de-identifier answers for "
        "it.",
        "They were named when the copy was made (radseal deidentify --changed).",
        "Ask the de-identifier if your question depends on one of them.",
        "It does not mean that left and right, or a place or size, have other values: those may "
        "be left out, never changed.",
    ),
    Code.REDACTED: Explanation(
        "Boxes of the picture were filled with one value before the copy was signed.",
        "Text was burned in there, says the de-identifier; everything else is as in the original.",
        "Look at the named boxes: they are what the de-identifier answers for.",
        "It does not mean that nothing of the image was under a box.",
    ),
}

_NOTHING_LOGGED = (
    "It does not mean that the original is wrong; nothing was logged, nothing written."
)

# Why a copy is not sealed: codes of SealError.
REFUSALS: Mapping[str, Explanation] = {
    "SE501": Explanation(
        "Something in the copy leads back to the original.",
        "An attribute that identifies has the same value, or a name, number, UID or date of the "
        "original stands in it; nested sequences and private elements are searched, too.",
        "Have the de-identifying tool remove the named attributes; one that may stay is named with "
        "--keep, and stands in the signed statement.",
        _NOTHING_LOGGED,
    ),
    "SE502": Explanation(
        "The copy is not an instance of its own.",
        "Its SOP, Series or Study Instance UID is missing, or is the original's.",
        "Have the de-identifying tool give it new UIDs: PS3.15 table E.1-1 asks for that.",
        _NOTHING_LOGGED,
    ),
    "SE503": Explanation(
        "The copy says something else of the picture than the original.",
        "A clinical attribute was changed, removed or added on the way: geometry, side, display.",
        "Keep these attributes as they are. One that had to go is named with --changed; a side, "
        "place or size that is another is never accepted: correct the original first.",
        _NOTHING_LOGGED,
    ),
    "SE504": Explanation(
        "The profile failed.",
        "The program that was to remove the identity stopped with an error.",
        "See with --debug what it said; run the tool itself and give its output as DEIDENTIFIED.",
        _NOTHING_LOGGED,
    ),
    "SE505": Explanation(
        "Samples of the copy are not those of the original.",
        "Something was drawn, blacked out, or compressed with loss.",
        "If text was blacked out, declare that with --redacted; the boxes stand in the statement.",
        _NOTHING_LOGGED,
    ),
    "SE506": Explanation(
        "The mark cannot be taken out or renewed, and it cannot stay.",
        "Its payload is the seal id of the original. Taking it out needs the restore data of the "
        "original's carrier and the key of the mark; renewing it, room in the picture.",
        "De-identify the object as it was sealed, at the site that holds the mark's key; or take "
        "the mark out with --mark remove.",
        _NOTHING_LOGGED,
    ),
}
