"""From which study an object was moved, by a correction that is documented."""

from provenance.dicom.attribute_table import attribute_table
from provenance.dicom.attributes import canonical_attributes
from provenance.dicom.instance import Instance
from provenance.dicom.leaf_content import leaf_content
from provenance.dicom.original_attributes import ORIGINAL_ATTRIBUTES, values_before
from provenance.header_tree import hash_leaf_content, leaf_salt, signed_leaf
from provenance.judging.evidence import Evidence
from provenance.judging.verdict import Verdict, Word
from provenance.study.listed import is_uid

_STUDY = 0x0020000D


def former_studies(
    instance: Instance, evidence: Evidence | None, verdict: Verdict
) -> tuple[str, ...]:
    """Return the Study Instance UIDs that an object had before, the signed one last.

    They are those that its own record names, newest first, up to the one that opens the signed
    leaf; none if the record does not lead there. The record is documented with the move itself.
    """
    claim = evidence.claim if evidence else None
    if claim is None or verdict.word is not Word.CORRECTED or _STUDY not in verdict.documented:
        return ()
    attributes = {each.tag: each for each in canonical_attributes(instance.dataset)}
    record = attributes.get(ORIGINAL_ATTRIBUTES)
    header = claim.annex.header
    salt, signed = leaf_salt(header.seed, _STUDY), signed_leaf(header, _STUDY)
    group = attribute_table().describe(_STUDY).group
    named: list[str] = []
    for values in values_before(None if record is None else record.value):
        match values.get(_STUDY):
            case (str(uid),) as value if is_uid(uid):
                named.append(uid)
                if hash_leaf_content(salt, leaf_content(_STUDY, group, value)) == signed:
                    return tuple(named)
            case _:
                continue
    return ()
