"""Reservations: slices of a flavour kept for a group, from a time to a time.

Which slices is decided when a reservation is made, so that everybody can see them. To
others they are promised from its beginning on (:func:`claims`), so a lease on them must have
ended by then; to its group they come first (:func:`preferred`). What the group has not taken
when the grace is over goes back to all. Times are milliseconds since 1970 in UTC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from labwerk_hub.domain.gpu import Gpu, Inventory, Slice, illegal
from labwerk_hub.domain.placement import Claim

#: Longer than this is no reservation but a part of the pool that is somebody's own.
LONGEST_MS = 31 * 24 * 3_600_000


@dataclass(frozen=True)
class Reservation:
    """Capacity of a flavour kept for a group.

    ``group`` is one of a provider's groups, or ``institution:<name>``. ``release_after_ms``
    counts from the beginning: what is unused then goes back.
    """

    id: str
    title: str
    flavour: str
    group: str
    from_ms: int
    to_ms: int
    release_after_ms: int
    slices: tuple[Slice, ...]
    made_by: str
    made_ms: int

    @property
    def released_ms(self) -> int:
        """From when on its unused slices are everybody's."""
        return min(self.from_ms + self.release_after_ms, self.to_ms)

    def is_for(self, groups: Collection[str], flavour: str | None = None) -> bool:
        """Whether somebody in ``groups`` who asks for ``flavour`` (None: any) is meant."""
        return self.group in groups and flavour in (None, self.flavour)


def claims(
    reservations: Iterable[Reservation],
    groups: Collection[str],
    now_ms: int,
    flavour: str | None = None,
) -> list[Claim]:
    """What is promised to others than somebody in ``groups`` who asks for ``flavour``.

    A member who asks for another flavour than the reservation's is an other, too: one who
    took half a GPU would leave no room for several who come for the small slices in it.
    """
    return [
        Claim(slice_, reservation.from_ms, reservation.released_ms)
        for reservation in reservations
        if now_ms < reservation.released_ms and not reservation.is_for(groups, flavour)
        for slice_ in reservation.slices
    ]


def preferred(
    reservations: Iterable[Reservation],
    groups: Collection[str],
    now_ms: int,
    flavour: str | None = None,
) -> frozenset[Slice]:
    """The slices kept now for somebody in ``groups`` who asks for ``flavour``."""
    return frozenset(
        slice_
        for reservation in reservations
        if reservation.from_ms <= now_ms < reservation.to_ms and reservation.is_for(groups, flavour)
        for slice_ in reservation.slices
    )


def ahead(reservations: Iterable[Reservation], now_ms: int) -> list[Claim]:
    """What whoever plans ahead must not count on: slices that a group may still come for.

    They may be taken at the last moment of the grace and then held to the reservation's end;
    a place promised to somebody from the grace's end on would cut a member's session short.
    """
    return occupied(r for r in reservations if now_ms < r.released_ms)


def occupied(reservations: Iterable[Reservation]) -> list[Claim]:
    """What reservations occupy for another one: their slices, to their very end."""
    return [
        Claim(slice_, reservation.from_ms, reservation.to_ms)
        for reservation in reservations
        for slice_ in reservation.slices
    ]


def choose(
    inventory: Inventory,
    profiles: Mapping[str, str],
    from_ms: int,
    to_ms: int,
    busy: Sequence[Claim],
) -> list[Slice]:
    """Every slice of ``profiles`` (model → profile) that could be kept for the whole span.

    They can all be kept together, and beside whatever ``busy`` has in the span. The fullest
    GPUs come first, so that a reservation leaves others whole.
    """
    on_gpu: defaultdict[str, list[Claim]] = defaultdict(list)
    for claim in busy:
        if claim.from_ms < to_ms and claim.until_ms > from_ms:
            on_gpu[claim.slice.gpu].append(claim)
    found: list[tuple[int, str, list[Slice]]] = []
    for gpu in inventory.gpus:
        profile = profiles.get(gpu.model.name)
        if profile is None or gpu.fault is not None:
            continue
        here, taken = on_gpu.get(gpu.name, []), 0
        for claim in here:
            taken |= claim.slice.mask
        places = _places(gpu, profile, from_ms, here, taken)
        found.append((gpu.model.units - taken.bit_count(), gpu.name, places))
    return [slice_ for _, _, places in sorted(found) for slice_ in places]


def lost(reservation: Reservation, inventory: Inventory) -> list[tuple[Slice, str]]:
    """Slices that cannot be had any more, each with a clause that says why."""
    return [
        (slice_, reason)
        for slice_ in reservation.slices
        if (reason := loss(slice_, inventory)) is not None
    ]


def loss(slice_: Slice, inventory: Inventory) -> str | None:
    """Why a slice that was there once cannot be used now, as a clause; None if it can."""
    gpu = inventory.by_name.get(slice_.gpu)
    if gpu is None:
        return f"there is no GPU {slice_.gpu} any more"
    if gpu.fault is not None:
        return f"{slice_.gpu} {gpu.fault}"
    if slice_ not in gpu.candidates(slice_.profile):
        return f"{slice_.gpu} cannot be cut into it any more"
    return None


def _places(gpu: Gpu, profile: str, from_ms: int, here: Sequence[Claim], taken: int) -> list[Slice]:
    """As many places of ``profile`` as fit; from one end on is optimal, all have one size."""
    moments = list(_moments(from_ms, here)) if gpu.dynamic else []
    chosen: list[Slice] = []
    for slice_ in sorted(gpu.candidates(profile), key=lambda place: -place.start):
        if slice_.mask & taken:
            continue
        together = (*chosen, slice_)
        if any(illegal(gpu.model, (*standing, *together)) for standing in moments):
            continue
        chosen.append(slice_)
        taken |= slice_.mask
    return chosen


def _moments(from_ms: int, here: Sequence[Claim]) -> Iterator[tuple[Slice, ...]]:
    """What stands on a GPU together, at the beginning and whenever something is added.

    Units that went back to all may be held by a lease and still be in a reservation: of two
    that overlap one is left out, since the other says the same of these units.
    """
    for moment in sorted({from_ms, *(c.from_ms for c in here if c.from_ms > from_ms)}):
        standing: list[Slice] = []
        for claim in here:
            is_there = claim.from_ms <= moment < claim.until_ms
            if is_there and not any(claim.slice.mask & other.mask for other in standing):
                standing.append(claim.slice)
        yield tuple(standing)
