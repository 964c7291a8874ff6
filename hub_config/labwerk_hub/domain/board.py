"""The picture of the pool: what stands on a GPU's units, and how much is free.

A page of the board names every place of its GPUs. The sums above it are over the whole
pool, which may have ten thousand GPUs: they go by the units held on each (a mask), and
GPUs that are alike are counted together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from labwerk_hub.domain.gpu import Gpu, Inventory, Slice
from labwerk_hub.domain.leases import LeaseState

_SHARED = "shared-"


class PlaceState(StrEnum):
    """What is the matter with some units of a GPU."""

    HELD = "held"
    STARTING = "starting"
    ENDING = "ending"  # the session is over, its units are not given back yet
    FOREIGN = "foreign"  # an instance that no lease of ours accounts for
    FREE = "free"
    UNCUT = "uncut"  # in no slice of the GPU's layout


@dataclass(frozen=True)
class Holding:
    """A lease that holds units, and whose it is."""

    session: str
    person: str
    display_name: str
    institution: str
    flavour: str
    slice: Slice
    state: LeaseState
    since_ms: int
    ends_ms: int


@dataclass(frozen=True)
class Place:
    """Some consecutive units of a GPU; ``profile`` is empty where none is cut."""

    start: int
    size: int
    profile: str
    state: PlaceState
    holding: Holding | None = None

    @property
    def mask(self) -> int:
        """The units, as bits."""
        return ((1 << self.size) - 1) << self.start


_STATES = {
    LeaseState.INTENDED: PlaceState.STARTING,
    LeaseState.LIVE: PlaceState.HELD,
    LeaseState.ENDED: PlaceState.ENDING,
}


def places(gpu: Gpu, holdings: Sequence[Holding]) -> tuple[Place, ...]:
    """Every unit of ``gpu`` in one place, by rising start.

    A lease comes before a layout that has changed since it was taken. On a dynamic GPU,
    instances without a lease are foreign, and what is left can be cut.
    """
    found = [
        Place(h.slice.start, h.slice.size, h.slice.profile, _STATES[h.state], h) for h in holdings
    ]
    taken = _mask(holding.slice for holding in holdings)
    standing = gpu.instances if gpu.dynamic else gpu.slices
    for slice_ in standing:
        if not slice_.mask & taken:
            state = PlaceState.FOREIGN if gpu.dynamic else PlaceState.FREE
            found.append(Place(slice_.start, slice_.size, slice_.profile, state))
            taken |= slice_.mask
    rest = PlaceState.FREE if gpu.dynamic else PlaceState.UNCUT
    found += [Place(start, size, "", rest) for start, size in _runs(gpu.model.units, taken)]
    return tuple(sorted(found, key=lambda place: place.start))


def sharers(profile: str) -> int:
    """How many sessions share a GPU in time under ``profile``; 1 if it is nobody else's."""
    return int(profile.removeprefix(_SHARED)) if profile.startswith(_SHARED) else 1


def _runs(units: int, taken: int) -> Iterator[tuple[int, int]]:
    """(start, size) of each run of units that are not in ``taken``."""
    start = None
    for unit in range(units + 1):
        free = unit < units and not taken >> unit & 1
        if free and start is None:
            start = unit
        elif not free and start is not None:
            yield start, unit - start
            start = None


@dataclass(frozen=True)
class Kind:
    """GPUs that are alike, as far as it matters how much is free on them."""

    gpu: Gpu
    count: int

    @property
    def fallow(self) -> int:
        """The units that can be handed out at all, as bits; none of a GPU with a fault."""
        if self.gpu.fault is not None:
            return 0
        if self.gpu.dynamic:
            return (1 << self.gpu.model.units) - 1
        return sum(slice_.mask for slice_ in self.gpu.slices)


class Shape:
    """An inventory sorted by kinds: made once, good until the inventory changes."""

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory
        found: dict[tuple[object, ...], list[Gpu]] = {}
        for gpu in inventory.gpus:
            found.setdefault(_likeness(gpu), []).append(gpu)
        self.kinds = tuple(Kind(gpus[0], len(gpus)) for gpus in found.values())
        self.kind_of = {gpu.name: kind for kind, gpus in enumerate(found.values()) for gpu in gpus}
        self._standing = {
            gpu.name: _mask(gpu.instances)
            for gpu in inventory.gpus
            if gpu.dynamic and gpu.instances
        }

    @cached_property
    def models(self) -> tuple[str, ...]:
        """The pool's models, in its order."""
        return tuple(dict.fromkeys(gpu.model.name for gpu in self.inventory.gpus))

    def masks(self, held: Mapping[str, int], reserved: Iterable[Slice] = ()) -> dict[str, int]:
        """The units of each GPU that cannot be had: held, reserved, or standing there.

        GPUs of which everything can be had are left out.
        """
        masks = dict(held)
        for gpu, mask in self._standing.items():
            masks[gpu] = masks.get(gpu, 0) | mask
        for slice_ in reserved:
            masks[slice_.gpu] = masks.get(slice_.gpu, 0) | slice_.mask
        return masks

    def sums(self, masks: Mapping[str, int]) -> Sums:
        """How often each kind stands with which units taken."""
        kind_of = self.kind_of
        counts = Counter((kind_of[gpu], mask) for gpu, mask in masks.items() if gpu in kind_of)
        untouched = [kind.count for kind in self.kinds]
        for (kind, _), count in counts.items():
            untouched[kind] -= count
        for number, count in enumerate(untouched):
            counts[number, 0] += count
        return Sums(self, counts)


@dataclass(frozen=True)
class Sums:
    """The pool's kinds with the units that are taken, and how often there is such a GPU."""

    shape: Shape
    counts: Mapping[tuple[int, int], int]

    def free(self, profiles: Mapping[str, str]) -> int:
        """How many slices of ``profiles`` (model → profile) could be handed out now.

        By space alone: what two instances cannot share besides units (a media engine) is
        looked at when somebody starts, see :mod:`labwerk_hub.domain.placement`.
        """
        return sum(
            count * fitting(self.shape.kinds[kind].gpu, profiles, mask)
            for (kind, mask), count in self.counts.items()
        )

    def total(self, profiles: Mapping[str, str]) -> int:
        """How many slices of ``profiles`` the GPUs that are well have when they are empty."""
        return sum(kind.count * fitting(kind.gpu, profiles, 0) for kind in self.shape.kinds)

    def units(self, model: str) -> tuple[int, int]:
        """Of all the model's units that can be handed out: how many are free, and how many."""
        free = total = 0
        for (number, mask), count in self.counts.items():
            kind = self.shape.kinds[number]
            if kind.gpu.model.name == model:
                free += count * (kind.fallow & ~mask).bit_count()
                total += count * kind.fallow.bit_count()
        return free, total


def fitting(gpu: Gpu, profiles: Mapping[str, str], taken: int) -> int:
    """How many slices of ``profiles`` fit on ``gpu`` beside the units ``taken``."""
    profile = profiles.get(gpu.model.name)
    if profile is None or gpu.fault is not None:
        return 0
    count = 0
    # Lowest first is optimal, as all have one size.
    for slice_ in sorted(gpu.candidates(profile)):
        if not slice_.mask & taken:
            taken |= slice_.mask
            count += 1
    return count


def is_free(gpu: Gpu, taken: int) -> bool:
    """Whether anything on ``gpu`` can be handed out beside the units ``taken``."""
    if gpu.fault is not None:
        return False
    if gpu.dynamic:
        smallest = min((p.size for p in gpu.model.profiles.values()), default=1)
        return any(size >= smallest for _, size in _runs(gpu.model.units, taken))
    return any(not slice_.mask & taken for slice_ in gpu.slices)


def by_gpu(holdings: Sequence[Holding]) -> dict[str, list[Holding]]:
    """Holdings by the names of their GPUs."""
    found: dict[str, list[Holding]] = {}
    for holding in holdings:
        found.setdefault(holding.slice.gpu, []).append(holding)
    return found


def _likeness(gpu: Gpu) -> tuple[object, ...]:
    """What two GPUs must have in common to be counted together."""
    layout = tuple((slice_.profile, slice_.start) for slice_ in gpu.slices)
    return (gpu.model.name, gpu.model.units, gpu.dynamic, gpu.fault is None, layout)


def _mask(slices: Iterable[Slice]) -> int:
    """The units of all ``slices``, as bits."""
    mask = 0
    for slice_ in slices:
        mask |= slice_.mask
    return mask
