"""A DICOMweb service: instances listed by QIDO-RS, retrieved by WADO-RS (PS3.18, 10.6 and 10.4)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from provenance.dicom.instance import DEFAULT_LIMITS
from provenance.errors import MalformedError
from provenance.scan import paged
from provenance.scan.http_get import Http, not_given
from provenance.scan.json_answer import json_array
from provenance.scan.multipart import single_part
from provenance.scan.outcome import Apart
from provenance.scan.source import NotGivenError, Page

STUDY, SERIES, INSTANCE = "0020000D", "0020000E", "00080018"
MAX_INSTANCE_BYTES = 1 << 14  # what a service may say of one instance
MAX_HEADERS = 1 << 13  # of the one part of an answer
PAGE = 500
_UID = re.compile(r"[0-9.]{1,64}", re.ASCII)
_DICOM = 'multipart/related; type="application/dicom"; transfer-syntax=*'


@dataclass(frozen=True, slots=True)
class DicomWeb:
    """A service; the uri of an object is its study, series and SOP instance UID, by slashes."""

    http: Http

    @property
    def place(self) -> str:
        """``dicomweb+`` and its address."""
        return f"dicomweb+{self.http.url}"

    def pages(self, cursor: str | None) -> Iterator[Page]:
        """List all instances in the order of the service."""
        return paged.pages(self._instances, cursor, size=PAGE)

    def fetch(self, uri: str) -> bytes:
        """Return an object in the transfer syntax in which it is stored."""
        study, series, instance = uri.split("/")
        most = DEFAULT_LIMITS.file_bytes + MAX_HEADERS
        path = f"/studies/{study}/series/{series}/instances/{instance}"
        got = self.http.get(path, most=most, accept=_DICOM)
        if got.status != 200:
            raise not_given(got.status)
        try:
            return single_part(got.content_type, got.body)
        except MalformedError as error:
            words = f"the answer is no DICOM object: {error}"
            raise NotGivenError(words, apart=Apart.NOT_GIVEN) from error

    def close(self) -> None:
        """Close the connection."""
        self.http.close()

    def _instances(self, offset: int, limit: int) -> list[str]:
        return self.http.ask(
            f"/instances?offset={offset}&limit={limit}",
            lambda body: instance_paths(body, limit),
            most=MAX_INSTANCE_BYTES * (limit + 1),
            accept="application/dicom+json",
        )


def instance_paths(body: bytes, limit: int) -> list[str]:
    """Read an answer of QIDO-RS: study/series/instance of at most ``limit`` instances.

    Empty for no content. MalformedError for what is no such answer.
    """
    if not body:
        return []
    return [
        "/".join(_uid(instance, tag) for tag in (STUDY, SERIES, INSTANCE))
        for instance in json_array(body, limit)
    ]


def _uid(instance: object, tag: str) -> str:
    """Return the one value of an attribute of VR UI (PS3.18, F.2)."""
    match instance:
        case Mapping():
            match instance.get(tag):
                case {"Value": [str(uid)]} if _UID.fullmatch(uid):
                    return uid
    raise MalformedError(f"an instance without a UID ({tag[:4]},{tag[4:]})")
