import subprocess
import sys

import watermark


def test_the_public_names() -> None:
    assert sorted(watermark.__all__) == [
        "ArgumentError", "CapacityError", "Change", "Detection", "Lens", "MalformedError", "Marked",
        "MarkedVolume", "Observation", "PROFILES", "Placement", "Presence", "Profile", "Quality",
        "Reading", "Rehearsal", "RestoreError", "VolumeEmbedder", "VolumeReading",
        "WatermarkError", "detect", "detect_frame", "detect_volume", "embed", "embed_volume",
        "frame_margins", "measure", "observe", "presence", "recognise", "rehearse", "restore",
        "restore_volume", "search",
    ]  # fmt: skip
    assert all(hasattr(watermark, name) for name in watermark.__all__)
    assert watermark.__radseal__ == "radseal/1"


def test_errors_have_one_base() -> None:
    for name in ("ArgumentError", "CapacityError", "MalformedError", "RestoreError"):
        assert issubclass(getattr(watermark, name), watermark.WatermarkError)
    assert issubclass(watermark.ArgumentError, ValueError)


def test_importing_brings_no_dicom_and_no_codecs() -> None:
    code = (
        "import sys, watermark; "
        "print([n for n in ('pydicom', 'imagecodecs', 'provenance', 'ledger') if n in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )  # fmt: skip
    assert found.stdout.strip() == "[]"
