"""From which study an object was moved, by a correction that is documented."""

from provenance.dicom.attribute_table import attribute_table
from provenance.dicom.attributes import canonical_attributes
from provenance.dicom.instance import Instance
from provenance.dicom.original_attributes import ORIGINAL_ATTRIBUTES, values_before
from provenance.evidence import Evidence
from provenance.header_tree import hash_leaf_content, leaf_content, leaf_salt, signed_leaf
from provenance.study.listed import is_uid
from provenance.verdict import Verdict, Word

_STUDY = 0x0020000D


def former_study(instance: Instance, evidence: Evidence | None, verdict: Verdict) -> str | None:
    """Return the signed Study Instance UID of what was moved, if the object itself names it.

    The object's own record proves nothing; that its value opens the signed leaf does.
    """
    claim = evidence.claim if evidence else None
    if claim is None or verdict.word is not Word.CORRECTED or _STUDY not in verdict.documented:
        return None
    attributes = {each.tag: each for each in canonical_attributes(instance.dataset)}
    record = attributes.get(ORIGINAL_ATTRIBUTES)
    header = claim.annex.header
    group = attribute_table().describe(_STUDY).group
    for values in values_before(None if record is None else record.value):
        match values.get(_STUDY):
            case (str(uid),) as value if is_uid(uid):
                content = leaf_content(_STUDY, group, value)
                salt = leaf_salt(header.seed, _STUDY)
                if hash_leaf_content(salt, content) == signed_leaf(header, _STUDY):
                    return uid
            case _:
                continue
    return None
