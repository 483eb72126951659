"""`radseal derive`: what it writes and prints, what it refuses, what other commands say then."""

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner, Result
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from provenance import Site, seal
from provenance.cli.derive import KINDS, ROLES
from provenance.cli.root import cli
from provenance.derivation.derive import KINDS as OF_THE_PACKAGE

Make = Callable[..., bytes]


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(w) for w in words], env={"RADSEAL_SITE": None})


def answer(*words: object) -> dict[str, Any]:
    result = run(*words, "--json")
    found: dict[str, Any] = json.loads(result.stdout)
    assert found["exit_code"] == result.exit_code
    return found


def another(path: Path, target: Path, change: Callable[[Dataset], object]) -> Path:
    dataset = pydicom.dcmread(path)
    for element in [each for each in dataset if each.tag.group == 0x5253]:
        del dataset[element.tag]
    dataset.SOPInstanceUID = generate_uid()
    change(dataset)
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    target.write_bytes(buffer.getvalue())
    return target


class Desk:
    """A site, two sealed slices, their multi-frame copy, and one with a black box."""

    def __init__(self, folder: Path, make: Make) -> None:
        self.site = Site.init(folder / "site", name="here")
        chance = np.random.default_rng(1)
        self.slices = [folder / "0.dcm", folder / "1.dcm"]
        pixels = [chance.integers(0, 4096, (96, 130)).astype(np.uint16) for _ in self.slices]
        study = generate_uid()
        with self.site.device() as device:
            for path, each in zip(self.slices, pixels, strict=True):
                data = make(each, StudyInstanceUID=study)
                seal(data, device=device, profile="none").write(path)

        def join(dataset: Dataset) -> None:
            dataset.NumberOfFrames = 2
            dataset.PixelData = b"".join(each.tobytes() for each in pixels)

        def black(dataset: Dataset) -> None:
            changed = pixels[0].copy()
            changed[:20, 70:100] = 0
            dataset.PixelData = changed.tobytes()

        self.joined = another(self.slices[0], folder / "joined.dcm", join)
        self.black = another(self.slices[0], folder / "black.dcm", black)
        self.out = folder / "out.dcm"


@pytest.fixture
def desk(tmp_path: Path, make_dicom: Make) -> Desk:
    return Desk(tmp_path, make_dicom)


def test_the_names_of_the_package() -> None:
    assert KINDS == OF_THE_PACKAGE
    assert set(ROLES) == {"operator", "device", "gateway", "archivist"}


def test_what_is_written_and_said(desk: Desk) -> None:
    words = ("derive", *desk.slices, desk.joined, "-o", desk.out, "--kind", "multiframe")
    result = run(*words, "--site", desk.site.folder)
    assert result.exit_code == 0, result.output
    assert "multiframe of 2 parents, signed by the operator" in result.stdout
    assert "2 of 2 frames are sample by sample what was sealed" in result.stdout
    assert "your word" not in result.stdout
    shown = run("verify", desk.out, "--site", desk.site.folder)
    assert shown.exit_code == 13
    assert "derived by here operator" in shown.stdout
    assert "[DV111]  2 of 2 frame(s)" in shown.stdout


def test_the_json_of_it_and_of_those_who_read_it(desk: Desk) -> None:
    site = ("--site", desk.site.folder)
    made = answer(
        "derive", desk.slices[0], desk.black, "-o", desk.out, "--kind", "redaction", *site,
        "--role", "archivist",
    )  # fmt: skip
    assert made["schema"] == "radseal/derive/1"
    assert (made["frames"], made["equal"], made["in_part"], made["on_word"]) == (1, 0, 1, 0)
    (parent,) = made["parents"]
    judged = answer("verify", desk.out, *site)
    (found,) = judged["objects"]
    assert (found["verdict"], found["birth"]) == ("DERIVED", "derived")
    assert [found[each] for each in ("integrity", "trust", "custody")] == ["proven"] * 3
    assert found["derivation"]["kind"] == "redaction"
    assert found["derivation"]["in_part"] == 1
    (region,) = found["derivation"]["regions"]
    assert (region["x"], region["y"], region["w"], region["h"]) == (64, 0, 64, 64)
    (named,) = found["parents"]
    assert named["seal_id"] == parent["seal_id"]
    assert (named["trusted"], named["problems"], named["birth"]) == (True, [], "sealed")
    traced = answer("trace", desk.out, *site)
    (event,) = traced["objects"][0]["events"]
    assert (event["event"], event["kind"]) == ("derived", "redaction")
    assert event["parents"] == [parent["seal_id"]]
    shown = answer("inspect", desk.out)
    assert shown["statement"]["origin"]["kind"] == "redaction"
    assert shown["statement"]["origin"]["parents"][0]["seal_id"] == parent["seal_id"]
    for words in (("trace", desk.out, *site), ("inspect", desk.out)):
        result = run(*words)
        assert result.exit_code == 0
        assert "redaction" in result.stdout
        assert parent["seal_id"] in result.stdout
    original = answer("verify", desk.slices[0], *site)
    assert original["objects"][0]["birth"] == "sealed"
    assert "derivation" not in original["objects"][0]


def test_what_is_refused(desk: Desk) -> None:
    site = ("--site", desk.site.folder)
    other = desk.slices[1].with_name("other.dcm")
    another(desk.slices[1], other, lambda dataset: None)
    refused = answer("derive", desk.slices[0], other, "-o", desk.out, "--kind", "lossy", *site)
    assert (refused["schema"], refused["exit_code"]) == ("radseal/error/1", 2)
    assert refused["error"]["code"] == "SE403"
    assert not desk.out.exists()
    assert run("explain", "SE403").exit_code == 0
    desk.out.write_bytes(b"there")
    words = ("derive", desk.slices[0], desk.black, "-o", desk.out, "--kind", "redaction", *site)
    assert run(*words).exit_code == 2
    assert desk.out.read_bytes() == b"there"
    assert run(*words, "--force").exit_code == 0
    dataset = pydicom.dcmread(desk.slices[0])
    dataset.ImageLaterality = "L"
    altered = desk.slices[0].with_name("altered.dcm")
    dataset.save_as(altered)
    new = desk.out.with_name("new.dcm")
    forged = answer("derive", altered, desk.black, "-o", new, "--kind", "redaction", *site)
    assert forged["exit_code"] == 2
    assert "ALTERED" in forged["error"]["why"]
    alone = answer("derive", desk.black, "-o", new, "--kind", "redaction", *site)
    assert (alone["exit_code"], alone["schema"]) == (2, "radseal/error/1")
