"""What each verdict and each finding says, why, what to do, and what it does not mean."""

from collections.abc import Mapping

from provenance.explanations.attestations import ATTESTATIONS
from provenance.explanations.copies import COPIES
from provenance.explanations.corrections import CORRECTIONS
from provenance.explanations.derivations import DERIVATIONS
from provenance.explanations.dicom_signatures import DICOM_SIGNATURES
from provenance.explanations.explanation import Explanation
from provenance.explanations.header import HEADER
from provenance.explanations.log import LOG
from provenance.explanations.mark import MARK
from provenance.explanations.object_and_seal import OBJECT_AND_SEAL
from provenance.explanations.pixels import PIXELS
from provenance.explanations.policy import POLICY
from provenance.explanations.signer import SIGNER
from provenance.explanations.studies import STUDIES
from provenance.explanations.words import WORDS

__all__ = ["EXPLANATIONS", "Explanation"]

EXPLANATIONS: Mapping[str, Explanation] = {
    **WORDS,
    **OBJECT_AND_SEAL,
    **PIXELS,
    **HEADER,
    **CORRECTIONS,
    **SIGNER,
    **LOG,
    **ATTESTATIONS,
    **MARK,
    **COPIES,
    **DERIVATIONS,
    **DICOM_SIGNATURES,
    **POLICY,
    **STUDIES,
}
