"""Sealing on behalf of modalities that cannot: it counts by the policy, and loses nothing."""

from collections.abc import Callable
from pathlib import Path

from gateway_world import (
    POLICY,
    Storescp,
    World,
    archive,
    dataset_bytes,
    files,
    gateway_site,
    running,
)

from ledger import Event, Role, parse_statement
from provenance import Site, load_policy
from provenance.judging.verdict import Word
from provenance.pacs.arrivals import State
from provenance.pacs.spool.spool import Spool
from provenance.policy.facts import Arrival
from provenance.policy.terms import Action
from provenance.verifying.examination import examine
from provenance.verifying.verifier import Verifier

__all__ = ["archive", "files", "gateway_site"]

SEALING = '[sealing]\ncalling_ae = ["OLD"]\n[limits]\nfree_disk_bytes = 0\n'


def test_what_is_sealed_here_is_authentic_where_the_policy_lets_a_gateway_seal(
    tmp_path: Path, gateway_site: Site, archive: Storescp, files: dict[str, Path]
) -> None:
    archives = [("archive", "ARCHIVE", archive.port)]
    with running(World(tmp_path, gateway_site, archives, extra=SEALING)) as made:
        assert made.send(files["unsealed"], calling="OLD").returncode == 0
        made.delivered(1)
        (line,) = made.lines()
    assert (line["verdict"], line["sealed_here"]) == ("AUTHENTIC", True)
    (sealed,) = archive.folder.iterdir()
    (tmp_path / "policy.toml").write_text(POLICY)
    records = gateway_site.records()
    with records.log as log:
        policy = load_policy(tmp_path / "policy.toml")
        verifier = Verifier(gateway_site.trust, records, policy=policy)
        found = examine(sealed, verifier, Arrival("OLD", "RADSEAL", None))
        assert found.verdict.word is Word.AUTHENTIC
        assert found.decision is not None
        assert found.decision.action is Action.ACCEPT
        other = examine(sealed, verifier, Arrival("CT7", "RADSEAL", None))
        assert other.verdict.word is Word.UNTRUSTED
        assert found.verdict.seal_id is not None
        events = [parse_statement(each.statement) for each in log.events(found.verdict.seal_id)]
    assert [each.event for each in events][:4] == [
        Event.SEALED, Event.INGESTED, Event.VERIFIED, Event.SENT,
    ]  # fmt: skip
    assert {each.kid for each in events} == {gateway_site.signer(Role.GATEWAY).kid}


def test_sealing_that_fails_loses_nothing(
    tmp_path: Path,
    archive: Storescp,
    make_dicom: Callable[..., bytes],
    files: dict[str, Path],
    gateway_site: Site,
) -> None:
    """The log is away: the object goes on as it came, by the policy, with the reason."""
    archives = [("archive", "ARCHIVE", archive.port)]
    made = World(tmp_path, gateway_site, archives, extra=SEALING)
    made.top = 'log = "http://127.0.0.1:9"'
    made.policy = POLICY.replace('name = "old"', 'name = "old"\ndepth = "seal"')
    with running(made):
        assert made.send(files["unsealed"], calling="OLD").returncode == 0
        (line,) = made.lines()
    assert line["sealed_here"] is False
    with Spool.open(made.spool) as spool:
        (kept,) = spool.objects()
        assert kept.state is State.QUARANTINED
        assert any("could not be sealed here" in each for each in kept.judged.reasons)
        stored = spool.path(kept.number).read_bytes()
    assert dataset_bytes(stored) == dataset_bytes(files["unsealed"].read_bytes())
