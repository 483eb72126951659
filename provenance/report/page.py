"""Write the report of the demonstration: one HTML file that needs nothing else.

No script, no request, a Content-Security-Policy that allows neither; every picture is stored once
and shown by reference. It opens from a disk, prints, and reads in light and in dark.
"""

import base64
import hashlib
import struct
from importlib.resources import files

from provenance import __version__
from provenance.demo.result import DemoResult
from provenance.report.markup import Markup, element
from provenance.report.sections import (
    cases_section,
    chain_section,
    hero_section,
    legend_section,
    log_section,
    overview_section,
    seals_section,
)
from provenance.report.signs import shapes

_LIMITS = (
    "A verdict says where an image came from and whether it changed. It is no diagnosis, and it "
    "does not say that the picture shows the truth.",
    "UNSEALED is not fake: most images in the world were never sealed.",
    "Copies are found through the mark, and compared by where it shows and by a thumbnail: a small "
    "or soft lesion in a lossy copy or a screenshot is not found.",
    "CT, MR, ultrasound and multi-frame images are sealed without a mark; a copy of them that lost "
    "seal and UID is UNSEALED.",
    "One custodian keeps this log, and nobody witnesses it yet: whoever holds all its keys could "
    "rewrite what nobody else holds a receipt or a checkpoint for.",
    "The sites and keys of this demonstration are throw-away ones. The custody events were "
    "recorded by the demonstration itself, in the roles that are named.",
)


def write_report(result: DemoResult) -> None:
    """Write ``result.report``."""
    result.report.write_text(render_report(result), encoding="utf-8")


def render_report(result: DemoResult) -> str:
    """Return the whole page."""
    style = files("provenance.report").joinpath("report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", "radseal: what became of each forgery"),
        element("style", Markup(style)),
    )
    body = element(
        "body",
        element("a", "Skip to the cases", href="#cases", class_="skip"),
        _store(result.pictures),
        _lead(result),
        element(
            "main",
            hero_section(result),
            overview_section(result),
            legend_section(),
            seals_section(result),
            cases_section(result),
            chain_section(result),
            log_section(result),
            element("h2", "What this does not show"),
            element("ul", *(element("li", limit) for limit in _LIMITS), class_="limits"),
        ),
        _footer(result),
    )
    return "<!DOCTYPE html>\n" + element("html", head, body, lang="en") + "\n"


def _store(pictures: dict[str, bytes]) -> Markup:
    """Return all pictures once, as symbols that fill whatever box shows them."""
    symbols = []
    for name, png in pictures.items():
        width, height = struct.unpack(">II", png[16:24])
        data = "data:image/png;base64," + base64.b64encode(png).decode("ascii")
        image = element("image", href=data, width=str(width), height=str(height))
        symbols.append(
            element("symbol", image, id=f"picture-{name}", viewBox=f"0 0 {width} {height}")
        )
    return element("svg", *symbols, shapes(), class_="store", aria_hidden="true")


def _lead(result: DemoResult) -> Markup:
    right, count = sum(case.ok for case in result.cases), len(result.cases)
    sealed = len(result.images)
    all_right = right == count
    title = "Every forgery was found." if all_right else "Not every case came out as it must."
    seconds = result.took.total_seconds()
    return element(
        "div",
        element("p", "radseal", class_="brand"),
        element("h1", title),
        element(
            "p",
            f"A device sealed {sealed} real medical images: it hid a mark in the radiographs' "
            "pixels, signed what every image is, and recorded that in a ledger. Then copies of "
            "them were altered, mislabelled, stripped and copied, and each was verified "
            "without knowing what had been done. Below stands, case by case, what was done, what "
            "was found, and what that does not mean.",
            class_="say",
        ),
        element(
            "ul",
            _figure(
                f"{right} of {count}",
                "cases came out as they must",
                "all" if all_right else "notall",
            ),
            _figure(str(sealed), "real images sealed"),
            _figure(
                f"{result.log.size}",
                "entries in the ledger, " + ("audited" if result.log.audit_ok else "audit failed"),
            ),
            _figure(f"{seconds:.0f} s", "for everything, on this computer"),
            class_="figures",
        ),
        class_="lead",
    )


def _figure(number: str, words: str, class_: str | None = None) -> Markup:
    return element("li", element("b", number), element("span", words), class_=class_)


def _footer(result: DemoResult) -> Markup:
    return element(
        "footer",
        f"radseal {__version__}, {result.started_at:%Y-%m-%d %H:%M} UTC. Made by ",
        element("code", "radseal demo"),
        ". Files, forgeries and pictures lie beside this report. Images: pydicom-data, MIT.",
    )
