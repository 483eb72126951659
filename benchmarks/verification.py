"""What verification costs, by the kind of row: `python -m benchmarks.verification`.

Each file is verified and measured against its floor (read, decode, one SHA-256) in turns, in one
process, in milliseconds of processor time; the last column has the ratio by the clock on the wall,
of which a busy machine makes more. The AUTHENTIC path and the DERIVED path are also taken apart.

A verifier remembers what the images of a series share (docs/adr/0025). So before each turn it
forgets, and verifies another object of the same series by the same device: what it knows then is
what it knows of a next slice, and nothing that belongs to the object alone. Last comes a whole
process for one file, beside one that imports the libraries without which nothing can be verified.

Of all turns the lower quartile counts: what a busy machine adds is no part of the work.
"""

import argparse
import hashlib
import io
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pydicom
from pydicom.uid import generate_uid

from benchmarks.workflow.bench import Bench
from benchmarks.workflow.matrix import CASES
from benchmarks.workflow.row import Case
from benchmarks.workflow.subjects import SUBJECTS
from benchmarks.workflow.tools import ToolMissingError
from ledger import Role, VerificationKey, open_receipt, parse_statement, verify_statement
from ledger.checkpoints import trusted_logs
from provenance import verify
from provenance.claims.claim import Claim
from provenance.dicom import attributes as attribute_values
from provenance.dicom.attributes import canonical_attributes
from provenance.dicom.carrier import read_carrier
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import read_instance
from provenance.header_tree import changed_attributes
from provenance.judging.judge import judge
from provenance.marks.mark_search import plane_of, read_mark
from provenance.pictures.likeness import compare_copy
from provenance.pictures.picture_file import is_picture, read_head
from provenance.pictures.viewpoint import Viewpoint
from provenance.ps315.examine import examine_signatures
from provenance.trust.certificates import certificate_spki
from provenance.verifying.compare import compare_pixels
from provenance.verifying.custody import find_custody
from provenance.verifying.gather import gather
from provenance.verifying.seal_search import from_carrier
from provenance.verifying.verifier import Verifier

LARGE = "CT, 512 x 512"
# One case of each kind; the image decides what is large.
KINDS = (
    (1, "read and saved", "leg"),
    (2, "implicit VR", "leg"),
    (2, "deflated", "leg"),
    (3, "JPEG-LS", "leg"),
    (3, "JPEG 2000", "leg"),
    (3, "JPEG lossless SV1", "leg"),
    (3, "RLE", "leg"),
    (1, "read and saved", "CT"),
    (1, "as sealed", LARGE),
    (11, "name", "leg"),
    (16, "ViewPosition", "leg"),
    (21, "one sample by one grey level", "leg"),
    (32, "the seal's block alone", "leg"),
    (26, "JPEG-LS, near lossless", "leg"),
    (26, "JPEG 2000, 10:1", "leg"),
    (28, "half size", "leg"),
    (28, "cut to 600 x 600", "leg"),
)

_NODE = bytes(65)  # a prefix and two hashes


def another(source: bytes, number: int) -> bytes:
    """Return the next object of a series: other UIDs, times and places, all else the same."""
    dataset = pydicom.dcmread(io.BytesIO(source))
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.InstanceNumber = number
    dataset.ContentTime = dataset.AcquisitionTime = f"1200{number:02}.5"
    dataset.ImagePositionPatient = [-158.1, -179.0, -75.7 + number]
    dataset.SliceLocation = -75.7 + number
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def large_slice() -> bytes:
    """Return the CT slice with 512 x 512 samples, as scanners make them."""
    dataset = pydicom.dcmread(io.BytesIO(SUBJECTS["CT"].make()))
    samples = np.kron(dataset.pixel_array, np.ones((4, 4), dataset.pixel_array.dtype))
    dataset.Rows, dataset.Columns = samples.shape
    dataset.PixelData = samples.tobytes()
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def forget() -> None:
    """Forget all that is remembered of objects."""
    attribute_values._read_flat.cache_clear()
    attribute_values._number_digest.cache_clear()
    trusted_logs._open_remembered.cache_clear()


class Stopwatch:
    """Milliseconds by name: of the clock on the wall, and of the processor."""

    def __init__(self) -> None:
        self.runs: dict[str, list[tuple[float, float]]] = defaultdict(list)

    @contextmanager
    def lap(self, name: str) -> Iterator[None]:
        """Measure what is done inside."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.runs[name].append((time.perf_counter() - wall, time.process_time() - cpu))

    def usual(self, name: str, clock: int = 0) -> float:
        """Return the lower quartile in milliseconds."""
        return statistics.quantiles((run[clock] for run in self.runs[name]), n=4)[0] * 1e3


def floor(path: Path, clock: Stopwatch) -> None:
    """Read, decode, and hash what was decoded."""
    with clock.lap("read"):
        instance = read_instance(path)
    geometry = pixel_geometry(instance)
    assert geometry is not None
    with clock.lap("decode"):
        decoded = list(frames(instance, geometry))
    whole = b"".join(frame.tobytes() for frame in decoded)
    with clock.lap("SHA-256"):
        hashlib.sha256(whole).digest()


def parts(path: Path, verifier: Verifier, clock: Stopwatch) -> None:
    """Take the steps of verification one by one."""
    with clock.lap("read the file"):
        instance = read_instance(path)
    with clock.lap("attributes to canonical values"):
        attributes = canonical_attributes(instance.dataset)
    values = read_carrier(instance.dataset)
    if values is None:
        return
    with clock.lap("open the seal: signature, certificate, roots of the annex"):
        found, _ = from_carrier(values)
    assert found is not None
    claim = found.claim
    with clock.lap("decode, hash and compare tiles"):
        pixels = compare_pixels(claim.annex.image, instance)
    with clock.lap("hash and compare attributes"):
        changed_attributes(claim.annex.header, attributes)
    with clock.lap("signatures of PS3.15"):
        examine_signatures(instance)
    with clock.lap("who vouches for the signer"):
        verifier.trust.vouch(claim.chain, role=Role.DEVICE, at=claim.statement.claimed_at)
    with clock.lap("receipt and ledger"):
        find_custody(claim, found.receipt, trust=verifier.trust, records=verifier.records)
    if pixels.equal:
        bare(claim, found.receipt, verifier, clock)
    if pixels.equal or claim.body.mark is None or claim.annex.image is None:
        return
    with clock.lap("find and read the mark"):
        mark = read_mark(instance, verifier.keys_of(claim.body.mark), expected=[claim.seal_id])
    if mark.reading is None or mark.key is None:
        return
    plane = plane_of(instance)
    sealed = claim.annex.image.geometry
    Viewpoint.of(
        mark.reading.placement,
        rows=sealed.rows,
        columns=sealed.columns,
        picture=(plane.shape[0], plane.shape[1]),
    )
    with clock.lap("compare with the thumbnail, and where the mark shows"):
        compare_copy(plane, mark.reading, claim.annex, key=mark.key)


def bare(claim: Claim, receipt: bytes | None, verifier: Verifier, clock: Stopwatch) -> None:
    """Measure what the format asks of any verifier: one call for each hash and signature."""
    image, leaves = claim.annex.image, len(claim.annex.header.leaves)
    tiles = 0 if image is None else image.geometry.tiles
    if image is not None:
        shape, size = image.geometry.shape, image.geometry.dtype.itemsize
        tile = bytes(math.prod(shape) * image.geometry.frames * size // tiles)
        with clock.lap("bare: SHA-256 of each tile"):
            for _ in range(tiles):
                hashlib.sha256(tile).digest()
    with clock.lap("bare: SHA-256 of each node and leaf, and twice for each salt"):
        for _ in range(tiles + 4 * leaves):
            hashlib.sha256(_NODE).digest()
    key = VerificationKey.from_spki(certificate_spki(claim.certificate))
    statement = parse_statement(claim.statement.encoded)
    forget()
    with clock.lap("bare: signatures of seal and checkpoint"):
        verify_statement(statement, key)
        if receipt is not None:
            open_receipt(claim.statement.encoded, receipt, logs=verifier.trust.logs)


def case_of(row: int, what: str, subject: str) -> Case:
    """Return the case of the matrix with this name."""
    return next(c for c in CASES if (c.row, c.what, c.subject) == (row, what, subject))


def measure(
    path: Path, sibling: Path, again: Callable[[Path], object], verifier: Verifier, repeat: int
) -> tuple[Stopwatch, str]:
    """Measure floor, verification and its parts in turns, each after ``sibling`` was verified."""
    clock, word = Stopwatch(), ""
    for _ in range(repeat):
        if not is_picture(read_head(path)):
            floor(path, clock)
        forget()
        again(sibling)
        with clock.lap("verify"):
            again(path)
        evidence = gather(read_instance(path), verifier)
        with clock.lap("judge, and say what was found"):
            word = str(judge(evidence).word)
        forget()
        again(sibling)
        parts(path, verifier, clock)
    return clock, word


def main() -> None:
    """Print a table by kind of row, and two paths by their parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=15)
    repeat = parser.parse_args().repeat
    warnings.simplefilter("ignore")
    print("| row | what | image | verdict | floor | verify | ratio | by the clock |")
    print("| ---: | --- | --- | --- | ---: | ---: | ---: | ---: |")
    apart: list[tuple[str, Stopwatch]] = []
    with tempfile.TemporaryDirectory() as folder, Bench.open(Path(folder)) as bench:
        trust, key = bench.site.trust, bench.site.mark_key
        slices = large_slice()
        for row, what, subject in KINDS:
            source = slices if subject == LARGE else SUBJECTS[subject].make()
            sibling = bench.seal(another(source, 2), bench.work_folder() / "sibling.dcm")
            try:
                made = (
                    bench.seal(another(source, 1), bench.work_folder() / "sealed.dcm")
                    if subject == LARGE
                    else bench.make(case_of(row, what, subject))
                )
            except ToolMissingError as error:
                print(f"| {row} | {what} | {subject} | {error} | | | | |")
                continue
            records = bench.site.records() if row == 32 else None
            verifier = Verifier(trust, records, key, ())

            def again(path: Path, verifier: Verifier = verifier) -> object:
                return verify(
                    path, trust=trust, records=verifier.records, mark_key=verifier.mark_key
                )

            clock, word = measure(made, sibling, again, verifier, repeat)
            print(_line(row, what, subject, word, clock), flush=True)
            apart.append((f"{row}, {what}, {subject}: {word}", clock))
            if records is not None:
                records.log.close()
        cold(bench, sibling)
    for title, clock in apart:
        if title.startswith(("1, ", "26, JPEG 2000", "28, cut")):
            _print_parts(title, clock)


def cold(bench: Bench, path: Path) -> None:
    """Measure a process that verifies one file, and one that imports the libraries alone."""
    trust = str(bench.site.folder / "trust")
    verifying = ["-m", "provenance.cli", "verify", "--trust", trust, str(path)]
    libraries = ["-c", "import cryptography.x509, numpy, pydicom"]
    took = {name: min(_spent(words) for _ in range(5)) for name, words in
            (("verify", verifying), ("libraries", libraries))}  # fmt: skip
    print(
        f"\nA process for one file: {took['verify']:.2f} s of processor time, "
        f"{took['verify'] / took['libraries']:.2f} times what it takes to import the libraries"
    )


def _spent(words: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _line(row: int, what: str, subject: str, word: str, clock: Stopwatch) -> str:
    floors = [sum(clock.usual(n, i) for n in ("read", "decode", "SHA-256")) for i in (0, 1)]
    took = [clock.usual("verify", i) for i in (0, 1)]
    return (
        f"| {row} | {what} | {subject} | {word} | {floors[1]:.1f} | {took[1]:.1f} "
        f"| {took[1] / floors[1]:.2f} | {took[0] / floors[0]:.2f} |"
    )


def _print_parts(title: str, clock: Stopwatch) -> None:
    print(f"\n### {title}\n\n| part | ms | processor ms |\n| --- | ---: | ---: |")
    for name in clock.runs:
        print(f"| {name} | {clock.usual(name):.2f} | {clock.usual(name, 1):.2f} |")


if __name__ == "__main__":
    main()
