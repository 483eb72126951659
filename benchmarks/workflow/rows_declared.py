"""Rows 22 to 33, where somebody answers for it: copies that are declared, studies, policies."""

import json
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
from click.testing import CliRunner
from pydicom.uid import UID, generate_uid

from benchmarks.workflow.edits import after, edit, forge
from benchmarks.workflow.row import Act, Case, Look, Seen
from benchmarks.workflow.rows_pixels import boxed, each, padded, shuttered, with_text
from benchmarks.workflow.rows_seals import anonymized, generated_image, radseal
from benchmarks.workflow.subjects import generated, levels
from benchmarks.workflow.tools import ToolFailedError, ToolMissingError, convert, run, through
from provenance.cli.root import cli
from provenance.judging.verdict import Word

if TYPE_CHECKING:
    from benchmarks.workflow.bench import Bench

D = Word.DERIVED
ENHANCED = UID("1.2.840.10008.5.1.4.1.1.7.3")  # Multi-frame Grayscale Word Secondary Capture


def declared(kind: str, make: Act) -> Act:
    """Return the act of making a copy, and signing that it was made."""

    def act(bench: "Bench", sealed: Path) -> Path:
        copy = make(bench, sealed)
        return _derive(bench, kind, [sealed], copy)

    return act


def _derive(bench: "Bench", kind: str, parents: Sequence[Path], copy: Path) -> Path:
    out = copy.with_name("declared.dcm")
    radseal("derive", *parents, copy, "-o", out, "--kind", kind, "--site", bench.site.folder)
    return out


def as_a_copy(dataset: pydicom.Dataset) -> None:
    """Make it another instance that says it is derived (PS3.3 C.7.6.1.1.2)."""
    dataset.SOPInstanceUID = generate_uid()
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.ImageType = ["DERIVED", *list(dataset.get("ImageType", ["", "PRIMARY"]))[1:]]


def slices(bench: "Bench", folder: Path, count: int = 3) -> list[Path]:
    """Seal slices of one series."""
    study, series = generate_uid(), generate_uid()
    sealed = []
    for number in range(count):
        data = generated(
            levels(96, 80, bits=12, seed=number),
            bits=12,
            StudyInstanceUID=study,
            SeriesInstanceUID=series,
            InstanceNumber=number + 1,
        )
        sealed.append(bench.seal(data, folder / f"slice-{number}.dcm"))
    return sealed


def enhanced(bench: "Bench", sealed: Path) -> Path:
    """Put slices together as the frames of one object."""
    parents = slices(bench, sealed.parent)
    read = [pydicom.dcmread(path) for path in parents]
    joined = pydicom.dcmread(parents[0])
    as_a_copy(joined)
    joined.SOPClassUID = joined.file_meta.MediaStorageSOPClassUID = ENHANCED
    joined.NumberOfFrames = len(read)
    joined.PixelData = b"".join(each_.PixelData for each_ in read)
    joined.remove_private_tags()
    copy = sealed.with_name("enhanced.dcm")
    joined.save_as(copy)
    return _derive(bench, "multiframe", parents, copy)


def split(bench: "Bench", sealed: Path) -> Path:
    """Take the third frame out."""
    whole = pydicom.dcmread(sealed)
    frame = whole.pixel_array[2]
    as_a_copy(whole)
    whole.PixelData = np.ascontiguousarray(frame).tobytes()
    whole.NumberOfFrames = 1
    whole.remove_private_tags()
    copy = sealed.with_name("frame.dcm")
    whole.save_as(copy)
    return _derive(bench, "split", [sealed], copy)


def deidentified(make: Act, *options: str) -> Act:
    """Return the act of de-identifying with a tool, and sealing the copy as a de-identifier."""

    def act(bench: "Bench", sealed: Path) -> Path:
        copy, out = make(bench, sealed), sealed.with_name("research.dcm")
        _seal_anew(bench, sealed, copy, "-o", out, *options)
        return out

    return act


def by_profile(name: str) -> Act:
    """Return the act of letting a profile remove the identity."""

    def act(bench: "Bench", sealed: Path) -> Path:
        if find_spec(name) is None:
            raise ToolMissingError(f"{name} is not installed")
        out = sealed.with_name("research.dcm")
        _seal_anew(bench, sealed, "--profile", name, "-o", out)
        return out

    return act


def _seal_anew(bench: "Bench", *words: object) -> None:
    """Run the command; the site's de-identifier gets its key when it is first needed."""
    site = ("--site", bench.site.folder)
    if not (bench.site.folder / "certificates" / "deidentifier.pem").exists():
        radseal("key", "renew", "deidentifier", *site)
    radseal("deidentify", *words, *site)


def annex_e(bench: "Bench", sealed: Path) -> Path:
    """De-identify by PS3.15 Annex E with GDCM, which encrypts what it takes out."""
    key, certificate = sealed.with_name("k.pem"), sealed.with_name("c.pem")
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    run([*words, "-subj", "/CN=deidentifier", "-keyout", key, "-out", certificate])
    made = sealed.with_name("annex-e.dcm")
    run(["gdcmanon", "-e", "-c", certificate, "-i", sealed, "-o", made])
    empty = ["--empty", "0008,0020", "--empty", "0008,0030"]  # the dates, which it keeps
    return convert(["gdcmanon", "--dumb", *empty], made, sealed.with_name("anonymous.dcm"))


def study(change: Callable[[list[Path], "Bench"], object]) -> Act:
    """Return the act of closing a study of four slices, and doing something to its folder."""

    def act(bench: "Bench", sealed: Path) -> Path:
        folder = sealed.with_name("study")
        folder.mkdir()
        paths = slices(bench, folder, 4)
        radseal("study", "close", folder, "--site", bench.site.folder)
        change(paths, bench)
        return folder

    return act


def look_at_study(bench: "Bench", folder: Path) -> Seen:
    """Verify the study."""
    words = ["study", "verify", folder, "--site", bench.site.folder, "--json"]
    (found,) = _json(words, "studies")
    codes = frozenset(finding["code"] for finding in found["findings"])
    return Seen(found["verdict"], codes)


def by_policy(text: str) -> Look:
    """Return the look by an acceptance policy."""

    def look(bench: "Bench", made: Path) -> Seen:
        policy = made.with_name("policy.toml")
        policy.write_text(text, encoding="utf-8")
        words = ["verify", made, "--site", bench.site.folder, "--policy", policy, "--json"]
        (found,) = _json(words, "objects")
        codes = frozenset(check["code"] for check in found["checks"])
        return Seen(found["verdict"], codes, bool(found["regions"]))

    return look


def _json(words: Sequence[object], name: str) -> list[dict[str, Any]]:
    result = CliRunner().invoke(cli, [str(word) for word in words])
    try:
        return list(json.loads(result.stdout)[name])
    except ValueError as error:
        raise ToolFailedError(f"radseal {words[0]}: {result.output}") from error


def swap_names(paths: list[Path], bench: "Bench") -> None:
    """Give a slice the number of another."""
    first, second = (pydicom.dcmread(path) for path in paths[:2])
    first.InstanceNumber, second.InstanceNumber = second.InstanceNumber, first.InstanceNumber
    first.save_as(paths[0])
    second.save_as(paths[1])


def repeat(paths: list[Path], bench: "Bench") -> None:
    """Put a slice in once more, as another instance with a seal of its own."""
    again = pydicom.dcmread(paths[0])
    again.SOPInstanceUID = generate_uid()
    again.file_meta.MediaStorageSOPInstanceUID = again.SOPInstanceUID
    again.remove_private_tags()
    plain = paths[0].with_name("plain.dcm")
    again.save_as(plain)
    data = plain.read_bytes()
    plain.unlink()
    bench.seal(data, paths[0].with_name("again.dcm"))


def add(paths: list[Path], bench: "Bench") -> None:
    """Add a slice that was not there when the study was closed."""
    like = pydicom.dcmread(paths[0], stop_before_pixels=True)
    data = generated(
        levels(96, 80, bits=12, seed=77),
        bits=12,
        StudyInstanceUID=like.StudyInstanceUID,
        SeriesInstanceUID=like.SeriesInstanceUID,
        InstanceNumber=9,
    )
    bench.seal(data, paths[0].with_name("late.dcm"))


COPY = edit(as_a_copy)
DERIVATIONS = [
    *(
        Case(23, f"{what}, declared", "numpy, radseal derive", subject,
             declared("presentation", after(each(change), COPY)), D, ("DV110", "DV112"),
             proven=True)
        for subject in ("DX, fresh",)
        for what, change in (("shutter", shuttered), ("padding outside a circle", padded))
    ),
    *(
        Case(24, f"{what}, declared", "numpy, radseal derive", "DX, fresh",
             declared("redaction", after(each(change), COPY)), D, ("DV110", "DV112"), proven=True)
        for what, change in (("a letter burned in", with_text), ("a black box", boxed))
    ),
    *(
        Case(26, f"{what}, declared", f"{tool}, radseal derive", "CT", declared("lossy", act), D,
             ("DV110", "DV113"), proven=True)
        for what, tool, act in (
            ("JPEG, 12 bits, quality 90", "DCMTK", through("dcmcjpeg +ee +q 90")),
            ("JPEG 2000, 10:1", "GDCM", through("gdcmconv --j2k --lossy -r 10")),
        )
    ),
    *(
        Case(28, f"{what}, declared", "DCMTK dcmscale, radseal derive", "CT",
             declared(kind, through(command)), D, ("DV110",), proven=True)
        for what, kind, command in (
            ("256 columns", "resize", "dcmscale +Sxv 256"),
            ("cut to 64 x 64", "crop", "dcmscale +C 32 32 64 64"),
        )
    ),
    Case(29, "three slices as one object", "pydicom, radseal derive", "DX", enhanced, D,
         ("DV110", "DV111"), proven=True),
    Case(29, "one frame of ten", "pydicom, radseal derive", "frames", split, D,
         ("DV110", "DV111"), proven=True),
]  # fmt: skip
STUDIES = [
    Case(22, f"study: {what}", "radseal study close", "DX", study(change), word, codes,
         look=look_at_study, why="what is measured against" if word == "COMPLETE" else "")
    for what, change, word, codes in (
        ("whole", lambda paths, bench: None, "COMPLETE", ()),
        ("a slice removed", lambda paths, bench: paths[2].unlink(), "INCOMPLETE", ("ST101",)),
        ("a slice added", add, "DIFFERS", ("ST102",)),
        ("a slice repeated under another UID", repeat, "DIFFERS", ("ST103",)),
        ("two slices' numbers swapped", swap_names, "DIFFERS", ()),
    )
]  # fmt: skip
DEIDENTIFIED = [
    *(
        Case(31, what, f"{tool}, radseal deidentify", subject, act, D, ("DV120",), proven=True)
        for subject in ("DX, fresh", "DX, large")
        for what, tool, act in (
            ("anonymised, declared", "Orthanc anonymize", deidentified(anonymized)),
            ("Annex E, declared", "GDCM gdcmanon", deidentified(annex_e)),
            ("a profile, declared", "dicognito", by_profile("dicognito")),
        )
    ),
    Case(31, "declared, and a sample changed afterwards", "Orthanc, radseal", "DX, fresh",
         after(deidentified(anonymized), forge("pixel")), Word.ALTERED, ("PX101",), regions=True,
         why="the copy is judged by its own seal like any object"),
]  # fmt: skip
MUST_SEAL = """\
version = 1

[defaults]
depth = "mark"
must_seal_ingest_since = 2020-01-01
"""
POLICY = [
    Case(33, "generated, where a policy says that all is sealed", "radseal verify --policy", "DX",
         generated_image(pixels_only=False), Word.STRIPPED, ("PO101",), look=by_policy(MUST_SEAL)),
    Case(33, "sealed, under the same policy", "radseal verify --policy", "DX",
         edit(lambda _: None), Word.AUTHENTIC, look=by_policy(MUST_SEAL),
         why="what is measured against"),
]  # fmt: skip
