"""Kills, full disks, an old backup, erasure: the short form of `python -m benchmarks.faults`."""

import random
from pathlib import Path

from benchmarks.faults import backup, disk, erasure, kills, writers

KILLS = 3
POINTS = 2
OBJECTS, ERASED = 600, 40
SECONDS = 1.5


def test_killed_between_commit_and_publish_nothing_is_lost(tmp_path: Path) -> None:
    found = kills.run(tmp_path, kills=KILLS, between=KILLS - 1, chance=random.Random(3))
    assert found.ok, found.words()
    assert found.acknowledged >= KILLS - 1


def test_a_full_disk_stops_registration_until_there_is_room(tmp_path: Path) -> None:
    found = disk.run(tmp_path, points=POINTS)
    assert found.ok, found.words()


def test_a_backup_restored_under_running_witnesses_signs_nothing(tmp_path: Path) -> None:
    found = backup.run(tmp_path, tries=2)
    assert found.refused == found.tried, found.words()
    assert not found.process_started, found.words()
    assert not found.signed, found.words()


def test_two_servers_on_one_file_make_no_gap_and_no_fork(tmp_path: Path) -> None:
    found = writers.run(tmp_path, seconds=SECONDS)
    assert found.ok, found.words()


def test_of_many_erased_objects_no_byte_is_left(tmp_path: Path) -> None:
    found = erasure.run(tmp_path, objects=OBJECTS, erased=ERASED)
    assert found.ok, found.words()
    assert found.proofs == 2 * ERASED
