"""`radseal log prune`: the operator's word, the archive, and what an old image's verdict says."""

import json
from pathlib import Path
from typing import Any

import pydicom.data
from click.testing import CliRunner, Result

from ledger import FIRST, Event, Submission, hash_leaf, sign_statement
from provenance import Site
from provenance.cli.root import cli

CT = Path(pydicom.data.__file__).parent / "test_files" / "CT_small.dcm"


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(w) for w in words], env={"RADSEAL_SITE": None})


def fill(site: Path, count: int) -> None:
    """Log that many more seals of objects that nobody sees."""
    device = Site.open(site).device()
    signer: Any = device.signer
    with device.log as log:
        link, submissions = log.actor_link(signer.kid), []
        for number in range(count):
            statement = sign_statement(
                event=Event.SEALED,
                object_id=number.to_bytes(12, "big"),
                object_link=FIRST,
                actor_link=link,
                claimed_at=log.head().cosigned_at,
                head_seen=None,
                body={},
                signer=signer,
            )
            link = link.next(hash_leaf(statement))
            submissions.append(Submission(statement))
        log.append(submissions, at=log.head().cosigned_at)


def test_pruned_with_the_operators_word(tmp_path: Path) -> None:
    site = tmp_path / "site"
    Site.init(site, name="north")
    assert run("seal", CT, "-o", tmp_path / "sealed", "--site", site).exit_code == 0
    fill(site, 300)
    sealed, archive = tmp_path / "sealed" / CT.name, tmp_path / "old"
    before = json.loads(run("log", "head", "--site", site, "--json").stdout)
    words = ["log", "prune", "--below", 300, "--archive", archive, "--site", site]
    for wrong in ([], ["--confirm", "yes"]):
        asked = run(*words, *wrong)
        assert asked.exit_code == 2
        assert "nothing was dropped" in asked.output
        assert f"--confirm {before['origin']}" in asked.output
    assert not archive.exists()
    done = json.loads(run(*words, "--confirm", before["origin"], "--json").stdout)
    assert (done["schema"], done["start"], done["minimum_index"]) == (
        "radseal/log-prune/1",
        0,
        256,
    )
    assert done["dropped"] == 256 - 5
    after = json.loads(run("log", "head", "--site", site, "--json").stdout)
    assert after["root"] == before["root"]

    # The image carries seal and receipt: it verifies, with the log and without.
    for trusted in (["--site", site], ["--trust", site / "trust"]):
        verdict = json.loads(run("verify", sealed, *trusted, "--json").stdout)
        assert verdict["exit_code"] == 0, verdict
    traced = run("trace", sealed, "--site", site)
    assert traced.exit_code == 16
    assert f"archive {archive}" in " ".join(traced.output.split())

    audit = run("log", "audit", "--site", site)
    assert audit.exit_code == 0
    assert "251 entries below 256 were pruned" in audit.output
    words = ["log", "audit", "--site", site, "--archive", archive, "--json"]
    assert json.loads(run(*words).stdout)["not_rehashed"] == 0
    exported = run("log", "export", tmp_path / "static", "--site", site)
    assert "without those below 256" in exported.output
    listed = run("log", "query", "--event", "sealed", "--limit", 1, "--site", site)
    assert "entries below 256 were pruned and not asked" in listed.output
    for source, code in ((site, 16), (archive, 0), (site, 0)):
        words = ["log", "monitor", source, "--copy", tmp_path / "copy"]
        assert run(*words, "--trust", site / "trust").exit_code == code


def test_a_receipt_of_consistency(tmp_path: Path) -> None:
    from ledger import Head, open_cose_consistency

    site, out = tmp_path / "site", tmp_path / "grown.cose"
    opened = Site.init(site, name="north")
    old = Site.open(site).records().log.head()
    assert run("seal", CT, "-o", tmp_path / "sealed", "--site", site).exit_code == 0
    words = ["log", "prove", "--from", old.size, "--site", site]
    assert run(*words, "--form", "cose", "-o", out).exit_code == 0
    new = open_cose_consistency(Head(old.size, old.root), out.read_bytes(), logs=opened.trust.logs)
    assert (new.size, new.root) == (old.size + 1, opened.records().log.head().root)
    for wrong in (words, [*words, "3", "--form", "cose"], ["log", "prove", "--site", site]):
        assert run(*wrong).exit_code == 2
    beyond = ["log", "prove", "--from", 99, "--form", "cose", "-o", out, "--site", site]
    assert run(*beyond).exit_code == 16
