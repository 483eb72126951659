"""What findings mean: the mark."""

from collections.abc import Mapping

from provenance.explanations.explanation import NOTHING, QUARANTINE, Explanation
from provenance.findings import Code

MARK: Mapping[str, Explanation] = {
    Code.MARK_READ: Explanation("The mark was read from the pixels.", "", NOTHING, ""),
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
        QUARANTINE,
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
        QUARANTINE,
        "It does not say what was there before, or that it was done in bad faith.",
    ),
    Code.PRESENCE_UNKNOWN: Explanation(
        "It cannot be told where the mark shows.",
        "The picture was changed as a whole (compressed, blurred) until no part tells by itself.",
        "Fetch the sealed original when detail matters.",
        "It does not mean that the picture was edited; nor that it was not.",
    ),
}
