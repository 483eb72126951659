"""What findings mean: the pixels."""

from collections.abc import Mapping

from provenance.explanations.explanation import NOTHING, QUARANTINE, Explanation
from provenance.findings import Code

PIXELS: Mapping[str, Explanation] = {
    Code.PIXELS_AS_SEALED: Explanation(
        "Every sample is the one that was sealed.", "All tile hashes are equal.", NOTHING, ""
    ),
    Code.PIXELS_DIFFER: Explanation(
        "Samples differ from those that were sealed.",
        "The hashes of the named tiles (64x64 samples) are not those that were signed.",
        QUARANTINE,
        "It does not say how much they differ: one grey level is enough.",
    ),
    Code.GEOMETRY_DIFFERS: Explanation(
        "Size, number of frames, depth or colour differ from what was sealed.",
        "The image was scaled, cropped, converted, or frames were added or removed.",
        QUARANTINE,
        "",
    ),
    Code.NO_PIXELS: Explanation(
        "The object has no pixels; its content is covered by the header tree.", "", NOTHING, ""
    ),
    Code.RECODED: Explanation(
        "The pixels are stored in another way than when they were sealed; their values are equal.",
        "A toolkit changed Bits Stored, the sign, or decoded frames that were stored lossy.",
        NOTHING,
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
}
