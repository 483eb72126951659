"""Transfer syntaxes: how the dataset and its frames are encoded (PS3.5 Annex A, PS3.6 Annex A)."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

IMPLICIT_LITTLE: Final = "1.2.840.10008.1.2"
EXPLICIT_LITTLE: Final = "1.2.840.10008.1.2.1"
EXPLICIT_BIG: Final = "1.2.840.10008.1.2.2"
DEFLATED: Final = "1.2.840.10008.1.2.1.99"
ENCAPSULATED_NATIVE: Final = "1.2.840.10008.1.2.1.98"
_JPEG: Final = "1.2.840.10008.1.2.4."


class Coding(Enum):
    """How one frame is coded."""

    NATIVE = auto()
    ENCAPSULATED = auto()
    DEFLATED_FRAME = auto()
    RLE = auto()
    JPEG = auto()
    JPEG_LS = auto()
    JPEG_2000 = auto()
    HTJ2K = auto()
    JPEG_XL = auto()


class Fidelity(Enum):
    """What the transfer syntax itself promises about the samples."""

    LOSSLESS = auto()
    LOSSY = auto()
    STREAM_DECIDES = auto()


@dataclass(frozen=True, slots=True)
class Syntax:
    """One row of the table: the dataset is explicit VR little endian unless said otherwise."""

    coding: Coding
    fidelity: Fidelity = Fidelity.LOSSLESS
    implicit: bool = False
    little: bool = True

    @property
    def encapsulated(self) -> bool:
        """Whether Pixel Data holds fragments (PS3.5 A.4)."""
        return self.coding is not Coding.NATIVE


SYNTAXES: Final[dict[str, Syntax]] = {
    IMPLICIT_LITTLE: Syntax(Coding.NATIVE, implicit=True),
    EXPLICIT_LITTLE: Syntax(Coding.NATIVE),
    EXPLICIT_BIG: Syntax(Coding.NATIVE, little=False),
    DEFLATED: Syntax(Coding.NATIVE),
    ENCAPSULATED_NATIVE: Syntax(Coding.ENCAPSULATED),
    "1.2.840.10008.1.2.8.1": Syntax(Coding.DEFLATED_FRAME),
    "1.2.840.10008.1.2.5": Syntax(Coding.RLE),
    _JPEG + "50": Syntax(Coding.JPEG, Fidelity.LOSSY),  # baseline
    _JPEG + "51": Syntax(Coding.JPEG, Fidelity.LOSSY),  # extended, 8 and 12 bit
    _JPEG + "53": Syntax(Coding.JPEG, Fidelity.LOSSY),  # spectral selection, retired
    _JPEG + "55": Syntax(Coding.JPEG, Fidelity.LOSSY),  # full progression, retired
    _JPEG + "57": Syntax(Coding.JPEG),  # lossless, process 14
    _JPEG + "70": Syntax(Coding.JPEG),  # lossless, process 14, selection value 1
    _JPEG + "80": Syntax(Coding.JPEG_LS),
    _JPEG + "81": Syntax(Coding.JPEG_LS, Fidelity.LOSSY),  # near-lossless
    _JPEG + "90": Syntax(Coding.JPEG_2000),
    _JPEG + "91": Syntax(Coding.JPEG_2000, Fidelity.STREAM_DECIDES),
    _JPEG + "201": Syntax(Coding.HTJ2K),
    _JPEG + "202": Syntax(Coding.HTJ2K),  # RPCL
    _JPEG + "203": Syntax(Coding.HTJ2K, Fidelity.STREAM_DECIDES),
    _JPEG + "110": Syntax(Coding.JPEG_XL),
    _JPEG + "111": Syntax(Coding.JPEG_XL, Fidelity.LOSSY),  # a recompressed JPEG
    _JPEG + "112": Syntax(Coding.JPEG_XL, Fidelity.LOSSY),
}
