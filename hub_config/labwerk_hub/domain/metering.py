"""From a lease and the engine's clock to usage.

Times are milliseconds since 1970 in UTC, as the engine tells them; the hub's own clock
closes no interval of a container that has finished.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from labwerk_hub.domain.periods import PeriodRule, day_end_ms, day_of


@dataclass(frozen=True)
class Usage:
    """Ticks used in one closed interval of a session; keyed (session, start).

    It is all of one ``period`` and of one ``day`` (such as ``2026-11-28``).
    """

    session: str
    start_ms: int
    end_ms: int
    ticks: int
    period: str
    day: str


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
    periods: PeriodRule,
    zone: ZoneInfo,
) -> Iterator[Usage]:
    """The closed intervals from ``metered_to_ms`` to ``until_ms``.

    One interval, or two and more where a day in ``zone`` or a budget's period ends in
    between. Nothing if ``until_ms`` is not later, as after a clock that was set back.
    """
    start = metered_to_ms
    while start < until_ms:
        period = periods.at(start)
        end = min(until_ms, period.end_ms, day_end_ms(start, zone))
        ticks = ticks_between(rate, origin_ms, start, end)
        yield Usage(session, start, end, ticks, period.name, day_of(start, zone).isoformat())
        start = end
