"""Where `radseal verify --overlay` puts its pictures: one for each object that has regions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from provenance.errors import UsageError
from provenance.walk import Found, mirror, refuse_inside

if TYPE_CHECKING:
    from provenance.verifying.examination import Examination


@dataclass(frozen=True, slots=True)
class Drawings:
    """A place for the picture of each input, planned before anything is judged."""

    places: Mapping[Path, Path]

    @classmethod
    def plan(
        cls, paths: Sequence[Path], files: Sequence[Found], folder: Path | None
    ) -> Self | None:
        """Plan a tree of pictures in a folder that is new or empty; UsageError otherwise.

        A picture of an earlier run could be taken for one of this run.
        """
        if folder is None:
            return None
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty: choose a new folder for the pictures")
        refuse_inside(paths, folder)
        outputs = mirror(files, folder)
        return cls({f.path: o for f, o in zip(files, outputs, strict=True)})

    def draw(self, file: Found, examination: "Examination") -> Path | None:
        """Write the picture of one object and say where; None when it has no regions."""
        from provenance.pictures.overlay import draw_overlay
        from provenance.pictures.png import png_bytes
        from provenance.whole_file import write_whole

        picture = draw_overlay(file.path, examination)
        if picture is None:
            return None
        beside = self.places[file.path]
        path = beside.with_name(f"{beside.name}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, png_bytes(picture))
        return path
