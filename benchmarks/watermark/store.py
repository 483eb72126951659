"""Results as lines of JSON, appended as they come: a run that was stopped goes on."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import watermark

HERE = Path(__file__).resolve().parent
OURS = "radseal"

EMBED, UNMARKED, DEEP = "(embed)", "(unmarked)", "(deep)"
"""What a record is about, if not one attack."""


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that was tried.

    Attributes
    ----------
    image, method : str
        File name; ``radseal`` or a peer.
    subject : str
        An attack, or ``(embed)``, ``(unmarked)``, ``(deep)``.
    source : str
        Digest of the code that made it; a record of other code is tried again.
    pixels, bits : int
        Of the image.
    found : bool
        The reader gave a payload.
    exact : bool
        It was the one that was hidden; for ``(embed)``, that it is read back.
    cpu : float
        Processor seconds of the reading, or of embedding.
    values : dict
        More figures: bit accuracy, PSNR, score, and so on.
    note : str
        Why something was not tried, or how it failed.
    """

    image: str
    method: str
    subject: str
    source: str
    pixels: int
    bits: int
    found: bool = False
    exact: bool = False
    cpu: float = 0.0
    values: dict[str, float] = field(default_factory=dict)
    note: str = ""


def digest_of(method: str) -> str:
    """Return a digest of the code that a method's results depend on."""
    ours = Path(watermark.__file__).parent.glob("*.py")
    peers = (HERE / name for name in ("peers.txt", "peer_worker.py"))
    attacks = (
        HERE / f"{name}.py"
        for name in ("attacks", "coding", "filters", "grey", "overlay", "picture", "screen", "warp")
    )
    files = [*(ours if method == OURS else peers), *attacks]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class Store:
    """A file of records."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[tuple[str, str, str], Record] = {}
        if path.exists():
            for record in read(path):
                self._known[record.image, record.method, record.subject] = record

    def add(self, record: Record) -> None:
        """Append a record."""
        self._known[record.image, record.method, record.subject] = record
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(record)) + "\n")

    def has(self, image: str, method: str, subject: str, source: str) -> bool:
        """Whether this was tried with the code of now."""
        record = self._known.get((image, method, subject))
        return record is not None and record.source == source

    def missing(self, image: str, method: str, subjects: Iterable[str], source: str) -> list[str]:
        """Return what was not tried yet."""
        return [name for name in subjects if not self.has(image, method, name, source)]


def read(path: Path) -> Iterator[Record]:
    """Yield the records of a file; a last line that was cut off is left out."""
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            fields = json.loads(line)
        except json.JSONDecodeError:
            continue
        yield Record(**fields)


def newest(paths: Iterable[Path]) -> list[Record]:
    """Return the last record of everything that was tried in some files."""
    known: dict[tuple[str, str, str], Record] = {}
    for path in paths:
        for record in read(path):
            known[record.image, record.method, record.subject] = record
    return list(known.values())
