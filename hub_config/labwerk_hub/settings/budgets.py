"""What [[institutions]], [[projects]] and [[courses]] say of their budgets, and [[terms]]."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from labwerk_hub.settings.kinds import Hours, Model, Name

Percent = Annotated[int, Field(ge=0, le=100)]


class TermSettings(Model):
    """A named time that budgets may be for, both days included."""

    name: Name
    first_day: date
    last_day: date


class BudgetRules(Model):
    """GPU-hours for a period, and what becomes of those that are left.

    ``dates`` needs ``first_day`` and ``last_day``, both included.
    """

    gpu_hours: Hours = 0
    #: How much of it one person may use; left out: all.
    person_gpu_hours: Hours | None = None
    period: Literal["month", "term", "dates"] = "month"
    first_day: date | None = None
    last_day: date | None = None
    #: Per cent of what is left that go over to the next period.
    carry_over: Percent = 0
    #: Whether sessions may run without budget while nobody waits.
    over_use: bool = False


class BudgetPolicy(Model):
    """[budgets]: what holds for all of them."""

    #: How long a session goes on whose budget is used up.
    grace_minutes: Annotated[int, Field(ge=1, le=240)] = 10
