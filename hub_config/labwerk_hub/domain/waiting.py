"""Tickets: who waits, in which order, and what each of them gets when.

**The order.** A ticket is ordered by the moment it was taken plus a handicap between nothing
and the patience. The handicap counts rounds, an eighth of the patience each: one for every
usual session (weighted by share) that the institution used lately beyond the one among those
waiting that used least, four at most; and one for each of its own tickets taken earlier. So
whoever used less of its share goes first, institutions that wait together take turns in
proportion to their shares, and a hundred tickets of one do not block the first of another.
As the handicap never exceeds the patience, a ticket that was taken a patience earlier than
another is never behind it: whatever arrives, nobody starves. The rounds are the start tags of
start-time fair queueing (Goyal, Vin, Cheng: SIGCOMM 1996); that age and use are added up is
the multifactor priority of batch schedulers such as Slurm.

**The plan.** Conservative backfilling (Mu'alem, Feitelson: IEEE TPDS 12(6), 2001): in that
order each ticket books the place (gpu, profile, start) that is free earliest, beside all that
was booked before it. A later ticket may go first where it is sure to be over in time, so it
never delays an earlier one. Times are milliseconds since 1970 in UTC.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from labwerk_hub.domain.gpu import TICKS_PER_GPU_SECOND, Gpu, Inventory, Slice, illegal
from labwerk_hub.domain.placement import Claim

#: The patience is so many rounds long.
ROUNDS = 8
#: An institution that used more than its share is at most so many rounds behind the others.
MOST_ROUNDS_OF_USE = 4
#: What a session usually uses, where nothing better is known: one GPU-hour.
USUAL_TICKS = TICKS_PER_GPU_SECOND * 3600
#: An end that nobody knows, such as that of an instance which is not ours.
NEVER_MS = 1 << 60


class TicketState(StrEnum):
    """Where a ticket is in its life; all but the first two are its end."""

    WAITING = "waiting"
    CALLED = "called"
    STARTED = "started"
    LEFT = "left"
    MISSED = "missed"
    REFUSED = "refused"


@dataclass(frozen=True)
class Ticket:
    """A person's place in the waiting list; ``id`` reads ``tk-`` and 12 hex digits.

    ``first_expected_ms`` is the start that was told when it was taken, kept to be measured
    against what happened. When it is called, ``session`` is the lease taken for it, whose
    slice is kept until ``held_until_ms``.
    """

    id: str
    person: str
    institution: str
    flavour: str
    image: str
    language: str
    state: TicketState
    taken_ms: int
    first_expected_ms: int | None = None
    called_ms: int | None = None
    held_until_ms: int | None = None
    session: str | None = None
    ended_ms: int | None = None


@dataclass(frozen=True)
class Occupied:
    """A slice in use: its lease certainly ends at ``ends_ms``, and likely at ``likely_ms``."""

    slice: Slice
    ends_ms: int
    likely_ms: int


@dataclass(frozen=True)
class Turn:
    """What a ticket gets: ``slice`` at ``from_ms`` at the latest, likely at ``expected_ms``.

    ``place`` counts all tickets from 1; ``before`` are those ahead that compete for slices
    it could use. It can be called now if ``from_ms`` is not after now. Its lease must end by
    ``until_ms``. All None: no GPU can ever serve it.
    """

    ticket: Ticket
    place: int
    before: int
    slice: Slice | None
    from_ms: int | None
    expected_ms: int | None
    until_ms: int | None = None

    @property
    def claim(self) -> Claim | None:
        """The turn as a promise that whoever is not in line has to respect."""
        if self.slice is None or self.from_ms is None or self.until_ms is None:
            return None
        return Claim(self.slice, self.from_ms, self.until_ms)


def fair_order(
    tickets: Iterable[Ticket],
    used: Mapping[str, float],
    weights: Mapping[str, float],
    now_ms: int,
    patience_ms: int,
    *,
    usual_ticks: float = USUAL_TICKS,
) -> list[Ticket]:
    """The tickets in the order of their turns; the rule is told at the head of this module.

    ``used`` (ticks lately) and ``weights`` (shares, in any unit) are by institution; who is
    missing in ``used`` used nothing, and who has no share counts as the smallest one.
    ``usual_ticks`` is what a session usually uses, and so the length of a round. Who was at
    the same place by all this stands by when the ticket was taken, and by its id.
    """
    queue = sorted(tickets, key=lambda ticket: (ticket.taken_ms, ticket.id))
    shares = _shares({ticket.institution for ticket in queue}, weights)
    spent = {name: used.get(name, 0) / share / usual_ticks for name, share in shares.items()}
    least = min(spent.values(), default=0)
    own: Counter[str] = Counter()
    keyed = []
    for at, ticket in enumerate(queue):
        name = ticket.institution
        rounds = min(MOST_ROUNDS_OF_USE, spent[name] - least) + own[name] / shares[name]
        handicap = patience_ms * min(1.0, rounds / ROUNDS)
        taken_ms = min(ticket.taken_ms, now_ms)  # a clock may have been set back
        keyed.append((taken_ms + handicap, rounds, spent[name], at, ticket))
        own[name] += 1
    return [ticket for *_, ticket in sorted(keyed, key=lambda entry: entry[:-1])]


def _shares(waiting: Iterable[str], weights: Mapping[str, float]) -> dict[str, float]:
    """Each institution's share as a multiple of the average one."""
    given = [weight for weight in weights.values() if weight > 0] or [1.0]
    average = sum(given) / len(given)
    return {
        name: (weight if (weight := weights.get(name, 0)) > 0 else min(given)) / average
        for name in waiting
    }


def plan(
    ordered: Sequence[Ticket],
    inventory: Inventory,
    profiles_of: Mapping[str, Mapping[str, str]],
    occupied: Sequence[Occupied],
    claims: Sequence[Claim],
    now_ms: int,
    session_ms: Mapping[str, int],
) -> list[Turn]:
    """Who of ``ordered`` gets what and when, in the same order.

    ``profiles_of`` are the flavours' profiles (model → profile), ``session_ms`` how long a
    session of a flavour lasts at first; a place is right if it is free for so long.
    ``occupied`` is all that stands on the GPUs now, with :data:`NEVER_MS` where no end is
    known. A lease that is over but still there is taken to be gone just after now.
    """
    certain = _Calendar(inventory, profiles_of, claims, now_ms)
    likely = _Calendar(inventory, profiles_of, claims, now_ms)
    for holding in occupied:
        certain.book(holding.slice, now_ms, max(holding.ends_ms, now_ms + 1))
        likely.book(holding.slice, now_ms, max(holding.likely_ms, now_ms + 1))
    compete = _rivals({ticket.flavour for ticket in ordered}, inventory, profiles_of)
    ahead: Counter[str] = Counter()
    turns = []
    for place, ticket in enumerate(ordered, start=1):
        before = sum(ahead[flavour] for flavour in compete[ticket.flavour])
        ahead[ticket.flavour] += 1
        lasts = session_ms.get(ticket.flavour, 0)
        found = certain.take(ticket.flavour, lasts)
        expected = likely.take(ticket.flavour, lasts)
        if found is None:
            turns.append(Turn(ticket, place, before, None, None, None))
            continue
        from_ms, slice_ = found
        expected_ms = min(from_ms, expected[0]) if expected else from_ms
        turns.append(Turn(ticket, place, before, slice_, from_ms, expected_ms, from_ms + lasts))
    return turns


def _rivals(
    flavours: Iterable[str], inventory: Inventory, profiles_of: Mapping[str, Mapping[str, str]]
) -> dict[str, list[str]]:
    """For each flavour those (itself among them) whose slices could share units with its own."""
    reach: dict[str, dict[str, int]] = {}
    for flavour in flavours:
        profiles = profiles_of.get(flavour, {})
        reach[flavour] = {
            gpu.name: _union(gpu.candidates(profiles[gpu.model.name]))
            for gpu in inventory.matching(profiles)
        }
    return {
        flavour: [
            other
            for other, masks in reach.items()
            if other == flavour or any(mask & masks.get(gpu, 0) for gpu, mask in own.items())
        ]
        for flavour, own in reach.items()
    }


def _union(slices: Iterable[Slice]) -> int:
    mask = 0
    for slice_ in slices:
        mask |= slice_.mask
    return mask


@dataclass(frozen=True)
class _Booking:
    slice: Slice
    mask: int
    from_ms: int
    until_ms: int


#: When a place is free; then how many units beside it stay free (fewer is better), how far
#: from the end of its GPU it lies, and which GPU it is: so that the choice is always the same.
_Found = tuple[int, int, int, int, Slice]


class _Calendar:
    """What is booked on every GPU, and the earliest place for a flavour beside it."""

    def __init__(
        self,
        inventory: Inventory,
        profiles_of: Mapping[str, Mapping[str, str]],
        claims: Iterable[Claim],
        now_ms: int,
    ) -> None:
        self._inventory = inventory
        self._profiles_of = profiles_of
        self._now_ms = now_ms
        self._bookings: defaultdict[str, list[_Booking]] = defaultdict(list)
        # Asked over and over while only one GPU changes in between.
        self._found: dict[tuple[str, int], dict[int, _Found | None]] = {}
        self._matching: dict[str, list[Gpu]] = {}
        self._at: dict[str, list[tuple[tuple[str, int], int]]] = defaultdict(list)
        for claim in claims:
            self.book(claim.slice, claim.from_ms, claim.until_ms)

    def book(self, slice_: Slice, from_ms: int, until_ms: int) -> None:
        """From now on nothing else is placed on ``slice_`` between these times."""
        if until_ms > max(from_ms, self._now_ms):
            self._bookings[slice_.gpu].append(_Booking(slice_, slice_.mask, from_ms, until_ms))
        for wanted, at in self._at.pop(slice_.gpu, ()):
            self._found[wanted].pop(at, None)

    def take(self, flavour: str, lasts_ms: int) -> tuple[int, Slice] | None:
        """Book the earliest place that is free for ``lasts_ms``; None if there is none."""
        if flavour not in self._matching:
            self._matching[flavour] = self._inventory.matching(self._profiles_of.get(flavour, {}))
        wanted = (flavour, lasts_ms)
        found = self._found.setdefault(wanted, {})
        for at, gpu in enumerate(self._matching[flavour]):
            if at not in found:
                found[at] = self._earliest(at, gpu, flavour, lasts_ms)
                self._at[gpu.name].append((wanted, at))
        best = min((entry for entry in found.values() if entry is not None), default=None)
        if best is None:
            return None
        from_ms, slice_ = best[0], best[-1]
        self.book(slice_, from_ms, from_ms + lasts_ms)
        return from_ms, slice_

    def _earliest(self, at: int, gpu: Gpu, flavour: str, lasts_ms: int) -> _Found | None:
        bookings = sorted(self._bookings[gpu.name], key=lambda booking: booking.from_ms)
        profile = self._profiles_of[flavour][gpu.model.name]
        found = []
        for slice_ in gpu.candidates(profile):
            from_ms = _gap(bookings, slice_.mask, self._now_ms, lasts_ms)
            if gpu.dynamic:
                from_ms = _legal_gap(gpu, bookings, slice_, from_ms, lasts_ms)
            if from_ms < NEVER_MS:
                standing = _standing(bookings, from_ms)
                free = gpu.model.units - _union(standing).bit_count() - slice_.size
                found.append((from_ms, free, gpu.model.units - slice_.start, at, slice_))
        return min(found, default=None)


def _gap(bookings: Sequence[_Booking], mask: int, from_ms: int, lasts_ms: int) -> int:
    """The earliest time from ``from_ms`` on at which ``mask`` is free for ``lasts_ms``."""
    for booking in bookings:
        if booking.mask & mask and booking.until_ms > from_ms:
            if booking.from_ms >= from_ms + lasts_ms:
                break
            from_ms = booking.until_ms
    return from_ms


def _legal_gap(
    gpu: Gpu, bookings: Sequence[_Booking], slice_: Slice, from_ms: int, lasts_ms: int
) -> int:
    """The same where the units are free, but the model may limit what stands together."""
    while from_ms < NEVER_MS:
        near = [b for b in bookings if b.from_ms < from_ms + lasts_ms and b.until_ms > from_ms]
        # What stands there changes when it begins: those moments stand for the whole time.
        moments = [from_ms, *(b.from_ms for b in near if b.from_ms > from_ms)]
        if all(illegal(gpu.model, [*_standing(near, t), slice_]) is None for t in moments):
            return from_ms
        later = min(b.until_ms for b in near)
        from_ms = _gap(bookings, slice_.mask, later, lasts_ms)
    return from_ms


def _standing(bookings: Iterable[_Booking], at_ms: int) -> list[Slice]:
    """What stands on the GPU then; once where a lease runs on units promised to it."""
    found: list[Slice] = []
    taken = 0
    for booking in bookings:
        if booking.from_ms <= at_ms < booking.until_ms and not booking.mask & taken:
            found.append(booking.slice)
            taken |= booking.mask
    return found
