"""GPUs, slices and leases: which slices are legal, which are free.

A GPU's memory is cut into ``units`` (4, 8 or 12, by model). A slice occupies ``size``
consecutive units from ``start``; two live slices of one GPU never share a unit.
Source of the rules: NVIDIA's MIG User Guide and ``nvmlGpuInstancePlacement_t``, whose
start and size count memory units, not compute slices.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

#: The unit of account: a tick is one second of 1/24 of a GPU. 24 is a multiple of the
#: 4, 8 and 12 memory units that models have, so every slice's rate is an integer.
TICKS_PER_GPU_SECOND = 24
WHOLE = "whole"
SHARED = "shared-"


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

    def __hash__(self) -> int:
        return hash(
            (self.name, self.units)
        )  # its mappings have no hash; equal models have equal ones

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
    """A GPU as found or declared, and how it is handed out.

    ``slices`` is its fixed layout. A ``dynamic`` GPU has none: any legal instance may be
    made in its free units, and ``instances`` are those that the driver has now. A GPU that
    is shared in time has a model of :func:`shared_model`, whose units are its shares.
    ``devices`` names the engine's device of a slice or an instance, by its label; a
    simulated GPU has none. ``weight`` multiplies its ticks. ``fault`` says why nothing can
    be placed on it (None: it is well); ``mps`` is the folder of a running MPS daemon.
    """

    name: str
    model: Model
    simulated: bool
    slices: tuple[Slice, ...] = ()
    weight: int = 1
    driver: str = "nvidia"
    devices: Mapping[str, str] = field(default_factory=dict)
    dynamic: bool = False
    instances: tuple[Slice, ...] = ()
    fault: str | None = None
    mps: str = ""

    def candidates(self, profile: str) -> tuple[Slice, ...]:
        """Every place that a slice of ``profile`` can have on this GPU, held or not."""
        if not self.dynamic:
            return tuple(slice_ for slice_ in self.slices if slice_.profile == profile)
        if profile not in self.model.profiles:
            return ()  # a GPU in MIG mode cannot be handed out undivided
        found = self.model.profiles[profile]
        return tuple(Slice(self.name, profile, start, found.size) for start in found.starts)

    def shared_by(self, profile: str) -> int:
        """How many sessions share what ``profile`` gives; 1 unless the GPU is shared in time."""
        return self.model.units if profile.startswith(SHARED) else 1

    def ticks_per_second(self, slice_: Slice) -> int:
        """What a second of the slice costs: 24·u/n ticks, rounded up, times the weight."""
        return -(-TICKS_PER_GPU_SECOND * slice_.size // self.model.units) * self.weight


@dataclass(frozen=True)
class Inventory:
    """The GPUs and their slices as found; not ``readable`` while the driver does not answer."""

    gpus: tuple[Gpu, ...]
    readable: bool = True

    @cached_property
    def by_name(self) -> Mapping[str, Gpu]:
        """The GPUs by their names."""
        return {gpu.name: gpu for gpu in self.gpus}

    def gpu(self, name: str) -> Gpu:
        """The GPU called ``name``; KeyError if it is gone."""
        return self.by_name[name]

    def matching(self, profiles: Mapping[str, str]) -> list[Gpu]:
        """The GPUs that are well and can be cut into what ``profiles`` (model → profile) asks."""
        return [
            gpu
            for gpu in self.gpus
            if gpu.fault is None
            and (profile := profiles.get(gpu.model.name))
            and gpu.candidates(profile)
        ]


def shared_model(model: Model, shares: int, *, limited: bool = False) -> Model:
    """``model`` shared in time by ``shares`` sessions: its units are the shares.

    A share's memory is known only where it is ``limited`` by an MPS daemon, and where the
    model's own is; else nothing keeps the sharers' memory apart.
    """
    whole = max((profile.memory_mib or 0 for profile in model.profiles.values()), default=0)
    memory = whole // shares if limited and whole else None
    starts = tuple(range(shares))
    profile = Profile(f"{SHARED}{shares}", 1, starts, shares, compute_slices=0, memory_mib=memory)
    return Model(model.name, shares, {profile.name: profile})


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
