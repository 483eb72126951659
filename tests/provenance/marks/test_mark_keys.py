"""A site renews its mark key; what was marked before still reads and restores."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from provenance import Site, UsageError, Word, restore, seal, verify
from provenance.cli.root import cli
from provenance.dicom.carrier import remove_carrier
from provenance.dicom.read import read_instance
from provenance.dicom.write import instance_bytes

AT = datetime(2027, 1, 1, tzinfo=UTC)
Make = Callable[..., bytes]


def body(seed: int) -> np.ndarray:
    """Smooth shapes with grain."""
    y, x = np.mgrid[0:512, 0:448]
    smooth = 0.5 + 0.2 * np.sin(x / 91 + seed) + 0.2 * np.cos(y / 73)
    grain = np.random.default_rng(seed).normal(0, 0.01, smooth.shape)
    return np.clip((smooth + grain) * 4095, 1, 4094).astype(np.uint16)


@pytest.fixture(scope="module")
def renewed(tmp_path_factory: pytest.TempPathFactory, make_dicom: Make) -> tuple[Site, list[bytes]]:
    """A site with two former mark keys, and an object sealed with each of the three."""
    site = Site.init(tmp_path_factory.mktemp("renewed") / "s", name="s")
    objects = []
    for number in range(3):
        with site.device() as device:
            sealed = seal(make_dicom(body(number)), device=device)
        assert sealed.mark is not None
        objects.append(sealed.to_bytes())
        if number < 2:
            site.renew_mark_key(at=AT + timedelta(days=number))
    return site, objects


def judge(data: bytes, site: Site, former: tuple[bytes, ...]) -> Word:
    records = site.records()
    with records.log:
        return verify(
            data,
            trust=site.trust,
            records=records,
            mark_key=site.mark_key,
            former_mark_keys=former,
        ).word


def stripped(data: bytes) -> bytes:
    """Take seal and names away; only the mark tells what it was."""
    instance = read_instance(data)
    remove_carrier(instance.dataset)
    instance.dataset.SOPInstanceUID = "1.2.3"
    instance.dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    pixels = instance.dataset.pixel_array.copy()
    pixels[0, 0] ^= 1
    instance.dataset.PixelData = pixels.tobytes()
    return instance_bytes(instance)


def test_keys_are_kept_newest_first(renewed: tuple[Site, list[bytes]]) -> None:
    site, _ = renewed
    assert len({site.mark_key, *site.former_mark_keys}) == 3
    names = sorted(path.name for path in (site.folder / "keys").glob("mark*"))
    assert names == [
        "mark-until-20270101T000000Z.key",
        "mark-until-20270102T000000Z.key",
        "mark.key",
    ]
    newest = (site.folder / "keys" / "mark-until-20270102T000000Z.key").read_bytes()
    assert site.former_mark_keys[0] == newest
    assert {p.stat().st_mode & 0o777 for p in (site.folder / "keys").glob("mark*")} == {0o600}


def test_old_marks_are_found(renewed: tuple[Site, list[bytes]]) -> None:
    site, objects = renewed
    for number, data in enumerate(objects):
        assert judge(data, site, ()) is Word.AUTHENTIC
        without = judge(stripped(data), site, ())
        found = judge(stripped(data), site, site.former_mark_keys)
        assert found is not Word.UNSEALED
        assert (without is Word.UNSEALED) is (number < 2)


def test_old_originals_are_restored(
    renewed: tuple[Site, list[bytes]],
) -> None:
    site, objects = renewed
    for data in objects:
        done = restore(data, mark_key=site.mark_key, former_mark_keys=site.former_mark_keys)
        assert done.was_marked


def test_twice_in_a_second_is_refused_and_loses_nothing(tmp_path: Path) -> None:
    site = Site.init(tmp_path / "s", name="s")
    site.renew_mark_key(at=AT)
    before = site.mark_keys
    with pytest.raises(UsageError):
        site.renew_mark_key(at=AT)
    assert site.mark_keys == before
    site.renew_mark_key(at=AT + timedelta(days=9))
    assert site.mark_keys[1:] == before


def test_by_command(tmp_path: Path) -> None:
    site = Site.init(tmp_path / "s", name="s")
    old = site.mark_key
    result = CliRunner().invoke(cli, ["watermark", "renew-key", "--site", str(site.folder)])
    assert result.exit_code == 0, result.output
    assert site.former_mark_keys == (old,)
