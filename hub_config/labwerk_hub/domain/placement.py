"""Where a slice goes: one planner over (gpu, profile, start).

Fixed layouts, dynamic MIG, whole GPUs and shares of one differ only in which places are
open. On a fixed GPU those are its own slices whose units nobody holds; on a dynamic one
every start at which the profile can legally stand beside what stands there already.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from labwerk_hub.domain.gpu import Gpu, Inventory, Model, Slice, illegal

#: Recent requests: the profiles of a flavour (model → profile), and how often it is asked for.
Mix = Sequence[tuple[Mapping[str, str], float]]


@dataclass(frozen=True)
class Claim:
    """Units promised from a time on: by a reservation, or to somebody who waits."""

    slice: Slice
    from_ms: int
    until_ms: int

    def conflicts(self, gpu: Gpu, slice_: Slice) -> bool:
        """Whether the promised slice cannot stand beside ``slice_`` on ``gpu``."""
        if not gpu.dynamic or self.slice.mask & slice_.mask:
            return bool(self.slice.mask & slice_.mask)
        return illegal(gpu.model, (self.slice, slice_)) is not None


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
    cuts short, and of those the longest. Among equals the score decides (:func:`_score`).
    """
    standing, promised = _by_gpu(held), _claims_by_gpu(claims)
    best: tuple[tuple[object, ...], Placement] | None = None
    for gpu in inventory.gpus:
        profile = profiles.get(gpu.model.name)
        if profile is None or gpu.fault is not None:
            continue
        here = tuple(standing.get(gpu.name, ()))
        its_claims = promised.get(gpu.name, ())
        for slice_ in _open(gpu, profile, here, its_claims, now_ms):
            until = min(
                (c.from_ms for c in its_claims if c.from_ms > now_ms and c.conflicts(gpu, slice_)),
                default=None,
            )
            short = until is not None and until < now_ms + wanted_ms
            score = (
                slice_ not in preferred,
                -until if until is not None and short else float("-inf"),
                *_score(gpu, slice_, here, mix),
            )
            if best is None or score < best[0]:
                best = score, Placement(gpu, slice_, until)
    return best[1] if best else None


def room(
    inventory: Inventory,
    profiles: Mapping[str, str],
    held: Iterable[Slice],
    claims: Iterable[Claim] = (),
    now_ms: int = 0,
) -> int:
    """How many slices of ``profiles`` could be handed out at once now."""
    standing, promised = _by_gpu(held), _claims_by_gpu(claims)
    return sum(
        _fits(gpu, profile, standing.get(gpu.name, ()), promised.get(gpu.name, ()), now_ms)
        for gpu in inventory.gpus
        if gpu.fault is None and (profile := profiles.get(gpu.model.name))
    )


def capacity(inventory: Inventory, profiles: Mapping[str, str]) -> int:
    """How many slices of ``profiles`` the pool has when it is empty and well."""
    return sum(
        _fits(gpu, profile, (), (), 0)
        for gpu in inventory.gpus
        if (profile := profiles.get(gpu.model.name))
    )


def _by_gpu(slices: Iterable[Slice]) -> Mapping[str, Sequence[Slice]]:
    found: defaultdict[str, list[Slice]] = defaultdict(list)
    for slice_ in set(slices):
        found[slice_.gpu].append(slice_)
    return found


def _claims_by_gpu(claims: Iterable[Claim]) -> Mapping[str, Sequence[Claim]]:
    found: defaultdict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        found[claim.slice.gpu].append(claim)
    return found


def _open(
    gpu: Gpu, profile: str, here: Sequence[Slice], claims: Sequence[Claim], now_ms: int
) -> list[Slice]:
    """The places of ``profile`` on ``gpu`` that can be had now."""
    taken = 0
    for slice_ in here:
        taken |= slice_.mask
    active = [claim for claim in claims if claim.from_ms <= now_ms < claim.until_ms]
    return [
        slice_
        for slice_ in gpu.candidates(profile)
        if not slice_.mask & taken
        and not (gpu.dynamic and illegal(gpu.model, (*here, slice_)))
        and not any(claim.conflicts(gpu, slice_) for claim in active)
    ]


def _fits(
    gpu: Gpu, profile: str, here: Sequence[Slice], claims: Sequence[Claim], now_ms: int
) -> int:
    """How many more of ``profile``; lowest first is optimal, as all have one size."""
    places, count = _open(gpu, profile, here, claims, now_ms), 0
    while places:
        here = (*here, min(places, key=lambda slice_: slice_.start))
        places, count = _open(gpu, profile, here, claims, now_ms), count + 1
    return count


@lru_cache(maxsize=1 << 16)
def _starts_left(model: Model, standing: tuple[Slice, ...]) -> Mapping[str, int]:
    """At how many starts each profile can still stand beside ``standing``."""
    return {
        name: sum(
            illegal(model, (*standing, Slice("", name, start, profile.size))) is None
            for start in profile.starts
        )
        for name, profile in model.profiles.items()
    }


def _score(gpu: Gpu, slice_: Slice, here: Sequence[Slice], mix: Mix) -> tuple[float, int, int, str]:
    """Less is better: expected loss of places, tightest GPU, highest start, name."""
    free = gpu.model.units - sum(other.size for other in here)
    loss = 0.0
    if gpu.dynamic and mix:
        before = _starts_left(gpu.model, tuple(sorted(here)))
        after = _starts_left(gpu.model, tuple(sorted((*here, slice_))))
        for profiles, weight in mix:
            name = profiles.get(gpu.model.name, "")
            if name in gpu.model.profiles:
                size = gpu.model.profiles[name].size
                loss += weight * size * (before[name] - after[name])
    return loss, free, -slice_.start, gpu.name
