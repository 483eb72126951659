"""`radseal log timestamp` and `timestamps` with a real TSA, online and offline."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives import serialization

from provenance import Site
from provenance.cli.root import cli


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(w) for w in words], env={"RADSEAL_SITE": None})


@pytest.fixture(scope="module")
def tsa(make_time_authority: Callable[..., Any]) -> Any:
    return make_time_authority()


def trust(folder: Path, tsa: Any) -> None:
    place = folder / "trust" / "tsa"
    place.mkdir(exist_ok=True)
    (place / "root.pem").write_bytes(tsa.root.public_bytes(serialization.Encoding.PEM))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    Site.init(tmp_path / "site", name="north")
    return tmp_path / "site"


def test_online_offline_renewed_copied(site: Path, tsa: Any, tmp_path: Path) -> None:
    assert run("log", "timestamps", "--site", site).exit_code == 16
    refused = run("log", "timestamp", "--url", tsa.url, "--site", site)
    assert refused.exit_code == 2
    assert "no authority of timestamps is trusted" in refused.output
    trust(site, tsa)
    done = run("log", "timestamp", "--url", tsa.url, "--site", site)
    assert done.exit_code == 0, done.output
    assert "checkpoint of 5 entries existed at" in done.output
    again = run("log", "timestamp", "--url", tsa.url, "--site", site)
    assert "has a timestamp; --size renews it" in again.output
    query, reply = tmp_path / "q.tsq", tmp_path / "r.tsr"
    words = ["log", "timestamp", "--site", site, "--query", query]
    asked = run(*words, "--size", 5, "--hash", "sha512")
    assert asked.exit_code == 0, asked.output
    reply.write_bytes(tsa.reply(query.read_bytes()))
    kept = json.loads(run(*words, "--reply", reply, "--json").stdout)
    assert (kept["schema"], kept["size"], kept["number"]) == ("radseal/log-timestamp/1", 5, 1)
    assert (kept["hash"], kept["tsa"], kept["accuracy_seconds"]) == ("sha512", "CN=tsa", 1.0)
    stale = run(*words, "--reply", reply)
    assert stale.exit_code == 2
    assert "for no checkpoint of this log as it is now" in stale.output
    listed = json.loads(run("log", "timestamps", "--site", site, "--json").stdout)
    (chain,) = listed["checkpoints"]
    assert [token["holds"] for token in chain["tokens"]] == [True, True]
    assert chain["existed_at"] == chain["tokens"][0]["time"]

    monitor = ["log", "monitor", site, "--copy", tmp_path / "copy", "--trust", site / "trust"]
    followed = json.loads(run(*monitor, "--json").stdout)
    assert (followed["timestamps"], followed["alarm"]) == (2, None)
    assert json.loads(run(*monitor, "--json").stdout)["timestamps"] == 0
    copied = run("log", "timestamps", tmp_path / "copy", "--trust", site / "trust")
    assert copied.exit_code == 0
    assert copied.output == run("log", "timestamps", "--site", site).output
    assert "pass  5 entries existed at" in copied.output
    assert run("log", "timestamps", tmp_path / "copy").exit_code == 2


def test_what_is_refused_or_not_proven(
    site: Path, tsa: Any, make_time_authority: Callable[..., Any]
) -> None:
    trust(site, tsa)
    stranger = make_time_authority()
    refused = run("log", "timestamp", "--url", stranger.url, "--site", site)
    assert refused.exit_code == 12
    assert "is not kept" in refused.output
    assert run("log", "timestamps", "--site", site).exit_code == 16
    assert run("log", "timestamp", "--url", "http://127.0.0.1:9/", "--site", site).exit_code == 15
    assert run("log", "timestamp", "--site", site).exit_code == 2
    assert run("log", "timestamp", "--url", tsa.url, "--site", site).exit_code == 0
    trust(site, stranger)  # the authority is not believed any more
    found = run("log", "timestamps", "--site", site)
    assert found.exit_code == 12
    assert "FAIL  5 entries: no time is proven" in found.output
    assert "token 0  proves nothing" in found.output


def test_policies_that_count(site: Path, tsa: Any) -> None:
    trust(site, tsa)
    (site / "trust" / "tsa" / "policies").write_text("1.2.3.5\n")
    words = ["log", "timestamp", "--url", tsa.url, "--site", site]
    assert run(*words).exit_code == 12
    assert run(*words, "--policy", "1.2.3.5").exit_code == 0
    (site / "trust" / "tsa" / "policies").write_text("ours\n")
    broken = run(*words)
    assert broken.exit_code == 2
    assert "no policy number" in broken.output


def test_a_tsa_that_is_not_there_is_named(site: Path, tsa: Any) -> None:
    trust(site, tsa)
    result = run("log", "timestamp", "--url", "http://127.0.0.1:1/", "--site", site)
    assert result.exit_code == 15
    assert "the TSA does not answer as it must" in result.output
    assert "log serve" not in result.output
