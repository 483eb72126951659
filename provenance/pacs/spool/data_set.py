"""Whether two files hold the same object, whoever wrote what stands before its data set.

Over DIMSE a data set travels alone: an archive writes preamble and File Meta Information itself.
"""

import hashlib
from io import BytesIO
from pathlib import Path

from provenance.pacs.first_elements import ENOUGH, data_set_start, names_in_meta


def data_set_digest(source: Path | bytes, transfer_syntax: str) -> bytes | None:
    """Return the SHA-256 over what a file's data set is, and over its bytes.

    That is: transfer syntax UID, and SOP Class and Instance UID as the File Meta Information names
    them. None for a file that has anything of its own before it (`data_set_start`). Raises OSError.
    """
    with BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        beginning = file.read(ENOUGH)
        start, names = data_set_start(beginning), names_in_meta(beginning)
        if start is None or names is None:
            return None
        digest = hashlib.sha256()
        for name in (transfer_syntax, *names):
            digest.update(name.encode("utf-8", "replace") + b"\0")
        file.seek(start)
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.digest()
