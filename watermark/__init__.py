"""radseal's robust image mark: arrays in, arrays out. Knows neither DICOM nor files."""

from watermark.detect import Reading, detect
from watermark.embed import Marked, embed
from watermark.errors import (
    ArgumentError,
    CapacityError,
    MalformedError,
    RestoreError,
    WatermarkError,
)
from watermark.profile import PROFILES, Profile
from watermark.quality import Quality, measure
from watermark.restore import restore

__all__ = [
    "PROFILES",
    "ArgumentError",
    "CapacityError",
    "MalformedError",
    "Marked",
    "Profile",
    "Quality",
    "Reading",
    "RestoreError",
    "WatermarkError",
    "detect",
    "embed",
    "measure",
    "restore",
]

__radseal__ = "radseal/1"
