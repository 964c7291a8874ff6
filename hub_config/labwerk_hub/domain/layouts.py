"""What a layout of a GPU would give: how many of each flavour, and what nobody could use."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from labwerk_hub.domain.catalogue import Flavour
from labwerk_hub.domain.gpu import Model, Slice, illegal


@dataclass(frozen=True)
class Yield:
    """A layout and what it gives.

    ``flavours`` counts the slices that serve each flavour. ``memory_mib`` is that of all
    slices together, None where a profile's is not known. ``unusable`` are the units in no
    slice, ``unserved`` the slices that serve no flavour.
    """

    slices: tuple[Slice, ...]
    flavours: Mapping[str, int]
    memory_mib: int | None
    unusable: tuple[int, ...]
    unserved: tuple[Slice, ...]

    @property
    def entries(self) -> list[str]:
        """The layout as the settings write it: ``profile@start`` in the units' order."""
        return [f"{slice_.profile}@{slice_.start}" for slice_ in self.slices]


def gives(model: Model, slices: Iterable[Slice], flavours: Iterable[Flavour]) -> Yield:
    """What a GPU of ``model`` gives that is cut into ``slices``."""
    laid = tuple(sorted(slices, key=lambda slice_: slice_.start))
    wanted = {
        flavour.name: profile
        for flavour in flavours
        if (profile := flavour.slices.get(model.name)) is not None
    }
    memories = [model.profile(slice_.profile).memory_mib for slice_ in laid]
    covered = {unit for slice_ in laid for unit in slice_.units}
    return Yield(
        slices=laid,
        flavours={
            name: sum(slice_.profile == profile for slice_ in laid)
            for name, profile in wanted.items()
        },
        memory_mib=None if None in memories else sum(memory or 0 for memory in memories),
        unusable=tuple(unit for unit in range(model.units) if unit not in covered),
        unserved=tuple(slice_ for slice_ in laid if slice_.profile not in wanted.values()),
    )


def maximal(model: Model, profiles: Collection[str]) -> Iterator[tuple[Slice, ...]]:
    """Every layout of ``profiles`` to which no further slice of them can be added."""
    places = [
        Slice("", profile.name, start, profile.size)
        for profile in map(model.profile, profiles)
        for start in profile.starts
    ]

    def grown(layout: tuple[Slice, ...], from_unit: int) -> Iterator[tuple[Slice, ...]]:
        more = [p for p in places if illegal(model, (*layout, p)) is None]
        if not more:
            yield layout
        for place in more:
            # In the units' order, or every layout would come in every order of its slices.
            if place.start >= from_unit:
                yield from grown((*layout, place), place.start + place.size)

    yield from grown((), 0)


def arrangements(layouts: Iterable[tuple[Slice, ...]]) -> list[tuple[tuple[Slice, ...], int]]:
    """One layout of each kind, and in how many ways its slices can lie."""
    found: dict[tuple[str, ...], tuple[tuple[Slice, ...], int]] = {}
    for layout in layouts:
        kind = tuple(sorted(slice_.profile for slice_ in layout))
        first, count = found.get(kind, (layout, 0))
        found[kind] = first, count + 1
    return list(found.values())
