"""Periods as they were opened in the ledger, whatever the settings say of them since.

A budget's period is opened with its first and last moment, and again when the settings have
others while it is on; the latest counts, but what has begun does not begin anew. Where two
would be on at once, because the settings have other ones now, the one that was opened first
ends where the other one began to be used: before the day on which that was opened.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from labwerk_hub.domain.periods import FAR_MS, OUTSIDE, Period, day_of, midnight_ms


@dataclass(frozen=True)
class Opening:
    """That a period was to begin and to end then, as of ``made_ms``."""

    period: Period
    made_ms: int


@dataclass(frozen=True)
class AsOpened:
    """A budget's periods in their order, of which no two meet."""

    periods: tuple[Period, ...]

    def at(self, moment_ms: int) -> Period:
        """The period of a moment, or the time between two."""
        began, ends = -FAR_MS, FAR_MS
        for period in self.periods:
            if period.start_ms <= moment_ms < period.end_ms:
                return period
            if period.end_ms <= moment_ms:
                began = period.end_ms
            else:
                ends = min(ends, period.start_ms)
        return Period(OUTSIDE, began, ends)


def as_opened(openings: Iterable[Opening], zone: ZoneInfo) -> AsOpened:
    """The periods that openings, in the order they were made, come to."""
    kept: list[Period] = []
    for opening in openings:
        period = opening.period
        begins = midnight_ms(day_of(opening.made_ms, zone), zone)
        earlier = next((one for one in kept if one.name == period.name), None)
        if earlier is not None:
            kept.remove(earlier)
            if earlier.start_ms <= begins:  # what has begun goes on
                begins = earlier.start_ms
                period = replace(period, start_ms=begins)
        if any(_meet(one, period) for one in kept):
            begins = max(begins, period.start_ms)
            kept = [
                replace(one, end_ms=min(one.end_ms, begins)) if _meet(one, period) else one
                for one in kept
            ]
            period = replace(period, start_ms=begins)
        kept = [one for one in (*kept, period) if one.start_ms < one.end_ms]
    return AsOpened(tuple(sorted(kept, key=lambda one: one.start_ms)))


def _meet(one: Period, other: Period) -> bool:
    return one.start_ms < other.end_ms and other.start_ms < one.end_ms
