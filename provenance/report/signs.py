"""Signs of the report: each verdict and each status has words, a shape and a colour."""

from provenance.judging.verdict import Outcome, Status, Word
from provenance.report.markup import Markup, element, joined

# A path in a box of 24 by 24, drawn as a line of the text's own colour.
_RING = "M12 3a9 9 0 1 0 .01 0z"
_SHAPES = {
    "tick": f"{_RING} M7.5 12.5l3 3 6-6.5",
    "pen": "M4 20l1.2-4.8L16 4.4l3.6 3.6L8.8 18.8z M13.5 7l3.5 3.5",
    "stop": "M8.3 3h7.4L21 8.3v7.4L15.7 21H8.3L3 15.7V8.3z M8.7 8.7l6.6 6.6 M15.3 8.7l-6.6 6.6",
    "tag": "M12 3l10 17.5H2z M12 9.5v5 M12 17.3v.4",
    "torn": "M3.5 9.5A9 9 0 0 1 14 3.2 M20.5 9a9 9 0 0 1-5 11.3 M11.5 21A9 9 0 0 1 3.2 14 M8 8l8 8",
    "copy": "M4 4h11v11H4z M9 9h11v11H9z",
    "dashes": "M9.5 3.3a9 9 0 0 1 5 0 M19 6.3a9 9 0 0 1 1.9 4 M20.6 15a9 9 0 0 1-3 4 "
    "M13.5 20.9a9 9 0 0 1-5-.6 M4.8 17.4a9 9 0 0 1-1.7-4.5 M3.9 8a9 9 0 0 1 2-2.6 M8.5 12h7",
    "query": "M12 2.5l9.5 9.5L12 21.5 2.5 12z M9.7 9.8a2.4 2.4 0 1 1 3.2 2.5c-.6.3-.9.7-.9 1.5 "
    "M12 16.3v.4",
    "crash": "M5 3h9l5 5v13H5z M14 3v5h5 M9 12l6 6 M15 12l-6 6",
    "clock": f"{_RING} M12 7v5.3l3.5 2",
    "cross": "M5.5 5.5l13 13 M18.5 5.5l-13 13",
    "check": "M4 12.8l5.3 5.2L20 6.5",
    "bang": "M12 3l10 17.5H2z M12 9.5v5 M12 17.3v.4",
    "dash": "M5 12h14",
}

_WORDS: dict[str, tuple[str, str]] = {
    Word.AUTHENTIC: ("tick", "good"),
    Word.CORRECTED: ("pen", "good"),
    Word.ALTERED: ("stop", "bad"),
    Word.HEADER_CHANGED: ("tag", "warn"),
    Word.STRIPPED: ("torn", "bad"),
    Word.DERIVED: ("copy", "info"),
    Word.UNSEALED: ("dashes", "mute"),
    Word.UNTRUSTED: ("query", "warn"),
    Word.UNREADABLE: ("crash", "mute"),
    Word.NOT_CHECKED: ("clock", "mute"),
}
_OTHER = ("tick", "good")
_STATUS = {
    Status.PASS: ("check", "is-pass"),
    Status.FAIL: ("cross", "is-fail"),
    Status.WARN: ("bang", "is-warning"),
    Status.SKIP: ("dash", "is-skip"),
}
_OUTCOME = {Outcome.PROVEN: "check", Outcome.REFUTED: "cross", Outcome.UNKNOWN: "dash"}


def shapes() -> Markup:
    """Return all shapes as symbols, to be used by name anywhere on the page."""
    return joined(
        *(
            element(
                "symbol",
                element(
                    "path",
                    d=path,
                    fill="none",
                    stroke="currentColor",
                    stroke_width="2",
                    stroke_linecap="round",
                    stroke_linejoin="round",
                ),
                id=f"sign-{name}",
                viewBox="0 0 24 24",
            )
            for name, path in _SHAPES.items()
        )
    )


def word_badge(word: str) -> Markup:
    """Return a verdict's word with its shape, in its colour."""
    shape, tone = _WORDS.get(word, _OTHER)
    return element("span", sign(shape), word, class_=f"word {tone}")


def word_sign(word: str) -> Markup:
    """Return a verdict's shape alone; the word must stand beside it."""
    return sign(_WORDS.get(word, _OTHER)[0])


def tone(word: str) -> str:
    """Return the name of a verdict's colour."""
    return _WORDS.get(word, _OTHER)[1]


def status_sign(status: Status) -> tuple[Markup, str]:
    """Return the shape of a check's status and the name of its colour."""
    shape, name = _STATUS[status]
    return sign(shape), name


def outcome_sign(outcome: Outcome) -> Markup:
    """Return the shape of one of the three answers."""
    return sign(_OUTCOME[outcome])


def sign(name: str) -> Markup:
    """Return one shape; it says nothing that text beside it does not say."""
    return element("svg", element("use", href=f"#sign-{name}"), aria_hidden="true")
