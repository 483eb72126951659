"""Signatures checked by other processes: no more is accepted, and the same is found."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

import ledger
from ledger import RefusedError, Submission, UsageError, parse_statement
from ledger.cose.keys import VerificationKey
from ledger.statements.verifiers import Verifiers

COUNT = 40


@pytest.fixture(scope="module")
def verifiers() -> Iterator[Verifiers]:
    with Verifiers(2) as made:
        yield made


@pytest.fixture
def log(site: Any, verifiers: Verifiers) -> Any:
    """The site's log, opened again with help."""
    site.log.close()
    site.log = ledger.open_log(
        site.path, keys=site.keys, annex_key=site.annex_key, verifiers=verifiers
    )
    return site.log


def _forged(statement: bytes) -> bytes:
    return statement[:-1] + bytes([statement[-1] ^ 1])


def test_a_batch_is_logged(site: Any, log: Any) -> None:
    entries = site.append(*site.seals(COUNT))
    assert [entry.index for entry in entries] == list(range(log.size - COUNT, log.size))
    assert log.audit(jobs=2).ok


def test_one_forged_signature_refuses_the_batch(site: Any, log: Any) -> None:
    statements, size = site.seals(COUNT), log.size
    statements[17] = _forged(statements[17])
    with pytest.raises(RefusedError, match="signature"):
        log.append([Submission(each) for each in statements], at=site.now)
    assert log.size == size


def test_only_what_verifies_is_returned(site: Any, verifiers: Verifiers) -> None:
    statements = [parse_statement(each) for each in site.seals(20)]
    statements[3] = parse_statement(_forged(statements[3].encoded))
    device = VerificationKey.from_spki(site.device.spki)
    gateway = VerificationKey.from_spki(site.gateway.spki)
    keys = [device] * 18 + [None, gateway]
    verified = verifiers.start(statements, keys).verified()
    assert [place for place, each in enumerate(verified) if each is None] == [3, 18, 19]
    assert all(
        each.encoded == statements[place].encoded for place, each in enumerate(verified) if each
    )


def test_an_audit_finds_the_same(site: Any, log: Any) -> None:
    site.append(*site.seals(COUNT))
    encoded = log.entry(20).statement
    with sqlite3.connect(site.path) as connection:
        connection.execute(
            "UPDATE radseal_statement SET encoded = ? WHERE idx = 20", (_forged(encoded),)
        )
    connection.close()
    alone, helped = log.audit(), log.audit(jobs=2)
    assert "signature" in {each.code for each in alone.findings}
    assert alone == helped


def test_processes_that_died_are_done_without(site: Any) -> None:
    site.log.close()
    with Verifiers(1) as mortal:
        log = ledger.open_log(site.path, keys=site.keys, annex_key=site.annex_key, verifiers=mortal)
        site.log = log
        site.append(*site.seals(COUNT))
        for process in list(mortal._pool._processes.values()):
            process.terminate()
            process.join()
        site.append(*site.seals(COUNT))
        site.append(*site.seals(COUNT))
    assert log.audit().ok


def test_none_at_all_is_a_mistake() -> None:
    with pytest.raises(UsageError):
        Verifiers(0)
