"""Make the vectors of docs/spec/mark.md: ``python tests/vectors/mark/make.py``.

Only a new version of the format may change what is frozen here.
"""

import hashlib
import json
import random
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np

from watermark import payload as framing
from watermark import polar
from watermark.frame_groups import GROUPS, group_pattern, signs_key
from watermark.grid import Geometry
from watermark.imprint import MASK, Mask, imprint
from watermark.keys import Purpose, derive
from watermark.pattern import pattern
from watermark.pilots import constellations, slot_of
from watermark.restore_data import UNMARKED
from watermark.spreading import spreads
from watermark.volume_data import VolumeData

HERE = Path(__file__).parent
CASES = 2000


def example() -> dict[str, object]:
    """Return the worked example of the spec."""
    key, payload = bytes(range(32)), bytes(range(100, 112))
    framed = framing.frame(payload, key=key)
    geometry = Geometry.of((48, 64))
    mask = Mask(np.full(geometry.cells, 8, np.uint8), 13)
    wave = pattern(payload, key=key, canvas=geometry.canvas)
    first = spreads(key)[0]
    slot = slot_of(payload, key=key)
    pilots = constellations(key)[slot]
    return {
        "key": key.hex(),
        "payload": payload.hex(),
        "subkeys": {purpose.value: derive(key, purpose).hex() for purpose in Purpose},
        "message": framed.hex(),
        "word": np.packbits(polar.encode(framed)).tobytes().hex(),
        "chips": first.chips[0, :8].tolist(),
        "slots": first.slots[0, :4].tolist(),
        "constellation": slot,
        "frequencies": pilots.frequencies[:4].tolist(),
        "phases": pilots.phases[:4].tolist(),
        "pattern_first_row": pattern(payload, key=key, canvas=(1024, 1024))[0, :8].tolist(),
        "pattern_1024x1024": digest(pattern(payload, key=key, canvas=(1024, 1024)), "<i2"),
        "pattern_1024x832": digest(pattern(payload, key=key, canvas=(1024, 832)), "<i2"),
        "change_48x64": digest(added(wave, mask, geometry), "<i4"),
    }


def accumulated(cases: int) -> str:
    """Return one hash over what is added in many small seeded cases."""
    total = hashlib.sha256()
    for number in range(cases):
        draw = random.Random(number)
        key = random.Random(number // 200).randbytes(32)  # ten keys
        longer = draw.choice((64, 100, 333, 1024, 1025, 1500))
        least = max(16, longer // 40)
        most = min(longer, 130) if number % 8 == 0 else max(least, longer // 7)  # small: quicker
        shape = [longer, draw.randrange(least, most + 1)]
        draw.shuffle(shape)
        geometry = Geometry.of(tuple(shape))
        codes = draw.choices(range(len(MASK)), k=geometry.cells[0] * geometry.cells[1])
        mask = Mask(np.array(codes, np.uint8).reshape(geometry.cells), draw.randrange(16))
        wave = pattern(draw.randbytes(12), key=key, canvas=geometry.canvas)
        total.update(bytes.fromhex(digest(added(wave, mask, geometry), "<i4")))
    return total.hexdigest()


def added(wave: np.ndarray, mask: Mask, geometry: Geometry) -> np.ndarray:
    return np.concatenate([change.copy() for _, change in imprint(wave, mask, geometry)])


def digest(numbers: np.ndarray, form: str) -> str:
    return hashlib.sha256(numbers.astype(form).tobytes()).hexdigest()


def volume() -> dict[str, object]:
    """Return the example of docs/spec/mark-volume.md."""
    key, payload = bytes(range(32)), bytes(range(100, 112))
    groups = []
    for group in range(GROUPS):
        wave = group_pattern(payload, key=key, group=group, canvas=(1024, 1024))
        groups.append(
            {
                "group": group,
                "signs_key": signs_key(key, group).hex(),
                "pattern_first_row": wave[0, :8].tolist(),
                "pattern_sha256": digest(wave, "<i2"),
            }
        )
    data = VolumeData((100, 64), payload, (UNMARKED, UNMARKED)).encode()
    return {
        "key": key.hex(),
        "payload": payload.hex(),
        "groups": groups,
        "restore_data": data.hex(),
        "rows_columns_frames": [100, 64, 2],
    }


if __name__ == "__main__":
    (HERE / "volume.json").write_text(json.dumps(volume(), indent=1) + "\n")
    made_with = {name: version(name) for name in ("numpy", "cryptography")}
    made_with["python"] = sys.version.split()[0]
    (HERE / "example.json").write_text(json.dumps(example(), indent=1) + "\n")
    frozen = {"cases": CASES, "sha256": accumulated(CASES), "made_with": made_with}
    (HERE / "accumulated.json").write_text(json.dumps(frozen, indent=1) + "\n")
