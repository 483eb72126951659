"""The DICOMweb tables of the DICOM Conformance Statement, from what the service answers. Pure."""

from collections.abc import Mapping, Sequence

from pydicom._uid_dict import UID_dictionary

from provenance.pacs.dimse.conformance import table
from provenance.pacs.retrieve.wanted import DEFAULT_SYNTAXES, FRAME_KINDS
from provenance.pacs.service.stow_answer import REASONS, WARNING_HELD
from provenance.servers.http_api import Endpoint


def web_tables(endpoints: Sequence[Endpoint]) -> Mapping[str, str]:
    """Return each generated table about STOW-RS and WADO-RS, by its name on the page."""
    return {
        "web-resources": _resources(endpoints),
        "frame-types": _frame_types(),
        "store-reasons": _reasons(),
    }


def _resources(endpoints: Sequence[Endpoint]) -> str:
    rows = []
    for each in endpoints:
        fine = [answer for answer in each.answers if answer.status < 300]
        rows.append(
            (
                f"{each.method} {each.path.removeprefix('/dicom-web')}",
                "" if each.body is None else each.body.kind,
                fine[0].kind,
                ", ".join(sorted({str(answer.status) for answer in each.answers})),
            )
        )
    return table(("resource", "request", "response", "statuses"), rows)


def _frame_types() -> str:
    rows = [("application/octet-stream", "native, little endian", "by default")]
    for syntax, kind in FRAME_KINDS.items():
        name = UID_dictionary[syntax][0]
        usual = "by default" if DEFAULT_SYNTAXES[kind] == syntax else ""
        rows.append((kind, f"{name} ({syntax})", usual))
    return table(("media type", "transfer syntax", "without the parameter"), rows)


def _reasons() -> str:
    rows = [(f"0x{code:04X}", words) for code, words in REASONS.items()]
    warning = (f"0x{WARNING_HELD:04X}", "a warning: stored, and in quarantine until it is released")
    return table(("reason", "meaning"), [*rows, warning])
