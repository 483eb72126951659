"""Is the second signer of a seal the same device, and trusted? Does the verifier demand one?"""

from ledger import Existence, Role
from provenance.claims.claim import Claim
from provenance.claims.second_signature import SecondDoubt
from provenance.errors import TrustError
from provenance.findings import Code
from provenance.judging.evidence import Problem, SecondSigner
from provenance.trust.certificates import certificate_name
from provenance.trust.store import TrustStore


def find_second_signer(
    claim: Claim, trust: TrustStore, existence: Existence | None = None
) -> SecondSigner | None:
    """Judge the second signature; None if the seal names no second key and none is demanded.

    ``existence`` is by when others had seen the seal.
    """
    demanded = trust.second.of(claim.statement.kid)
    match claim.second:
        case None if demanded:
            detail = "the seal names no second key, and trust/second-signatures demands one"
            return SecondSigner(demanded=True, problem=Problem(Code.SECOND_DEMANDED, detail))
        case None:
            return None
        case SecondDoubt(kid, code, detail):
            return SecondSigner(demanded=demanded, kid=kid, problem=Problem(code, detail))
        case second:
            pass
    found = SecondSigner(
        demanded=demanded, kid=second.kid, signer=certificate_name(second.chain[0])
    )
    try:
        if second.chain[0].subject != claim.certificate.subject:
            raise TrustError(
                f"the second key is that of {certificate_name(second.chain[0])}, the first that of "
                f"{certificate_name(claim.certificate)}"
            )
        authority = trust.vouch_lasting(
            second.chain,
            role=Role.DEVICE,
            at=claim.statement.claimed_at,
            existence=existence,
        )
    except TrustError as error:
        return found.with_problem(Problem(Code.SECOND_UNTRUSTED, str(error)))
    return found.vouched_by(authority)
