"""The standard's own manifest: a Key Object "Signed Complete Acquisition Content" (PS3.3 A.35.4).

Made with pydicom alone; docs/spec/study.md says what it carries of ours.
"""

from collections.abc import Mapping
from datetime import datetime

from provenance.dicom.instance import Instance
from provenance.dicom.write import instance_bytes
from provenance.study.close import ClosedStudy
from provenance.study.closing_block import ClosingBlock, write_closing_block
from provenance.study.reference_mac import ReferenceMac
from provenance.study.selection import KeyObjectNames, Selected, Title, selection

TITLE = Title("113035", "DCM", "Signed Complete Acquisition Content")


def key_object(
    closed: ClosedStudy,
    patient_of: Instance,
    *,
    macs: Mapping[str, ReferenceMac],
    names: KeyObjectNames,
    at: datetime,
) -> bytes:
    """Return the Part 10 file of a closing's Key Object, which carries the closing.

    ``patient_of`` is an instance of the study, from which patient and study are taken; ``macs``
    are by SOP Instance UID, and missing where none could be computed. UsageError beyond 50,000
    instances, SealError if patient or study cannot be written.
    """
    manifest = closed.manifest
    selected = [
        Selected(
            each.class_uid,
            each.series_uid,
            each.instance_uid,
            bool(each.frames),
            macs.get(each.instance_uid),
        )
        for each in manifest.instances
    ]
    instance = selection(
        selected,
        title=TITLE,
        study_uid=manifest.study_uid,
        patient_of=patient_of,
        names=names,
        at=at,
    )
    block = ClosingBlock(closed.statement, manifest.encode(), closed.receipt)
    write_closing_block(instance.dataset, block)
    return instance_bytes(instance)
