"""From a lease and the engine's clock to usage.

Times are milliseconds since 1970 in UTC, as the engine tells them; the hub's own clock
closes no interval of a container that has finished.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Usage:
    """Ticks used in one closed interval of a session; keyed (session, start)."""

    session: str
    start_ms: int
    end_ms: int
    ticks: int
    period: str


@dataclass(frozen=True)
class Calendar:
    """Which period a moment belongs to and when that period ends."""

    period_of: Callable[[datetime], str]
    period_end: Callable[[datetime], datetime]


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970 of an aware moment."""
    return int(moment.timestamp() * 1000)


def from_ms(milliseconds: int) -> datetime:
    """The moment, in UTC, of milliseconds since 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def ticks_between(rate: int, origin_ms: int, start_ms: int, end_ms: int) -> int:
    """Ticks of ``rate`` a second from ``start_ms`` to ``end_ms``.

    Counted from the session's beginning, so that cutting a session into intervals
    changes nothing of the sum: fractions are carried, never lost or rounded twice.
    """
    return rate * (end_ms - origin_ms) // 1000 - rate * (start_ms - origin_ms) // 1000


def usages(
    session: str,
    rate: int,
    origin_ms: int,
    metered_to_ms: int,
    until_ms: int,
    calendar: Calendar,
) -> Iterator[Usage]:
    """The closed intervals from ``metered_to_ms`` to ``until_ms``.

    One interval, or two and more where a budget period ends in between. Nothing if
    ``until_ms`` is not later, as after a clock that was set back.
    """
    start = metered_to_ms
    while start < until_ms:
        moment = from_ms(start)
        end = min(until_ms, max(start + 1, to_ms(calendar.period_end(moment))))
        ticks = ticks_between(rate, origin_ms, start, end)
        yield Usage(session, start, end, ticks, calendar.period_of(moment))
        start = end
