"""TLS at both ends of the gateway: whoever has no certificate of the right authority stays out."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_world import (
    Storescp,
    World,
    archive,
    connected_until_closed,
    dataset_bytes,
    files,
    gateway_site,
    running,
)
from tls_authority import Authority

from provenance import Site

__all__ = ["archive", "files", "gateway_site"]


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ours", "Hospital CA")


@pytest.fixture
def secured(
    tmp_path: Path, gateway_site: Site, archive: Storescp, ours: Authority
) -> Iterator[World]:
    """A gateway that demands a certificate of its senders."""
    certificate, key = ours.issue("gateway")
    made = World(tmp_path, gateway_site, [("archive", "ARCHIVE", archive.port)])
    made.listen = f'tls_certificate = "{certificate}"\ntls_key = "{key}"\ntls_ca = "{ours.file}"'
    made.extra = "[limits]\nfree_disk_bytes = 0\nidle_seconds = 2\n"
    with running(made):
        yield made


def tls(authority: Authority, trusted: Path, name: str = "ct7") -> list[str]:
    certificate, key = authority.issue(name)
    return ["+tls", str(key), str(certificate), "+cf", str(trusted)]


def test_a_sender_of_the_right_authority(
    secured: World, archive: Storescp, ours: Authority, files: dict[str, Path]
) -> None:
    sent = secured.send(files["sealed"], options=tls(ours, ours.file))
    assert sent.returncode == 0, sent.stderr
    secured.delivered(1)
    assert archive.datasets() == [dataset_bytes(files["sealed"].read_bytes())]


def test_others_stay_out(
    secured: World, tmp_path: Path, ours: Authority, files: dict[str, Path]
) -> None:
    theirs = Authority(tmp_path / "theirs", "Another CA")
    wrong = secured.send(files["sealed"], options=tls(theirs, ours.file))
    assert wrong.returncode != 0
    anonymous = secured.send(files["sealed"], options=["+tla", "-ic"])
    assert anonymous.returncode != 0
    assert secured.send(files["sealed"]).returncode != 0
    distrustful = secured.send(files["sealed"], options=tls(ours, theirs.file))
    assert distrustful.returncode != 0
    assert secured.lines() == []
    assert connected_until_closed(secured)  # a handshake that never begins
    assert secured.send(files["sealed"], options=tls(ours, ours.file, "mr")).returncode == 0


def test_to_an_archive_over_tls(
    tmp_path: Path, gateway_site: Site, ours: Authority, files: dict[str, Path]
) -> None:
    certificate, key = ours.issue("archive")
    options = ["+tls", str(key), str(certificate), "+cf", str(ours.file)]
    secure = Storescp(tmp_path / "secure", options=options).start()
    mine, my_key = ours.issue("forwarder")
    made = World(tmp_path, gateway_site, [("archive", "ARCHIVE", secure.port)])
    made.tail = f'tls = true\ntls_ca = "{ours.file}"\n'
    made.tail += f'tls_certificate = "{mine}"\ntls_key = "{my_key}"\n'
    try:
        with running(made):
            assert made.send(files["sealed"]).returncode == 0
            made.delivered(1)
    finally:
        secure.stop()
    assert secure.datasets() == [dataset_bytes(files["sealed"].read_bytes())]
