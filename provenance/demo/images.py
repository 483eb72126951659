"""The images of the demonstration: published test files, installed with pydicom-data (MIT).

Nothing is downloaded, and nothing is invented: what the installed distribution lists is used.
"""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from provenance.dicom.codecs import have_imagecodecs
from provenance.errors import UsageError

SOURCE = "pydicom-data"
_INSTALL = "install them: pip install 'radseal[demo]'"


@dataclass(frozen=True, slots=True)
class DemoImage:
    """One real image: its name in the demonstration, its file, and what it shows."""

    name: str
    file: str
    shows: str


IMAGES = (
    DemoImage("chest", "RG1_UNCR.dcm", "chest radiograph, front"),
    DemoImage("leg", "RG3_J2KR.dcm", "leg radiograph, JPEG 2000 lossless"),
    DemoImage("head", "693_UNCR.dcm", "CT of a head"),
    DemoImage("perfusion", "eCT_Supplemental.dcm", "CT perfusion maps, two frames"),
    DemoImage("heart", "color3d_jpeg_baseline.dcm", "colour ultrasound clip, 120 JPEG frames"),
    DemoImage("shoulder", "MR2_UNCR.dcm", "MR of a shoulder"),
)


def find_images() -> dict[str, Path]:
    """Return the path of each image by its name; UsageError says what to install."""
    try:
        files = distribution(SOURCE).files or []
    except PackageNotFoundError as error:
        raise UsageError(f"the demo's images are not installed; {_INSTALL}") from error
    paths = {file.name: Path(str(file.locate())) for file in files if file.suffix == ".dcm"}
    found = {image.name: paths[image.file] for image in IMAGES if image.file in paths}
    missing = [image.file for image in IMAGES if not found.get(image.name, Path()).is_file()]
    if missing:
        raise UsageError(f"{SOURCE} lacks {', '.join(missing)}; {_INSTALL}")
    if not have_imagecodecs():
        raise UsageError(f"the demo's codecs are not installed; {_INSTALL}")
    return found
