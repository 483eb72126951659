"""Value representations of the standard attributes, as the header tree's format fixes them.

PS3.6 may give an attribute another VR one day, and pydicom would follow. A canonical value must
not: so the dictionary of format version 1 is kept beside the code.
"""

from functools import cache
from importlib.resources import files


@cache
def _dictionary() -> tuple[dict[int, str], tuple[tuple[int, int, str], ...]]:
    single: dict[int, str] = {}
    repeating: list[tuple[int, int, str]] = []
    for line in files(__package__).joinpath("dictionary.txt").read_text("ascii").splitlines():
        if line.startswith("#"):
            continue
        vr, *tags = line.split(" ")
        for tag in tags:
            if "x" in tag:
                mask = int("".join("0" if digit == "x" else "F" for digit in tag), 16)
                repeating.append((mask, int(tag.replace("x", "0"), 16), vr))
            else:
                single[int(tag, 16)] = vr
    return single, tuple(repeating)


def standard_vr(tag: int) -> str | None:
    """Return the VR of a standard attribute ("US/SS" where PS3.6 has two); None if unknown."""
    single, repeating = _dictionary()
    vr = single.get(tag)
    if vr is None:
        for mask, value, repeated in repeating:
            if tag & mask == value:
                return repeated
    return vr
