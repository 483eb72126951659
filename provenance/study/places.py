"""Which instance stands where in a study, and whether another has taken its place. Pure."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from provenance.study.listed import Listed
from provenance.study.present import Present

_NUMBER, _POSITION, _CONTENT = "number", "position", "content"


@dataclass(frozen=True, slots=True)
class Places:
    """Who stands at each place: series and number, series and position, and who shows a picture.

    A place that several share is nobody's: sharing it is no exchange.
    """

    owners: Mapping[Hashable, str | None]

    @classmethod
    def of(cls, rows: Iterable[Listed]) -> Self:
        """Return the places of all listed instances."""
        owners: dict[Hashable, str | None] = {}
        for row in rows:
            for place in places_of(row):
                owners[place] = None if place in owners else row.instance_uid
        return cls(owners)


def places_of(each: Listed | Present) -> Iterator[Hashable]:
    """Yield where an instance stands, and what it shows."""
    if each.number is not None:
        yield _NUMBER, each.series_uid, each.number
    if each.position is not None:
        yield _POSITION, each.series_uid, each.position
    for root in {each.image_root, each.original_root} - {None}:
        yield _CONTENT, root


def taken_from(each: Present, row: Listed, places: Places) -> str | None:
    """Return whose place an instance has taken, that is listed elsewhere; None if nobody's."""
    own = set(places_of(row))
    for place in places_of(each):
        owner = places.owners.get(place)
        if place not in own and owner is not None and owner != row.instance_uid:
            return owner
    return None
