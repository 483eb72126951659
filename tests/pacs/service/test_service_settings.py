"""What a service is told by a file: the tables of the gateway's, and nothing else."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gateway_world import Storescp, dataset_bytes, eventually
from service_world import archive_table
from stow_world import parts, store
from tls_authority import Authority

from provenance.errors import UsageError
from provenance.pacs.gateway.configuration_file import load_configuration
from provenance.pacs.service.settings import Settings

HEAD = 'version = 1\nsite = "site"\npolicy = "policy.toml"\nspool = "spool"\n'
LISTEN = '[listen]\nae_title = "WEB"\nport = 8097\n'


def settings(folder: Path, text: str) -> Settings:
    (folder / "radseal-service.toml").write_text(text)
    return Settings.of(load_configuration(folder / "radseal-service.toml"))


def test_all_of_the_file_counts(tmp_path: Path) -> None:
    limits = "[limits]\nassociations = 3\nobject_bytes = 70000\nfree_disk_bytes = 5\n"
    seconds = "idle_seconds = 7\nobject_seconds = 8\n"
    minutes = 'custody_deadline_minutes = 9\nforget_after_days = 11\nlog = "https://log.example"\n'
    found = settings(tmp_path, HEAD + minutes + LISTEN + limits + seconds + archive_table(web=80))
    assert (found.listen, found.ae_title) == ("127.0.0.1:8097", "WEB")
    assert (found.place.spool, found.place.log_url) == (tmp_path / "spool", "https://log.example")
    got = found.limits
    assert (got.at_once, got.object_bytes, got.free_bytes) == (3, 70_000, 5)
    assert (got.idle, got.body, found.custody_deadline.total_seconds()) == (7, 8, 540)
    assert found.forget_after.days == 11
    assert settings(tmp_path, HEAD + LISTEN + archive_table()).forget_after.days == 30
    assert found.archives[0].dicomweb == "http://127.0.0.1:80/dicom-web"
    six = settings(tmp_path, HEAD + LISTEN + 'address = "::1"\n' + archive_table())
    assert six.listen == "[::1]:8097"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('tls_certificate = "c"\ntls_key = "k"\n', "without TLS"),
        ('[sealing]\ncalling_ae = ["OLD"]\n', "seals for nobody"),
        ("[else]\n", "else"),
    ],
)
def test_what_is_not_its_own_is_refused(tmp_path: Path, more: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        settings(tmp_path, HEAD + LISTEN + more + archive_table())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--site", "elsewhere"], "leave out --site"),
        (["--policy", "p"], "leave out --policy"),
        (["--log", "https://log.example"], "leave out --log"),
        (["--listen", "127.0.0.1:0"], "leave out --listen"),
        ([], "TLS cannot be set up"),
    ],
)
def test_nothing_is_said_twice_and_files_are_tried(
    tmp_path: Path, options: list[str], words: str
) -> None:
    file = tmp_path / "radseal-service.toml"
    file.write_text(HEAD + LISTEN + archive_table() + 'tls = true\ntls_ca = "none.pem"\n')
    command = [sys.executable, "-m", "provenance.cli", "serve", "--config", str(file), *options]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert words in ended.stderr


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority", "hospital")


@pytest.fixture
def secure(tmp_path: Path, authority: Authority) -> Iterator[Storescp]:
    """An archive that speaks TLS alone, and wants a certificate."""
    certificate, key = authority.issue("archive")
    options = ("+tls", str(key), str(certificate), "+cf", str(authority.file))
    archive = Storescp(tmp_path / "archive", options=options).start()
    yield archive
    archive.stop()


def test_an_archive_over_tls(
    run_service: Callable[..., Any], secure: Storescp, authority: Authority, sealed: bytes
) -> None:
    certificate, key = authority.issue("radseal")
    files = f'tls = true\ntls_ca = "{authority.file}"\n'
    files += f'tls_certificate = "{certificate}"\ntls_key = "{key}"\n'
    running = run_service("--stow-ae", "STOW", archives=archive_table(secure.port) + files)
    assert store(running, parts(sealed)).status_code == 200
    eventually("the archive has it", lambda: len(secure.datasets()) == 1)
    assert secure.datasets() == [dataset_bytes(sealed)]
