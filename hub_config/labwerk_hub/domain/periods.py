"""Periods of budgets: calendar months, terms, or fixed dates, in the site's time zone.

Moments are milliseconds since 1970 in UTC. A rule answers for every moment: outside its
terms or dates there is a period :data:`OUTSIDE`, for which nothing is ever granted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

#: The name of a time in which a budget has no period.
OUTSIDE = "outside"
#: Later, and earlier, than any session.
FAR_MS = 1 << 47


@dataclass(frozen=True)
class Period:
    """From ``start_ms`` (included) to ``end_ms`` (not included).

    The ledger knows it by its ``name``, which stays when an end is moved; ``title`` is what
    people read instead, where that differs.
    """

    name: str
    start_ms: int
    end_ms: int
    title: str = ""

    @property
    def shown(self) -> str:
        """What people read."""
        return self.title or self.name

    @property
    def is_open(self) -> bool:
        """Whether anything can be granted for it."""
        return self.name != OUTSIDE


class PeriodRule(Protocol):
    """What says which period of a budget a moment is in."""

    def at(self, moment_ms: int) -> Period:
        """The period of a moment."""

    def before(self, period: Period) -> Period | None:
        """The open period that ended last before ``period`` began; None if there is none."""


@dataclass(frozen=True)
class Term:
    """A named time from ``first_day`` to ``last_day``, both included."""

    name: str
    first_day: date
    last_day: date
    title: str = ""


@dataclass(frozen=True)
class Months:
    """Calendar months, named ``2026-11``."""

    zone: ZoneInfo

    def at(self, moment_ms: int) -> Period:
        """The month of a moment."""
        local = datetime.fromtimestamp(moment_ms / 1000, self.zone)
        return _month(local.year, local.month, self.zone)

    def before(self, period: Period) -> Period | None:
        """The month before."""
        return self.at(period.start_ms - 1)


@dataclass(frozen=True)
class Terms:
    """Terms one after the other; those of a budget with fixed dates are a single one."""

    zone: ZoneInfo
    terms: tuple[Term, ...]

    def at(self, moment_ms: int) -> Period:
        """The term of a moment, or the time between two."""
        periods = _periods(self.terms, self.zone)
        index = bisect_right([period.start_ms for period in periods], moment_ms) - 1
        if index >= 0 and moment_ms < periods[index].end_ms:
            return periods[index]
        began = periods[index].end_ms if index >= 0 else -FAR_MS
        ends = periods[index + 1].start_ms if index + 1 < len(periods) else FAR_MS
        return Period(OUTSIDE, began, ends)

    def before(self, period: Period) -> Period | None:
        """The term that ended last."""
        ended = [p for p in _periods(self.terms, self.zone) if p.end_ms <= period.start_ms]
        return ended[-1] if ended else None


@dataclass(frozen=True)
class Always:
    """One period without an end, for what is left of a budget that is no more."""

    name: str

    def at(self, moment_ms: int) -> Period:  # noqa: ARG002 - the protocol's
        """That period."""
        return Period(self.name, -FAR_MS, FAR_MS)

    def before(self, period: Period) -> Period | None:  # noqa: ARG002 - the protocol's
        """There is none."""
        return None


def midnight_ms(day: date, zone: ZoneInfo) -> int:
    """When ``day`` begins in ``zone``; a day without a midnight begins when its first hour does."""
    local = datetime(day.year, day.month, day.day, tzinfo=zone)
    return int(local.timestamp() * 1000)


def day_of(moment_ms: int, zone: ZoneInfo) -> date:
    """The calendar's day of a moment in ``zone``."""
    return datetime.fromtimestamp(moment_ms / 1000, UTC).astimezone(zone).date()


def day_end_ms(moment_ms: int, zone: ZoneInfo) -> int:
    """When the day of a moment ends in ``zone``; days have 23 to 25 hours."""
    return midnight_ms(day_of(moment_ms, zone) + timedelta(days=1), zone)


@lru_cache(maxsize=1024)
def _month(year: int, month: int, zone: ZoneInfo) -> Period:
    following = date(year + 1, 1, 1) if month == 12 else date(year, month + 1, 1)
    return Period(
        f"{year:04}-{month:02}",
        midnight_ms(date(year, month, 1), zone),
        midnight_ms(following, zone),
    )


@lru_cache(maxsize=256)
def _periods(terms: Sequence[Term], zone: ZoneInfo) -> tuple[Period, ...]:
    """The terms in their order."""
    return tuple(
        Period(
            term.name,
            midnight_ms(term.first_day, zone),
            midnight_ms(term.last_day + timedelta(days=1), zone),
            term.title,
        )
        for term in sorted(terms, key=lambda term: term.first_day)
    )
