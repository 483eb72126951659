"""What a key may do ends where the log says so."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ledger import Event, RefusedError, Role, key_revoked_body
from provenance import Site, Word, seal, verify

REVOKED_AT = datetime(2030, 1, 1, tzinfo=UTC)


def test_a_revoked_key_seals_nothing_more(tmp_path: Path, make_dicom: Callable[..., bytes]) -> None:
    site = Site.init(tmp_path / "s", name="s")
    with site.device() as device:
        before = seal(make_dicom(), device=device).to_bytes()
        kid = device.signer.kid
    with site.device(Role.ARCHIVIST) as archivist:
        archivist.record(
            Event.KEY_REVOKED,
            object_id=None,
            body=key_revoked_body(kid, reason="lost"),
            at=REVOKED_AT,
        )
    with site.device() as thief, pytest.raises(RefusedError, match="revoked"):
        seal(make_dicom(), device=thief)
    # What was logged while the key stood stays good, with the ledger asked or not.
    assert verify(before, trust=site.trust, records=site.records()).word is Word.AUTHENTIC
    assert verify(before, trust=site.trust).word is Word.AUTHENTIC


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR, Role.ARCHIVIST])
def test_no_other_role_seals(site: Site, make_dicom: Callable[..., bytes], role: Role) -> None:
    with site.device(role) as other, pytest.raises(RefusedError):
        seal(make_dicom(), device=other)
