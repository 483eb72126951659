"""Who wrote a file last, by its own word: PS3.10 7.1, (0002,0012) and (0002,0013)."""

from provenance.dicom.instance import Instance
from provenance.dicom.values import text
from provenance.dicom.write import IMPLEMENTATION_CLASS_UID

_IMPLEMENTATION_CLASS_UID, _IMPLEMENTATION_VERSION_NAME = 0x00020012, 0x00020013
_LONGEST = 64


def rewritten_by(instance: Instance) -> str | None:
    """Say which other implementation wrote the file, and in which transfer syntax; None: we did."""
    meta = instance.dataset.file_meta
    implementation = text(meta, _IMPLEMENTATION_CLASS_UID)
    if implementation == IMPLEMENTATION_CLASS_UID:
        return None
    name = text(meta, _IMPLEMENTATION_VERSION_NAME) or implementation or "a program without a name"
    shown = "".join(c if c.isprintable() else "?" for c in name[:_LONGEST])
    return f"last written by {shown}, as {instance.transfer_syntax.name}"
