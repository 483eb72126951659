"""Signatures checked by other processes: no more is accepted, and the same is found."""

import marshal
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import pytest

import ledger
from ledger import (
    Gate,
    MalformedError,
    RefusedError,
    Submission,
    UsageError,
    parse_statement,
)
from ledger.cose import signatures
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
        for process in mortal.processes:
            os.kill(process, signal.SIGKILL)
        site.append(*site.seals(COUNT))
        site.append(*site.seals(COUNT))
    assert log.audit().ok


def test_the_first_that_is_bad_is_told_at_a_gate(site: Any, verifiers: Verifiers) -> None:
    statements = site.seals(COUNT)
    refused = [*statements[:20], _forged(statements[20]), b"no statement", *statements[22:]]
    malformed = [*statements[:20], b"no statement", _forged(statements[21]), *statements[22:]]
    for gate in (Gate(site.log), Gate(site.log, verifiers)):
        with pytest.raises(RefusedError, match="signature"):
            gate.check([Submission(each) for each in refused])
        with pytest.raises(MalformedError):
            gate.check([Submission(each) for each in malformed])
        arrivals = gate.check([Submission(each) for each in statements])
        assert [each.parsed.encoded for each in arrivals] == statements
        assert all(each.verified is not None for each in arrivals)


_PARENT = """
import sys, time
from ledger import parse_statement
from ledger.cose import signatures
from ledger.cose.keys import VerificationKey
from ledger.statements.verifiers import Verifiers
statements = [parse_statement(bytes.fromhex(line)) for line in sys.stdin.read().split()]
key = VerificationKey.from_spki(bytes.fromhex(sys.argv[1]))
verifiers = Verifiers(2)
assert all(verifiers.start(statements, [key] * len(statements)).good())
print(*verifiers.processes, flush=True)
time.sleep(600)
"""


def test_they_end_with_whoever_started_them_and_was_killed(site: Any) -> None:
    command = [sys.executable, "-c", _PARENT, site.device.spki.hex()]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as parent:
        parent.stdin.write(b"\n".join(each.hex().encode() for each in site.seals(COUNT)))
        parent.stdin.close()
        assert len(parent.stdout.readline().split()) == 2
        parent.kill()
        assert parent.stderr.read() == b"", "read to its end: nobody holds it any more"


def test_many_threads_share_them(site: Any, verifiers: Verifiers) -> None:
    device = VerificationKey.from_spki(site.device.spki)
    statements = [parse_statement(each) for each in site.seals(COUNT)]
    forged = [parse_statement(_forged(each.encoded)) for each in statements]

    def ask(number: int) -> bool:
        mixed = [forged[at] if at % 7 == number else each for at, each in enumerate(statements)]
        good = verifiers.start(mixed, [device] * COUNT).good()
        return good == [at % 7 != number for at in range(COUNT)]

    with ThreadPoolExecutor(7) as pool:
        assert all(pool.map(ask, [*range(7)] * 3))


def test_a_question_that_is_cut_short_ends_a_process() -> None:
    question = bytes(signatures.NUMBER) + marshal.dumps([])
    whole = len(question).to_bytes(signatures.LENGTH, "big") + question
    for cut in range(len(whole)):
        answers = BytesIO()
        signatures.serve(BytesIO(whole[:cut]), answers)
        assert not answers.getvalue()
    answers = BytesIO()
    signatures.serve(BytesIO(whole), answers)
    assert answers.getvalue() == bytes(signatures.NUMBER)


def test_an_answer_to_another_question_is_not_believed(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = VerificationKey.from_spki(site.device.spki)
    statements = [parse_statement(each) for each in site.seals(COUNT)]
    with Verifiers(1) as mixed_up:
        assert all(mixed_up.start(statements, [device] * COUNT).good())
        (worker,) = mixed_up._running()
        monkeypatch.setattr(worker, "_asked_count", 0)  # the number of before
        mixed_up.start(statements, [device] * COUNT)
        worker._waiting.clear()
        assert not any(mixed_up.start(statements, [device] * COUNT).good())
        assert not any(mixed_up.start(statements, [device] * COUNT).good())


def test_none_at_all_is_a_mistake() -> None:
    with pytest.raises(UsageError):
        Verifiers(0)
