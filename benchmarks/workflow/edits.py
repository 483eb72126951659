"""Edits of a sealed file as any software could make them: with pydicom, or on its bytes."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pydicom

from benchmarks.workflow.row import Act
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import read_instance
from provenance.dicom.write import instance_bytes, set_pixels
from provenance.forgeries.tamper import tamper

if TYPE_CHECKING:
    from benchmarks.workflow.bench import Bench

Samples = np.ndarray


def edit(change: Callable[[pydicom.Dataset], object]) -> Act:
    """Return the act of reading, changing and saving with pydicom."""

    def act(bench: "Bench", sealed: Path) -> Path:
        dataset = pydicom.dcmread(sealed)
        change(dataset)
        dataset.save_as(sealed.with_name("edited.dcm"))
        return sealed.with_name("edited.dcm")

    return act


def setting(**values: object) -> Act:
    """Return the act of setting attributes with pydicom."""

    def change(dataset: pydicom.Dataset) -> None:
        for keyword, value in values.items():
            setattr(dataset, keyword, value)

    return edit(change)


def on_bytes(change: Callable[[bytes], bytes]) -> Act:
    """Return the act of changing the file itself."""

    def act(bench: "Bench", sealed: Path) -> Path:
        changed = sealed.with_name("changed.dcm")
        changed.write_bytes(change(sealed.read_bytes()))
        return changed

    return act


def on_samples(change: Callable[[list[Samples]], list[Samples]]) -> Act:
    """Return the act of changing samples, whatever they are stored as, and nothing else."""

    def act(bench: "Bench", sealed: Path) -> Path:
        instance = read_instance(sealed)
        geometry = pixel_geometry(instance)
        assert geometry is not None
        changed = change([frame.copy() for frame in frames(instance, geometry)])
        written = sealed.with_name("samples.dcm")
        written.write_bytes(instance_bytes(set_pixels(instance, changed, geometry)))
        return written

    return act


def forge(kind: str) -> Act:
    """Return the act of `radseal tamper`."""

    def act(bench: "Bench", sealed: Path) -> Path:
        forged = sealed.with_name("forged.dcm")
        tamper(kind, sealed).write(forged)
        return forged

    return act


def after(first: Act, second: Act) -> Act:
    """Return the act of doing one after the other."""

    def act(bench: "Bench", sealed: Path) -> Path:
        return second(bench, first(bench, sealed))

    return act
