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
from watermark.lens import Lens
from watermark.observer import Change, Detection, Observation, observe
from watermark.placement import Placement
from watermark.presence import Presence, presence
from watermark.profile import PROFILES, Profile
from watermark.quality import Quality, measure
from watermark.recognise import recognise
from watermark.rehearsal import Rehearsal, rehearse
from watermark.restore import restore
from watermark.search import search
from watermark.volume import MarkedVolume, VolumeEmbedder, embed_volume
from watermark.volume_reading import VolumeReading, detect_frame, detect_volume, frame_margins
from watermark.volume_restore import restore_volume

__all__ = [
    "PROFILES",
    "ArgumentError",
    "CapacityError",
    "Change",
    "Detection",
    "Lens",
    "MalformedError",
    "Marked",
    "MarkedVolume",
    "Observation",
    "Placement",
    "Presence",
    "Profile",
    "Quality",
    "Reading",
    "Rehearsal",
    "RestoreError",
    "VolumeEmbedder",
    "VolumeReading",
    "WatermarkError",
    "detect",
    "detect_frame",
    "detect_volume",
    "embed",
    "embed_volume",
    "frame_margins",
    "measure",
    "observe",
    "presence",
    "recognise",
    "rehearse",
    "restore",
    "restore_volume",
    "search",
]

__radseal__ = "radseal/1"
