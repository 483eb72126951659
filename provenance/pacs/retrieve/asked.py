"""What a client of WADO-RS asks for, and what is found of it. Values only (PS3.18, 10.4)."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from provenance.judging.verdict import Word
from provenance.pacs.arrivals import Instance
from provenance.policy.terms import Action

GIVEN = frozenset({Action.ACCEPT, Action.TAG})


class Form(StrEnum):
    """What of an instance is wanted."""

    FILE = "file"
    METADATA = "metadata"
    FRAMES = "frames"


@dataclass(frozen=True, slots=True)
class Asked:
    """A study, a series of it or an instance of that, and what of it; ``frames`` from one."""

    study: str
    series: str | None = None
    instance: str | None = None
    form: Form = Form.FILE
    frames: tuple[int, ...] = ()

    @property
    def path(self) -> str:
        """Its path below the root of a DICOMweb service, as a whole."""
        series = "" if self.series is None else f"/series/{self.series}"
        instance = "" if self.instance is None else f"/instances/{self.instance}"
        return f"/studies/{self.study}{series}{instance}"

    def names(self, found: "Shown") -> bool:
        """Return whether what was found is, or belongs to, what is asked for."""
        return (
            found.instance.study == self.study
            and self.series in (None, found.series)
            and self.instance in (None, found.instance.sop_instance)
        )


@dataclass(frozen=True, slots=True)
class Part:
    """Some bytes of a file, of a media type, in the encoding of a transfer syntax."""

    path: Path
    offset: int
    size: int
    kind: str
    syntax: str


class Lacking(StrEnum):
    """Why an object that may be given has no parts."""

    NO_FRAME = "it has no frame of that number"
    NO_FORM = "its pixels or attributes cannot be given in this form: retrieve the instance"


@dataclass(frozen=True, slots=True)
class Shown:
    """An object that was found, the verdict on it now, and what is given of it.

    Without a file, and without a header that can be read, ``series`` is empty.
    """

    instance: Instance
    series: str
    word: Word
    action: Action
    why: str = ""
    parts: tuple[Part, ...] = ()
    lacks: Lacking | None = None

    @property
    def given(self) -> bool:
        """Whether the policy lets readers have it."""
        return self.action in GIVEN
