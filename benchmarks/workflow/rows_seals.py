"""Rows 30 to 36: what becomes of the seal, of keys and clocks, and of bytes around the object."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
from click.testing import CliRunner

from benchmarks.workflow.edits import after, edit, forge, on_bytes
from benchmarks.workflow.row import Act, Case
from benchmarks.workflow.subjects import generated, levels, small
from benchmarks.workflow.tools import ToolFailedError, convert, dcmodify, run, through
from ledger import Event, RefusedError, Role, key_revoked_body
from provenance import Site, seal
from provenance.cli.root import cli
from provenance.findings import Code
from provenance.judging.verdict import Word
from provenance.sealing.chance import Chance
from provenance.sealing.seal import seal_at_time

if TYPE_CHECKING:
    from benchmarks.workflow.bench import Bench

A, S, N, U = Word.AUTHENTIC, Word.STRIPPED, Word.UNSEALED, Word.UNTRUSTED
FOUND = (Code.SEAL_FROM_LEDGER,)
OURS = 0x5253
REATTACH = (
    "the seal went with the rest. All three answers are proven by the ledger; the word says that "
    "the file must get its seal back (row 32)"
)
ELF = b"\x7fELF\2\1\1\0" + bytes(8) + b"\2\0\x3e\0\1\0\0\0" + b"\x90" * 100
SCRIPT = b"#!/bin/sh\necho run\nexit 0\n"
ARCHIVE = b"PK\3\4\x14\0\0\0\x08\0" + b"\x55" * 90
DOCUMENT = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n%%EOF\n"
BARE_PAGE = b"<html><script>run()</script></html>"


def without_private(dataset: pydicom.Dataset) -> None:
    """Remove the private elements of other makers."""
    for element in list(dataset):
        if element.tag.is_private and element.tag.group != OURS:
            del dataset[element.tag]


def remove_private(bench: "Bench", sealed: Path) -> Path:
    """Let Orthanc remove private elements."""
    settings = {"RemovePrivateTags": True, "Keep": ["SOPInstanceUID"], "Force": True}
    return bench.orthanc.change("modify", sealed, settings)


def anonymized(bench: "Bench", sealed: Path) -> Path:
    """Let Orthanc anonymise."""
    return bench.orthanc.change("anonymize", sealed, {})


def signed_by_dcmsign(bench: "Bench", sealed: Path) -> Path:
    """Put a Creator signature beside the seal, with a key of its own."""
    key, certificate = sealed.with_name("k.pem"), sealed.with_name("c.pem")
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    run([*words, "-subj", "/CN=signer", "-keyout", key, "-out", certificate])
    made = sealed.with_name("signed.dcm")
    run(["dcmsign", "+s", key, certificate, "-pw", "+pc", "+m2", sealed, made])
    return made


def generated_image(*, pixels_only: bool) -> Act:
    """Return the act of making an image with a plausible header, that no device sealed."""

    def act(bench: "Bench", sealed: Path) -> Path:
        shown = levels(200, 232, bits=12, seed=99)
        data = generated(shown, bits=12, Manufacturer="ACME", DeviceSerialNumber="1234")
        made = sealed.with_name("generated.dcm")
        if pixels_only:
            from PIL import Image

            made = sealed.with_name("generated.png")
            Image.fromarray((shown >> 4).astype("uint8")).save(made)
        else:
            made.write_bytes(data)
        return made

    return act


def beside(scene: Callable[[Site, Path], None]) -> Act:
    """Return the act of playing a scene at a site of its own, beside the file that is judged."""

    def act(bench: "Bench", sealed: Path) -> Path:
        folder = bench.work_folder()
        site = Site.init(folder / "site", name="own")
        made = folder / "judged.dcm"
        scene(site, made)
        return made

    return act


def revoke(site: Site) -> None:
    """Revoke the device's key."""
    with site.device() as device:
        kid = device.signer.kid
    with site.device(Role.ARCHIVIST) as archivist:
        body = key_revoked_body(kid, reason="stolen")
        archivist.record(Event.KEY_REVOKED, object_id=None, body=body, at=datetime.now(UTC))


def before_revocation(site: Site, made: Path) -> None:
    """Seal, and revoke afterwards."""
    with site.device() as device:
        seal(small(), device=device).write(made)
    revoke(site)


def radseal(*words: object) -> None:
    """Run the command; ToolFailedError unless it ends with 0."""
    result = CliRunner().invoke(cli, [str(word) for word in words])
    if result.exit_code != 0:
        raise ToolFailedError(f"radseal {words[0]}: {result.output}{result.stderr}")


def stolen_offline(site: Site, made: Path) -> None:
    """Seal with a stolen key, offline, after it was revoked; the log takes it no more."""
    outbox = made.with_name("outbox")
    radseal("outbox", "init", outbox, "--site", site.folder)
    revoke(site)
    with site.outbox_device(outbox) as thief:
        seal(small(), device=thief).write(made)
    with site.device() as thief:
        try:
            seal(small(), device=thief)
        except RefusedError:
            return
    raise AssertionError("the log took the seal of a revoked key")


def by_a_careless_log(site: Site, made: Path) -> None:
    """Seal with a key that was revoked before, at a log that did not look."""
    with site.device() as device:
        seal(small(), device=device).write(made)
    with sqlite3.connect(site.folder / "ledger.sqlite") as database:
        database.execute(
            "UPDATE radseal_key SET revoked_index = added_index + 1 WHERE role = 'device'"
        )


def at_another_time(shift: timedelta) -> Callable[[Site, Path], None]:
    """Return the scene of sealing by a clock that is off, and syncing with a log whose is right."""

    def scene(site: Site, made: Path) -> None:
        at, outbox = datetime.now(UTC) + shift, made.with_name("outbox")
        radseal("outbox", "init", outbox, "--site", site.folder)
        with site.outbox_device(outbox) as device:
            sealed = seal_at_time(small(), device=device, profile=None, at=at, chance=Chance.draw())
            sealed.write(made)
        radseal("outbox", "sync", outbox, "--site", site.folder)

    return scene


def after_padding(trailer: bytes) -> Act:
    """Return the act of padding the dataset with (FFFC,FFFC), and appending something."""

    def act(bench: "Bench", sealed: Path) -> Path:
        padded = convert("dcmconv +p 512 64", sealed, sealed.with_name("padded.dcm"))
        made = sealed.with_name("trailing.dcm")
        made.write_bytes(padded.read_bytes() + trailer)
        return made

    return act


def preamble(program: bytes) -> Act:
    """Return the act of putting a program's head into the preamble."""
    return on_bytes(lambda data: program[:128].ljust(128, b"\0") + data[128:])


PRIVATE = [
    *(
        Case(30, "of other makers", "pydicom", s, edit(without_private), A, c)
        for s, c in (("CT", (Code.PRIVATE_CHANGED,)), ("MR", ()), ("leg", ()), ("US", ()))
    ),
    Case(30, "one block", "DCMTK dcmodify", "CT", through(["dcmodify", "-e", "(0009,0010)"]), A,
         (Code.PRIVATE_CHANGED,)),
    *(
        Case(30, "all, the seal too", tool, subject, act, S, FOUND, proven=True, why=REATTACH)
        for subject in ("CT", "leg", "US")
        for tool, act in (
            ("DCMTK dcmodify", through("dcmodify -ep")),
            ("GDCM", through("gdcmconv --remove-private-tags")),
            ("pydicom", edit(lambda d: d.remove_private_tags())),
            ("Orthanc modify", remove_private),
        )
    ),
]  # fmt: skip
STRIPPED = [
    *(
        Case(32, what, tool, subject, act, S, FOUND)
        for subject in ("DX", "leg", "CT")
        for what, tool, act in (
            ("the seal's block alone", "radseal tamper", forge("strip")),
            ("and the name edited", "DCMTK dcmodify",
             after(through("dcmodify -ep"), dcmodify("PatientName=Doe^Jane"))),
            ("and compressed", "DCMTK", through("dcmodify -ep", "dcmcjpls")),
        )
    ),
    Case(32, "and a sample changed", "radseal tamper, DCMTK", "leg",
         after(forge("pixel"), through("dcmodify -ep")), Word.ALTERED, (Code.PIXELS_DIFFER,),
         regions=True, why="what the ledger's seal says of the samples weighs more"),
    Case(32, "new UIDs, found by its pixels", "DCMTK dcmodify", "leg",
         through("dcmodify -ep -gin"), S, FOUND),
    Case(32, "half of the block", "DCMTK dcmodify", "DX",
         through(["dcmodify", "-e", "(5253,1002)"]), S, (Code.CARRIER_BROKEN,)),
    Case(32, "a DICOM signature beside the seal", "DCMTK dcmsign", "DX", signed_by_dcmsign, A,
         (Code.SIGNATURE_VALID,), why="what is measured against"),
    Case(32, "that signature removed, MAC parameters left", "DCMTK dcmsign, dcmodify", "DX",
         after(signed_by_dcmsign, through(["dcmodify", "-e", "DigitalSignaturesSequence"])), A,
         (Code.SIGNATURE_STRIPPED,), why="our own seal is whole; the finding tells of the other"),
    Case(31, "anonymised, declared by nobody", "Orthanc anonymize", "leg", anonymized, S, FOUND,
         why="without a declared de-identifier it is a sealed image that lost its seal"),
    Case(31, "anonymised, declared by nobody", "Orthanc anonymize", "CT", anonymized, S, FOUND,
         why="the same; unmarked, and found by its pixels"),
    Case(33, "generated, a plausible header", "numpy", "DX", generated_image(pixels_only=False), N,
         (Code.NO_SEAL, Code.NO_MARK)),
    Case(33, "generated, as a picture", "numpy, Pillow", "DX", generated_image(pixels_only=True), N,
         (Code.PICTURE, Code.NO_MARK)),
]  # fmt: skip
KEYS = [
    Case(34, "sealed before the key was revoked", "radseal", "DX", beside(before_revocation), A),
    Case(34, "sealed offline with the stolen key", "radseal", "DX", beside(stolen_offline), U,
         (Code.NOT_LOGGED,)),
    Case(34, "logged after it was revoked", "a careless log", "DX", beside(by_a_careless_log), U,
         (Code.KEY_REVOKED,)),
    Case(35, "two years before notBefore", "radseal", "DX",
         beside(at_another_time(timedelta(days=-730))), U, (Code.SIGNER_UNKNOWN,)),
    Case(35, "an hour before notBefore", "radseal", "DX",
         beside(at_another_time(timedelta(hours=-1))), U, (Code.SIGNER_UNKNOWN,)),
]  # fmt: skip
AHEAD = Case(35, "three days ahead of the log", "radseal", "DX",
             beside(at_another_time(timedelta(days=3))), U, (Code.CLOCK_AHEAD,))  # fmt: skip
AROUND = [
    *(
        Case(36, f"preamble: {what}", "bytes", subject, preamble(program), A, (Code.PREAMBLE,))
        for subject in ("DX", "leg")
        for what, program in (("ELF", ELF), ("MZ", b"MZ\x90\0"), ("script", SCRIPT),
                              ("page", BARE_PAGE))
    ),
    *(
        Case(36, f"after the padding: {what}", "DCMTK dcmconv, bytes", subject,
             after_padding(trailer), A, (Code.TRAILING_BYTES,))
        for subject in ("DX", "CT")
        for what, trailer in (("ELF", ELF), ("ZIP", ARCHIVE), ("script", SCRIPT),
                              ("PDF", DOCUMENT), ("zeros", bytes(2048)))
    ),
    Case(36, "zeros at the end, no padding element", "bytes", "DX",
         on_bytes(lambda data: data + bytes(2048)), A, (Code.TRAILING_BYTES,)),
    Case(36, "a few bytes at the end", "bytes", "DX", on_bytes(lambda data: data + b"end"), A,
         (Code.TRAILING_BYTES,)),
    Case(36, "preamble and trailer", "DCMTK dcmconv, bytes", "DX",
         after(preamble(ELF), after_padding(SCRIPT)), A, (Code.PREAMBLE, Code.TRAILING_BYTES)),
    Case(36, "a second PatientName after the padding", "DCMTK dcmconv, bytes", "DX",
         after_padding(b"\x10\0\x10\0PN\x08\0Doe^Jane"), Word.UNREADABLE, (Code.UNREADABLE,),
         why="other readers would take it for the patient's name"),
    Case(36, "an ELF without a padding element", "bytes", "DX", on_bytes(lambda data: data + ELF),
         Word.UNREADABLE, (Code.UNREADABLE,),
         why="nothing says that the dataset has ended: readers take it for elements"),
]  # fmt: skip
CASES = [*PRIVATE, *STRIPPED, *KEYS, *AROUND]
