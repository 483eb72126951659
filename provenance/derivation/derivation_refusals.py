"""Why a copy is not signed: the codes that `radseal explain` knows."""

from typing import Final

NOT_A_COPY: Final = "SE401"
OTHER_PATIENT: Final = "SE402"
UNLIKE: Final = "SE403"
TOO_MUCH: Final = "SE404"
