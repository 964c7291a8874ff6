"""GPUs, slices and leases: which slices are legal, which are free.

A GPU's memory is cut into ``units`` (4, 8 or 12, by model). A slice occupies ``size``
consecutive units from ``start``; two live slices of one GPU never share a unit.
Source of the rules: NVIDIA's MIG User Guide and ``nvmlGpuInstancePlacement_t``, whose
start and size count memory units, not compute slices.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

#: The unit of account: a tick is one second of 1/24 of a GPU. 24 is a multiple of the
#: 4, 8 and 12 memory units that models have, so every slice's rate is an integer.
TICKS_PER_GPU_SECOND = 24
WHOLE = "whole"


@dataclass(frozen=True)
class Profile:
    """One way to cut a slice from a model, such as ``2g.20gb``.

    ``memory_mib`` is None where no listing gives the real figure (a profile's name is
    not its memory). At most ``max_instances`` of it fit on one GPU, and at most one
    instance of an ``exclusive`` group.
    """

    name: str
    size: int
    starts: tuple[int, ...]
    max_instances: int
    compute_slices: int
    memory_mib: int | None = None
    exclusive: str | None = None
    engines: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Model:
    """A GPU model's geometry; ``engine_totals`` is empty where engines do not limit."""

    name: str
    units: int
    profiles: Mapping[str, Profile]
    engine_totals: Mapping[str, int] = field(default_factory=dict)

    def profile(self, name: str) -> Profile:
        """The profile called ``name``; ``whole`` is the undivided GPU. KeyError if unknown."""
        if name == WHOLE:
            return Profile(WHOLE, self.units, (0,), 1, compute_slices=0)
        return self.profiles[name]


@dataclass(frozen=True, order=True)
class Slice:
    """Part of a GPU: ``size`` memory units from ``start``; its identity is its place."""

    gpu: str
    profile: str
    start: int
    size: int

    @property
    def mask(self) -> int:
        """The units it occupies, as bits."""
        return ((1 << self.size) - 1) << self.start

    @property
    def units(self) -> range:
        """The units it occupies, as numbers."""
        return range(self.start, self.start + self.size)

    @property
    def label(self) -> str:
        """How a container's label names it: ``gpu/profile@start``."""
        return f"{self.gpu}/{self.profile}@{self.start}"


@dataclass(frozen=True)
class Gpu:
    """A GPU as found or declared, with the slices its layout offers.

    ``devices`` names each slice's device to the engine, by the slice's label; a
    simulated GPU has none. ``weight`` multiplies its ticks.
    """

    name: str
    model: Model
    simulated: bool
    slices: tuple[Slice, ...]
    weight: int = 1
    driver: str = "nvidia"
    devices: Mapping[str, str] = field(default_factory=dict)

    def ticks_per_second(self, slice_: Slice) -> int:
        """What a second of the slice costs: 24·u/n ticks times the GPU's weight."""
        return TICKS_PER_GPU_SECOND * slice_.size // self.model.units * self.weight


@dataclass(frozen=True)
class Inventory:
    """The GPUs and their slices as found."""

    gpus: tuple[Gpu, ...]

    def gpu(self, name: str) -> Gpu:
        """The GPU called ``name``; KeyError if it is gone."""
        for gpu in self.gpus:
            if gpu.name == name:
                return gpu
        raise KeyError(name)

    def matching(self, profiles: Mapping[str, str]) -> list[tuple[Gpu, Slice]]:
        """Every slice that serves ``profiles`` (model → profile), free or not."""
        return [
            (gpu, slice_)
            for gpu in self.gpus
            for slice_ in gpu.slices
            if profiles.get(gpu.model.name) == slice_.profile
        ]


def illegal(model: Model, slices: Sequence[Slice]) -> str | None:
    """Why ``slices`` cannot stand together on one GPU of ``model``; None if they can.

    The answer is a clause for an English sentence, such as ``3g.40gb cannot start at
    unit 2 (0, 4 are possible)``.
    """
    taken = 0
    for slice_ in slices:
        try:
            profile = model.profile(slice_.profile)
        except KeyError:
            known = ", ".join([WHOLE, *model.profiles])
            return f"{model.name} has no profile {slice_.profile} (it has {known})"
        if slice_.start not in profile.starts:
            starts = ", ".join(map(str, profile.starts))
            return f"{slice_.profile} cannot start at unit {slice_.start} ({starts} are possible)"
        if slice_.size != profile.size:
            return f"{slice_.profile} has {profile.size} units, not {slice_.size}"
        if taken & slice_.mask:
            return f"{slice_.profile}@{slice_.start} overlaps another slice"
        taken |= slice_.mask
    profiles = [model.profile(slice_.profile) for slice_ in slices]
    return _over_a_limit(model, profiles)


def _over_a_limit(model: Model, profiles: Sequence[Profile]) -> str | None:
    for name, count in Counter(profile.name for profile in profiles).items():
        if count > model.profile(name).max_instances:
            return f"at most {model.profile(name).max_instances} × {name} fit on one GPU"
    for group, count in Counter(p.exclusive for p in profiles if p.exclusive).items():
        if count > 1:
            return f"at most one slice with “{group}” fits on one GPU"
    for engine, total in model.engine_totals.items():
        if sum(profile.engines.get(engine, 0) for profile in profiles) > total:
            return f"the slices need more than the {total} {engine} engines there are"
    return None


def free_slices(
    inventory: Inventory, profiles: Mapping[str, str], held: Iterable[Slice]
) -> list[tuple[Gpu, Slice]]:
    """The slices that serve ``profiles`` and share no unit with a held one.

    Tightest GPU first, so that large slices stay whole where they can; then by name and
    start, so that the same state always gives the same answer.
    """
    masks: dict[str, int] = {}
    for slice_ in held:
        masks[slice_.gpu] = masks.get(slice_.gpu, 0) | slice_.mask
    free = [
        (gpu, slice_)
        for gpu, slice_ in inventory.matching(profiles)
        if not masks.get(gpu.name, 0) & slice_.mask
    ]

    def order(candidate: tuple[Gpu, Slice]) -> tuple[float, str, int]:
        gpu, slice_ = candidate
        unheld = gpu.model.units - masks.get(gpu.name, 0).bit_count()
        return (unheld / gpu.model.units, gpu.name, slice_.start)

    return sorted(free, key=order)
