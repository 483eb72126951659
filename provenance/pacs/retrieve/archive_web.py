"""From an archive by WADO-RS, as its objects are stored, to files of the spool. Blocking."""

import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO

from provenance.errors import MalformedError, UsageError
from provenance.pacs.dimse.tls import client_context
from provenance.pacs.gateway.configuration import Archive
from provenance.pacs.retrieve.asked import Asked
from provenance.pacs.retrieve.wanted import DICOM
from provenance.scan.http_get import Answering, Http
from provenance.servers.body_file import Bounds, require_room
from provenance.servers.http_server import BodyError
from provenance.servers.media_types import parse_media_type
from provenance.servers.multipart import Multipart, PartBegins, PartData, PartEnds

ACCEPT = f'multipart/related; type="{DICOM}"; transfer-syntax=*'
MAX_PARTS = 10_000
MAX_ANSWER = 1 << 36  # bytes of all parts
_NONE = (204, 404, 410)


class ArchiveFailsError(Exception):
    """An archive has not answered as it must; ``late`` if it has not answered in time."""

    def __init__(self, words: str, *, late: bool = False) -> None:
        super().__init__(words)
        self.late = late


class _DiskError(Exception):
    """Our own disk fails, not the archive."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True, slots=True)
class Web:
    """The DICOMweb root of an archive."""

    name: str
    url: str
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    def http(self) -> Http:
        """Return a line to it, that is not open; UsageError for what is no address of one.

        Name and password are read again each time (docs/scan.md).
        """
        return Http.at(self.url, tls=self.tls)


def webs_of(archives: Sequence[Archive]) -> tuple[Web, ...]:
    """Return the archives that can be asked, in their order; UsageError if one cannot be."""
    found = []
    for each in archives:
        if each.dicomweb is not None:
            tls = None if each.tls is None else client_context(each.tls)
            found.append(Web(each.name, each.dicomweb, tls))
            found[-1].http()
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Fetched:
    """The files of what an archive gave; ``partial`` if it says that there is more."""

    paths: tuple[Path, ...] = ()
    partial: bool = False


def fetch(
    webs: Sequence[Web],
    asked: Asked,
    *,
    new_path: Callable[[], Path],
    bounds: Bounds,
    gone: Callable[[], bool],
) -> Fetched:
    """Return what the first archive that has it gives; nothing, if each says that it has none.

    ``new_path`` names the file of an object; its caller removes them all. ArchiveFailsError if no
    archive has it and one has not answered, BodyError for too many bytes, a full disk, or a client
    that is ``gone``, OSError of the disk.
    """
    failed: ArchiveFailsError | None = None
    for web in webs:
        try:
            found = _fetch_from(web, asked, new_path, bounds, gone)
        except ArchiveFailsError as error:
            failed = failed or error
            continue
        if found is not None:
            return found
    if failed is not None:
        raise failed
    return Fetched()


def _fetch_from(
    web: Web,
    asked: Asked,
    new_path: Callable[[], Path],
    bounds: Bounds,
    gone: Callable[[], bool],
) -> Fetched | None:
    try:
        http = web.http()
        with http.opened(
            asked.path, accept=ACCEPT, silent=bounds.idle, seconds=bounds.seconds
        ) as answer:
            if answer.status in _NONE:
                return None
            if answer.status not in (200, 206):
                raise ArchiveFailsError(f"the archive {web.name} answers {answer.status}")
            paths = tuple(_files(answer, new_path, bounds, gone))
    except _DiskError as error:
        raise error.error from None
    except TimeoutError as error:
        words = f"the archive {web.name} does not answer in time"
        raise ArchiveFailsError(words, late=True) from error
    except (OSError, HTTPException) as error:
        words = f"the archive {web.name} cannot be reached, or breaks off"
        raise ArchiveFailsError(words) from error
    except (MalformedError, UsageError) as error:
        raise ArchiveFailsError(f"the archive {web.name}: {error}") from error
    return Fetched(paths, answer.status == 206)


def _files(
    answer: Answering, new_path: Callable[[], Path], bounds: Bounds, gone: Callable[[], bool]
) -> Iterator[Path]:
    """Write each object to a file of its own, and yield that once it is whole."""
    kind = parse_media_type(answer.content_type)
    if kind.name == DICOM:  # some give a single object like this, against PS3.18
        with _File(new_path(), bounds) as file:
            for piece in _counted(answer.pieces, gone):
                file.write(piece)
        yield file.path
        return
    if kind.name != "multipart/related":
        raise MalformedError(f"an answer of type {kind.name}")
    reader = Multipart(kind.parameters.get("boundary", ""), max_parts=MAX_PARTS)
    part: _File | None = None
    try:
        for piece in _counted(answer.pieces, gone):
            for event in reader.feed(piece):
                match event:
                    case PartBegins():
                        part = _File(new_path(), bounds)
                    case PartData(data) if part is not None:
                        part.write(data)
                    case PartEnds() if part is not None:
                        part.close()
                        yield part.path
        reader.finish()
    finally:
        if part is not None:
            part.close()


def _counted(pieces: Iterator[bytes], gone: Callable[[], bool]) -> Iterator[bytes]:
    count = 0
    for piece in pieces:
        count += len(piece)
        if count > MAX_ANSWER:
            raise MalformedError(f"an answer of more than {MAX_ANSWER} bytes")
        if gone():
            raise BodyError(400, "nobody waits for the answer any more")
        yield piece


class _File:
    """A new file on a disk that keeps some room; its errors are not those of an archive."""

    def __init__(self, path: Path, bounds: Bounds) -> None:
        self.path = path
        self._bounds = bounds
        self._count = 0
        self._file: BinaryIO | None = None
        try:
            self._file = path.open("xb")
        except OSError as error:
            raise _DiskError(error) from error

    def write(self, data: bytes) -> None:
        self._count += len(data)
        if self._count > self._bounds.most:
            raise MalformedError(f"an object of more than {self._bounds.most} bytes")
        assert self._file is not None
        try:
            require_room(self.path.parent, len(data), self._bounds.free)
            self._file.write(data)
        except OSError as error:
            raise _DiskError(error) from error

    def close(self) -> None:
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            file.close()
        except OSError as error:
            raise _DiskError(error) from error

    def __enter__(self) -> "_File":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
