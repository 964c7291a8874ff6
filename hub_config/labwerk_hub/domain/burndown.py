"""How a budget burns down in a period, and the day on which it will be used up.

The forecast is the mean of the last seven whole days, carried on. Seven, because what
repeats in people's use is the week: a moving average as long as the season does not depend
on which weekday it is (Hyndman and Athanasopoulos, *Forecasting: Principles and Practice*,
3rd edition, section 3.3). It is a straight line that anybody can work out again, and knows
nothing of deadlines and holidays. Amounts are ticks, days the calendar's in the site's zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from labwerk_hub.domain.periods import Period, day_end_ms, day_of, midnight_ms

#: Whole days before today whose mean is taken for the days to come.
WINDOW_DAYS = 7
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Forecast:
    """What is to be expected if people go on as they did.

    ``per_day`` is the mean use of a day lately, rounded down; ``empty_on`` the day on which
    nothing will be left (None: not in the period), ``spare`` what will be left at its end
    (None: the period has not begun, or is over).
    """

    per_day: int
    empty_on: date | None
    spare: int | None


@dataclass(frozen=True)
class BurnDown:
    """What was left of ``total`` ticks when each day ended, from a period's first to today.

    ``empty_on`` of the forecast is the day on which nothing was left, if it has passed.
    """

    first_day: date
    last_day: date
    total: int
    points: tuple[tuple[date, int], ...]
    forecast: Forecast


def first_needed(period: Period, now_ms: int, zone: ZoneInfo) -> date:
    """The first day of which the use must be known: the forecast looks back past the start."""
    start = day_of(period.start_ms, zone)
    return min(start, day_of(now_ms, zone) - WINDOW_DAYS * _DAY)


def burn_down(
    total: int, used: Mapping[date, int], period: Period, now_ms: int, zone: ZoneInfo
) -> BurnDown:
    """The burn-down of ``total`` ticks in an open period, and what is to be expected of it.

    ``used`` is what each day took of it, from :func:`first_needed` on; days without use may
    be left out. What was granted in between counts from the first day on.
    """
    first, last = day_of(period.start_ms, zone), day_of(period.end_ms - 1, zone)
    points, left, day = [], total, first
    while day <= min(day_of(now_ms, zone), last):
        left = max(0, left - used.get(day, 0))
        points.append((day, left))
        day += _DAY
    found = forecast(left, used, period, now_ms, zone)
    emptied = next((day for day, rest in points if rest == 0), None) if total > 0 else None
    if emptied is not None:
        found = Forecast(found.per_day, emptied, found.spare)
    return BurnDown(first, last, total, tuple(points), found)


def forecast(
    left: int, used: Mapping[date, int], period: Period, now_ms: int, zone: ZoneInfo
) -> Forecast:
    """What is to be expected of ``left`` ticks that a period has now.

    ``used`` needs the last seven days alone. Days are 23 to 25 hours long, and of today only
    what is left of it counts as still to come.
    """
    first, last = day_of(period.start_ms, zone), day_of(period.end_ms - 1, zone)
    today = day_of(now_ms, zone)
    lately, days = _lately(used, first, today)
    if not first <= today <= last:
        return Forecast(lately // days, None, None)
    start_ms, end_ms = midnight_ms(today, zone), day_end_ms(now_ms, zone)
    length_ms, rest_ms = end_ms - start_ms, end_ms - now_ms
    # In 1/(days × length of today) ticks, so that nothing is rounded before the end.
    scale = days * length_ms
    after_today = left * scale - lately * rest_ms
    at_the_end = after_today - lately * length_ms * (last - today).days
    if lately == 0 or at_the_end > 0:
        return Forecast(lately // days, None, at_the_end // scale)
    days_after = max(0, -(-after_today // (lately * length_ms)))
    return Forecast(lately // days, today + days_after * _DAY, 0)


def _lately(used: Mapping[date, int], first: date, today: date) -> tuple[int, int]:
    """What was used in the last whole days, and how many of them count.

    Days before the period count if anything was used in them: a budget that began with the
    period has no earlier use to speak of.
    """
    days = [today - number * _DAY for number in range(1, WINDOW_DAYS + 1)]
    if not any(used.get(day, 0) for day in days if day < first):
        days = [day for day in days if day >= first]
    return sum(used.get(day, 0) for day in days), max(1, len(days))
