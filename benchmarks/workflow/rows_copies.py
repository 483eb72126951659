"""Rows 26 to 28: copies with a loss, smaller, cut, turned, exported; and those that hide it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pydicom

from benchmarks.workflow.edits import after, edit, on_samples
from benchmarks.workflow.row import Act, Case
from benchmarks.workflow.tools import run, through
from provenance.findings import Code
from provenance.judging.verdict import Word

if TYPE_CHECKING:
    from benchmarks.workflow.bench import Bench

X, D = Word.ALTERED, Word.DERIVED
BY_MARK = (Code.MARK_READ, Code.COPY_CONSISTENT)
MARKED = ("DX, large", "leg", "chest")
UNMARKED = "sealed without a mark: a copy that nobody declares shows only that samples differ"
LOSSY = {
    "JPEG, 12 bits, quality 90": ["dcmcjpeg +ee +q 90"],
    "JPEG, 8 bits, quality 90": ["dcmcjpeg +eb +q 90"],
    "JPEG, spectral selection, quality 75": ["dcmcjpeg +es +q 75"],
    "JPEG, and decoded again": ["dcmcjpeg +ee +q 90", "dcmdjpeg"],
    "JPEG-LS, near lossless": ["dcmcjpls +en +md 2"],
    "JPEG 2000, 10:1": ["gdcmconv --j2k --lossy -r 10"],
    "JPEG-LS, near lossless, by GDCM": ["gdcmconv --jpegls --lossy -e 2"],
}
NOT_BY_DCMTK = ("JPEG-LS, near lossless",)  # it takes no signed samples


def hidden(*commands: str) -> Act:
    """Return the act of compressing with a loss, and taking back all that says so."""

    def act(bench: "Bench", sealed: Path) -> Path:
        lossy = through(*commands)(bench, sealed)
        was, now = pydicom.dcmread(sealed), pydicom.dcmread(lossy)
        for keyword in ("LossyImageCompression", "LossyImageCompressionRatio",
                        "LossyImageCompressionMethod", "SourceImageSequence",
                        "DerivationCodeSequence", "DerivationDescription"):  # fmt: skip
            if keyword in now:
                del now[keyword]
        for keyword in ("SOPInstanceUID", "ImageType", "WindowCenter", "WindowWidth"):
            if keyword in was:
                now[keyword] = was[keyword]
            elif keyword in now:
                del now[keyword]
        now.file_meta.MediaStorageSOPInstanceUID = was.SOPInstanceUID
        made = sealed.with_name("hidden.dcm")
        now.save_as(made)
        return made

    return act


def picture(kind: str, *options: str) -> Act:
    """Return the act of exporting with dcmj2pnm."""

    def act(bench: "Bench", sealed: Path) -> Path:
        made = sealed.with_name(f"picture.{kind}")
        run(["dcmj2pnm", *options, sealed, made])
        return made

    return act


def captured(*options: str) -> Act:
    """Return the act of exporting a JPEG, and making a Secondary Capture of that."""

    def act(bench: "Bench", sealed: Path) -> Path:
        made = sealed.with_name("capture.dcm")
        jpeg = picture("jpg", "+oj", "+Jq", "90", "+Wm", *options)(bench, sealed)
        run(["img2dcm", jpeg, made])
        return made

    return act


def preview(bench: "Bench", sealed: Path) -> Path:
    """Let Orthanc render it as its web page does."""
    name = bench.orthanc.store(sealed.read_bytes())
    made = sealed.with_name("preview.png")
    made.write_bytes(bench.orthanc.ask(f"/instances/{name}/preview"))
    return made


def pillow(kind: str, *, share: float = 1.0, degrees: float = 0.0) -> Act:
    """Return the act of exporting, scaling or turning with Pillow, and saving."""

    def act(bench: "Bench", sealed: Path) -> Path:
        from PIL import Image

        source = picture("png", "+on", "+Wm")(bench, sealed)
        with Image.open(source) as found:
            size = round(found.width * share), round(found.height * share)
            changed = found.resize(size, Image.Resampling.LANCZOS)
            if degrees:
                changed = changed.rotate(degrees, expand=True)
            made = sealed.with_name(f"pillow.{kind}")
            changed.save(made, quality=85) if kind == "jpg" else changed.save(made)
        return made

    return act


def declared_inversion(dataset: pydicom.Dataset) -> None:
    """Say that the image is another one, derived, and shown the other way round."""
    dataset.ImageType = ["DERIVED", *list(dataset.ImageType)[1:]]
    dataset.SOPInstanceUID = pydicom.uid.generate_uid()
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    other = {"MONOCHROME1": "MONOCHROME2", "MONOCHROME2": "MONOCHROME1"}
    dataset.PhotometricInterpretation = other[dataset.PhotometricInterpretation]


def relabelled(dataset: pydicom.Dataset) -> None:
    """Swap the label of black and white."""
    dataset.PhotometricInterpretation = "MONOCHROME1"


def inverted(frames: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Invert 12 bits."""
    return [4095 - frame for frame in frames]


def _tool(commands: Sequence[str]) -> str:
    return "GDCM" if commands[0].startswith("gdcm") else "DCMTK"


CASES = [
    *(
        Case(26, what, _tool(commands), subject, through(*commands), D, BY_MARK)
        for what, commands in LOSSY.items()
        for subject in MARKED
        if not (subject == "chest" and _tool(commands) == "DCMTK" and "12 bits" in what)
    ),
    *(
        Case(26, what, _tool(commands), "CT", through(*commands), X, why=UNMARKED)
        for what, commands in LOSSY.items()
        if what not in NOT_BY_DCMTK
    ),
    *(
        Case(27, what, _tool(commands), subject, act, X, (Code.PIXELS_DIFFER,), regions=True)
        for subject in ("DX, large", "leg")
        for what, commands, act in (
            ("near lossless, UID kept", ["dcmcjpls"], through("dcmcjpls +en +md 2 +un")),
            ("near lossless, all flags taken back", ["dcmcjpls"], hidden("dcmcjpls +en +md 2")),
            ("JPEG, all flags taken back", ["dcmcjpeg"], hidden("dcmcjpeg +es +q 90", "dcmdjpeg")),
            ("JPEG 2000, all flags taken back", ["gdcmconv"],
             hidden("gdcmconv --j2k --lossy -r 10", "gdcmconv --raw")),
        )
    ),
    *(
        Case(28, what, tool, subject, act, D, BY_MARK)
        for subject in ("DX, large", "leg")
        for what, tool, act in (
            ("1,000 columns", "DCMTK dcmscale", through("dcmscale +Sxv 1000")),
            ("half size", "DCMTK dcmscale", through("dcmscale +Sxf 0.5")),
            ("cut to 600 x 600", "DCMTK dcmscale", through("dcmscale +C 100 100 600 600")),
            ("PNG of 8 bits", "DCMTK dcmj2pnm", picture("png", "+on", "+Wm")),
            ("PNG of 16 bits", "DCMTK dcmj2pnm", picture("png", "+on2", "+Wm")),
            ("JPEG 85", "DCMTK dcmj2pnm", picture("jpg", "+oj", "+Jq", "85", "+Wm")),
            ("TIFF", "DCMTK dcmj2pnm", picture("tif", "+ot", "+Wm")),
            ("turned by 90 degrees", "DCMTK dcmj2pnm", picture("png", "+on", "+Wm", "+Rr")),
            ("a quarter smaller, JPEG 85", "Pillow", pillow("jpg", share=0.75)),
            ("turned by 3 degrees", "Pillow", pillow("png", degrees=3)),
            ("preview", "Orthanc", preview),
            ("Secondary Capture", "DCMTK dcmj2pnm, img2dcm", captured()),
        )
    ),
    Case(28, "Secondary Capture", "DCMTK dcmj2pnm, img2dcm", "CT", captured(), Word.UNSEALED,
         (Code.NO_MARK,)),
    Case(28, "mirrored Secondary Capture", "DCMTK dcmj2pnm, img2dcm", "DX, large",
         captured("+Lh"), X, (Code.MIRRORED,),
         why="an object that is read by its sides shows left as right (row 16)"),
    Case(18, "pixels and label inverted, declared a new derived image", "pydicom", "DX, large",
         after(on_samples(inverted), edit(declared_inversion)), D, BY_MARK),
    Case(18, "pixels and label inverted, under the same UID", "pydicom", "DX, large",
         after(on_samples(inverted), edit(relabelled)), X, (Code.PIXELS_DIFFER,),
         why="it poses as the sealed instance itself, whose samples these are not"),
]  # fmt: skip
