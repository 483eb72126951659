"""Kills, full disks, bad lines, fuzzing: the short form of benchmarks/gateway_faults."""

import random
from pathlib import Path

import pytest

from benchmarks.gateway_faults import disk, fuzz, kills, lines
from benchmarks.orthanc.world import missing

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))

KILLS, EACH = 3, 6
FUZZED = 100


def test_killed_in_mid_transfer_nothing_is_lost_and_nothing_counts_twice(tmp_path: Path) -> None:
    found = kills.run(tmp_path, kills=KILLS, each=EACH, chance=random.Random(2))
    assert found.ok, found.words()
    assert found.sent == KILLS * EACH
    assert found.events >= 3 * (found.archived + found.apart) + found.refused


def test_a_disk_full_to_the_last_byte_is_emptied_and_goes_on(tmp_path: Path) -> None:
    try:
        found = disk.run(tmp_path, fillings=1, each=9)
    except disk.NoDiskError as error:
        pytest.skip(str(error))
    assert found.ok, found.words()


def test_connections_that_go_wrong_end_and_leave_nothing(tmp_path: Path) -> None:
    found = lines.run(tmp_path, rounds=1)
    assert found.ok, found.words()


def test_fuzzed_associations_leave_it_alive(tmp_path: Path) -> None:
    found = fuzz.run(tmp_path, associations=FUZZED, seed=6)
    assert found.ok, found.words()
    assert found.answers["released"] < FUZZED / 2  # most of them are spoilt indeed
