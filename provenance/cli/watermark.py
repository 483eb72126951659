"""`radseal watermark`: the mark alone."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.failure import UNSEALED
from provenance.cli.options import common, open_site, site_option
from provenance.cli.output import document, path_text, print_json, say
from provenance.cli.quality import quality
from provenance.cli.session import Session
from provenance.cli.terminal import plain

if TYPE_CHECKING:
    from provenance.judging.evidence import MarkReading
    from provenance.marks.marking import Samples
    from provenance.pictures.viewpoint import Viewpoint
    from provenance.records import ReadableLog, Records


SEAL_ID_SIZE = 12


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found in a picture, the ledger's entry under it, and how the picture shows it."""

    reading: "MarkReading"
    log_index: int | None = None
    viewpoint: "Viewpoint | None" = None


@click.group(short_help="Read the mark in the pixels.")
def watermark() -> None:
    """Read the mark in the pixels, whatever became of the file.

    \b
    Example
      radseal watermark read screenshot.png --site /srv/radseal
    """


watermark.add_command(quality)


@watermark.command(short_help="Look for this site's mark in an image or a picture.")
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@site_option
@click.option(
    "--id",
    "ids",
    multiple=True,
    metavar="SEAL_ID",
    help="A seal that it may be (24 hex digits; may be repeated): a fainter mark will do.",
)
@common
@click.pass_obj
def read(session: Session, path: Path, site: Path | None, ids: tuple[str, ...]) -> int:
    """Look for this site's mark in PATH: a DICOM object, or a PNG, JPEG or TIFF picture.

    The picture may be cut, turned, scaled or inverted; the search ends after five seconds. A mark
    names the seal; it says nothing about whether the picture was changed since: radseal verify
    does. No mark is no evidence of anything. With --id, marks too faint to be read blindly are
    found if they are one of those named.

    \b
    Examples
      radseal watermark read phone-photo.jpg --site /srv/radseal
      radseal watermark read unknown.dcm --site /srv/radseal --json
      radseal watermark read blurred.png --site /srv/radseal --id 6465666768696a6b6c6d6e6f
    """
    asked = [_seal_id(text) for text in ids]
    opened = open_site(site)
    plane, reading = _look(path, opened.mark_keys)
    if asked and plane is not None and reading.reading is None:
        from provenance.marks.mark_search import recognise_mark

        reading = recognise_mark(plane, opened.mark_keys, asked)
    looked = Looked(reading)
    if reading.reading is not None and plane is not None:
        records = opened.records()
        with records.log:
            looked = _look_up(reading, records, plane)
    code = 0 if reading.seal_id is not None else UNSEALED
    if session.as_json:
        print_json(document("watermark-read", _answer(path, looked), exit_code=code))
    else:
        _print(path, looked)
    return code


def _seal_id(text: str) -> bytes:
    try:
        seal_id = bytes.fromhex(text)
    except ValueError:
        seal_id = b""
    if len(seal_id) != SEAL_ID_SIZE:
        raise click.UsageError(f"{plain(text)} is no seal id: it has {2 * SEAL_ID_SIZE} hex digits")
    return seal_id


@watermark.command("renew-key", short_help="Mark with a new key from now on.")
@site_option
@common
@click.pass_obj
def renew_key(session: Session, site: Path | None) -> int:
    """Make a new mark key for the site, and keep the old one to read old marks with.

    Do so once a period, and when a key may have leaked. Devices that hold the old key must get
    the new one from SITE/keys/mark.key. Back up SITE/keys: without a mark's key, neither the
    mark nor the original can be had again.

    \b
    Example
      radseal watermark renew-key --site /srv/radseal
    """
    opened = open_site(site)
    key_id = opened.renew_mark_key(at=session.now())
    former = len(opened.former_mark_keys)
    if session.as_json:
        fields: dict[str, object] = {"key_id": key_id.hex(), "former": former}
        print_json(document("watermark-renew-key", fields, exit_code=0))
        return 0
    say(f"marks are made with the key {key_id.hex()} from now on")
    say(f"  former keys, to read with: {former} (in {plain(opened.folder / 'keys')}: back it up)")
    return 0


def _look(path: Path, keys: tuple[bytes, ...]) -> "tuple[Samples | None, MarkReading]":
    from provenance.dicom.read import read_instance
    from provenance.marks.mark_search import plane_of, read_mark, search_mark
    from provenance.pictures.picture_file import is_picture, read_head, read_picture_file

    if is_picture(read_head(path)):
        plane = read_picture_file(path).plane
        return plane, search_mark(plane, keys)
    instance = read_instance(path)
    reading = read_mark(instance, keys)
    return None if reading.not_sought else plane_of(instance), reading


def _look_up(reading: "MarkReading", records: "Records[ReadableLog]", plane: "Samples") -> Looked:
    """Ask the ledger; the size of the sealed image tells how much of it is shown."""
    from provenance.pictures.viewpoint import Viewpoint
    from provenance.verifying.seal_search import from_mark

    assert reading.seal_id is not None
    assert reading.reading is not None
    entries = records.log.events(reading.seal_id)
    index = entries[0].index if entries else None
    found, _ = from_mark(reading, records)
    image = found.claim.annex.image if found else None
    if image is None:
        return Looked(reading, index)
    viewpoint = Viewpoint.of(
        reading.reading.placement,
        rows=image.geometry.rows,
        columns=image.geometry.columns,
        picture=(plane.shape[0], plane.shape[1]),
    )
    return Looked(reading, index, viewpoint)


def _print(path: Path, looked: Looked) -> None:
    reading = looked.reading
    if reading.seal_id is None:
        why = reading.not_sought or "no mark of this site was found"
        say(f"no mark  {plain(path)}")
        say(f"  why: {plain(why)}")
        say("  does not mean: that the image was never sealed")
        return
    say(f"mark  {plain(path)}  names seal {reading.seal_id.hex()}")
    if reading.false_alarm_log10 is not None:
        say(
            "  chance that an unmarked image reads like this: "
            f"below 1e{reading.false_alarm_log10:.0f}"
        )
    if looked.viewpoint is not None:
        say(f"  view: {looked.viewpoint.words()}")
    if reading.reading is not None and reading.reading.inverted:
        say("  view: the grey scale is inverted")
    if looked.log_index is None:
        say("  the ledger holds no such seal")
    else:
        say(f"  entry {looked.log_index} of the log (radseal trace {reading.seal_id.hex()})")
    say("  does not mean: that the picture is as it was sealed")


def _answer(path: Path, looked: Looked) -> dict[str, object]:
    reading, view = looked.reading, looked.viewpoint
    found = reading.reading
    return {
        "path": path_text(path),
        "seal_id": reading.seal_id.hex() if reading.seal_id else None,
        "false_alarm_log10": reading.false_alarm_log10,
        "not_sought": reading.not_sought,
        "log_index": looked.log_index,
        "inverted": found.inverted if found else None,
        "attempts": found.attempts if found else None,
        "placement": list(found.placement.matrix) if found else None,
        "lens": asdict(found.placement.lens) if found and found.placement.lens else None,
        "view": {
            "scale": view.scale,
            "degrees_clockwise": view.degrees,
            "mirrored": view.mirrored,
            "shown": view.shown,
        }
        if view
        else None,
    }
