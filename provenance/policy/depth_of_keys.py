"""Keys of very many parts, found before tomllib takes quadratic time over them."""

import re

MAX_PARTS = 8
_TOKEN = re.compile(r"\\.|\"\"\"|'''|[\"'#\n=,\[\]{}.]", re.DOTALL)
_ENDS = frozenset("\n=,[]{}")


def too_deep(text: str) -> int | None:
    """Return the line of the first key of more than ``MAX_PARTS`` parts; None if there is none."""
    line, parts, inside = 1, 1, ""
    for token in _TOKEN.finditer(text):
        found = token[0]
        line += found.count("\n")
        if inside:
            escaped = found[0] == "\\" and inside[0] == "'" and found[1:] == inside
            if found == inside or escaped:  # in a literal string a backslash escapes nothing
                inside = ""
            elif found == "\n" and len(inside) == 1:
                inside = ""  # one line, and no end: tomllib will say so
        elif found in ('"', "'", '"""', "'''"):
            inside = found
        elif found == "#":
            inside = "\n"
        elif found == ".":
            parts += 1
            if parts > MAX_PARTS:
                return line
        if not inside and found in _ENDS:
            parts = 1
    return None
