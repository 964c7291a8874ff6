"""What is booked on every GPU, and where and when a slice is free earliest beside it.

One walk over time for fixed layouts, dynamic MIG and shares: they differ only in which places
are open and in what may stand together. Times are milliseconds since 1970 in UTC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from labwerk_hub.domain.gpu import Gpu, Inventory, Slice, illegal

#: An end that nobody knows, such as that of an instance which is not ours.
NEVER_MS = 1 << 60


class _Place(NamedTuple):
    mask: int
    slice: Slice


class _Booking(NamedTuple):
    from_ms: int
    until_ms: int
    mask: int
    slice: Slice


class Pool:
    """The places that each flavour can have, found once and used by many :class:`Bookings`.

    ``profiles_of`` are the flavours' profiles (model → profile); a flavour that is not among
    them has no place.
    """

    def __init__(self, inventory: Inventory, profiles_of: Mapping[str, Mapping[str, str]]) -> None:
        self._inventory = inventory
        self._profiles_of = profiles_of
        self._places: dict[str, list[tuple[Gpu, list[_Place]]]] = {}
        self._legal: dict[tuple[str, ...], bool] = {}

    def places(self, flavour: str) -> list[tuple[Gpu, list[_Place]]]:
        """The GPUs that can serve ``flavour``, with its places on each, the highest first."""
        if flavour not in self._places:
            profiles = self._profiles_of.get(flavour, {})
            self._places[flavour] = [
                (gpu, [_Place(s.mask, s) for s in sorted(found, key=lambda s: -s.start)])
                for gpu in self._inventory.matching(profiles)
                if (found := gpu.candidates(profiles[gpu.model.name]))
            ]
        return self._places[flavour]

    def rivals(self, flavours: Iterable[str]) -> dict[str, list[str]]:
        """For each flavour those, itself among them, whose slices can share units with its own."""
        reach = {
            flavour: {
                gpu.name: _union(place.mask for place in places)
                for gpu, places in self.places(flavour)
            }
            for flavour in flavours
        }
        return {
            flavour: [
                other
                for other, masks in reach.items()
                if other == flavour or any(mask & masks.get(gpu, 0) for gpu, mask in own.items())
            ]
            for flavour, own in reach.items()
        }

    def may_stand(self, gpu: Gpu, standing: Sequence[Slice], slice_: Slice) -> bool:
        """Whether the model lets ``slice_`` stand beside these, which lie on other units."""
        if not gpu.dynamic:
            return True
        # Beside the units it only counts: which profiles, and how many of each.
        key = (gpu.model.name, slice_.profile, *sorted(other.profile for other in standing))
        if key not in self._legal:
            self._legal[key] = illegal(gpu.model, [*standing, slice_]) is None
        return self._legal[key]


#: When a place is free; then how many units of its GPU are (fewer is better), and which GPU
#: it is, so that the choice is always the same.
_Found = tuple[int, int, int, Slice]


class Bookings:
    """Who is on every GPU when, as far as it is known or assumed."""

    def __init__(self, pool: Pool, now_ms: int) -> None:
        self._pool = pool
        self._now_ms = now_ms
        self._on: defaultdict[str, list[_Booking]] = defaultdict(list)
        # Asked over and over while one GPU changes in between: what was found on each GPU,
        # by flavour and time wanted, and where on that list each GPU is.
        self._found: dict[tuple[str, int], dict[int, _Found]] = {}
        self._known: defaultdict[str, list[tuple[dict[int, _Found], int]]] = defaultdict(list)

    def book(self, slice_: Slice, from_ms: int, until_ms: int) -> None:
        """Nothing else is placed on ``slice_`` between these times.

        A lease may run on units that are promised to it: what is held is booked first.
        """
        if until_ms > max(from_ms, self._now_ms):
            self._on[slice_.gpu].append(_Booking(from_ms, until_ms, slice_.mask, slice_))
        for found, at in self._known.pop(slice_.gpu, ()):
            del found[at]

    def earliest(self, flavour: str, wanted_ms: int, from_ms: int = 0) -> tuple[int, Slice] | None:
        """When and where ``flavour`` is free first, for ``wanted_ms``; None if never.

        Not before ``from_ms``, nor before now.
        """
        if from_ms > self._now_ms:
            later = (
                self._earliest_on(at, gpu, on_it, wanted_ms, from_ms)
                for at, (gpu, on_it) in enumerate(self._pool.places(flavour))
            )
            return _place_of(min(later, default=None))
        found = self._found.setdefault((flavour, wanted_ms), {})
        places = self._pool.places(flavour)
        if len(found) < len(places):
            for at, (gpu, on_it) in enumerate(places):
                if at not in found:
                    found[at] = self._earliest_on(at, gpu, on_it, wanted_ms, self._now_ms)
                    self._known[gpu.name].append((found, at))
        return _place_of(min(found.values(), default=None))

    def _earliest_on(
        self, at: int, gpu: Gpu, places: Sequence[_Place], wanted_ms: int, since_ms: int
    ) -> _Found:
        on_it = self._on[gpu.name]
        bookings = sorted(on_it)
        best_ms, best = NEVER_MS, places[0].slice
        gaps = [
            (_gap(bookings, place.mask, since_ms, wanted_ms), number)
            for number, place in enumerate(places)
        ]
        for from_ms, number in sorted(gaps):
            if from_ms >= best_ms:
                break
            legal_ms = self._legal_gap(gpu, on_it, places[number], from_ms, wanted_ms)
            if legal_ms < best_ms:
                best_ms, best = legal_ms, places[number].slice
        taken = _union(slice_.mask for slice_ in _standing(on_it, best_ms))
        return best_ms, gpu.model.units - taken.bit_count(), at, best

    def _legal_gap(
        self,
        gpu: Gpu,
        bookings: Sequence[_Booking],
        place: _Place,
        from_ms: int,
        wanted_ms: int,
    ) -> int:
        """The earliest time from ``from_ms`` on, when the units are free, that is legal too."""
        while from_ms < NEVER_MS:
            near = [b for b in bookings if b.from_ms < from_ms + wanted_ms and b.until_ms > from_ms]
            # What stands there becomes more only when something begins.
            moments = {from_ms, *(b.from_ms for b in near if b.from_ms > from_ms)}
            if all(self._may_stand(gpu, near, t, place.slice) for t in moments):
                break
            later_ms = min(booking.until_ms for booking in near)
            from_ms = _gap(sorted(bookings), place.mask, later_ms, wanted_ms)
        return from_ms

    def _may_stand(self, gpu: Gpu, near: Sequence[_Booking], at_ms: int, slice_: Slice) -> bool:
        """Whether ``slice_`` is legal then, beside the leases and beside what is promised."""
        held_first, promised_first = _standing(near, at_ms), _standing(near[::-1], at_ms)
        return self._pool.may_stand(gpu, held_first, slice_) and (
            held_first == promised_first[::-1] or self._pool.may_stand(gpu, promised_first, slice_)
        )


def _place_of(found: _Found | None) -> tuple[int, Slice] | None:
    return (found[0], found[3]) if found and found[0] < NEVER_MS else None


def _gap(bookings: Sequence[_Booking], mask: int, from_ms: int, wanted_ms: int) -> int:
    """The earliest time from ``from_ms`` on at which ``mask`` is free for ``wanted_ms``."""
    for booking in bookings:
        if booking.mask & mask and booking.until_ms > from_ms:
            if booking.from_ms >= from_ms + wanted_ms:
                break
            from_ms = booking.until_ms
    return from_ms


def _standing(bookings: Iterable[_Booking], at_ms: int) -> list[Slice]:
    """What stands on a GPU then; where bookings share units, the first of them."""
    found = []
    taken = 0
    for booking in bookings:
        if booking.from_ms <= at_ms < booking.until_ms and not booking.mask & taken:
            found.append(booking.slice)
            taken |= booking.mask
    return found


def _union(masks: Iterable[int]) -> int:
    union = 0
    for mask in masks:
        union |= mask
    return union
