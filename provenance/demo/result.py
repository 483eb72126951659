"""What the demonstration found: values for the report, and for whoever asks if all went well."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from provenance.judging.verdict import Verdict
from provenance.trace import Trace
from watermark import Quality

BIT_EXACT = "BIT-EXACT"  # what a restored original must be: not a verdict, so not a Word


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture of a case, by its name in the gallery, with words for eyes and for none."""

    picture: str
    caption: str
    alt: str


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """An attribute that verification named, and its values before and after."""

    keyword: str
    kind: str
    severity: str
    was: str
    now: str


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case: what was done, what had to come out, what came out."""

    number: int
    image: str
    title: str
    what: str
    expected: str
    got: str
    verdict: Verdict | None
    file: Path
    asked: str
    seconds: float
    panels: tuple[Panel, ...]
    magnified: tuple[Panel, ...]
    changes: tuple[AttributeChange, ...]
    remark: str

    @property
    def ok(self) -> bool:
        """Whether the case came out as it must."""
        return self.got == self.expected


@dataclass(frozen=True, slots=True)
class SealedImage:
    """One image as it was sealed, and what that took."""

    name: str
    shows: str
    source: Path
    path: Path
    size: str
    bits: int
    syntax: str
    seal_id: bytes
    log_index: int
    quality: Quality | None
    unmarked: str | None
    seconds: float
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class LogFacts:
    """The ledger after it all."""

    origin: str
    size: int
    root: bytes
    checkpoint: str
    audit_ok: bool
    audit_findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Everything that the demonstration did and found."""

    folder: Path
    started_at: datetime
    took: timedelta
    images: tuple[SealedImage, ...]
    cases: tuple[CaseResult, ...]
    chain: Trace
    log: LogFacts
    pictures: dict[str, bytes]

    @property
    def ok(self) -> bool:
        """Whether every case came out as it must, and the ledger passed its audit."""
        return bool(self.cases) and all(case.ok for case in self.cases) and self.log.audit_ok

    @property
    def report(self) -> Path:
        """Where the report is."""
        return self.folder / "report.html"
