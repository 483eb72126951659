"""Where objects are: what every source can do, and which one an address names."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from provenance.errors import RadsealError
from provenance.scan.outcome import Apart, Entry


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, where to go on after them, and how much was left out among them, and why."""

    entries: tuple[Entry, ...]
    cursor: str
    skipped: tuple[tuple[str, int], ...] = ()


class Source(Protocol):
    """A folder or an archive. ``place`` names it and holds no secret."""

    @property
    def place(self) -> str:
        """Its address, by which it is opened again."""

    def pages(self, cursor: str | None) -> Iterator[Page]:
        """List it in its order from ``cursor`` on; OutOfReachError if that cannot be done now."""

    def fetch(self, uri: str) -> bytes | Path:
        """Return an object, or the path of its file.

        NotGivenError if there is none for this one object, OutOfReachError if the source as a
        whole does not answer.
        """

    def close(self) -> None:
        """Give back what is open."""


class NotGivenError(RadsealError):
    """One object cannot be had from its source; ``apart`` says why."""

    def __init__(self, reason: str, *, apart: Apart) -> None:
        super().__init__(reason)
        self.apart = apart


def open_source(place: str) -> Source:
    """Open the folder or archive that ``place`` names; UsageError if it names none.

    ``orthanc+http://HOST:PORT`` is the REST interface of an Orthanc, ``dicomweb+https://HOST/ROOT``
    a DICOMweb service; anything else a folder.
    """
    from provenance.scan.dicomweb import DicomWeb
    from provenance.scan.folder import Folder
    from provenance.scan.http_get import Http
    from provenance.scan.orthanc import Orthanc

    kind, plus, url = place.partition("+")
    if plus and url.startswith(("http://", "https://")):
        if kind == "orthanc":
            return Orthanc(Http.at(url))
        if kind == "dicomweb":
            return DicomWeb(Http.at(url))
    return Folder.at(Path(place))
