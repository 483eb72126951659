"""The commands of docs/keys.md about new, renewed and lost devices, in their order."""

import re
import shlex
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import Encoding
from revocation_world import Authority, make_list

from benchmarks.softhsm import SoftHsm
from ledger import Algorithm
from provenance import Site
from provenance.cli.root import cli
from provenance.keys.signers import generate_key
from provenance.site.key_request import read_request

PAGE = Path(__file__).resolve().parents[3] / "docs" / "keys.md"
# Of one that only shows, and of one that finds no timestamp.
EXITS = {"sign-request ct-3.csr --role device --site": 2, "log timestamps": 16}


def commands() -> list[str]:
    section = PAGE.read_text(encoding="utf-8").partition("\n## A new device\n")[2]
    section = section.partition("\n## ")[0]
    blocks = re.findall(r"```console\n(.*?)```", section, re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines()]


def test_the_page(hsm: SoftHsm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    hsm.make_token("ct-3")
    hsm.make_key("ct-3", "P256", "seal")
    site = Site.init(tmp_path / "srv", name="srv")
    vendor(tmp_path)
    done = []
    for line in commands():
        fresh = sorted(tmp_path.glob("*.csr"), key=lambda path: path.stat().st_mtime_ns)
        if fresh:
            line = line.replace("FINGERPRINT", read_request(fresh[-1].read_bytes()).fingerprint)
        words = [each.replace("/srv/radseal", str(site.folder)) for each in shlex.split(line)]
        words = [hsm.uri("ct-3", "seal") if each.startswith("pkcs11:") else each for each in words]
        if words[0] == "cp":
            for path in words[1:-1]:
                shutil.copy(path, words[-1])
            continue
        assert words[0] == "radseal"
        result = CliRunner().invoke(cli, words[1:], env={"RADSEAL_SITE": None})
        expected = next((code for part, code in EXITS.items() if part in line), 0)
        assert result.exit_code == expected, (line, result.output)
        done.append(words[2])
    assert done.count("sign-request") == 3
    with site.public_log() as log:
        last = {key.revoked_index is None for key in log.keys()[-3:]}
    assert last == {True, False}


def vendor(folder: Path) -> None:
    """A vendor's root, plant and device, and their lists."""
    at = datetime.now(UTC) - timedelta(days=1)
    until = at + timedelta(days=30)
    root = Authority.make("vendor", at)
    plant = Authority.make("plant", at, above=root)
    public = generate_key(Algorithm.ESP256).public_key()
    device = plant.certify(public, "CT 9", at, until)
    pem = Encoding.PEM
    (folder / "vendor-root.pem").write_bytes(root.certificate.public_bytes(pem))
    chain = device.public_bytes(pem) + plant.certificate.public_bytes(pem)
    (folder / "ct-9-chain.pem").write_bytes(chain)
    (folder / "vendor-root.crl").write_bytes(make_list(root, since=at, until=until))
    (folder / "vendor-plant.crl").write_bytes(make_list(plant, since=at, until=until))
