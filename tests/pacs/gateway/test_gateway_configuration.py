"""radseal-gateway.toml: strict, and all that is wrong is told at once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance import Site
from provenance.errors import UsageError
from provenance.pacs.gateway.configuration import example_configuration
from provenance.pacs.gateway.configuration_file import examine_configuration, load_configuration
from provenance.policy.example import example_policy

HERE = Path("/etc/radseal")


def test_the_example_is_in_order() -> None:
    found, flaws = examine_configuration(example_configuration().encode(), folder=HERE)
    assert flaws == ()
    assert found is not None
    assert (found.listen.ae_title, found.listen.port) == ("RADSEAL", 11112)
    assert [each.name for each in found.archives] == ["archive"]


def test_so_it_is_with_every_line_that_is_commented_out() -> None:
    lines = example_configuration().splitlines()
    out = [line.startswith("# ") and (" = " in line or line[2] == "[") for line in lines]
    keys = [line[2:] if commented else line for line, commented in zip(lines, out, strict=True)]
    found, flaws = examine_configuration("\n".join(keys).encode(), folder=HERE)
    assert flaws == ()
    assert found is not None
    assert found.listen.tls is not None
    assert found.archives[0].dicomweb is not None
    assert found.audit is not None


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("version = 1", "version = 2", "line 3: version: version = 1 is expected"),
        ("port = 11112", "prot = 11112", "listen.prot: unknown key (did you mean port?)"),
        ("port = 11112", 'port = "104"', "listen.port: a whole number of 0 to 65535"),
        ("port = 104", "port = 0", "archives[1].port: a whole number of 1 to 65535"),
        ('ae_title = "RADSEAL"', 'ae_title = "MUCH TOO LONG A TITLE"', "1 to 16 printable"),
        ('ae_title = "RADSEAL"', "", "an AE title is needed"),
        ("calling_ae = []", 'calling_ae = ["A", "A"]', "A stands twice"),
        ("associations = 32", "associations = 0", "limits.associations"),
        ("associations = 32", "associations = true", "limits.associations"),
        ('host = "archive.hospital.example"', "", "host is needed"),
        ('site = "/srv/radseal"', "", "site is needed"),
        ('site = "/srv/radseal"', "site = 5", "site: a string is expected"),
        ("[[archives]]", "[archives]", "1 to 16 archives are expected"),
        ("[[archives]]", '[[archives]]\nname = "archive"\n[[archives]]', "taken already"),
        ("[sealing]", "[sealing]\nmodality = 1", "unknown key"),
        ("# tls_certificate", "tls_certificate", "a certificate goes with its key"),
        ("# dicomweb", 'dicomweb = "ftp://x"\n#', "a URL is expected"),
        ("version = 1", "version = ", "this is no TOML"),
    ],
)
def test_flaws_are_told(old: str, new: str, says: str) -> None:
    text = example_configuration()
    assert old in text
    found, flaws = examine_configuration(text.replace(old, new, 1).encode(), folder=HERE)
    assert found is None
    assert any(says in str(flaw) for flaw in flaws), list(map(str, flaws))


@given(st.binary(max_size=400) | st.text(max_size=400).map(lambda text: text.encode()))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    found, flaws = examine_configuration(data, folder=HERE)
    assert found is None
    assert flaws


@given(st.data())
def test_an_example_that_was_damaged_is_refused_or_read(data: st.DataObject) -> None:
    text = example_configuration().encode()
    at = data.draw(st.integers(0, len(text) - 1))
    new = data.draw(st.binary(max_size=6))
    found, flaws = examine_configuration(text[:at] + new + text[at + len(new) :], folder=HERE)
    assert (found is None) == bool(flaws)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_configuration(tmp_path / "none.toml")
    (tmp_path / "large.toml").write_bytes(b"#" * 300_000)
    with pytest.raises(UsageError, match="more than"):
        load_configuration(tmp_path / "large.toml")


def radseal(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "provenance.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_check_says_what_was_understood(tmp_path: Path) -> None:
    Site.init(tmp_path / "site", name="here")
    (tmp_path / "policy.toml").write_text(example_policy())
    text = example_configuration().replace("/srv/radseal", "site")
    text = text.replace("/etc/radseal/radseal-policy.toml", "policy.toml")
    file = tmp_path / "radseal-gateway.toml"
    file.write_text(text)
    shown = radseal("gateway", "--config", str(file), "--check")
    assert shown.returncode == 0, shown.stderr
    assert "RADSEAL at 0.0.0.0:11112" in shown.stdout
    assert "ARCHIVE at archive.hospital.example:104" in shown.stdout
    told = json.loads(radseal("gateway", "--config", str(file), "--check", "--json").stdout)
    assert told["schema"] == "radseal/gateway-check/1"
    file.write_text(text.replace("port = 104", "port = 0"))
    wrong = radseal("gateway", "--config", str(file), "--check")
    assert wrong.returncode == 2
    assert "line" in wrong.stderr
    assert radseal("gateway").returncode == 2
    assert radseal("gateway", "--example").stdout == example_configuration()
