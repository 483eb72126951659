"""Where cases run: a site, its sealed images, an Orthanc when one is needed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.workflow.orthanc import Orthanc
from benchmarks.workflow.row import Case, Seen
from benchmarks.workflow.subjects import SUBJECTS
from provenance import Site, Verdict, seal, verify


@dataclass
class Bench:
    """A site in ``folder``, and what was sealed there once for all cases."""

    folder: Path
    site: Site
    _sealed: dict[str, Path] = field(default_factory=dict)
    _count: int = 0
    _orthanc: Orthanc | None = None

    @classmethod
    @contextmanager
    def open(cls, folder: Path) -> Iterator["Bench"]:
        """Make a site; stop what was started when all is done."""
        bench = cls(folder, Site.init(folder / "site", name="hospital"))
        try:
            yield bench
        finally:
            if bench._orthanc is not None:
                bench._orthanc.stop()

    def work_folder(self) -> Path:
        """Return an empty folder."""
        self._count += 1
        made = self.folder / f"case-{self._count}"
        made.mkdir()
        return made

    def sealed(self, subject: str, folder: Path) -> Path:
        """Return a sealed file of the subject, in ``folder``."""
        made = SUBJECTS[subject]
        if subject not in self._sealed or made.fresh:
            self._sealed[subject] = self.seal(made.make(), self.work_folder() / "sealed.dcm")
        return Path(shutil.copyfile(self._sealed[subject], folder / "sealed.dcm"))

    def seal(self, source: bytes, target: Path) -> Path:
        """Seal a file."""
        with self.site.device() as device:
            seal(source, device=device).write(target)
        return target

    @property
    def orthanc(self) -> Orthanc:
        """A running Orthanc; ToolMissingError without one."""
        if self._orthanc is None:
            self._orthanc = Orthanc.start(self.work_folder())
        return self._orthanc

    def make(self, case: Case) -> Path:
        """Let the case make its file."""
        return case.act(self, self.sealed(case.subject, self.work_folder()))

    def see(self, case: Case, made: Path) -> Seen:
        """Let the case look at what it made."""
        if case.look is not None:
            return case.look(self, made)
        verdict = self.judge(made)
        return Seen(
            word=verdict.word.value,
            codes=frozenset(check.code.value for check in verdict.checks),
            regions=bool(verdict.regions),
            answers=frozenset({verdict.integrity, verdict.trust, verdict.custody}),
        )

    def judge(self, path: Path) -> Verdict:
        """Ask trust folder, ledger and mark. ``path.trust`` and so on stand for another site's."""
        beside = path.parent / "site"
        site = Site.open(beside) if beside.is_dir() else self.site
        records = site.records()
        with records.log:
            return verify(path, trust=site.trust, records=records, mark_key=site.mark_key)
