"""What a person used in a month, by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, overload

from labwerk import show
from labwerk.budgets import TICKS_PER_GPU_HOUR
from labwerk.texts import day, gpu_hours, month, say


@dataclass(frozen=True)
class DayUse:
    """What was used on one day of the site's calendar."""

    day: date
    ticks: int
    idle_ticks: int
    """Of them, used while nothing ran."""
    over_ticks: int
    """Of them, used without budget."""
    by: Mapping[str, int]
    """The ticks by the budget that paid them."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> DayUse:
        """From the service's answer."""
        return cls(
            day=date.fromisoformat(value["day"]),
            ticks=value["ticks"],
            idle_ticks=value["idle_ticks"],
            over_ticks=value["over_ticks"],
            by={one["id"]: one["ticks"] for one in value["by"]},
        )

    @property
    def gpu_hours(self) -> float:
        """GPU-hours used."""
        return self.ticks / TICKS_PER_GPU_HOUR

    @property
    def idle(self) -> float:
        """GPU-hours of them used while nothing ran."""
        return self.idle_ticks / TICKS_PER_GPU_HOUR

    @property
    def over(self) -> float:
        """GPU-hours of them used without budget."""
        return self.over_ticks / TICKS_PER_GPU_HOUR


class MonthUse(Sequence[DayUse]):
    """The days of a month on which something was used; the month's sums beside them."""

    def __init__(self, month: str, days: Sequence[DayUse]) -> None:
        self.month = month
        self._days = tuple(days)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> MonthUse:
        """From the service's answer."""
        return cls(value["month"], [DayUse.from_json(one) for one in value["days"]])

    @property
    def gpu_hours(self) -> float:
        """GPU-hours used in the month."""
        return sum(day.ticks for day in self) / TICKS_PER_GPU_HOUR

    @property
    def idle(self) -> float:
        """GPU-hours of them used while nothing ran."""
        return sum(day.idle_ticks for day in self) / TICKS_PER_GPU_HOUR

    @property
    def over(self) -> float:
        """GPU-hours of them used without budget."""
        return sum(day.over_ticks for day in self) / TICKS_PER_GPU_HOUR

    @overload
    def __getitem__(self, key: int) -> DayUse: ...
    @overload
    def __getitem__(self, key: slice[Any, Any, Any]) -> MonthUse: ...
    def __getitem__(self, key: int | slice[Any, Any, Any]) -> DayUse | MonthUse:
        if isinstance(key, slice):
            return MonthUse(self.month, self._days[key])
        return self._days[key]

    def __len__(self) -> int:
        return len(self._days)

    def __repr__(self) -> str:
        if not self:
            return show.table_text(_table(self))
        return f"{_title(self)}\n{show.table_text(_table(self))}"

    def _repr_html_(self) -> str:
        return show.table_html(_table(self), _title(self))


def _title(use: MonthUse) -> str:
    """What stands above the use of a month."""
    return say("GPU-hours used in %(month)s", month=month(use.month))


def _table(use: MonthUse) -> show.Table:
    """One row a day, and their sum."""
    rows = [(day(one.day), one.gpu_hours, one.idle, one.over, ", ".join(one.by)) for one in use]
    if rows:
        rows.append((say("Together"), use.gpu_hours, use.idle, use.over, ""))
    return show.Table(
        (
            say("Day"),
            say("GPU-hours"),
            say("While nothing ran"),
            say("Without budget"),
            say("Paid by"),
        ),
        tuple(
            (first, gpu_hours(used), gpu_hours(idle), gpu_hours(over), by)
            for first, used, idle, over, by in rows
        ),
        say("Nothing was used in %(month)s.", month=month(use.month)),
    )
