"""Keys in files beside keys on a SoftHSM token, and one signature beside two: what a seal takes.

    python -m benchmarks.signers [--repeat N] [--signatures N]

Signing rates are over messages of 1,000 bytes, about as long as what a seal signs. Seals are of one
small CT image (128 x 128, unmarked), so that signing weighs as much as it ever does, and of a
radiograph of 2,560 x 2,048; they go to a log of their own in SQLite, with fsync. Medians and the
fastest of N rounds; the kinds of keys take turns within each round. A token is opened by a process
that is logged in already, but for the first round. SoftHSM computes on the same
processor: an HSM adds its network, a smart card its slowness.

The second table has the small CT sealed with one signature and with two (ML-DSA-65 beside Ed25519).
"""

import argparse
import functools
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pydicom.data

from benchmarks.pipeline import generated
from benchmarks.softhsm import SoftHsm, softhsm_module
from ledger import Algorithm, Role, Signer
from provenance import Site, seal, verify
from provenance.keys.key_places import KeyPlace
from provenance.keys.signers import encrypt_key
from provenance.site.actor_keys import renew_key

SMALL = Path(pydicom.data.__file__).parent / "test_files" / "CT_small.dcm"
MESSAGE = bytes(1000)
PASSPHRASE = b"drawn by chance, not at all"
KINDS = {"ESP256": "P256", "ED25519": "ED25519"}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--signatures", type=int, default=1000, help="in each round")
    arguments = parser.parse_args()
    module = softhsm_module()
    if module is None:
        raise SystemExit("SoftHSM is not installed (Debian: softhsm2)")
    print(f"load average {os.getloadavg()[0]:.1f} at the start, {os.cpu_count()} processors\n")
    with tempfile.TemporaryDirectory() as folder:
        _measure(Path(folder), module, arguments.repeat, arguments.signatures)
        _measure_second(Path(folder) / "second", arguments.repeat, arguments.signatures)
    print(f"\nload average {os.getloadavg()[0]:.1f} at the end")


def _measure(work: Path, module: Path, repeat: int, signatures: int) -> None:
    hsm = SoftHsm(work / "hsm", module)
    hsm.make()
    os.environ["SOFTHSM2_CONF"] = str(hsm.configuration)
    (work / "passphrase").write_bytes(PASSPHRASE)
    os.environ["RADSEAL_KEY_PASSPHRASE_FILE"] = str(work / "passphrase")
    hsm.make_token("bench")
    sites: dict[str, Site] = {}
    for number, (algorithm, kind) in enumerate(KINDS.items(), start=1):
        for where in ("file", "encrypted file", "token"):
            site = Site.init(
                work / f"{algorithm}-{where}", name="b", algorithm=Algorithm[algorithm]
            )
            if where == "encrypted file":
                encrypt_key(site.folder / "keys" / "device.key.pem", PASSPHRASE)
            if where == "token":
                hsm.make_key("bench", kind, kind, key_id=number)
                place = KeyPlace.parse(hsm.uri("bench", kind))
                renew_key(site, Role.DEVICE, at=datetime.now(UTC), place=place)
            sites[f"{algorithm}, {where}"] = site
    large = work / "large.dcm"
    large.write_bytes(generated(2560, 2048))
    rows: dict[str, dict[str, list[float]]] = {name: {} for name in sites}
    for _ in range(repeat):
        for name, site in sites.items():
            for step, seconds in _round(site, large, signatures).items():
                rows[name].setdefault(step, []).append(seconds)
    steps = list(next(iter(rows.values())))
    print(f"| key | {' | '.join(steps)} |")
    print(f"| --- |{' ---: |' * len(steps)}")
    for name, found in rows.items():
        cells = [
            f"{statistics.median(each) * 1000:.2f} ({min(each) * 1000:.2f})"
            for each in found.values()
        ]
        print(f"| {name} | {' | '.join(cells)} |")


def _measure_second(work: Path, repeat: int, signatures: int) -> None:
    """Print what the second signature costs: time, and bytes of the file and of the log."""
    work.mkdir()
    sites = {
        "Ed25519": Site.init(work / "one", name="b"),
        "Ed25519 and ML-DSA-65": Site.init(work / "two", name="b", hybrid=True),
    }
    times: dict[str, dict[str, list[float]]] = {name: {} for name in sites}
    sizes: dict[str, int] = {}
    for _ in range(repeat):
        for name, site in sites.items():
            with site.device() as device:
                begin = time.perf_counter()
                sealed = seal(SMALL, device=device)
                found = {"seal, ms": time.perf_counter() - begin}
                data, trust = sealed.to_bytes(), site.trust
                found["verify, ms"] = _timed(functools.partial(verify, data, trust=trust))
                second = device.second
                if second is not None:
                    begin = time.perf_counter()
                    for _ in range(signatures):
                        second.signer.sign(MESSAGE)
                    found["second signature, ms"] = (time.perf_counter() - begin) / signatures
            sizes[name] = len(data)
            for step, seconds in found.items():
                times[name].setdefault(step, []).append(seconds)
    print("\n| signatures | seal, ms | verify, ms | second signature, ms | sealed file, bytes |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, steps in times.items():
        cells = [
            f"{statistics.median(steps[step]) * 1000:.2f} ({min(steps[step]) * 1000:.2f})"
            if step in steps
            else ""
            for step in ("seal, ms", "verify, ms", "second signature, ms")
        ]
        print(f"| {name} | {' | '.join(cells)} | {sizes[name]:,} |")


def _round(site: Site, large: Path, signatures: int) -> dict[str, float]:
    signer: Signer | None = None

    def opened() -> None:
        nonlocal signer
        signer = site.signer(Role.DEVICE)

    def signed() -> None:
        assert signer is not None
        for _ in range(signatures):
            signer.sign(MESSAGE)

    found = {"open, ms": _timed(opened), "signature, ms": _timed(signed) / signatures}
    with site.device() as device:
        found["seal of a small CT, ms"] = _timed(lambda: seal(SMALL, device=device))
        found["seal of 5.24 MP, ms"] = _timed(lambda: seal(large, device=device))
    return found


def _timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
