"""Seal and verify, step by step, beside the floors of the same run.

    python benchmarks/pipeline.py [FILE.dcm ...] [--repeat N]

Without files: a 10 MB radiograph is generated (2,560 x 2,048, 14 bits stored), native and JPEG-LS,
and the real chest and leg radiographs of pydicom-data are added where that package is installed.
Medians of N runs, floors and steps interleaved. Memory
is the peak above the size of a process that has sealed and verified a small image before.
"""

import argparse
import hashlib
import importlib.util
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pywt
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless, generate_uid

from provenance import Device, Site, seal, verify
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import read_instance
from provenance.dicom.write import instance_bytes, set_pixels
from provenance.image_tree import PixelGeometry
from provenance.sealing.chance import Chance
from provenance.sealing.seal import seal_at_time

WAVELET, MODE, LEVEL = "sym5", "periodization", 4
REAL = ("RG1_UNCR.dcm", "RG3_UNCR.dcm", "RG1_J2KR.dcm")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--child", choices=("seal", "verify"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        _child(arguments.child, *arguments.files)
        return
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        site = Site.init(work / "site", name="bench")
        files = arguments.files or _default_files(work)
        for file in files:
            _table(file, site, work, arguments.repeat)


def _default_files(work: Path) -> list[Path]:
    native = work / "generated-10MB-native.dcm"
    native.write_bytes(generated(2560, 2048))
    jpegls = work / "generated-10MB-jpeg-ls.dcm"
    dataset = pydicom.dcmread(native)
    frame = bytes(imagecodecs.jpegls_encode(dataset.pixel_array))
    dataset.PixelData = pydicom.encaps.encapsulate([frame])
    dataset.file_meta.TransferSyntaxUID = JPEGLSLossless
    dataset["PixelData"].VR = "OB"
    dataset.save_as(jpegls)
    return [native, jpegls, *_real()]


def _real() -> list[Path]:
    spec = importlib.util.find_spec("data_store")
    roots = [Path(p) for p in (spec.submodule_search_locations or [])] if spec else []
    return [path for root in roots for name in REAL for path in root.rglob(name)]


def generated(rows: int, columns: int) -> bytes:
    chance = np.random.default_rng(7)
    y, x = np.mgrid[0:rows, 0:columns]
    smooth = 0.45 + 0.25 * np.sin(x / 310) * np.cos(y / 270) + 0.1 * np.sin(x * y / 2e5)
    pixels = np.clip((smooth + chance.normal(0, 0.004, x.shape)) * 16383, 0, 16383)
    dataset = pydicom.Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    dataset.SOPInstanceUID = generate_uid()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.Modality = "DX"
    dataset.PatientName = "Bench^Phantom"
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.SamplesPerPixel = 1
    dataset.Rows, dataset.Columns = rows, columns
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 14, 13
    dataset.PixelRepresentation = 0
    dataset.PixelData = pixels.astype(np.uint16).tobytes()
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


class _Stopwatch:
    """Seconds by name, one list of runs each: of the clock on the wall, and of the processor."""

    def __init__(self) -> None:
        self.runs: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self._at = self._now()

    @staticmethod
    def _now() -> tuple[float, float]:
        return time.perf_counter(), time.process_time()

    def start(self) -> None:
        self._at = self._now()

    def lap(self) -> tuple[float, float]:
        was, self._at = self._at, self._now()
        return self._at[0] - was[0], self._at[1] - was[1]

    def step(self, name: str) -> None:
        self.runs[name].append(self.lap())

    def median(self, name: str, clock: int) -> float:
        return statistics.median(run[clock] for run in self.runs[name])


def _table(file: Path, site: Site, work: Path, repeat: int) -> None:
    clock = _Stopwatch()
    target = work / "sealed.dcm"
    word = ""
    with site.device() as device:
        for _ in range(repeat):
            _measure_floor(file, work, clock)
            _measure_seal(file, target, device, clock)
            word = _measure_verify(target, site, clock)
    geometry = pixel_geometry(read_instance(file))
    assert geometry is not None
    _print(file, clock, geometry, word, target)


def _measure_floor(file: Path, work: Path, clock: _Stopwatch) -> None:
    clock.start()
    instance = read_instance(file)
    clock.step("floor read")
    geometry = pixel_geometry(instance)
    assert geometry is not None
    decoded = list(frames(instance, geometry))
    clock.step("floor decode")
    raw = b"".join(frame.tobytes() for frame in decoded)
    clock.start()
    hashlib.sha256(raw).digest()
    clock.step("floor SHA-256")
    array = decoded[0].astype(np.float64)
    clock.start()
    pywt.waverec2(pywt.wavedec2(array, WAVELET, MODE, LEVEL), WAVELET, MODE)
    clock.step("floor wavelet pair")
    written = set_pixels(instance, decoded, geometry)
    clock.step("floor encode")
    data = instance_bytes(written)
    clock.start()
    with (work / "floor").open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    clock.step("floor write and fsync")


def _measure_seal(file: Path, target: Path, device: Device, clock: _Stopwatch) -> None:
    run: dict[str, tuple[float, float]] = {}
    clock.start()

    def step(name: str) -> None:
        wall, cpu = clock.lap()
        before = run.get(name, (0.0, 0.0))
        run[name] = before[0] + wall, before[1] + cpu

    sealed = seal_at_time(
        file, device=device, profile=None, at=datetime.now(UTC), chance=Chance.draw(), step=step
    )
    sealed.write(target, overwrite=True)
    step("write")
    for name, seconds in run.items():
        clock.runs["seal: " + name].append(seconds)
    clock.runs["seal"].append((sum(w for w, _ in run.values()), sum(c for _, c in run.values())))


def _measure_verify(target: Path, site: Site, clock: _Stopwatch) -> str:
    trust = site.trust
    clock.start()
    verdict = verify(target, trust=trust)
    clock.step("verify")
    instance = read_instance(target)
    geometry = pixel_geometry(instance)
    assert geometry is not None
    raw = b"".join(frame.tobytes() for frame in frames(instance, geometry))
    clock.start()
    read_instance(target)
    clock.step("sealed: read")
    for _ in frames(instance, geometry):
        pass
    clock.step("sealed: decode")
    hashlib.sha256(raw).digest()
    clock.step("sealed: SHA-256")
    return str(verdict.word)


def _ratios(clock: _Stopwatch, name: str, floors: list[str]) -> str:
    wall, cpu = (
        clock.median(name, kind) / sum(clock.median(floor, kind) for floor in floors)
        for kind in (0, 1)
    )
    return f"{wall:.2f} (processor time: {cpu:.2f})"


def _print(file: Path, clock: _Stopwatch, geometry: PixelGeometry, word: str, target: Path) -> None:
    megapixels = geometry.rows * geometry.columns * geometry.frames / 1e6
    decoded = megapixels * 1e6 * geometry.dtype.itemsize * geometry.samples
    print(f"\n## {file.name}: {megapixels:.2f} MP, {decoded / 1e6:.1f} MB decoded, {word}\n")
    print("| step | ms | ms/MP | processor ms |\n| --- | ---: | ---: | ---: |")
    for name in clock.runs:
        wall, cpu = clock.median(name, 0) * 1e3, clock.median(name, 1) * 1e3
        print(f"| {name} | {wall:.1f} | {wall / megapixels:.2f} | {cpu:.1f} |")
    seal_floors = ["floor " + f for f in ("decode", "wavelet pair", "SHA-256", "encode")]
    verify_floors = ["sealed: " + f for f in ("read", "decode", "SHA-256")]
    print("\n- seal / (decode + wavelet pair + SHA-256 + encode) = ", end="")
    print(_ratios(clock, "seal", seal_floors))
    print("- verify / (read + decode + SHA-256) = ", end="")
    print(_ratios(clock, "verify", verify_floors))
    site = target.parent / "site"
    for what, path in (("seal", file), ("verify", target)):
        print(f"- peak memory, {what}: {_peak(what, path, site) / decoded:.1f} x decoded")


def _peak(what: str, file: Path, site: Path) -> int:
    command = [sys.executable, __file__, "--child", what, str(file), str(site)]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def _child(what: str, file: Path, site_folder: Path) -> None:
    """Print by how many bytes the peak of one seal or verify lies above a warm process."""
    site = Site.open(site_folder)
    with site.device() as device:
        small = seal(generated(256, 256), device=device).to_bytes()
        verify(small, trust=site.trust)
        # Not ru_maxrss: Linux carries the parent's peak over into it.
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before = _status("VmRSS")
        if what == "seal":
            seal(file, device=device).write(site_folder.parent / "child.dcm", overwrite=True)
        else:
            verify(file, trust=site.trust)
    print(_status("VmHWM") - before)


def _status(field: str) -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split(f"{field}:")[1].split()[0]) * 1024


if __name__ == "__main__":
    main()
