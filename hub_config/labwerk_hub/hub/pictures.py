"""Pictures of use and budgets: the views' figures put before :mod:`labwerk_hub.hub.charts`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR
from labwerk_hub.domain.statement import Month
from labwerk_hub.hub import charts
from labwerk_hub.services.use_views import BurnDownView, DayUse

#: Series that can be told apart; the smallest are shown together as the last one.
SERIES = 6


@dataclass(frozen=True)
class Series:
    """What a colour stands for; ``title`` is None for all that is shown together."""

    number: int
    title: str | None
    ticks: int


@dataclass(frozen=True)
class DayRow:
    """A day in the table beside the picture; ``parts`` are in the order of the series."""

    day: date
    ticks: int
    parts: tuple[int, ...]
    over_ticks: int
    idle_ticks: int


@dataclass(frozen=True)
class UsePicture:
    """Use by day as a picture and as a table; days on which nothing was used have no row."""

    chart: charts.Bars
    series: tuple[Series, ...]
    rows: tuple[DayRow, ...]
    first: date
    last: date
    busiest: DayRow | None


def use_picture(
    days: Sequence[DayUse], titles: Mapping[str, str], first: date, last: date
) -> UsePicture:
    """Use by day from ``first`` to ``last``; ``titles`` are what budgets are called."""
    sums: dict[str, int] = {}
    for day in days:
        for part in day.by:
            sums[part.id] = sums.get(part.id, 0) + part.ticks
    order = sorted(sums, key=lambda name: (-sums[name], name))
    kept, others = (order, []) if len(order) <= SERIES else (order[:5], order[5:])
    shown: list[tuple[str | None, list[str]]] = [(titles.get(name, name), [name]) for name in kept]
    shown += [(None, others)] if others else []
    rows = tuple(_row(day, shown) for day in days if day.ticks > 0)
    stacks = {row.day: [gpu_hours(part) for part in row.parts] for row in rows}
    return UsePicture(
        chart=charts.bars(first, last, stacks),
        series=tuple(
            Series(number, title, sum(sums[name] for name in names))
            for number, (title, names) in enumerate(shown)
        ),
        rows=rows,
        first=first,
        last=last,
        busiest=max(rows, key=lambda row: row.ticks, default=None),
    )


def burn_down_picture(view: BurnDownView) -> charts.BurnDown:
    """What is left by day, and where it goes if people go on as they did lately."""
    end = None
    if view.empty_on is not None:
        end = (view.empty_on, 0.0)
    elif view.spare_ticks is not None:
        end = (view.last_day, gpu_hours(view.spare_ticks))
    return charts.burn_down(
        view.first_day,
        view.last_day,
        gpu_hours(view.total_ticks),
        [(point.day, gpu_hours(point.left_ticks)) for point in view.points],
        end if end is None or _is_ahead(view, end[0]) else None,
        view.empty_on,
    )


def month_days(month: str) -> tuple[date, date]:
    """The first and the last day of a month such as ``2026-11``."""
    found = Month.parse(month)
    return found.first_day, found.last_day


def gpu_hours(ticks: int) -> float:
    """Ticks as GPU-hours, exact enough to be drawn."""
    return ticks / TICKS_PER_GPU_HOUR


def _row(day: DayUse, shown: Sequence[tuple[str | None, Sequence[str]]]) -> DayRow:
    by = {part.id: part.ticks for part in day.by}
    return DayRow(
        day=day.day,
        ticks=day.ticks,
        parts=tuple(sum(by.get(name, 0) for name in names) for _, names in shown),
        over_ticks=day.over_ticks,
        idle_ticks=day.idle_ticks,
    )


def _is_ahead(view: BurnDownView, day: date) -> bool:
    reached = view.points[-1].day if view.points else view.first_day - timedelta(days=1)
    return day > reached
