"""A person vouches for an image: beside the device's seal, never instead of it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from ledger import Event, RefusedError, Role, Signer, key_added_body
from provenance import Site, Verdict, Word, seal, verify
from provenance.cli.root import cli
from provenance.errors import MalformedError
from provenance.findings import Code
from provenance.sealing.attestation import Purpose, attestation_body, read_purpose
from provenance.site.device import Device
from provenance.trust.certificates import certificate_der


@pytest.fixture
def folder(tmp_path: Path, make_dicom: Callable[..., bytes]) -> Path:
    """A site of its own, and one sealed image beside it."""
    site = Site.init(tmp_path / "site", name="here")
    with site.device() as device:
        seal(make_dicom(), device=device).write(tmp_path / "image.dcm")
    return tmp_path


def now() -> datetime:
    return datetime.now(UTC)


def judged(folder: Path, *, trust: Any = None) -> Verdict:
    site = Site.open(folder / "site")
    records = site.records()
    with records.log:
        return verify(folder / "image.dcm", trust=trust or site.trust, records=records)


def attested(verdict: Verdict) -> list[tuple[Code, str]]:
    return [(each.code, each.detail) for each in verdict.checks if each.id == "attested"]


def run(folder: Path, *words: object, code: int = 0) -> Any:
    given = [str(word) for word in words]
    result = CliRunner().invoke(cli, [*given, "--site", str(folder / "site"), "--json"])
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_who_vouches_is_shown_and_the_verdict_stays(folder: Path) -> None:
    before = (folder / "image.dcm").read_bytes()
    found = run(folder, "attest", folder / "image.dcm", "--purpose", "source")
    (said,) = found["objects"]
    assert (said["attested"], said["log_index"]) == (True, 6)
    assert (folder / "image.dcm").read_bytes() == before
    verdict = judged(folder)
    assert verdict.word is Word.AUTHENTIC
    ((code, detail),) = attested(verdict)
    assert code is Code.ATTESTED
    assert detail.startswith("here operator vouches for it (source), entry 6")
    (chain,) = run(folder, "trace", folder / "image.dcm")["objects"]
    assert [(e["event"], e["role"]) for e in chain["events"]] == [
        ("sealed", "device"),
        ("attested", "operator"),
    ]
    again = run(folder, "attest", folder / "image.dcm")
    assert again["objects"][0]["log_index"] == 7
    assert len(attested(judged(folder))) == 2


@pytest.mark.parametrize("kind", ["pixel", "identity", "laterality", "strip"])
def test_nobody_vouches_for_what_is_not_as_it_was_sealed(folder: Path, kind: str) -> None:
    bad = folder / f"{kind}.dcm"
    words = ["tamper", kind, str(folder / "image.dcm"), "-o", str(bad)]
    assert CliRunner().invoke(cli, words).exit_code == 0
    found = run(folder, "attest", bad, code=2)
    assert found["objects"][0]["attested"] is False
    assert "verify" in found["objects"][0]["do"]
    with Site.open(folder / "site").public_log() as log:
        assert log.size == 6
    assert attested(judged(folder)) == []


def test_one_that_cannot_be_vouched_for_does_not_stop_the_others(folder: Path) -> None:
    (folder / "noise.dcm").write_bytes(b"no image")
    paths = (folder / "noise.dcm", folder / "image.dcm")
    found = run(folder, "attest", *paths, code=2)
    assert [each["attested"] for each in found["objects"]] == [False, True]
    assert run(folder, "attest", folder / "site" / "trust" / "logs", code=2)["objects"]
    result = CliRunner().invoke(
        cli, ["attest", str(folder / "image.dcm")], env={"RADSEAL_SITE": ""}
    )
    assert result.exit_code == 2


def vouch(folder: Path, signer: Signer, body: dict[int, object]) -> None:
    site = Site.open(folder / "site")
    with site.device(Role.OPERATOR) as operator:
        other = Device(signer, operator.certificates, operator.log, bytes(32), bytes(32))
        seal_id = judged(folder).seal_id
        other.record(Event.ATTESTED, object_id=seal_id, body=body, at=now())


def test_a_stranger_in_the_log_counts_for_nothing(folder: Path) -> None:
    """The archivist let in a key whose certificate leads to nobody who is trusted here."""
    stranger = Site.init(folder / "stranger", name="stranger")
    certificate = folder / "stranger" / "certificates" / "operator.pem"
    site = Site.open(folder / "site")
    roots = folder / "site" / "trust" / "roots" / "stranger.pem"
    roots.write_bytes((folder / "stranger/trust/roots/site.pem").read_bytes())
    run(folder, "key", "add", certificate, "--role", "operator")
    vouch(folder, stranger.signer(Role.OPERATOR), dict(attestation_body(Purpose.REVIEW)))
    ((code, _),) = attested(judged(folder))
    assert code is Code.ATTESTED
    roots.unlink()
    verdict = judged(folder, trust=site.trust)
    assert verdict.word is Word.AUTHENTIC
    ((code, detail),) = attested(verdict)
    assert code is Code.ATTESTER_UNKNOWN
    assert "counts for nothing" in detail


def test_a_borrowed_certificate_counts_for_nothing(folder: Path) -> None:
    """The archivist logged a key of another together with the certificate of the operator."""
    stranger = Site.init(folder / "stranger", name="stranger").signer(Role.OPERATOR)
    site = Site.open(folder / "site")
    borrowed = certificate_der(site.certificate(Role.OPERATOR))
    body = key_added_body(stranger.spki, role=Role.OPERATOR, certificate=borrowed)
    with site.device(Role.ARCHIVIST) as archivist:
        archivist.record(Event.KEY_ADDED, object_id=None, body=body, at=now())
    vouch(folder, stranger, dict(attestation_body(Purpose.VERIFICATION)))
    ((code, detail),) = attested(judged(folder))
    assert code is Code.ATTESTER_UNKNOWN
    assert "that of another" in detail


@pytest.mark.parametrize("body", [{}, {1: 2}, {1: True}, {1: "verification"}, {2: 5}])
def test_what_is_not_understood_counts_for_nothing(folder: Path, body: dict[int, object]) -> None:
    vouch(folder, Site.open(folder / "site").signer(Role.OPERATOR), body)
    verdict = judged(folder)
    assert verdict.word is Word.AUTHENTIC
    ((code, _),) = attested(verdict)
    assert code is Code.ATTESTER_UNKNOWN


def test_a_key_that_was_revoked_vouches_no_more_and_what_it_said_stays(folder: Path) -> None:
    run(folder, "attest", folder / "image.dcm")
    kid = Site.open(folder / "site").signer(Role.OPERATOR).kid.hex()
    run(folder, "key", "revoke", kid, "--reason", "left", "--yes")
    found = run(folder, "attest", folder / "image.dcm", code=15)
    assert "revoked" in found["objects"][0]["why"]
    ((code, _),) = attested(judged(folder))
    assert code is Code.ATTESTED


def test_a_device_cannot_vouch_for_itself(folder: Path) -> None:
    with pytest.raises(RefusedError):
        vouch(
            folder,
            Site.open(folder / "site").signer(Role.DEVICE),
            dict(attestation_body(Purpose.AUTHOR)),
        )


def test_over_the_line(folder: Path, log_server: Callable[..., Any]) -> None:
    server = log_server(folder / "site")
    found = run(folder, "attest", folder / "image.dcm", "--log", server.url)
    assert found["objects"][0]["log_index"] == 6
    assert len(attested(judged(folder))) == 1
    assert server.stop() == 0
    found = run(folder, "attest", folder / "image.dcm", "--log", server.url, code=15)
    assert found["objects"][0]["attested"] is False


@given(
    st.dictionaries(
        st.integers(0, 5), st.one_of(st.integers(), st.booleans(), st.text(), st.binary())
    )
)
def test_any_body_is_a_purpose_or_refused(body: dict[int, object]) -> None:
    try:
        purpose = read_purpose(body)
    except MalformedError:
        assert not (type(body.get(1)) is int and body.get(1) in {1, 5, 13, 14})
    else:
        assert body[1] == purpose
        assert attestation_body(purpose) == {1: body[1]}
