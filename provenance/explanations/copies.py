"""What findings mean: copies."""

from collections.abc import Mapping

from provenance.explanations.explanation import QUARANTINE, Explanation
from provenance.findings import Code

COPIES: Mapping[str, Explanation] = {
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
        QUARANTINE,
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
}
