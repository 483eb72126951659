"""Every lossless step on every file there is: sealed, stepped, judged. Whatever alarms is a bug."""

import io
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import JPEG2000Lossless, JPEGLossless, JPEGLosslessSV1, JPEGLSLossless

from benchmarks.workflow.bench import Bench
from benchmarks.workflow.edits import edit
from benchmarks.workflow.row import Act
from benchmarks.workflow.rows_seals import without_private
from benchmarks.workflow.rows_storage import to_utf8
from benchmarks.workflow.rows_transport import CHAINS, decode_everything
from benchmarks.workflow.tools import ToolFailedError, convert, through
from provenance import SealError, UnreadableError
from provenance.dicom.pixels import pixel_geometry
from provenance.dicom.read import read_instance
from provenance.dicom.values import text
from provenance.judging.verdict import Word

UIDS = (0x00080018, 0x0020000D, 0x0020000E)
# Rows 1, 2, 8 and 30: the pixels stay as they are encoded.
AROUND: Mapping[str, Act] = {
    "pydicom, saved": edit(lambda _: None),
    "pydicom, every element decoded": edit(decode_everything),
    "pydicom, to UTF-8": edit(to_utf8),
    "pydicom, private elements of others removed": edit(without_private),
    "dcmconv +ti": through("dcmconv +ti"),
    "dcmconv +tb": through("dcmconv +tb"),
    "dcmconv +td": through("dcmconv +td"),
    "dcmconv +g -e": through("dcmconv +g -e"),
    "dcmconv +e +p": through("dcmconv +e +p 512 64"),
    "dcmconv +U8": through("dcmconv +U8"),
    "gdcmconv": through("gdcmconv"),
    "gdcmconv --implicit": through("gdcmconv --implicit"),
}
# Rows 3 to 7.
ANEW: Mapping[str, Act] = {what: through(*commands) for what, commands in CHAINS.items()}
BY_GDCM = {
    *(what for what in AROUND if what.startswith("gdcm")),
    *(what for what, commands in CHAINS.items() if "gdcm" in " ".join(commands)),
}
# Where a tool itself changes samples or identity, and pydicom's decoders cannot tell.
TOOL_CHANGES = {
    ("highdicom_seg_image_sm_dots_tiled_full.dcm", "JPEG lossless by GDCM"): "1-bit samples",
}
_DECODERS = {
    JPEG2000Lossless: "gdcmconv --raw",
    JPEGLSLossless: "dcmdjpls",
    JPEGLosslessSV1: "dcmdjpeg",
    JPEGLossless: "dcmdjpeg",
}
_PYDICOM_FAILS = (RuntimeError, AttributeError, ValueError, NotImplementedError, KeyError,
                  TypeError, OSError, LookupError, OverflowError)  # fmt: skip


@dataclass
class Count:
    """What became of one file; ``alarms`` says of each what was found."""

    sealed: bool = False
    numbers: Counter[str] = field(default_factory=Counter)
    alarms: list[str] = field(default_factory=list)


def shipped_files() -> list[Path]:
    """Return every file that pydicom and pydicom-data bring along."""
    root = Path(pydicom.data.__file__).parent
    found = [p for name in ("test_files", "charset_files") for p in (root / name).rglob("*")]
    try:
        import data_store  # type: ignore[import-untyped]

        found += [p for folder in data_store.__path__ for p in Path(folder).rglob("*.dcm")]
    except ImportError:
        pass
    return _by_size(p for p in found if p.suffix not in (".py", ".pyc", ".json"))


def corpus_files(root: Path) -> list[Path]:
    """Return the DICOM files of the corpus."""
    folders = (root / "radiographs_dicom", root / "dicom_formats")
    return _by_size(p for folder in folders for p in folder.glob("*"))


def _by_size(found: Iterable[Path]) -> list[Path]:
    """Return the files among these, small ones first."""
    return sorted((p for p in found if p.is_file()), key=lambda p: (p.stat().st_size, p.name))


def sweep(path: Path, bench: Bench) -> Count:
    """Seal one file, take every step that a tool takes, and judge each result."""
    count = Count()
    folder = bench.work_folder()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            sealed = bench.seal(path.read_bytes(), folder / "sealed.dcm")
        except (UnreadableError, SealError):
            return count
        count.sealed = True
        for what, act in _steps(sealed):
            _take(what, act, sealed, path.name, bench, count)
    for left in folder.iterdir():
        left.unlink()
    return count


def _steps(sealed: Path) -> Iterator[tuple[str, Act]]:
    instance = read_instance(sealed)
    geometry = pixel_geometry(instance)
    # GDCM gives UIDs to an object that lacks them, and so makes it part of another study.
    whole = all(text(instance.dataset, tag) for tag in UIDS)
    anew = ANEW if geometry is not None and not geometry.lossy else {}
    for what, act in {**AROUND, **anew}.items():
        if whole or what not in BY_GDCM:
            yield what, act


def _take(what: str, act: Act, sealed: Path, name: str, bench: Bench, count: Count) -> None:
    try:
        made = act(bench, sealed)
    except (ToolFailedError, *_PYDICOM_FAILS):
        count.numbers["refused"] += 1
        return
    count.numbers["steps"] += 1
    verdict = bench.judge(made)
    if verdict.word is Word.AUTHENTIC:
        count.numbers["authentic"] += 1
    elif verdict.word is Word.UNREADABLE and _too_deep_for_openjpeg(made):
        count.numbers["undecodable"] += 1
    elif _excused(name, what) or _changed(sealed, made):
        count.numbers["changed"] += 1
    else:
        found = [f"{c.code} {c.detail}" for c in verdict.checks if c.status not in ("pass", "skip")]
        count.numbers["alarms"] += 1
        count.alarms.append(f"{name}, {what}: {verdict.word} {'; '.join(found)}")


def _excused(name: str, what: str) -> bool:
    return any(name == file and what.startswith(step) for file, step in TOOL_CHANGES)


def _too_deep_for_openjpeg(path: Path) -> bool:
    """Whether it is JPEG 2000 of 32 bits, which GDCM writes and reads and OpenJPEG refuses."""
    found = _read(path)
    if found is None:
        return False
    return found.file_meta.TransferSyntaxUID == JPEG2000Lossless and found.BitsAllocated == 32


def _changed(before: Path, after: Path) -> bool:
    """Whether the tool changed samples or palette, by pydicom, or what kind of object it is."""
    was, now = _read(before), _read(after)
    if was is None or now is None:
        return False
    if was.get("SOPClassUID") != now.get("SOPClassUID"):
        return True
    first, second = _samples(was), _samples(now)
    if second is None:
        second = _samples_by_toolkit(after, now)
    if first is None or second is None:
        return False
    return not np.array_equal(first, second) or _recoloured(was, now)


def _recoloured(was: pydicom.Dataset, now: pydicom.Dataset) -> bool:
    """Whether some index stands for another colour in the palette that is there now.

    GDCM expands segmented palettes otherwise than PS3.3 C.7.9.2.2 says: a linear segment repeats
    the value before it, and never reaches its own.
    """
    if was.get("PhotometricInterpretation") != "PALETTE COLOR":
        return False
    indices = np.arange(1 << was.BitsStored, dtype=np.uint16)[None]
    try:
        before, after = (apply_color_lut(indices, dataset) for dataset in (was, now))
    except _PYDICOM_FAILS:
        return False
    return not np.array_equal(before, after)


def _read(path: Path) -> pydicom.Dataset | None:
    try:
        return pydicom.dcmread(io.BytesIO(path.read_bytes()), force=True)
    except _PYDICOM_FAILS:
        return None


def _samples_by_toolkit(path: Path, dataset: pydicom.Dataset) -> np.ndarray | None:
    """Let DCMTK or GDCM decode what pydicom has no decoder for."""
    command = _DECODERS.get(dataset.file_meta.TransferSyntaxUID)
    try:
        read = None if command is None else _read(convert(command, path, path.with_suffix(".raw")))
    except ToolFailedError:
        return None
    return None if read is None else _samples(read)


def _samples(dataset: pydicom.Dataset) -> np.ndarray | None:
    try:
        return dataset.pixel_array
    except _PYDICOM_FAILS:
        return None
