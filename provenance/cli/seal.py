"""`radseal seal`: seal files and folders, one output for each input."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.failure import (
    NOT_CHECKED,
    NOTHING_MATCHED,
    UNREADABLE,
    USAGE,
    CommandError,
    Failure,
    failure_of,
)
from provenance.cli.options import common, force_option, open_site, require_files, site_option
from provenance.cli.output import document, path_text, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain
from provenance.progress import stderr_progress
from provenance.walk import Skip, Walk, mirror, refuse_inside, walk

if TYPE_CHECKING:
    from provenance.ps315.sign import DicomSigner
    from provenance.sealing.batch import Sealing
    from provenance.sealing.seal import Sealed
    from provenance.site.device import Device
    from provenance.site.site import Site

WEAK_WHY = "the image is nearly too flat, too small or too saturated to carry a mark"
WEAK_DO = (
    "nothing, if copies that lost quality need not be traced: the seal itself is as strong as any; "
    "else keep the sealed file, or seal it unmarked with --watermark none"
)
NO_RECEIPT_DO = "radseal log receipts, once the log and its witnesses can be reached"


@click.command(short_help="Seal images, one output for each input.")
@click.argument(
    "paths", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="PATH..."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="DIR",
    help="Folder for the sealed objects; the input's folder tree is kept.",
)
@click.option(
    "--watermark",
    "profile",
    metavar="PROFILE",
    help="Strength of the mark, or none. Default: the modality decides.",
)
@site_option
@click.option(
    "--log",
    "url",
    metavar="URL",
    help="Where radseal log serve serves the site's log. Default: the log in the site's folder.",
)
@click.option(
    "--outbox",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Keep the seals in this outbox (radseal outbox init), and ask no log.",
)
@click.option(
    "--ps315",
    "ps315",
    type=click.Choice(["creator", "authorization", "base", "unprofiled"]),
    help="Put a PS3.15 digital signature beside the seal, under this profile.",
)
@click.option(
    "--ps315-key",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PEM",
    help="The key to sign with: RSA, or P-256 or P-384 with --ps315 unprofiled.",
)
@click.option(
    "--ps315-certificate",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PEM",
    help="The certificate of that key.",
)
@click.option(
    "--tsa",
    metavar="URL",
    help="Have the PS3.15 signature timestamped by the TSA at this address (RFC 3161).",
)
@click.option("--resume", is_flag=True, help="Skip outputs that are there and carry a seal.")
@force_option
@common
@click.pass_obj
def seal(
    session: Session,
    paths: tuple[Path, ...],
    output: Path,
    profile: str | None,
    site: Path | None,
    url: str | None,
    outbox: Path | None,
    ps315: str | None,
    ps315_key: Path | None,
    ps315_certificate: Path | None,
    tsa: str | None,
    resume: bool,
    force: bool,
) -> int:
    """Seal every DICOM object at or under PATH and write it to DIR.

    The input is never changed. An output that exists already is a refusal, before any work is
    done, unless --resume or --force is given. One bad file does not stop the others; a log
    that fails stops the run. With --tsa, the TSA's authority must be in the site's trust/tsa; it
    needs radseal[tsa].

    \b
    Examples
      radseal seal chest.dcm -o sealed --site /srv/radseal
      radseal seal /acquired/today -o /sealed/today --resume
      radseal seal ct/ -o sealed --watermark none
      radseal seal chest.dcm -o sealed --log https://log.hospital.example
      radseal seal chest.dcm -o sealed --outbox /var/lib/radseal/outbox
      radseal seal a.dcm -o sealed --ps315 creator --ps315-key k.pem --ps315-certificate c.pem
    """
    from provenance.sealing.batch import Done, Sealing, seal_file

    if url is not None and outbox is not None:
        raise click.UsageError("give --log or --outbox, not both")

    signer = _signer(ps315, ps315_key, ps315_certificate)
    opened = open_site(site)
    if tsa is not None:
        signer = _timestamped(signer, tsa, opened)
    _check_profile(profile)
    found = walk(paths)
    require_files(paths, found.missing)
    refuse_inside(paths, output)
    outputs = mirror(found.files, output)
    present = _present(found, outputs, resume=resume, force=force)
    lines: list[Sealing] = []
    stopped = False
    quiet = session.as_json or len(found.files) < 2
    with (
        _device(opened, url, outbox) as device,
        stderr_progress(len(found.files), "seal", quiet=quiet, clock=session.monotonic) as progress,
    ):
        for file, target in zip(found.files, outputs, strict=True):
            if stopped:
                line = Sealing(file.path, target, Done.LEFT)
            elif target in present:
                line = Sealing(file.path, target, Done.PRESENT)
            else:
                line = seal_file(
                    file,
                    target,
                    device=device,
                    profile=profile,
                    at=session.now(),
                    overwrite=force,
                    signer=signer,
                )
            lines.append(line)
            stopped = stopped or line.done is Done.UNLOGGED
            if not session.as_json:
                with progress.aside():
                    _print(line)
            progress.advance()
    code = _exit_code(lines)
    if session.as_json:
        print_json(_answer(lines, found, exit_code=code))
    else:
        _print_summary(lines, found)
    return code


def _device(site: "Site", url: str | None, outbox: Path | None) -> "Device":
    if outbox is not None:
        return site.outbox_device(outbox)
    return site.device() if url is None else site.remote_device(url)


def _signer(
    profile: str | None, key: Path | None, certificate: Path | None
) -> "DicomSigner | None":
    if profile is None and key is None and certificate is None:
        return None
    if profile is None or key is None or certificate is None:
        raise click.UsageError("give --ps315, --ps315-key and --ps315-certificate together")
    from provenance.ps315.profiles import Profile
    from provenance.ps315.sign import DicomSigner

    return DicomSigner.load(key, certificate, Profile(profile))


def _timestamped(signer: "DicomSigner | None", tsa: str, site: "Site") -> "DicomSigner":
    from dataclasses import replace

    from provenance.ps315.time_stamper import TimeStamper

    if signer is None:
        raise click.UsageError("--tsa stamps a PS3.15 signature: give --ps315 as well")
    return replace(signer, stamp=TimeStamper(tsa, site.trust.timestamping))


def _check_profile(profile: str | None) -> None:
    from provenance.marks.marking import NONE
    from watermark import PROFILES

    known = sorted({*PROFILES, NONE})
    if profile is not None and profile not in known:
        raise CommandError(
            Failure(
                f"there is no mark profile {profile!r}",
                why="profiles are fixed strengths of the mark",
                do=f"give one of: {', '.join(known)}; or leave --watermark out",
                exit_code=USAGE,
                code="SE104",
            )
        )


def _present(
    found: Walk, outputs: tuple[Path, ...], *, resume: bool, force: bool
) -> frozenset[Path]:
    """Return the outputs that need no work; refuse, before any work, what would be overwritten."""
    from provenance.sealing.batch import finished_outputs

    there = [
        (file, target)
        for file, target in zip(found.files, outputs, strict=True)
        if target.exists() or target.is_symlink()
    ]
    finished = finished_outputs(there) if resume else frozenset()
    if not force and (occupied := [t for _, t in there if t not in finished]):
        why = (
            "it carries no seal, or is another object than the input"
            if resume
            else "nothing is overwritten unless that is asked for; nothing has been done yet"
        )
        raise CommandError(
            Failure(
                f"{len(occupied)} outputs exist already, the first: {occupied[0]}",
                why=why,
                do="choose another folder; --resume goes on with a run, --force overwrites",
                exit_code=USAGE,
            )
        )
    return finished


def _failure(line: "Sealing") -> Failure | None:
    return None if line.error is None else failure_of(line.error)


def _exit_code(lines: list["Sealing"]) -> int:
    """What is gravest: the log failed or gave no receipt, input unreadable, refused, no input."""
    from provenance.sealing.batch import Done

    done = {line.done for line in lines}
    without = any(line.sealed is not None and line.sealed.no_receipt for line in lines)
    if Done.UNLOGGED in done or without:
        return NOT_CHECKED
    if Done.UNREADABLE in done:
        return UNREADABLE
    if Done.REFUSED in done:
        return USAGE
    return 0 if lines else NOTHING_MATCHED


def _print(line: "Sealing") -> None:
    sealed = line.sealed
    if sealed is not None:
        mark = _mark_words(sealed)
        place = f"log {sealed.log_index}"
        if sealed.outbox_seq is not None:
            place = f"waits in the outbox as number {sealed.outbox_seq}"
        say(f"sealed  {plain(line.output)}  seal {sealed.seal_id.hex()}, {place}")
        say(f"  {plain(mark)}")
        if sealed.signature_uid is not None:
            say(f"  PS3.15 signature {sealed.signature_uid}")
        if sealed.no_receipt is not None:
            say("  warning: the seal is logged, and the file carries no receipt")
            say(f"  why: {plain(sealed.no_receipt)}")
            say(f"  do:  {NO_RECEIPT_DO}")
        if sealed.weak is not None:
            say(f"  warning: {plain(sealed.weak)}")
            say(f"  why: {WEAK_WHY}")
            say(f"  do:  {WEAK_DO}")
        for words in sealed.notes:
            say(f"  note: {plain(words)}")
        return
    say(f"{line.done}  {plain(line.source)}")
    if (failure := _failure(line)) is not None:
        say(f"  why: {plain(failure.why)}")
        say(f"  do:  {plain(failure.do)}")


def _mark_words(sealed: "Sealed") -> str:
    if sealed.volume is not None and sealed.terms is not None:
        alone = sum(margin >= 1 for margin in sealed.volume.margins)
        return (
            f"mark: at most {sealed.terms.max_change} grey levels, "
            f"PSNR {sealed.terms.psnr_centibel / 10:.1f} dB, "
            f"{alone} of {len(sealed.volume.margins)} frames can be read alone"
        )
    if sealed.mark is None:
        return f"no mark: {sealed.unmarked}"
    quality = sealed.mark.quality
    return f"mark: at most {quality.max_change} grey levels, PSNR {quality.psnr_db:.1f} dB"


def _print_summary(lines: list["Sealing"], found: Walk) -> None:
    from provenance.sealing.batch import Done

    counts = [(done, sum(line.done is done for line in lines)) for done in Done]
    parts = [f"{count} {done}" for done, count in counts if count]
    parts += [f"{found.count(why)} {why} skipped" for why in Skip if found.count(why)]
    if not lines:
        parts.insert(0, "nothing matched the input")
    inputs = "1 input" if len(lines) == 1 else f"{len(lines)} inputs"
    say(f"{inputs}: {', '.join(parts)}")


def _answer(lines: list["Sealing"], found: Walk, *, exit_code: int) -> dict[str, object]:
    from provenance.sealing.batch import Done

    summary: dict[str, object] = {
        "objects": len(lines),
        "by_result": {done.value: sum(line.done is done for line in lines) for done in Done},
        "skipped": {why.value: found.count(why) for why in Skip},
    }
    fields = {"summary": summary, "objects": [_object(line) for line in lines]}
    return document("seal", fields, exit_code=exit_code)


def _object(line: "Sealing") -> dict[str, object]:
    sealed, failure = line.sealed, _failure(line)
    answer: dict[str, object] = {
        "path": path_text(line.source),
        "output": path_text(line.output),
        "result": line.done.value,
        "seal_id": sealed.seal_id.hex() if sealed else None,
        "log_index": sealed.log_index if sealed else None,
        "outbox_seq": sealed.outbox_seq if sealed else None,
        "no_receipt": sealed.no_receipt if sealed else None,
        "ps315_signature": sealed.signature_uid if sealed else None,
        "mark": None,
        "volume": None,
        "unmarked": sealed.unmarked if sealed else None,
        "notes": [str(n) for n in sealed.notes] if sealed else [],
        "why": failure.why if failure else None,
        "do": failure.do if failure else None,
        "code": failure.code if failure else None,
    }
    if sealed is not None and sealed.mark is not None:
        quality, rehearsal = sealed.mark.quality, sealed.rehearsal
        answer["mark"] = {
            "max_change": quality.max_change,
            "psnr_db": round(quality.psnr_db, 2),
            "ssim": round(quality.ssim, 5),
            "margin": round(quality.margin, 2),
            "margin_jpeg_50": round(rehearsal.coded, 2) if rehearsal else None,
            "read_jpeg_50": rehearsal.read if rehearsal else None,
            "warning": sealed.weak,
        }
    if sealed is not None and sealed.volume is not None and sealed.terms is not None:
        margins = sealed.volume.margins
        answer["volume"] = {
            "max_change": sealed.terms.max_change,
            "psnr_db": sealed.terms.psnr_centibel / 10,
            "margin": round(sealed.volume.margin, 2),
            "frames": len(margins),
            "frames_alone": sum(margin >= 1 for margin in margins),
        }
    return answer
