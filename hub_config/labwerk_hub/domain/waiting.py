"""Tickets: who waits, in which order, and what each of them gets when.

**The order.** A ticket is ordered by the moment it was taken plus a handicap between nothing
and the patience. The handicap counts rounds, a 48th of the patience each: one for every usual
session (by share) that the institution used lately beyond the one among those waiting that
used least, six at most; and one (by share) for each of its own tickets taken earlier. So
whoever used less of its share goes first, institutions that wait together take turns in
proportion to their shares, and a hundred tickets of one do not block the first of another.
As the handicap never exceeds the patience, a ticket that was taken a patience earlier than
another is never behind it: whatever arrives, nobody starves. The rounds are the start tags of
start-time fair queueing (Goyal, Vin, Cheng: SIGCOMM 1996); that age and use are added up is
the multifactor priority of batch schedulers such as Slurm.

**The plan.** Conservative backfilling (Mu'alem, Feitelson: IEEE TPDS 12(6), 2001): in that
order each ticket books the place (gpu, profile, start) that is free earliest, beside all that
was booked before it. A later ticket may go first where it is sure to be over in time, so it
never delays an earlier one. Expected starts come from the same walk over what is likely, in
several futures, with those who are likely to come meanwhile (:func:`lines`). Times are
milliseconds since 1970 in UTC.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from labwerk_hub.domain.booking import NEVER_MS as NEVER_MS
from labwerk_hub.domain.booking import Bookings, Pool
from labwerk_hub.domain.expectation import History, likely_stay
from labwerk_hub.domain.gpu import TICKS_PER_GPU_SECOND, Inventory, Slice
from labwerk_hub.domain.placement import Claim

#: The patience is so many rounds long.
ROUNDS = 48
#: An institution that used more than its share is at most so many rounds behind the others.
MOST_ROUNDS_OF_USE = 6
#: What a session usually uses, where nothing better is known: one GPU-hour.
USUAL_TICKS = TICKS_PER_GPU_SECOND * 3600
#: For every so many who wait, one more future is passed over for each that is looked at.
_LONG_LINE = 60


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
    slice is kept until ``held_until_ms``. ``payer`` is the budget that is to pay; with
    ``over_use`` it has nothing to pay with, and everybody else comes first.
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
    payer: str = ""
    over_use: bool = False


@dataclass(frozen=True)
class Occupied:
    """A slice in use: its lease certainly ends at ``ends_ms``, and likely at ``likely_ms``.

    ``futures`` are ends that are equally likely (``expectation.likely_ends``), as many for
    every slice; without them ``likely_ms`` stands for all.
    """

    slice: Slice
    ends_ms: int
    likely_ms: int
    futures: tuple[int, ...] = ()


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
        # Who has no budget comes after everybody who has.
        keyed.append((ticket.over_use, taken_ms + handicap, rounds, spent[name], at, ticket))
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


def lines(
    waiting: Sequence[Ticket],
    history: History,
    used: Mapping[str, float],
    weights: Mapping[str, float],
    now_ms: int,
    patience_ms: int,
    *,
    usual_ticks: float = USUAL_TICKS,
) -> list[list[Ticket]]:
    """The fair order in several futures: with whoever came on a past day in the same hours.

    For :func:`plan`: some who come later will be served earlier.
    """
    found = []
    for day in history.comers(now_ms):
        comers = [
            Ticket(str(n), "", p.institution, p.flavour, "", "", TicketState.WAITING, p.started_ms)
            for n, p in enumerate(day)
        ]
        then_ms = comers[-1].taken_ms  # nobody's clock is ahead of it
        everybody = (*waiting, *comers)
        found.append(
            fair_order(everybody, used, weights, then_ms, patience_ms, usual_ticks=usual_ticks)
        )
    return found


def plan(
    ordered: Sequence[Ticket],
    inventory: Inventory,
    profiles_of: Mapping[str, Mapping[str, str]],
    occupied: Sequence[Occupied],
    claims: Sequence[Claim],
    now_ms: int,
    session_ms: Mapping[str, int],
    *,
    durations_ms: Mapping[str, Sequence[int]] | None = None,
    futures: Sequence[Sequence[Ticket]] = (),
) -> list[Turn]:
    """Who of ``ordered`` gets what and when, in the same order.

    ``profiles_of`` are the flavours' profiles (model → profile), ``session_ms`` how long a
    session of a flavour lasts at first; a place is right if it is free for so long.
    ``occupied`` is all that stands on the GPUs now, with ``booking.NEVER_MS`` where no end is
    known. A lease that is over but still there is taken to be gone just after now.
    ``durations_ms`` (flavour → durations of past sessions) says how long those who
    are served first are likely to stay; without them, as long as they may. ``futures`` are the
    orders with those who may yet come (:func:`lines`); without them, nobody does.
    """
    pool = Pool(inventory, profiles_of)
    compete = pool.rivals({ticket.flavour for ticket in ordered})
    certain = Bookings(pool, now_ms)
    for holding in occupied:
        certain.book(holding.slice, now_ms, max(holding.ends_ms, now_ms + 1))
    for claim in claims:
        certain.book(claim.slice, claim.from_ms, claim.until_ms)
    expected = _expected(
        ordered, pool, occupied, claims, now_ms, session_ms, durations_ms or {}, futures
    )
    ahead: Counter[str] = Counter()
    turns = []
    for place, ticket in enumerate(ordered, start=1):
        before = sum(ahead[flavour] for flavour in compete[ticket.flavour])
        ahead[ticket.flavour] += 1
        lasts = session_ms.get(ticket.flavour, 0)
        found = certain.earliest(ticket.flavour, lasts)
        if found is None:
            turns.append(Turn(ticket, place, before, None, None, None))
            continue
        from_ms, slice_ = found
        certain.book(slice_, from_ms, from_ms + lasts)
        likely_ms = min(from_ms, expected[place - 1])
        turns.append(Turn(ticket, place, before, slice_, from_ms, likely_ms, from_ms + lasts))
    return turns


def _expected(
    ordered: Sequence[Ticket],
    pool: Pool,
    occupied: Sequence[Occupied],
    claims: Sequence[Claim],
    now_ms: int,
    session_ms: Mapping[str, int],
    durations_ms: Mapping[str, Sequence[int]],
    futures: Sequence[Sequence[Ticket]],
) -> list[int]:
    """The middle one of each ticket's starts in several equally likely futures."""
    starts: dict[str, list[int]] = {ticket.id: [] for ticket in ordered}
    lasted = {flavour: sorted(found) for flavour, found in durations_ms.items()}
    known = max((len(holding.futures) for holding in occupied), default=0) or 1
    # In a long line there are so many ends that one future is much like another.
    for future in range(0, known, max(1, len(ordered) // _LONG_LINE)):
        likely = Bookings(pool, now_ms)
        for holding in occupied:
            ends_ms = holding.futures[future] if holding.futures else holding.likely_ms
            likely.book(holding.slice, now_ms, max(ends_ms, now_ms + 1))
        for claim in claims:
            likely.book(claim.slice, claim.from_ms, claim.until_ms)
        line = futures[future % len(futures)] if futures else ordered
        left = len(ordered)
        for number, ticket in enumerate(line):
            if not left:
                break  # whoever comes behind the last of those who wait
            lasts = session_ms.get(ticket.flavour, 0)
            found = likely.earliest(ticket.flavour, lasts, ticket.taken_ms)
            if found is not None:
                stays = likely_stay(lasted.get(ticket.flavour, ()), number, future)
                likely.book(found[1], found[0], found[0] + min(lasts, stays or lasts))
            if ticket.id in starts:
                left -= 1
                starts[ticket.id].append(found[0] if found else NEVER_MS)
    return [int(median(starts[ticket.id])) for ticket in ordered]
