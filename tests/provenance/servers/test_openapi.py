"""What the servers say of themselves is so: requests made from their descriptions, on loopback."""

import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from service_world import archive_table

from ledger import LogKeys
from provenance import Site, __version__
from provenance.servers.witness_folder import WitnessFolder

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis import GenerationMode
    from schemathesis.specs.openapi.checks import (
        negative_data_rejection,
        positive_data_acceptance,
    )


@schemathesis.serializer("application/dicom", "multipart/related")
def as_it_is(_context: Any, value: Any) -> bytes:
    """Send the bytes that were drawn."""
    return bytes(getattr(value, "data", value))


EXAMPLES = 8  # of each endpoint and mode


def every_endpoint_conforms(server: Any, headers: Mapping[str, str] | None = None) -> set[str]:
    document = json.loads(server.ask("GET", "/openapi.json")[2])
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == __version__
    schema = schemathesis.openapi.from_dict(document)
    names = set()
    for result in schema.get_all_operations():
        operation = result.ok()
        names.add(operation.label)
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            if mode is GenerationMode.NEGATIVE and not operation.path_parameters:
                continue

            @settings(
                max_examples=EXAMPLES,
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def conforms(case: Any) -> None:
                response = case.call(base_url=server.url, timeout=60, headers=headers)
                assert response.status_code != 500
                # JSON Schema cannot say which bytes are a statement
                inexpressible = [positive_data_acceptance] if case.operation.body else []
                if response.status_code == 413:  # a body too long is refused before it is read
                    inexpressible.append(negative_data_rejection)
                case.validate_response(response, excluded_checks=inexpressible)

            conforms()
    return names


def test_every_endpoint_of_a_log_server(tmp_path: Path, log_server: Callable[[Path], Any]) -> None:
    server = log_server(Site.init(tmp_path / "site", name="here").folder)
    names = every_endpoint_conforms(server)
    assert {"GET /checkpoint", "GET /annex/{object}", "POST /submissions", "GET /live"} <= names
    assert len(names) == 21
    assert json.loads(server.ask("GET", "/health")[2])["accepts"] is True
    assert server.stop() == 0


def test_every_endpoint_of_a_witness(tmp_path: Path, witness_server: Callable[[Path], Any]) -> None:
    WitnessFolder.make(tmp_path / "w", name="w.example", logs=LogKeys.generate("log.example").vkeys)
    server = witness_server(tmp_path / "w")
    names = every_endpoint_conforms(server)
    assert len(names) == 6
    assert server.ask("GET", "/health") == (200, "text/plain; charset=utf-8", b"ready\n")
    values = server.ask("GET", "/metrics")[2].decode()
    assert 'radseal_http_requests_total{endpoint="addCheckpoint",status="400"}' in values
    assert 'status="5' not in values
    assert server.stop() == 0


def test_every_endpoint_of_the_service(
    tmp_path: Path, configured_service: Callable[..., Any]
) -> None:
    site = Site.init(tmp_path / "site", name="here").folder
    (tmp_path / "policy.toml").write_text("version = 1\n")
    (tmp_path / "token").write_text("0123456789abcdef" * 2)
    file = tmp_path / "radseal-service.toml"
    head = f'version = 1\nsite = "{site}"\npolicy = "policy.toml"\nspool = "spool"\n'
    listen = '[listen]\nae_title = "RADSEAL"\nport = 0\n[limits]\nfree_disk_bytes = 0\n'
    file.write_text(head + listen + archive_table())
    server = configured_service(file, "", "--jobs", "1", "--token", str(tmp_path / "token"))
    names = every_endpoint_conforms(
        server, {"Authorization": f"Bearer {(tmp_path / 'token').read_text()}"}
    )
    assert {"POST /ingest", "POST /dicom-web/studies", "GET /trace/{name}"} <= names
    assert len(names) == 23
    values = server.ask("GET", "/metrics")[2].decode()
    assert 'radseal_http_requests_total{endpoint="ingest",status="200"}' in values
    assert 'radseal_http_requests_total{endpoint="retrieveStudy",status="404"}' in values
    assert 'status="500"' not in values
    assert server.stop() == 0


def test_the_description_is_that_of_the_routes(tmp_path: Path) -> None:
    """No route that is not described; no described one that is not there is tested above."""
    from datetime import UTC, datetime

    from ledger import Sequencer
    from provenance.servers.log_server import make_app

    site = Site.init(tmp_path / "site", name="here")
    with site.writing_log() as log, site.reading_log() as reader:
        sequencer = Sequencer(log, lambda: datetime.now(UTC))
        app = make_app(reader, sequencer)
        sequencer.close()
    paths = {getattr(route, "path", "") for route in app.routes}
    assert "/tile/{path:path}" in paths
    assert len(paths) == 16
