"""`radseal watermark`: the mark alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.failure import UNSEALED
from provenance.cli.options import common, open_site, site_option
from provenance.cli.output import document, path_text, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain

if TYPE_CHECKING:
    from provenance.evidence import MarkReading


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found in a picture, and the entry that the ledger holds under it."""

    reading: "MarkReading"
    log_index: int | None


@click.group(short_help="Read the mark in the pixels.")
def watermark() -> None:
    """Read the mark in the pixels, whatever became of the file.

    \b
    Example
      radseal watermark read screenshot.png --site /srv/radseal
    """


@watermark.command(short_help="Look for this site's mark in an image or a picture.")
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@site_option
@common
@click.pass_obj
def read(session: Session, path: Path, site: Path | None) -> int:
    """Look for this site's mark in PATH: a DICOM object, or a PNG, JPEG or TIFF picture.

    A mark names the seal; it says nothing about whether the picture was changed since. No mark
    is no evidence of anything.

    \b
    Examples
      radseal watermark read phone-photo.jpg --site /srv/radseal
      radseal watermark read unknown.dcm --site /srv/radseal --json
    """
    opened = open_site(site)
    reading = _look(path, opened.mark_key)
    index: int | None = None
    if reading.seal_id is not None:
        records = opened.records()
        with records.log:
            entries = records.log.events(reading.seal_id)
        index = entries[0].index if entries else None
    code = 0 if reading.seal_id is not None else UNSEALED
    if session.as_json:
        print_json(
            document("watermark-read", _answer(path, Looked(reading, index)), exit_code=code)
        )
    else:
        _print(path, Looked(reading, index))
    return code


def _look(path: Path, key: bytes) -> "MarkReading":
    from provenance.dicom.read import read_instance
    from provenance.gather import read_mark
    from provenance.picture_file import is_picture, read_picture_mark

    with path.open("rb") as file:
        head = file.read(132)
    if is_picture(head) and head[128:132] != b"DICM":
        return read_picture_mark(path, key)
    return read_mark(read_instance(path), key)


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
    if looked.log_index is None:
        say("  the ledger holds no such seal")
    else:
        say(f"  entry {looked.log_index} of the log (radseal trace {reading.seal_id.hex()})")
    say("  does not mean: that the picture is as it was sealed")


def _answer(path: Path, looked: Looked) -> dict[str, object]:
    reading = looked.reading
    return {
        "path": path_text(path),
        "seal_id": reading.seal_id.hex() if reading.seal_id else None,
        "false_alarm_log10": reading.false_alarm_log10,
        "not_sought": reading.not_sought,
        "log_index": looked.log_index,
    }
