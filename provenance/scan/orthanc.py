"""An Orthanc by its REST interface: `/instances` page by page, each object as it was stored."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from provenance.dicom.instance import DEFAULT_LIMITS
from provenance.errors import MalformedError
from provenance.scan import paged
from provenance.scan.http_get import Http, not_given
from provenance.scan.json_answer import json_array
from provenance.scan.source import Page

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){4}", re.ASCII)
PAGE = 1000
MAX_ID_BYTES = 64  # of one, with what stands around it


@dataclass(frozen=True, slots=True)
class Orthanc:
    """An Orthanc; the uri of an object is Orthanc's name of the instance."""

    http: Http

    @property
    def place(self) -> str:
        """``orthanc+`` and its address."""
        return f"orthanc+{self.http.url}"

    def pages(self, cursor: str | None) -> Iterator[Page]:
        """List the instances in Orthanc's order."""
        return paged.pages(self._names, cursor, size=PAGE)

    def fetch(self, uri: str) -> bytes:
        """Return an object as it was stored."""
        most = DEFAULT_LIMITS.file_bytes
        got = self.http.get(f"/instances/{uri}/file", most=most, accept="application/dicom")
        if got.status != 200:
            raise not_given(got.status)
        return got.body

    def close(self) -> None:
        """Close the connection."""
        self.http.close()

    def _names(self, since: int, limit: int) -> list[str]:
        most = MAX_ID_BYTES * (limit + 1)
        return self.http.ask(
            f"/instances?since={since}&limit={limit}",
            lambda body: instance_names(body, limit),
            most=most,
            accept="application/json",
        )


def instance_names(body: bytes, limit: int) -> list[str]:
    """Read an answer to `/instances`: at most ``limit`` names; MalformedError for anything else."""
    names = json_array(body, limit)
    for name in names:
        if not isinstance(name, str) or not _ID.fullmatch(name):
            raise MalformedError("a name of an instance that is none")
    return [str(name) for name in names]
