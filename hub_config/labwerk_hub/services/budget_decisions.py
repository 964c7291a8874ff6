"""Decisions about budgets: how large one is, and what a person may use of it.

Each is kept with who made it, and is an event of the audit chain; both or neither.
"""

from __future__ import annotations

from typing import ClassVar

from labwerk_hub.domain.allotments import granted_to, share_of
from labwerk_hub.domain.budgets import Budget
from labwerk_hub.domain.events import ROOT, EventKind
from labwerk_hub.domain.ledger import GRANTED, MOST_TICKS
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.periods import Period
from labwerk_hub.domain.texts import GpuHours, Message
from labwerk_hub.services import audit
from labwerk_hub.services.budget_members import people_of
from labwerk_hub.services.budget_rights import (
    NotAllowedError,
    is_operator,
    require_decide,
    require_decide_whole,
    visible,
)
from labwerk_hub.services.budgets import balance_in
from labwerk_hub.services.openings import allot, open_now
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.workbench import Workbench
from labwerk_hub.texts import SaidError


class BudgetDecisionError(SaidError):
    """A decision about a budget that cannot be made."""

    code: ClassVar[str] = "budget-decision"


def set_budget(
    workbench: Workbench, by: Person | None, name: str, ticks: int | None, period: str | None = None
) -> None:
    """Decide how many ticks the budget of an id is granted; None: what the settings say.

    For the ``period`` of a name alone, or from now on. A budget that is made smaller keeps
    what is used, promised or given on until its period ends; for a named period that is
    refused. ``by`` is None for a command on the machine. Raises NotAllowedError,
    UnknownBudgetError, BudgetDecisionError if the institution has not as much left.
    """
    budget = visible(workbench, by, name)
    require_decide_whole(by, budget)
    _check_amount(ticks)
    open_now(workbench)
    of = _period(workbench, budget, period)
    now = budget.periods.at(to_ms(workbench.clock()))
    with workbench.database.writing() as tx:
        before = _granted(tx, budget, of or now)
        for each in _counting(workbench, tx, budget, None, of):
            allot(workbench, tx, _actor(by), budget, None, ticks, each)
        wanted = granted_to(budget, of or now, tx.allotments.about(budget.id, None))
        granted = _granted(tx, budget, of or now)
        if granted < wanted:
            raise BudgetDecisionError(
                Message(
                    "The institution has only %(left)s left to give to “%(title)s”.",
                    {"left": GpuHours(granted - before), "title": budget.title},
                )
            )
        if granted > wanted and of is not None:
            raise BudgetDecisionError(
                Message(
                    "“%(title)s” cannot have less than %(least)s in this period: so much is "
                    "used, promised to running sessions or given on.",
                    {"title": budget.title, "least": GpuHours(granted)},
                )
            )
        set_to = ticks if ticks is not None else budget.ticks
        audit.record(
            workbench,
            tx,
            EventKind.BUDGET,
            actor=_actor(by),
            about=budget.id,
            ticks=set_to,
            **_named(of),
        )


def set_share(
    workbench: Workbench,
    by: Person | None,
    name: str,
    person_name: str,
    ticks: int | None,
    period: str | None = None,
) -> None:
    """Decide how many ticks a person may use of a budget; None: what the settings say.

    For the ``period`` of a name alone, or from now on. Nobody decides their own share but
    operators. A share that is made smaller from now on takes nothing away that is used or
    promised; for a named period that is refused. Raises NotAllowedError, UnknownBudgetError,
    BudgetDecisionError for who may not use the budget at all, and for more than it has.
    """
    budget = visible(workbench, by, name)
    require_decide(by, budget)
    if by is not None and by.name == person_name and not is_operator(by):
        raise NotAllowedError(Message("What you may use yourself is for others to decide."))
    _check_amount(ticks)
    open_now(workbench)
    of = _period(workbench, budget, period)
    now = of or budget.periods.at(to_ms(workbench.clock()))
    with workbench.database.writing() as tx:
        person = next((p for p in people_of(workbench, tx, budget) if p.name == person_name), None)
        if person is None or not person.pseudonym:
            raise BudgetDecisionError(
                Message(
                    "Nobody called %(person)s may use “%(title)s”.",
                    {"person": person_name[:80], "title": budget.title},
                )
            )
        total = tx.ledger.figures(budget.id, now.name).total
        if not _granted(tx, budget, now):  # a period that has not begun, perhaps
            total += granted_to(budget, now, tx.allotments.about(budget.id, None))
        if ticks is not None and ticks > total and now.is_open:
            raise BudgetDecisionError(
                Message(
                    "“%(title)s” has %(total)s in all; a share of it cannot be more.",
                    {"title": budget.title, "total": GpuHours(total)},
                )
            )
        balance = balance_in(tx, person, budget, now)
        if of is not None and ticks is not None and ticks < balance.used + balance.held:
            raise BudgetDecisionError(
                Message(
                    "%(person)s cannot have less than %(least)s of “%(title)s” in this period: "
                    "so much is used, or promised to a running session.",
                    {
                        "person": person.display_name,
                        "title": budget.title,
                        "least": GpuHours(balance.used + balance.held),
                    },
                )
            )
        for each in _counting(workbench, tx, budget, person, of):
            allot(workbench, tx, _actor(by), budget, person, ticks, each)
        decided = tx.allotments.about(budget.id, person.pseudonym)
        share = share_of(budget, person.pseudonym, now, decided)
        audit.record(
            workbench,
            tx,
            EventKind.SHARE,
            actor=_actor(by),
            subject=person.pseudonym,
            about=budget.id,
            **({} if share is None else {"ticks": share}),
            **_named(of),
        )


def _period(workbench: Workbench, budget: Budget, name: str | None) -> Period | None:
    """The period of a name, if it is not over; None for none. Raises BudgetDecisionError."""
    if name is None:
        return None
    now = budget.periods.at(to_ms(workbench.clock()))
    possible = [one for one in (now, budget.periods.at(now.end_ms)) if one.is_open]
    found = next((one for one in possible if name in (one.name, one.shown)), None)
    if found is None:
        raise BudgetDecisionError(
            Message(
                "Nothing can be decided for the period “%(period)s” of “%(title)s”, only for "
                "the one that is on and the one after it: %(possible)s.",
                {
                    "period": name[:40],
                    "title": budget.title,
                    "possible": ", ".join(one.shown for one in possible) or "–",
                },
            )
        )
    return found


def _counting(
    workbench: Workbench, tx: Transaction, budget: Budget, person: Person | None, of: Period | None
) -> list[Period | None]:
    """What a decision for ``of`` must be made for to count at once.

    From now on (None) is also for the periods, on or next, of which something else was
    decided alone before.
    """
    if of is not None:
        return [of]
    now = budget.periods.at(to_ms(workbench.clock()))
    pseudonym = person.pseudonym if person is not None else None
    alone = {one.period for one in tx.allotments.about(budget.id, pseudonym)}
    possible = (now, budget.periods.at(now.end_ms))
    return [None, *(one for one in possible if one.name in alone)]


def _named(of: Period | None) -> dict[str, str]:
    """The detail of an event that says for which period alone it was decided."""
    return {} if of is None else {"period": of.name}


def _granted(tx: Transaction, budget: Budget, period: Period) -> int:
    return -tx.ledger.accounts(budget.id, period.name, [GRANTED]).get(GRANTED, 0)


def _check_amount(ticks: int | None) -> None:
    if ticks is not None and ticks < 0:
        raise BudgetDecisionError(Message("An amount of GPU-hours cannot be below zero."))
    if ticks is not None and ticks > MOST_TICKS:
        raise BudgetDecisionError(Message("No budget can have that many GPU-hours."))


def _actor(by: Person | None) -> str:
    return by.pseudonym if by is not None else ROOT
