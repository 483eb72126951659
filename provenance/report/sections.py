"""The sections of the report: overview, legend, sealed images, cases, custody chain, ledger."""

from provenance.demo.result import DemoResult, SealedImage
from provenance.explanations import EXPLANATIONS
from provenance.judging.verdict import EXIT_CODES
from provenance.report.case import case_card, figure
from provenance.report.markup import Markup, element, joined
from provenance.report.signs import word_badge


def hero_section(result: DemoResult) -> Markup:
    """Return the first forgery that could be located, as the page's opening picture."""
    for case in result.cases:
        if case.magnified:
            break
    else:
        return Markup("")
    return element(
        "div",
        element("div", *(figure(panel) for panel in case.panels), class_="panels"),
        element(
            "div", *(figure(panel, magnified=True) for panel in case.magnified), class_="panels"
        ),
        element(
            "p",
            f"Case {case.number}. {case.what[0].upper()}{case.what[1:]}. Verification sees the "
            "received file alone: the outlined tiles are those whose signed hashes no longer fit. "
            "The last picture needs both files, which only this demonstration has.",
        ),
        class_="hero",
    )


def overview_section(result: DemoResult) -> Markup:
    rows = []
    for case in result.cases:
        shown = case.panels[1 if len(case.panels) > 1 else 0].picture
        picture = element(
            "svg", element("use", href=f"#picture-{shown}"), class_="thumb", aria_hidden="true"
        )
        link = element("a", case.title, href=f"#case-{case.number}")
        rows.append(
            element(
                "tr",
                element("td", str(case.number), class_="num"),
                element("td", picture),
                element("th", link, scope="row"),
                element("td", case.image, class_="wide soft"),
                element("td", word_badge(case.got)),
                element(
                    "td",
                    case.expected,
                    class_="wide soft" if case.ok else "wide asit no",
                ),
                element("td", f"{case.seconds:.2f} s", class_="num wide soft"),
            )
        )
    names = (
        ("no.", "num"),
        ("", None),
        ("case", None),
        ("image", "wide"),
        ("verdict", None),
        ("must be", "wide"),
        ("time", "num wide"),
    )
    head = element("tr", *(element("th", name, scope="col", class_=kind) for name, kind in names))
    table = element("table", element("thead", head), element("tbody", *rows), class_="overview")
    return joined(
        element("h2", "All cases"),
        element(
            "p", "The verdict is the one word that verification found. Each line leads to its case."
        ),
        element("div", table, class_="sheet"),
    )


def legend_section() -> Markup:
    rows = [
        element(
            "tr",
            element("td", word_badge(word)),
            element("td", EXPLANATIONS[word].says),
            element("td", str(code), class_="num"),
        )
        for word, code in EXIT_CODES.items()
    ]
    names = (("verdict", None), ("what it says", None), ("exit code", "num"))
    head = element("tr", *(element("th", name, scope="col", class_=kind) for name, kind in names))
    return joined(
        element("h2", "How to read a verdict"),
        element(
            "p",
            "Three questions are always answered: is it as it was sealed, who "
            "vouches for it, and is its history complete. From the answers follows "
            "one word.",
        ),
        element(
            "div", element("table", element("thead", head), element("tbody", *rows)), class_="sheet"
        ),
    )


def seals_section(result: DemoResult) -> Markup:
    return joined(
        element("h2", "The images, as they were sealed"),
        element(
            "p",
            "Published test images from pydicom-data (MIT). The mark is kept to the size of the "
            "image's own noise; who holds the key can take it out again, bit for bit.",
        ),
        element("div", *(_seal(image) for image in result.images), class_="seals"),
    )


def _seal(image: SealedImage) -> Markup:
    quality = image.quality
    facts = [
        ("image", f"{image.size}; {image.syntax}"),
        ("seal id", image.seal_id.hex()),
        ("log entry", str(image.log_index)),
    ]
    if quality is not None:
        facts += [
            ("mark", f"PSNR {quality.psnr_db:.1f} dB, SSIM {quality.ssim:.4f}"),
            ("largest change", f"{quality.max_change} of {(1 << image.bits) - 1} grey levels"),
            (
                "mark to noise",
                f"{quality.mark_to_noise_median:.2f} in the median cell of the image, "
                f"{quality.mark_to_noise_p99:.2f} at the 99th percentile",
            ),
            ("can be read", f"{quality.margin:.0f} times the threshold"),
        ]
    else:
        facts.append(("mark", f"none: {image.unmarked}"))
    facts.append(("sealing took", f"{image.seconds:.2f} s"))
    count = "two" if len(image.panels) > 1 else "one"
    return element(
        "article",
        element("header", element("h3", image.shows[0].upper() + image.shows[1:])),
        element("div", *(figure(panel) for panel in image.panels), class_=f"panels {count}"),
        element(
            "dl", *(joined(element("dt", k), element("dd", v)) for k, v in facts), class_="facts"
        ),
        class_="case marked" if quality is not None else "case",
    )


def cases_section(result: DemoResult) -> Markup:
    return joined(
        element("h2", "Case by case", id="cases"),
        element(
            "p",
            "Left the image as it was sealed, in the middle what arrived, right what "
            "verification found in the arrived file alone: it never saw the left "
            "picture.",
        ),
        *(case_card(case) for case in result.cases),
    )


def chain_section(result: DemoResult) -> Markup:
    events = [
        element(
            "li",
            element("b", event.event),
            f" by {event.actor}",
            element("br"),
            element(
                "span",
                f"entry {event.index}, {event.claimed_at:%Y-%m-%d %H:%M:%S} UTC, "
                + _link(number, linked=event.linked),
            ),
        )
        for number, event in enumerate(result.chain.events)
    ]
    complete = "complete" if result.chain.complete else "NOT COMPLETE"
    return joined(
        element("h2", "The custody chain of one image"),
        element(
            "p",
            f"The chest radiograph, seal {result.chain.seal_id.hex()}: {len(events)} "
            f"events, {complete}. Each statement is signed by its actor and names the "
            "one before it.",
        ),
        element("ol", *events, class_="sheet chain"),
    )


def _link(number: int, *, linked: bool) -> str:
    if not linked:
        return "DOES NOT NAME ITS PREDECESSOR"
    return "names its predecessor" if number else "the first"


def log_section(result: DemoResult) -> Markup:
    log = result.log
    verdict = (
        "nothing was found wrong" if log.audit_ok else "FOUND: " + "; ".join(log.audit_findings)
    )
    return joined(
        element("h2", "The ledger"),
        element(
            "p",
            f"{log.size} entries in one Merkle tree. An audit hashed every entry "
            f"again and checked every signature, link and proof: {verdict}. The "
            "checkpoint below, signed classically and with ML-DSA-44, fixes all of "
            "it.",
        ),
        element("pre", log.checkpoint, tabindex="0", aria_label="the signed checkpoint"),
    )
