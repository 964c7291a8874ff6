"""Where a slice goes: one planner over (gpu, profile, start).

Fixed layouts, dynamic MIG, whole GPUs and shares of one differ only in which places are
open: a fixed GPU's own slices, or every legal start on a dynamic one.

**The score.** Of the open places the one is taken that costs least of what is usually asked
for. A place on a dynamic GPU is worth its size squared, times how often such a slice is asked
for, and a tenth of that for each slice in its way, since those go some day. What the places
lose in worth is the cost. It is the fragmentation gradient of Weng et al. (USENIX ATC 2023),
over places in place of amounts. A large place comes back only when all in it has gone at
once, so size counts more than once; ``tests/bench/placement.py`` measures what comes of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from labwerk_hub.domain.gpu import Gpu, Inventory, Model, Slice, illegal

#: Recent requests: the profiles of a flavour (model → profile), and how often it is asked for.
Mix = Sequence[tuple[Mapping[str, str], float]]

#: What is left of a place's worth for each slice that stands in its way.
BLOCKED = 0.1

_Place = tuple[str, int, int]  # profile, start and size on some GPU
_Places = tuple[_Place, ...]  # in order, so that what is known of them can be kept
_Asked = tuple[tuple[str, float], ...]  # profiles of one model, and how often
_KEPT = 1 << 16  # so many answers are kept; a model has some thousand states


@dataclass(frozen=True)
class Claim:
    """Units promised from a time on: by a reservation, or to somebody who waits."""

    slice: Slice
    from_ms: int
    until_ms: int


@dataclass(frozen=True)
class Placement:
    """A place that can be had now, until a claim on it begins (None: nobody has one)."""

    gpu: Gpu
    slice: Slice
    until_ms: int | None


def place(
    inventory: Inventory,
    profiles: Mapping[str, str],
    held: Iterable[Slice],
    *,
    mix: Mix = (),
    claims: Iterable[Claim] = (),
    now_ms: int = 0,
    wanted_ms: int = 0,
    preferred: Container[Slice] = (),
) -> Placement | None:
    """The best place now for a slice of ``profiles`` (model → profile); None if there is none.

    ``held`` is everything that stands on the GPUs, leased or not. A ``preferred`` place comes
    first of all. Then a place that is free for ``wanted_ms`` comes before one that a claim
    cuts short, and of those the longest. Among equals the cheapest is taken, then the tightest
    GPU (of those shared in time the one with the fewest sharers), the highest start, the name.
    """
    asked: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    for wanted, often in mix:
        for model, profile in wanted.items():
            asked[model][profile] += often
    usual = {model: tuple(sorted(often.items())) for model, often in asked.items()}
    best: tuple[tuple[object, ...], Placement] | None = None
    for gpu, profile, there, taken, claimed in _ground(inventory, profiles, held, claims, now_ms):
        if gpu.dynamic:
            options = _scored(gpu.model, profile, there, taken, usual.get(gpu.model.name, ()))
        else:  # its slices take nothing from any other
            options = sorted((0.0, -free.start, free.size) for free in _free(gpu, profile, taken))
        if not claimed and preferred == ():
            options = options[:1]  # nothing but the score tells them apart
        left = gpu.model.units - taken.bit_count()
        for cost, down, size in options:
            slice_ = Slice(gpu.name, profile, -down, size)
            until = kept_until(gpu, slice_, claimed, now_ms)
            short = until is not None and until < now_ms + wanted_ms
            key = (
                slice_ not in preferred,
                -(until or 0) if short else float("-inf"),
                cost,
                left if gpu.shared_by(profile) == 1 else -left,
                down,
                gpu.name,
            )
            if best is None or key < best[0]:
                best = key, Placement(gpu, slice_, until)
    return best[1] if best else None


def room(
    inventory: Inventory,
    profiles: Mapping[str, str],
    held: Iterable[Slice],
    claims: Iterable[Claim] = (),
    now_ms: int = 0,
) -> int:
    """How many slices of ``profiles`` could be handed out at once now."""
    return sum(
        _most(gpu.model, name, there, taken) if gpu.dynamic else len(_free(gpu, name, taken))
        for gpu, name, there, taken, _ in _ground(inventory, profiles, held, claims, now_ms)
    )


def capacity(inventory: Inventory, profiles: Mapping[str, str]) -> int:
    """How many slices of ``profiles`` the pool has when it is empty and well."""
    well = tuple(gpu if gpu.fault is None else replace(gpu, fault=None) for gpu in inventory.gpus)
    return room(Inventory(well), profiles, ())


def _ground(
    inventory: Inventory,
    profiles: Mapping[str, str],
    held: Iterable[Slice],
    claims: Iterable[Claim],
    now_ms: int,
) -> Iterator[tuple[Gpu, str, _Places, int, Sequence[Claim]]]:
    """GPUs that may serve: the profile, what is there or promised now, its mask, all claims."""
    there: defaultdict[str, set[_Place]] = defaultdict(set)
    masks: defaultdict[str, int] = defaultdict(int)
    claimed: defaultdict[str, list[Claim]] = defaultdict(list)
    for slice_ in held:
        there[slice_.gpu].add(_place_of(slice_))
        masks[slice_.gpu] |= slice_.mask
    for claim in claims:
        slice_ = claim.slice
        claimed[slice_.gpu].append(claim)
        if claim.from_ms <= now_ms < claim.until_ms:
            # Where a lease runs on promised units, the lease is what stands there.
            if not slice_.mask & masks[slice_.gpu]:
                there[slice_.gpu].add(_place_of(slice_))
            masks[slice_.gpu] |= slice_.mask
    for gpu in inventory.gpus:
        if gpu.fault is None and (profile := profiles.get(gpu.model.name)):
            places = tuple(sorted(there.get(gpu.name, ())))
            yield gpu, profile, places, masks.get(gpu.name, 0), claimed.get(gpu.name, ())


def kept_until(gpu: Gpu, slice_: Slice, claims: Iterable[Claim], now_ms: int) -> int | None:
    """When the first claim begins that could not be kept if ``slice_`` still stood."""
    own = (_place_of(slice_),)
    later = (claim for claim in claims if now_ms < claim.from_ms < claim.until_ms)
    conflicts = (c.from_ms for c in later if not _beside(gpu.model, own, _place_of(c.slice)))
    return min(conflicts, default=None)


def _place_of(slice_: Slice) -> _Place:
    return slice_.profile, slice_.start, slice_.size


def _free(gpu: Gpu, profile: str, taken: int) -> list[Slice]:
    return [slice_ for slice_ in gpu.candidates(profile) if not slice_.mask & taken]


@lru_cache(_KEPT)
def _beside(model: Model, there: _Places, place_: _Place) -> bool:
    """Whether ``place_`` can be had on a GPU of ``model`` beside what stands there."""
    return illegal(model, [Slice("", *other) for other in (*there, place_)]) is None


@lru_cache(_KEPT)
def _legal(model: Model, profile: str, there: _Places, taken: int) -> _Places:
    """Where ``profile`` can be made now, from the lowest unit on."""
    if profile not in model.profiles:
        return ()
    size, starts = model.profiles[profile].size, sorted(model.profiles[profile].starts)
    units = (1 << size) - 1
    free = ((profile, start, size) for start in starts if not units << start & taken)
    return tuple(place_ for place_ in free if _beside(model, there, place_))


@lru_cache(_KEPT)
def _most(model: Model, profile: str, there: _Places, taken: int) -> int:
    """How many more of ``profile``: from one end on is optimal, since all have one size."""
    for place_ in _legal(model, profile, there, taken):
        return 1 + _most(model, profile, tuple(sorted((*there, place_))), taken)
    return 0


@lru_cache(_KEPT)
def _scored(
    model: Model, profile: str, there: _Places, taken: int, asked: _Asked
) -> Sequence[tuple[float, int, int]]:
    """Cost, start (negative: the highest comes first) and size of each legal place, best first."""
    asked = asked or tuple((name, 1.0) for name in model.profiles)  # all alike if nothing is known
    before, options = _worth(model, there), []
    for place_ in _legal(model, profile, there, taken):
        after = _worth(model, tuple(sorted((*there, place_))))
        cost = sum(often * (before[p] - after[p]) for p, often in asked if p in before)
        options.append((round(cost, 9), -place_[1], place_[2]))
    return sorted(options)


@lru_cache(_KEPT)
def _worth(model: Model, there: _Places) -> Mapping[str, float]:
    """What the places of each profile are worth while these stand there."""
    worth = dict.fromkeys(model.profiles, 0.0)
    for name, profile in model.profiles.items():
        for start in profile.starts:
            place_ = (name, start, profile.size)
            in_the_way = sum(not _beside(model, (other,), place_) for other in there)
            worth[name] += (profile.size / model.units) ** 2 * BLOCKED**in_the_way
    return worth
