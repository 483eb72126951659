"""Which objects may join a study after it was closed: those that show no new image. Data.

Presentation states, reports and key objects, segmentations and registrations, waveforms and
documents (PS3.4 B.5). A class that is not here counts as an image: its coming later is an alarm.
"""

_STORAGE = "1.2.840.10008.5.1.4.1.1."
_PRESENTATION_STATES = tuple(f"11.{number}" for number in range(1, 13))
_REPORTS = (
    *("88.11", "88.22", "88.33", "88.34", "88.35", "88.40", "88.50", "88.59", "88.65", "88.67"),
    *("88.68", "88.69", "88.70", "88.71", "88.72", "88.73", "88.74", "88.75", "88.76", "88.77"),
)
_SEGMENTATION = "66.4"
_DERIVED = ("66.1", "66.2", "66.3", _SEGMENTATION, "66.5", "66.6", "67", "79.1", "90.1", "91.1")
_WAVEFORMS = (
    *("9.1.1", "9.1.2", "9.1.3", "9.1.4", "9.2.1", "9.3.1", "9.4.1", "9.4.2", "9.5.1", "9.6.1"),
    *("9.6.2", "9.7.1", "9.7.2", "9.7.3", "9.7.4", "9.8.1"),
)
_DOCUMENTS = ("104.1", "104.2", "104.3", "104.4", "104.5")

KEY_OBJECT = _STORAGE + "88.59"
SEGMENTATION = _STORAGE + _SEGMENTATION
WAVEFORMS = frozenset(_STORAGE + number for number in _WAVEFORMS)
ADDED_LATER = frozenset(
    _STORAGE + number
    for number in (*_PRESENTATION_STATES, *_REPORTS, *_DERIVED, *_WAVEFORMS, *_DOCUMENTS)
)


def may_come_later(class_uid: str, *, frames: int) -> bool:
    """Whether such an object may be added once its study was closed.

    Of those classes only segmentations have pixels: anything else that has is an image, whatever
    it calls itself.
    """
    return class_uid in ADDED_LATER and (not frames or class_uid == SEGMENTATION)
