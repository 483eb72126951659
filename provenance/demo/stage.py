"""The stage: two throw-away sites, real images sealed at the first, and custody events for one."""

import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from ledger import Event, Role
from provenance.demo.gallery import Gallery, View
from provenance.demo.images import IMAGES, DemoImage, find_images
from provenance.demo.result import LogFacts, Panel, SealedImage
from provenance.dicom.pixels import pixel_geometry
from provenance.dicom.read import read_instance
from provenance.judging.verdict import Word
from provenance.pacs.custody.events import Witnessed
from provenance.pictures.picture import read_frame
from provenance.policy.example import example_policy
from provenance.policy.terms import Action
from provenance.sealing.seal import Sealed, seal
from provenance.site.site import Site
from provenance.trace import Trace, trace

Say = Callable[[str], None]

NEVER_SEALED = "shoulder"
# The life of one image: who recorded what. Nothing else happens to it in the demonstration.
_LIFE = (
    (Role.OPERATOR, Event.ATTESTED),
    (Role.DEVICE, Event.SENT),
    (Role.GATEWAY, Event.VERIFIED),
    (Role.ARCHIVIST, Event.INGESTED),
    (Role.AUDITOR, Event.VIEWED),
)


class Stage:
    """Folders, sites and sealed images; what cases are played on."""

    def __init__(self, folder: Path, *, say: Say) -> None:
        self.folder = folder
        self.say = say
        for part in ("sealed", "cases", "pictures"):
            (folder / part).mkdir()
        self.sources = find_images()
        self.gallery = Gallery(folder / "pictures")
        self.site = Site.init(folder / "site", name="demo")
        self.stranger = Site.init(folder / "stranger", name="stranger")
        self.views: dict[str, View] = {}
        self.images: dict[str, SealedImage] = {}

    def seal_all(self) -> None:
        """Seal every image but the one that stays unsealed."""
        with self.site.device() as device:
            for image in IMAGES:
                started = time.perf_counter()
                path = self.folder / "sealed" / f"{image.name}.dcm"
                if image.name == NEVER_SEALED:
                    self.views[image.name] = View(
                        image.name, read_instance(self.sources[image.name])
                    )
                    self.gallery.untouched(self.views[image.name], image.shows)
                    continue
                sealed = seal(self.sources[image.name], device=device)
                sealed.write(path)
                self._keep(image, path, sealed, time.perf_counter() - started)

    def _keep(self, image: DemoImage, path: Path, sealed: Sealed, seconds: float) -> None:
        view = View(image.name, sealed.instance)
        self.views[image.name] = view
        panels: list[Panel] = [self.gallery.untouched(view, image.shows)]
        if sealed.mark is not None:
            original = read_instance(self.sources[image.name])
            geometry = pixel_geometry(original)
            assert geometry is not None
            panels.append(self.gallery.mark(view, read_frame(original, geometry)))
        assert sealed.log_index is not None  # it was sealed at the log
        kept = SealedImage(
            name=image.name,
            shows=image.shows,
            source=self.sources[image.name],
            path=path,
            size=_size(view),
            bits=view.geometry.bits_stored,
            syntax=str(sealed.instance.transfer_syntax.name),
            seal_id=sealed.seal_id,
            log_index=sealed.log_index,
            quality=sealed.mark.quality if sealed.mark else None,
            unmarked=sealed.unmarked,
            seconds=seconds,
            panels=tuple(panels),
        )
        self.images[image.name] = kept
        if kept.quality is not None:
            how = f"marked: PSNR {kept.quality.psnr_db:.1f} dB"
        else:
            how = f"not marked: {kept.unmarked}"
        self.say(f"  {kept.name:<10} {kept.size:<34} entry {kept.log_index:>2}   {how}")

    def live(self, name: str) -> Trace:
        """Record the life of one image, and return its chain of custody."""
        image, at = self.images[name], datetime.now(UTC)
        about = Witnessed(
            image.seal_id, bytes(16), hashlib.sha256(image.path.read_bytes()).digest()
        )
        policy = hashlib.sha256(example_policy().encode()).digest()
        bodies = {
            Event.VERIFIED: about.verified(Word.AUTHENTIC, Action.ACCEPT, policy=policy, at=at),
            Event.INGESTED: about.ingested("dimse", at=at),
        }
        for role, event in _LIFE:
            body = bodies[event].body if event in bodies else {}
            with self.site.device(role) as actor:
                actor.record(event, object_id=image.seal_id, body=body, at=datetime.now(UTC))
        records = self.site.records()
        with records.log:
            (chain,) = trace(str(image.path), records=records, mark_keys=())
        return chain

    def log_facts(self) -> LogFacts:
        """Sign a checkpoint, and audit the whole ledger."""
        with self.site.writing_log() as log:
            checkpoint = log.checkpoint().decode("utf-8")
            report = log.audit()
            return LogFacts(
                origin=log.origin,
                size=report.size,
                root=report.root,
                checkpoint=checkpoint,
                audit_ok=report.ok,
                audit_findings=tuple(finding.words for finding in report.findings),
            )


def _size(view: View) -> str:
    g = view.geometry
    frames = f", {g.frames} frames" if g.frames > 1 else ""
    kind = "" if g.samples == 1 else ", colour"
    return f"{g.columns} x {g.rows}, {g.bits_stored} bits{kind}{frames}"
