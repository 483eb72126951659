"""What verification costs, by the kind of row: `python -m benchmarks.verification`.

Each file is verified and measured against its floor (read, decode, one SHA-256) in turns, in one
process, in milliseconds of processor time; the last column has the ratio by the clock on the wall,
of which a busy machine makes more. The AUTHENTIC path and the DERIVED path are also taken apart.
Certificates are remembered from one turn to the next, as from one image of a device to the next;
nothing is that belongs to one object.
"""

import argparse
import hashlib
import math
import statistics
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.workflow.bench import Bench
from benchmarks.workflow.matrix import CASES
from benchmarks.workflow.row import Case
from benchmarks.workflow.tools import ToolMissingError
from ledger import Role, VerificationKey, open_receipt, parse_statement, verify_statement
from provenance import verify
from provenance.claims.claim import Claim
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

    def median(self, name: str, clock: int = 0) -> float:
        """Return the median in milliseconds."""
        return statistics.median(run[clock] for run in self.runs[name]) * 1e3


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
    with clock.lap("bare: signatures of seal and checkpoint"):
        verify_statement(statement, key)
        if receipt is not None:
            open_receipt(claim.statement.encoded, receipt, logs=verifier.trust.logs)


def case_of(row: int, what: str, subject: str) -> Case:
    """Return the case of the matrix with this name."""
    return next(c for c in CASES if (c.row, c.what, c.subject) == (row, what, subject))


def measure(
    path: Path, again: Callable[[], object], verifier: Verifier, repeat: int
) -> tuple[Stopwatch, str]:
    """Measure floor, verification and its parts in turns."""
    clock, word = Stopwatch(), ""
    for _ in range(repeat):
        if not is_picture(read_head(path)):
            floor(path, clock)
        with clock.lap("verify"):
            again()
        evidence = gather(read_instance(path), verifier)
        with clock.lap("judge, and say what was found"):
            word = str(judge(evidence).word)
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
        for row, what, subject in KINDS:
            case = case_of(row, what, subject)
            try:
                made = bench.make(case)
            except ToolMissingError as error:
                print(f"| {row} | {what} | {subject} | {error} | | | | |")
                continue
            records = bench.site.records() if row == 32 else None
            verifier = Verifier(trust, records, key, ())

            def again(made: Path = made, verifier: Verifier = verifier) -> object:
                return verify(
                    made, trust=trust, records=verifier.records, mark_key=verifier.mark_key
                )

            clock, word = measure(made, again, verifier, repeat)
            print(_line(row, what, subject, word, clock), flush=True)
            apart.append((f"{row}, {what}, {subject}: {word}", clock))
            if records is not None:
                records.log.close()
    for title, clock in apart:
        if title.startswith(("1, read and saved", "26, JPEG 2000", "28, cut")):
            _print_parts(title, clock)


def _line(row: int, what: str, subject: str, word: str, clock: Stopwatch) -> str:
    floors = [sum(clock.median(n, i) for n in ("read", "decode", "SHA-256")) for i in (0, 1)]
    took = [clock.median("verify", i) for i in (0, 1)]
    return (
        f"| {row} | {what} | {subject} | {word} | {floors[1]:.1f} | {took[1]:.1f} "
        f"| {took[1] / floors[1]:.2f} | {took[0] / floors[0]:.2f} |"
    )


def _print_parts(title: str, clock: Stopwatch) -> None:
    print(f"\n### {title}\n\n| part | ms | processor ms |\n| --- | ---: | ---: |")
    for name in clock.runs:
        print(f"| {name} | {clock.median(name):.2f} | {clock.median(name, 1):.2f} |")


if __name__ == "__main__":
    main()
