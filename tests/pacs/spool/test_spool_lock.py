"""What two processes of one spool must not do at once: a killed gateway's child and its heir."""

import os
import signal
import subprocess
from pathlib import Path

from gateway_world import World, archive, eventually, files, gateway_site, world

from provenance.pacs.spool.lock import one_at_a_time
from provenance.pacs.spool.spool import Spool

__all__ = ["archive", "files", "gateway_site", "world"]


def test_one_after_the_other(tmp_path: Path) -> None:
    waits: list[int] = []

    def three_times() -> bool:
        waits.append(1)
        return len(waits) < 3

    with one_at_a_time(tmp_path, "custody", wait=lambda: False) as mine:
        assert mine
        with one_at_a_time(tmp_path, "custody", wait=three_times) as b:
            assert not b
        with one_at_a_time(tmp_path, "forward", wait=lambda: False) as other:
            assert other
    assert len(waits) == 3
    with one_at_a_time(tmp_path, "custody", wait=lambda: False) as again:
        assert again


def test_what_a_killed_gateway_left_behind_ends_before_its_heir_begins(
    world: World, files: dict[str, Path]
) -> None:
    """Two that write custody at once could log one event twice, two that forward send it twice."""
    assert world.send(files["sealed"]).returncode == 0
    world.delivered(1)
    with Spool.open(world.spool) as spool:
        eventually("both are at work", lambda: not spool.custody.state().waiting)
    assert world.process is not None
    words = ["ps", "-o", "pid=", "--ppid", str(world.process.pid)]
    found = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    left = [int(pid) for pid in found]
    for pid in left:
        os.kill(pid, signal.SIGSTOP)
    try:
        world.kill()
        world.start()
        assert world.send(files["unsealed"]).returncode == 0
        for name in ("custody", "forwardarchive"):
            with one_at_a_time(world.spool, name, wait=lambda: False) as mine:
                assert not mine
    finally:
        for pid in left:
            os.kill(pid, signal.SIGCONT)
    world.delivered(2)
    eventually("the old ones have ended", lambda: not any(map(_alive, left)))
    assert world.stop() == 0
    for name in ("custody", "forwardarchive"):
        with one_at_a_time(world.spool, name, wait=lambda: False) as mine:
            assert mine


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
