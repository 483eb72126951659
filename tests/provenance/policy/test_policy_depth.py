"""How deep a verifier looks with a policy: as deep as any rule asks that may fit, and no deeper."""

from collections.abc import Callable
from typing import Any

import numpy as np

from provenance import Arrival, Site, seal
from provenance.dicom.carrier import remove_carrier
from provenance.dicom.read import read_instance
from provenance.dicom.write import instance_bytes
from provenance.findings import Code
from provenance.judging.depth import Depth
from provenance.judging.verdict import Verdict, Word
from provenance.policy.parse import parse_acceptance_policy
from provenance.verifying.examination import examine_source
from provenance.verifying.verifier import Verifier

RULES = """version = 1
[defaults]
depth = "seal"
[[rules]]
name = "deeper"
depth = "mark"
match.calling_ae = ["DEEP"]
[[rules]]
name = "deep"
depth = "ledger"
match.modality = ["DX"]
"""


def stripped(data: bytes) -> bytes:
    instance = read_instance(data)
    remove_carrier(instance.dataset)
    return instance_bytes(instance)


def look(data: bytes, site: Site, ae: str | None, **without: Any) -> Verdict:
    records = site.records()
    with records.log:
        fields: dict[str, Any] = {"records": records, "mark_key": site.mark_key, **without}
        policy = parse_acceptance_policy(RULES.encode())
        return examine_source(
            data, Verifier(site.trust, policy=policy, **fields), Arrival(ae)
        ).verdict


def test_as_deep_as_the_rule_asks(site: Site, make_dicom: Callable[..., bytes]) -> None:
    with site.device() as device:
        dx = stripped(seal(make_dicom(), device=device, profile="none").to_bytes())
        mr = stripped(seal(make_dicom(Modality="MR"), device=device, profile="none").to_bytes())
    found = look(mr, site, "OTHER")
    assert (found.depth, found.word) == (Depth.SEAL, Word.UNSEALED)
    found = look(dx, site, "OTHER")
    assert (found.depth, found.word) == (Depth.LEDGER, Word.STRIPPED)
    assert look(mr, site, "DEEP").depth is Depth.MARK
    assert look(mr, site, None).depth is Depth.MARK  # it may be DEEP
    assert look(mr, site, "DEEP", mark_key=None).depth is Depth.LEDGER
    assert look(mr, site, "DEEP", records=None).depth is Depth.SEAL


def test_the_mark_is_not_looked_for_where_no_rule_asks(
    site: Site, make_dicom: Callable[..., bytes], encode: Callable[..., bytes]
) -> None:
    picture = encode(np.zeros((64, 64), np.uint8), "PNG")
    never_sealed = np.random.default_rng(3).integers(0, 4096, (200, 232)).astype(np.uint16)
    for data in (make_dicom(never_sealed, Modality="MR"), picture):
        for ae, code in (("OTHER", Code.MARK_NOT_SOUGHT), ("DEEP", Code.NO_MARK)):
            (mark,) = [c for c in look(data, site, ae).checks if c.id == "mark"]
            assert mark.code is code
            assert (code is Code.NO_MARK) is ("depth" not in mark.detail)
