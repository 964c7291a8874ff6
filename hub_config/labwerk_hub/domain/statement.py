"""Statements: what one institution pays for one calendar month, made from the ledger.

A statement holds numbers and pseudonyms only. Names of people, budgets and flavours are
looked up when it is shown, so that erasing a person changes no statement. Amounts are ticks
and milliseconds, integers.

Its signature chains the canonical form to the heads of the audit chain and of the ledger as
they were at the month's end, or when it was made if that was earlier
(:mod:`labwerk_hub.domain.chain`): the same ledger gives the same signature for ever, and
another ledger gives another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from labwerk_hub.domain.chain import canonical, link
from labwerk_hub.domain.periods import midnight_ms

#: What the canonical form begins with; another one if its parts ever change.
FORM = "labwerk-statement-1"
#: Months before the first and after the last can still be reckoned with (``date`` ends in
#: 9999); what an earlier version booked without a period stands in 1970.
_FIRST_YEAR, _LAST_YEAR = 1970, 9998


@dataclass(frozen=True, order=True)
class Month:
    """A calendar month in the site's time zone; 28 to 31 days of 23 to 25 hours."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> Month:
        """The month that ``2026-11`` is; ValueError for anything else.

        So it is for years in which there was no ledger, or that have no next one.
        """
        day = date.fromisoformat(f"{text}-01")
        if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
            raise ValueError(f"{text} is no month that there can be use in")
        return cls(day.year, day.month)

    @classmethod
    def of(cls, day: date) -> Month:
        """The month of a day."""
        return cls(day.year, day.month)

    @property
    def name(self) -> str:
        """As it is written: ``2026-11``."""
        return f"{self.year:04}-{self.month:02}"

    @property
    def first_day(self) -> date:
        """Its first day."""
        return date(self.year, self.month, 1)

    @property
    def last_day(self) -> date:
        """Its last day."""
        return self.following.first_day - timedelta(days=1)

    @property
    def following(self) -> Month:
        """The month after it."""
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    @property
    def preceding(self) -> Month:
        """The month before it."""
        return Month.of(self.first_day - timedelta(days=1))

    def start_ms(self, zone: ZoneInfo) -> int:
        """When it begins, in milliseconds since 1970."""
        return midnight_ms(self.first_day, zone)

    def end_ms(self, zone: ZoneInfo) -> int:
        """When it ends, in milliseconds since 1970; not included."""
        return midnight_ms(self.following.first_day, zone)


@dataclass(frozen=True)
class AsOf:
    """The posting and the event up to which a preliminary statement was made."""

    posting: int
    event: int


@dataclass(frozen=True)
class Heads:
    """The last posting and the last event of the month: what it stands on.

    While it is preliminary, the last ones there were when it was made. Each as
    its number (0: there is none) and its hash, 64 hexadecimal digits.
    """

    posting: int
    posting_hash: str
    event: int
    event_hash: str


@dataclass(frozen=True)
class Line:
    """What one person used of one budget with one flavour in the month.

    ``over_ticks`` of the ``ticks`` were used without budget. Sessions ran for ``ms``
    milliseconds, of which nothing ran in them for ``idle_ms``.
    """

    budget: str
    person: str
    flavour: str
    ticks: int
    over_ticks: int
    ms: int
    idle_ms: int
    sessions: int


@dataclass(frozen=True)
class Sums:
    """The sums of lines, in ticks and milliseconds."""

    ticks: int
    over_ticks: int
    ms: int
    idle_ms: int
    sessions: int


@dataclass(frozen=True)
class Position:
    """One budget in one of its periods, as of the month's end; ticks.

    ``first_day`` and ``last_day`` are the period's, as ``2026-11-01``. ``granted`` and
    ``carried`` (from the period before) came in, ``given`` went on to projects and courses.
    Of the period, ``used_before`` was used before the month and ``used`` in it; of these
    ``over_before`` and ``over`` without budget.
    """

    budget: str
    period: str
    first_day: str
    last_day: str
    granted: int
    carried: int
    given: int
    used_before: int
    over_before: int
    used: int
    over: int

    @property
    def left(self) -> int:
        """What was left of it at the end of the month."""
        paid = self.used_before - self.over_before + self.used - self.over
        return self.granted + self.carried - self.given - paid


@dataclass(frozen=True)
class Grant:
    """What came into a budget in a period, and what went on to others; ticks."""

    budget: str
    period: str
    granted: int
    carried: int
    given: int


@dataclass(frozen=True)
class Statement:
    """What an institution pays for a month.

    ``final`` is whether nothing of the month can still come in. ``positions`` and ``lines``
    are in the order of their ids.
    """

    institution: str
    month: str
    zone: str
    final: bool
    heads: Heads
    positions: tuple[Position, ...]
    lines: tuple[Line, ...]
    sums: Sums

    @property
    def number(self) -> str:
        """How it is called: ``thr/2026-11``."""
        return f"{self.institution}/{self.month}"

    @property
    def canonical(self) -> str:
        """All of it as one text that is the same wherever it is made."""
        return canonical([FORM, *astuple(self)])

    @property
    def signature(self) -> str:
        """64 hexadecimal digits: the canonical form, chained to the heads of both chains."""
        return link(link(self.heads.posting_hash, self.heads.event_hash), self.canonical)

    def faults(self) -> Iterator[str]:
        """What does not add up within it, one sentence each; nothing if all is well."""
        for name, stated in _figures(self.sums):
            found = sum(getattr(line, name) for line in self.lines)
            if found != stated:
                yield f"The lines' {name} add up to {found}, and the sum says {stated}."
        parts: tuple[Line | Position, ...] = (*self.lines, *self.positions)
        for part in parts:
            for name, value in _figures(part):
                if isinstance(value, int) and value < 0:
                    yield f"{name} of {part.budget} is {value}; it cannot be negative."
        for line in self.lines:
            if line.over_ticks > line.ticks or line.idle_ms > line.ms:
                yield f"A part of {line.budget}, {line.person}, is larger than the whole."
        for budget in {position.budget for position in self.positions}:
            used = sum(p.used for p in self.positions if p.budget == budget)
            lines = sum(line.ticks for line in self.lines if line.budget == budget)
            if used != lines:
                yield f"The lines of {budget} add up to {lines}, and its periods to {used}."


def sums_of(lines: Iterable[Line]) -> Sums:
    """What lines add up to."""
    listed = list(lines)
    return Sums(*(sum(getattr(line, field.name) for line in listed) for field in fields(Sums)))


def _figures(part: Sums | Line | Position) -> Iterator[tuple[str, int | str]]:
    return ((field.name, getattr(part, field.name)) for field in fields(part))
