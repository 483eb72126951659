"""Pictures of the demonstration: each is written once as a PNG file, and kept for the report."""

from pathlib import Path

import numpy as np

from provenance.demo.result import Panel
from provenance.dicom.pixels import pixel_geometry
from provenance.dicom.read import Instance
from provenance.image_tree import Region
from provenance.pictures import heatmap
from provenance.pictures.overlay import draw_overlay
from provenance.pictures.picture import (
    Samples,
    as_rgb,
    enlarge,
    read_frame,
    render,
    show,
    shrink,
    take_look,
)
from provenance.pictures.picture_file import read_picture
from provenance.pictures.png import Picture, png_bytes
from provenance.verifying.examination import Examination

SHOWN = 560  # the longer side of a picture in the report, in pixels
_MARGIN, _LEAST = 0.7, 24  # around a difference: share of its extent, and least height in pixels
_ENLARGED = 320  # the least width of a magnified detail, in pixels of the picture
_LOCAL = 0.25  # a difference in more than this share of the frame is not magnified
_MARK_SHOWN = 5.0  # how strongly the mark is shown: its root mean square in steps of contrast


class View:
    """One frame of a sealed image, and how it and its forgeries are shown."""

    def __init__(self, name: str, instance: Instance) -> None:
        geometry = pixel_geometry(instance)
        assert geometry is not None
        self.name = name
        self.frame = geometry.frames // 2
        self.geometry = geometry
        self.samples = read_frame(instance, geometry, self.frame)
        self.look = take_look(instance, self.samples, geometry)
        self.picture = shrink(show(self.samples, self.look), longest=SHOWN)

    def same_frame(self, instance: Instance) -> Samples | None:
        """Return this frame of another version of the image; None if it has another shape."""
        geometry = pixel_geometry(instance)
        if geometry is None or geometry.shape != self.geometry.shape:
            return None
        if self.frame >= geometry.frames or geometry.colour != self.geometry.colour:
            return None
        return read_frame(instance, geometry, self.frame)


class Gallery:
    """Writes pictures into a folder and remembers them by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.pictures: dict[str, bytes] = {}

    def add(self, name: str, picture: Picture) -> str:
        """Write one picture and return its name."""
        encoded = png_bytes(picture)
        (self._folder / f"{name}.png").write_bytes(encoded)
        self.pictures[name] = encoded
        return name

    def untouched(self, view: View, shows: str) -> Panel:
        """Show a sealed image."""
        return Panel(self.add(view.name, view.picture), "as sealed", f"{shows}, as sealed")

    def mark(self, view: View, original: Samples) -> Panel:
        """Show what the mark changed, with a contrast that makes it visible."""
        change = view.samples.astype(np.float64) - original.astype(np.float64)
        gain = _MARK_SHOWN * 8 / max(float(change.std()), 1e-9)
        levels = np.clip(np.rint(128 + gain * change), 0, 255).astype(np.uint8)
        middle = _middle(levels, SHOWN)
        return Panel(
            self.add(f"{view.name}-mark", middle),
            "the mark alone, contrast stretched",
            "grey texture: the changes that the mark made to the pixels, contrast stretched",
        )

    def received(self, name: str, view: View, instance: Instance, same: Samples | None) -> Panel:
        """Show an object as it arrived: under the sealed image's look if it has its shape."""
        if same is not None and np.array_equal(same, view.samples):
            return Panel(view.name, "as received", "the object as received; it looks the same")
        if same is not None:
            picture = show(same, view.look)
        else:
            geometry = pixel_geometry(instance)
            picture = render(instance, 0 if geometry is None else geometry.frames // 2)
        shown = shrink(picture, longest=SHOWN)
        return Panel(self.add(f"{name}-received", shown), "as received", "the object as received")

    def picture(self, name: str, path: Path, examination: Examination) -> tuple[Panel, ...]:
        """Show a file that is no DICOM object, and where verification found differences in it."""
        shown = shrink(np.asarray(read_picture(path), np.uint8), longest=SHOWN)
        received = self.add(f"{name}-received", shown)
        panels = (Panel(received, "as received", "the picture as received"),)
        drawn = draw_overlay(path, examination)
        if drawn is None:
            return panels
        located = self.add(f"{name}-located", shrink(drawn, longest=SHOWN))
        words = "the received picture with what differs outlined, hatched where nothing can be told"
        return (*panels, Panel(located, "located by verification", words))

    def located(
        self, name: str, view: View, same: Samples, regions: tuple[Region, ...]
    ) -> Panel | None:
        """Show where verification found differences in the frame that is shown."""
        here = [region for region in regions if region.frame == view.frame]
        if not here:
            return None
        picture = shrink(show(same, view.look), longest=SHOWN)
        scale = max(picture.shape[:2]) / max(same.shape[:2])
        drawn = heatmap.locate(picture, here, frame=view.frame, scale=scale)
        where = ", ".join(f"x {r.x} y {r.y}, {r.w} by {r.h} pixels" for r in here[:3])
        return Panel(
            self.add(f"{name}-located", drawn),
            "located by verification",
            f"the received image with what differs outlined: {where}",
        )

    def magnified(self, name: str, view: View, same: Samples) -> tuple[Panel, ...]:
        """Show a local difference enlarged: before, after, and the difference itself."""
        change = heatmap.difference(view.samples, same)
        cut = heatmap.bounds(change, margin=_MARGIN, least=_LEAST)
        if cut is None or (change[cut].size > _LOCAL * change.size):
            return ()
        most = float(change.max())
        before, after, heat = _details(view, same, change, cut)
        steps = f"{most:.0f} grey level{'' if most == 1 else 's'}"
        return (
            Panel(self.add(f"{name}-before", before), "sealed, magnified", "detail as sealed"),
            Panel(self.add(f"{name}-after", after), "received, magnified", "the same detail now"),
            Panel(
                self.add(f"{name}-heat", heat),
                f"the true difference: up to {steps}",
                f"heat map of the difference, up to {steps}",
            ),
        )


def poster(view: View, same: Samples, regions: tuple[Region, ...], *, side: int) -> Picture:
    """Return six pictures: as sealed, as received, located; the same magnified, and the difference.

    ``side`` is the width of each, in pixels.
    """
    change = heatmap.difference(view.samples, same)
    cut = heatmap.bounds(change, margin=_MARGIN, least=_LEAST)
    assert cut is not None
    received = shrink(show(same, view.look), longest=round(side * _tallness(view)))
    scale = max(received.shape[:2]) / max(same.shape[:2])
    sealed = shrink(show(view.samples, view.look), longest=max(received.shape[:2]))
    located = heatmap.locate(received, regions, frame=view.frame, scale=scale)
    details = [as_rgb(shrink(d, longest=side)) for d in _details(view, same, change, cut)]
    return _grid([[as_rgb(sealed), as_rgb(received), located], details], gap=max(side // 40, 2))


def _tallness(view: View) -> float:
    rows, columns = view.samples.shape[:2]
    return max(float(rows) / float(columns), 1.0)


def _details(
    view: View, same: Samples, change: heatmap.Reals, cut: tuple[slice, slice]
) -> tuple[Picture, Picture, Picture]:
    pictures = (
        show(view.samples[cut], view.look),
        show(same[cut], view.look),
        heatmap.heat(change[cut], most=float(change.max())),
    )
    before, after, heat = (enlarge(picture, least=_ENLARGED) for picture in pictures)
    return before, after, heat


def _grid(rows: list[list[Picture]], *, gap: int) -> Picture:
    """Put pictures beside and below each other, on white, in columns of one width."""
    width = max(picture.shape[1] for row in rows for picture in row)
    heights = [max(picture.shape[0] for picture in row) for row in rows]
    total = sum(heights) + gap * (len(rows) - 1)
    columns = max(map(len, rows))
    sheet = np.full((total, columns * (width + gap) - gap, 3), 255, np.uint8)
    top = 0
    for row, height in zip(rows, heights, strict=True):
        for place, picture in enumerate(row):
            left = place * (width + gap) + (width - picture.shape[1]) // 2
            sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
        top += height + gap
    return sheet


def _middle(picture: Picture, side: int) -> Picture:
    top = max((picture.shape[0] - side) // 2, 0)
    left = max((picture.shape[1] - side) // 2, 0)
    return np.ascontiguousarray(picture[top : top + side, left : left + side])
