# Copyright the radseal contributors
# SPDX-License-Identifier: Apache-2.0 OR AGPL-3.0-or-later
"""STOW-RS that tells of each instance what became of it (PS3.18, 10.5). No Orthanc here.

The DICOMweb plugin 1.7 answers 200 for a request of which it stored half, and lists what was
discarded as stored; so the plugin takes STOW itself (docs/adr/0024-orthanc-plugin.md).
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from radseal_statuses import STORE

REFERENCED_CLASS, REFERENCED_INSTANCE = "00081150", "00081155"
FAILED, REFERENCED, OTHERS = "00081198", "00081199", "0008119A"
WARNING_REASON, FAILURE_REASON = "00081196", "00081197"
MAX_PARTS = 10_000


class MalformedError(Exception):
    """No multipart/related body of DICOM files (PS3.18, 8.7.1; RFC 2387)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one part: a status of PS3.4, B.2.3; its class and instance, if known."""

    status: int
    sop_class: str = ""
    sop_instance: str = ""

    @property
    def taken(self) -> bool:
        """Whether its sender may forget it: stored, or taken with a warning."""
        return self.status == STORE or self.status >> 12 == 0xB


def parts(content_type: str, body: bytes) -> list[bytes]:
    """Return the DICOM files of a request; MalformedError."""
    kind, _, rest = content_type.partition(";")
    found = re.search(r'boundary=(?:"([^"\r\n]{1,70})"|([^\s;,"]{1,70}))', rest, re.IGNORECASE)
    if kind.strip().lower() != "multipart/related" or found is None:
        raise MalformedError("the body is not multipart/related with a boundary")
    delimiter = b"\r\n--" + (found[1] or found[2]).encode("latin-1")
    pieces = (b"\r\n" + body).split(delimiter, MAX_PARTS + 2)[1:]  # the last is the end
    if len(pieces) > MAX_PARTS + 1:
        raise MalformedError(f"more than {MAX_PARTS} parts")
    if not pieces or not pieces[-1].startswith(b"--"):
        raise MalformedError("the body is cut off")
    return [_content(piece) for piece in pieces[:-1]]


def _content(piece: bytes) -> bytes:
    head, separator, content = piece.partition(b"\r\n\r\n")
    if not separator or (head.strip(b" \t") and not head.lstrip(b" \t").startswith(b"\r\n")):
        raise MalformedError("a part without headers")
    kind = re.search(rb"^content-type:\s*([^\s;]+)", head, re.IGNORECASE | re.MULTILINE)
    if kind is not None and kind[1].lower() != b"application/dicom":
        raise MalformedError("a part that is not application/dicom")
    return content


def answer(outcomes: Sequence[Outcome]) -> tuple[int, bytes]:
    """Return status and body of a response (PS3.18, table 10.5.3-1 and 10.5.3.2)."""
    taken = [each for each in outcomes if each.taken]
    failed = [each for each in outcomes if not each.taken]
    known = [each for each in failed if each.sop_instance]
    said = {
        REFERENCED: _sequence([_item(each, WARNING_REASON) for each in taken]),
        FAILED: _sequence([_item(each, FAILURE_REASON) for each in known]),
        OTHERS: _sequence([_reason(each) for each in failed if not each.sop_instance]),
    }
    body = {tag: value for tag, value in said.items() if "Value" in value or tag == REFERENCED}
    return _status(outcomes, taken, failed), json.dumps(body).encode()


def _status(
    outcomes: Sequence[Outcome], taken: Sequence[Outcome], failed: Sequence[Outcome]
) -> int:
    if taken:
        return 200 if all(each.status == STORE for each in outcomes) else 202
    if any(each.status >> 8 == 0xA7 for each in failed):
        return 503
    return 409 if failed else 400


def _sequence(items: Sequence[object]) -> dict[str, object]:
    return {"vr": "SQ", "Value": list(items)} if items else {"vr": "SQ"}


def _item(each: Outcome, reason: str) -> dict[str, object]:
    item: dict[str, object] = {
        REFERENCED_CLASS: {"vr": "UI", "Value": [each.sop_class]},
        REFERENCED_INSTANCE: {"vr": "UI", "Value": [each.sop_instance]},
    }
    if each.status != STORE:
        item[reason] = {"vr": "US", "Value": [each.status]}
    return item


def _reason(each: Outcome) -> dict[str, object]:
    return {FAILURE_REASON: {"vr": "US", "Value": [each.status]}}
