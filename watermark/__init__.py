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
from watermark.observer import Change, Detection, Observation, observe
from watermark.placement import Placement
from watermark.presence import Presence, presence
from watermark.profile import PROFILES, Profile
from watermark.quality import Quality, measure
from watermark.recognise import recognise
from watermark.rehearsal import Rehearsal, rehearse
from watermark.restore import restore
from watermark.search import search

__all__ = [
    "PROFILES",
    "ArgumentError",
    "CapacityError",
    "Change",
    "Detection",
    "MalformedError",
    "Marked",
    "Observation",
    "Placement",
    "Presence",
    "Profile",
    "Quality",
    "Reading",
    "Rehearsal",
    "RestoreError",
    "WatermarkError",
    "detect",
    "embed",
    "measure",
    "observe",
    "presence",
    "recognise",
    "rehearse",
    "restore",
    "search",
]

__radseal__ = "radseal/1"
