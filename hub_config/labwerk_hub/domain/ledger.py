"""The ledger: postings of entries that add up to zero, in ticks; integers only.

A tick is one second of 1/24 of a GPU. An entry moves ticks of one budget in one period
between its accounts. Those of a budget in a period always add up to zero:

``granted`` (what came in, negative), ``carried`` (over from the period before, negative, or
to the next), ``given`` (on to projects and courses), ``free``, ``held:<session>``,
``used:<pseudonym>``, and ``over:<pseudonym>`` (what of it was used without budget, negative).
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from enum import StrEnum

from labwerk_hub.domain.chain import canonical, link
from labwerk_hub.domain.gpu import TICKS_PER_GPU_SECOND
from labwerk_hub.domain.metering import Usage
from labwerk_hub.domain.periods import Period

TICKS_PER_GPU_HOUR = TICKS_PER_GPU_SECOND * 3600
#: More than any pool has in a year, and exact wherever numbers go.
MOST_GPU_HOURS = 100_000_000
MOST_TICKS = MOST_GPU_HOURS * TICKS_PER_GPU_HOUR
#: Who books what nobody asked for.
BY_ITSELF = "labwerk"

GRANTED, CARRIED, GIVEN, FREE = "granted", "carried", "given", "free"
#: How the accounts begin that say what was used without budget. The first ones were of
#: nobody in particular.
OVER = "over"


class PostingKind(StrEnum):
    """Why something is booked."""

    GRANT = "grant"
    CARRY = "carry"
    HOLD = "hold"
    CHARGE = "charge"
    RELEASE = "release"


def held(session: str) -> str:
    """The account of what is held for a session."""
    return f"held:{session}"


def used(pseudonym: str) -> str:
    """The account of what a person has used."""
    return f"used:{pseudonym}"


def over(pseudonym: str) -> str:
    """The account of what a person has used without budget, negative."""
    return f"{OVER}:{pseudonym}"


@dataclass(frozen=True)
class Entry:
    """One line of a posting; ``ticks`` is signed. Lines are never changed."""

    budget: str
    period: str
    account: str
    ticks: int


@dataclass(frozen=True)
class Charged:
    """What a charge is for: an interval of a session, by whom, of what, and who pays.

    What is taken back of an interval is one that runs backwards: from its end to where it
    should have ended, with ``idle_ms`` below zero.

    ``day`` is the calendar's day of the interval in the site's time zone. ``first`` is
    whether it is the session's first interval on that day for which this budget of this
    institution pays, and ``first_of_month`` in that month; they are counted, and not part of
    the posting.
    """

    session: str
    start_ms: int
    end_ms: int
    idle_ms: int
    flavour: str
    institution: str
    budget: str
    person: str
    day: str
    first: bool
    first_of_month: bool

    @property
    def booked(self) -> tuple[object, ...]:
        """What of it is part of the posting, in the columns' order."""
        return (
            self.start_ms,
            self.end_ms,
            self.idle_ms,
            self.flavour,
            self.institution,
            self.budget,
            self.person,
            self.day,
        )


@dataclass(frozen=True)
class Posting:
    """Entries that are booked at once, for one reason, under a key that is booked once.

    A grant ``opens`` the period that it is for: it keeps when that begins and ends.
    """

    kind: PostingKind
    key: str
    made_ms: int
    made_by: str
    entries: tuple[Entry, ...]
    session: str | None = None
    charged: Charged | None = None
    opens: Period | None = None

    def __post_init__(self) -> None:
        if sum(entry.ticks for entry in self.entries) != 0:
            raise ValueError(f"{self.key}: the entries do not add up to zero")

    @property
    def booked(self) -> tuple[object, ...]:
        """What it is about, besides its session, in the columns' order."""
        if self.charged is not None:
            return self.charged.booked
        if self.opens is not None:
            return self.opens.start_ms, self.opens.end_ms, *(None,) * 6
        return (None,) * 8

    def content(self, number: int) -> str:
        """What the chain is linked with, for the posting that is the ``number``-th."""
        return canonical(
            [
                number,
                self.kind.value,
                self.key,
                self.made_ms,
                self.made_by,
                self.session,
                *self.booked,
                [list(astuple(entry)) for entry in self.entries],
            ]
        )

    def linked(self, number: int, previous: str) -> str:
        """The posting's hash after ``previous``."""
        return link(previous, self.content(number))


def charge_key(session: str, start_ms: int) -> str:
    """The key of the charge for the interval of a session that begins at ``start_ms``."""
    return f"charge:{session}:{start_ms}"


def back_key(charge: Posting) -> str:
    """The key of what is taken back of a charge: once, when its session has ended."""
    return f"back:{charge.key}"


def move(budget: str, period: str, source: str, target: str, ticks: int) -> tuple[Entry, ...]:
    """The two entries that move ``ticks`` from one account to another; none for nothing."""
    if ticks == 0:
        return ()
    return Entry(budget, period, source, -ticks), Entry(budget, period, target, ticks)


def charge_entries(
    budget: str, usage: Usage, session: str, person: str, *, held_ticks: int, free_ticks: int
) -> tuple[Entry, ...]:
    """What a charge moves: from what is held, then from what is free, the rest without budget."""
    from_held = min(usage.ticks, held_ticks)
    from_free = min(usage.ticks - from_held, free_ticks)
    from_over = usage.ticks - from_held - from_free
    to = used(person)
    return (
        move(budget, usage.period, held(session), to, from_held)
        + move(budget, usage.period, FREE, to, from_free)
        + move(budget, usage.period, over(person), to, from_over)
    )


def taken_back(charge: Posting, until_ms: int, ticks: int) -> tuple[Charged, tuple[Entry, ...]]:
    """What takes a charge back from its end to ``until_ms``, where ``ticks`` were charged.

    Of what had no budget first, as that was charged last; what had is free again.
    """
    of = charge.charged
    assert of is not None  # it is a charge
    start_ms = max(of.start_ms, until_ms)
    back = replace(
        of,
        start_ms=of.end_ms,
        end_ms=start_ms,
        idle_ms=-min(of.idle_ms, of.end_ms - start_ms),
        first=False,
        first_of_month=False,
    )
    entries: tuple[Entry, ...] = ()
    for entry in reversed(charge.entries):
        if entry.ticks < 0:
            part = min(ticks, -entry.ticks)
            account = entry.account if entry.account.startswith(OVER) else FREE
            entries += move(entry.budget, entry.period, used(of.person), account, part)
            ticks -= part
    return back, entries
