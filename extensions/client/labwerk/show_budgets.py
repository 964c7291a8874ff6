"""How budgets and their use look in a notebook."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from labwerk.show import Facts, Table
from labwerk.texts import day, duration, moment, month, number, say

if TYPE_CHECKING:
    from labwerk.budgets import Asked, Budget, Payer
    from labwerk.usage import MonthUse

#: The name of a time in which a budget has no period.
_OUTSIDE = "outside"

_MINUTE = timedelta(minutes=1)


def budget_facts(budget: Budget) -> Facts:
    """How many GPU-hours there are, where they went and how long they last."""
    rows = [
        (say("Kind"), _kind(budget)),
        (say("Granted"), _hours(budget.granted)),
        (say("Used"), _hours(budget.used)),
        (say("Left"), _hours(budget.left)),
        (say("Kept for running sessions"), _hours(budget.held)),
        (say("This session costs per hour"), number(budget.per_hour, 3)),
    ]
    lasts = budget.lasts
    if lasts is not None and lasts >= _MINUTE and budget.ticks_per_second > 0:
        rows.append((say("At this rate it lasts"), duration(lasts)))
    if budget.period != _OUTSIDE:
        rows.append((say("The period ends after"), _last_day(budget)))
    title = say("GPU-hours of %(account)s, %(month)s", account=budget.title, month=_period(budget))
    return Facts(title, tuple(rows), _note(budget))


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


def payers_caption() -> str:
    """What stands above the budgets that may pay."""
    return say("Budgets that may pay, in GPU-hours")


def payer_table(budget: Budget) -> Table:
    """One row a budget that may pay: what to write, and what it has."""
    return Table(
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
                _hours(payer.granted),
                _hours(payer.left),
                say("yes") if payer.chosen else "",
            )
            for payer in budget.payers
        ),
    )


def use_title(use: MonthUse) -> str:
    """What stands above the use of a month."""
    return say("GPU-hours used in %(month)s", month=month(use.month))


def use_table(use: MonthUse) -> Table:
    """One row a day, and their sum."""
    rows = [(day(one.day), one.gpu_hours, one.idle, one.over, ", ".join(one.by)) for one in use]
    if rows:
        rows.append((say("Together"), use.gpu_hours, use.idle, use.over, ""))
    return Table(
        (
            say("Day"),
            say("GPU-hours"),
            say("While nothing ran"),
            say("Without budget"),
            say("Paid by"),
        ),
        tuple(
            (first, _hours(used), _hours(idle), _hours(over), by)
            for first, used, idle, over, by in rows
        ),
        say("Nothing was used in %(month)s.", month=month(use.month)),
    )


def asked_text(asked: Asked) -> str:
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


def _hours(gpu_hours: float) -> str:
    """GPU-hours to two places; a little is not nothing."""
    return f"< {number(0.01, 2)}" if 0 < gpu_hours < 0.005 else number(gpu_hours, 2)


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
