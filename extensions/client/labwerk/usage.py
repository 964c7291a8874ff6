"""What a person used in a month, by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, overload

from labwerk import show, show_budgets
from labwerk.budgets import TICKS_PER_GPU_HOUR


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
            return show.table_text(show_budgets.use_table(self))
        return f"{show_budgets.use_title(self)}\n{show.table_text(show_budgets.use_table(self))}"

    def _repr_html_(self) -> str:
        return show.table_html(show_budgets.use_table(self), show_budgets.use_title(self))
