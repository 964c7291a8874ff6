"""What the workbench says about budgets, those that may pay too, and how they look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from labwerk import show
from labwerk.texts import day, duration, gpu_hours, moment, month, number, say

#: One second of 1/24 of a GPU is a tick.
TICKS_PER_GPU_HOUR = 24 * 3600

#: The name of a time in which a budget has no period.
_OUTSIDE = "outside"

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class _Balance:
    """What a person has of one budget in one period."""

    id: str
    """What `labwerk.budget.pay_with` takes, such as ``project/rotor``."""
    kind: str
    """``institution``, ``project`` or ``course``."""
    title: str
    institution: str
    """The title of the institution that pays in the end."""
    period: str
    """``2026-11``, a term's name, or ``outside`` where there is no period now."""
    period_ends_at: datetime
    granted_ticks: int
    used_ticks: int
    held_ticks: int
    left_ticks: int

    @property
    def granted(self) -> float:
        """GPU-hours that you may use in the period."""
        return self.granted_ticks / TICKS_PER_GPU_HOUR

    @property
    def used(self) -> float:
        """GPU-hours charged so far."""
        return self.used_ticks / TICKS_PER_GPU_HOUR

    @property
    def held(self) -> float:
        """GPU-hours that running sessions may still use."""
        return self.held_ticks / TICKS_PER_GPU_HOUR

    @property
    def left(self) -> float:
        """GPU-hours that are neither used nor held."""
        return self.left_ticks / TICKS_PER_GPU_HOUR


@dataclass(frozen=True)
class Payer(_Balance):
    """A budget that may pay for your sessions."""

    over_use: bool
    """Whether sessions may run without budget while nobody waits."""
    chosen: bool
    """Whether it pays now."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Payer:
        """From the service's answer."""
        return cls(
            **_known(value, cls)
            | {
                "institution": value["institution"]["title"],
                "period_ends_at": _moment(value["period_ends_at"]),
            }
        )


@dataclass(frozen=True)
class Budget(_Balance):
    """GPU-hours of one period: granted, used, held by running sessions, left."""

    budget_left_ticks: int
    """What the budget has left for everybody."""
    ticks_per_second: int
    ticks_per_gpu_hour: int
    over_use: bool
    """Whether this session runs without budget; it ends when somebody waits for its slice."""
    warning: str | None
    """``fifth``, ``tenth``, ``minutes`` or ``used-up``; None while there is enough."""
    lasts: timedelta | None
    """How long what is held and left pays for this session; None if it costs nothing."""
    grace_ends_at: datetime | None
    """Until when the session goes on, once the budget is used up."""
    payers: tuple[Payer, ...]
    """All that may pay for your sessions, this one included."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any], payers: tuple[Payer, ...]) -> Budget:
        """From the service's answer."""
        seconds, grace = value["lasts_seconds"], value["grace_ends_at"]
        return cls(
            **_known(value, cls)
            | {
                "institution": value["institution"]["title"],
                "period_ends_at": _moment(value["period_ends_at"]),
                "lasts": None if seconds is None else timedelta(seconds=seconds),
                "grace_ends_at": None if grace is None else _moment(grace),
                "payers": payers,
            }
        )

    @property
    def per_hour(self) -> float:
        """GPU-hours that one hour of this session costs."""
        return self.ticks_per_second * 3600 / self.ticks_per_gpu_hour

    def __repr__(self) -> str:
        facts = show.as_text(_facts(self))
        if len(self.payers) < 2:
            return facts
        return f"{facts}\n\n{show.table_text(_payer_table(self))}"

    def _repr_html_(self) -> str:
        facts = show.as_html(_facts(self))
        if len(self.payers) < 2:
            return facts
        caption = say("Budgets that may pay, in GPU-hours")
        return f"{facts}{show.table_html(_payer_table(self), caption)}"


@dataclass(frozen=True)
class Asked:
    """A request for more of a budget, as it stands."""

    id: str
    deciders: tuple[str, ...]
    """Who decides, by their names."""
    repeated: bool
    """Whether the same was asked for already and is not decided yet."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Asked:
        """From the service's answer."""
        return cls(value["id"], tuple(value["deciders"]), value["repeated"])

    def __repr__(self) -> str:
        return _asked_text(self)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _known(value: Mapping[str, Any], kind: type[_Balance]) -> dict[str, Any]:
    """What of an answer has a field of its own; the service may say more."""
    names = {field.name for field in fields(kind)}
    return {name: said for name, said in value.items() if name in names}


def _facts(budget: Budget) -> show.Facts:
    """How many GPU-hours there are, where they went and how long they last."""
    rows = [
        (say("Kind"), _kind(budget)),
        (say("Granted"), gpu_hours(budget.granted)),
        (say("Used"), gpu_hours(budget.used)),
        (say("Left"), gpu_hours(budget.left)),
        (say("Kept for running sessions"), gpu_hours(budget.held)),
        (say("This session costs per hour"), number(budget.per_hour, 3)),
    ]
    lasts = budget.lasts
    if lasts is not None and lasts >= _MINUTE and budget.ticks_per_second > 0:
        rows.append((say("At this rate it lasts"), duration(lasts)))
    if budget.period != _OUTSIDE:
        rows.append((say("The period ends after"), _last_day(budget)))
    title = say("GPU-hours of %(account)s, %(month)s", account=budget.title, month=_period(budget))
    return show.Facts(title, tuple(rows), _note(budget))


def _note(budget: Budget) -> str:
    """What is to be said at once; nothing while there is enough."""
    if budget.over_use:
        return say("Your session runs without budget. It ends when somebody waits for its slice.")
    if budget.warning == "used-up":
        if budget.grace_ends_at is None:
            return say("Your budget is used up.")
        return say(
            "Your budget is used up: your session stops at %(when)s.",
            when=moment(budget.grace_ends_at),
        )
    if budget.warning == "minutes" and budget.lasts is not None and budget.lasts < _MINUTE:
        return (
            say("Your budget is used up within a minute.")
            if budget.lasts
            else say("Your budget is used up.")
        )
    notes = {
        "fifth": say("Less than a fifth of your budget is left."),
        "tenth": say("Less than a tenth of your budget is left."),
        "minutes": say("Your budget is used up in a few minutes."),
    }
    return notes.get(budget.warning or "", "")


def _payer_table(budget: Budget) -> show.Table:
    """One row a budget that may pay: what to write, and what it has."""
    return show.Table(
        (
            say("Name"),
            say("Title"),
            say("Period"),
            say("Granted"),
            say("Left"),
            say("Pays now"),
        ),
        tuple(
            (
                payer.id,
                payer.title,
                _period(payer),
                gpu_hours(payer.granted),
                gpu_hours(payer.left),
                say("yes") if payer.chosen else "",
            )
            for payer in budget.payers
        ),
    )


def _asked_text(asked: Asked) -> str:
    """What became of a request for more."""
    names = ", ".join(asked.deciders)
    if asked.repeated:
        return (
            say("You have asked already. These decide: %(names)s.", names=names)
            if names
            else say("You have asked already; your request is open.")
        )
    return (
        say("Your request for more is made. These decide: %(names)s.", names=names)
        if names
        else say("Your request for more is made.")
    )


def _kind(budget: Budget) -> str:
    kinds = {
        "institution": say("budget of the institution"),
        "project": say("project"),
        "course": say("course"),
    }
    return kinds.get(budget.kind, budget.kind)


def _period(budget: Budget | Payer) -> str:
    return say("no budget at this time") if budget.period == _OUTSIDE else month(budget.period)


def _last_day(budget: Budget) -> str:
    # It ends at the site's midnight; noon of its last day is that day in other zones, too.
    return day((budget.period_ends_at - timedelta(hours=12)).astimezone().date())
