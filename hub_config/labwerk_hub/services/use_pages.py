"""What a person used, by day, budget and flavour, and what there is left for them."""

from __future__ import annotations

from typing import ClassVar

from labwerk_hub.domain.allotments import share_of
from labwerk_hub.domain.budget_rights import administers
from labwerk_hub.domain.budgets import Budget
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.statement import Month
from labwerk_hub.domain.texts import Message
from labwerk_hub.errors import UnknownPersonError
from labwerk_hub.services.budget_rights import NotAllowedError, is_operator
from labwerk_hub.services.budget_views import payer_view
from labwerk_hub.services.budgets import payers_of, purse_of, today
from labwerk_hub.services.offers import payer_of
from labwerk_hub.services.openings import open_now
from labwerk_hub.services.people import entitlement_of
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.use_sums import (
    burn_down_view,
    by_day,
    days_needed,
    days_of,
    flavours_of,
    lines_of,
    payers_in,
    total_of,
    used_view,
)
from labwerk_hub.services.use_views import MyUse, OwnBudget
from labwerk_hub.services.workbench import Workbench
from labwerk_hub.texts import SaidError

#: Before every month of which there is any use.
_FIRST = "2000-01"


class UnknownMonthError(SaidError):
    """A month that cannot be shown, or a budget's period that there is not."""

    code: ClassVar[str] = "unknown-month"


def of_person(
    workbench: Workbench,
    viewer: Person | None,
    name: str,
    month: str | None = None,
    language: str | None = None,
) -> MyUse:
    """What the person of a hub user name used in a month such as ``2026-11`` (None: this one).

    People see their own; administrators that of their institution's people, operators and
    commands (viewer None) everybody's. Raises UnknownPersonError, NotAllowedError,
    UnknownMonthError.
    """
    wanted, this = month_of(workbench, month), Month.of(today(workbench))
    open_now(workbench)
    with workbench.database.reading() as tx:
        person = tx.people.by_name(name)
        _require_see(viewer, person)
        if person is None or not person.pseudonym:
            raise UnknownPersonError(f"Nobody called {name!r} has signed in here.")
        spoken = language or (viewer or person).locale or workbench.policy.language
        # A clock that was ahead may have charged for months to come.
        months = {one.span for one in tx.usage.of_person(person.pseudonym, _FIRST, this.name)}
        whole = tx.usage.of_person(person.pseudonym, wanted.name, wanted.name)
        first, last = wanted.first_day.isoformat(), wanted.last_day.isoformat()
        days = tx.usage.of_person(person.pseudonym, first, last)
        budgets = _own_budgets(workbench, tx, person, spoken)
    return MyUse(
        name=person.name,
        display_name=person.display_name,
        month=wanted.name,
        months=tuple(sorted(months | {this.name, wanted.name}, reverse=True)),
        total=used_view(total_of(whole)),
        days=days_of(days),
        lines=lines_of(workbench, days, spoken),
        payers=payers_in(workbench, whole, spoken),
        flavours=flavours_of(workbench, whole, spoken),
        budgets=budgets,
        at=workbench.clock(),
    )


def month_of(workbench: Workbench, text: str | None) -> Month:
    """The month that is meant; this one for None. Raises UnknownMonthError, also for later ones."""
    if text is None:
        return Month.of(today(workbench))
    try:
        month = Month.parse(text)
    except ValueError:
        raise UnknownMonthError(
            Message("“%(month)s” is no month; write it like 2026-11.", {"month": text[:20]})
        ) from None
    if month.first_day > today(workbench):
        raise UnknownMonthError(
            Message("%(month)s has not begun; choose a month that has.", {"month": month.name})
        )
    return month


def _require_see(viewer: Person | None, person: Person | None) -> None:
    if is_operator(viewer):
        return
    assert viewer is not None  # nothing is hidden from a command
    if person is not None and (
        viewer.name == person.name or administers(viewer, person.institution)
    ):
        return
    if administers(viewer, viewer.institution):
        raise NotAllowedError(Message("You may see the use of your institution's people alone."))
    raise NotAllowedError(Message("You may see your own use alone."))


def _own_budgets(
    workbench: Workbench, tx: Transaction, person: Person, language: str
) -> tuple[OwnBudget, ...]:
    """The budgets that may pay for somebody now; none once their institution has left."""
    try:
        who = entitlement_of(workbench, person)
    except KeyError:
        return ()
    possible = payers_of(workbench, who)
    last = tx.people.last_request(person.name)
    chosen = payer_of(workbench, who, "", last.payer if last else "").id if possible else ""
    return tuple(_own_budget(workbench, tx, person, one, chosen, language) for one in possible)


def _own_budget(
    workbench: Workbench,
    tx: Transaction,
    person: Person,
    budget: Budget,
    chosen: str,
    language: str,
) -> OwnBudget:
    purse = purse_of(workbench, tx, person, budget)
    period = purse.balance.period
    decided = tx.allotments.about(budget.id, person.pseudonym)
    is_shared = share_of(budget, person.pseudonym, period, decided) is None
    days = days_needed(workbench, period)
    granted = purse.balance.granted
    if is_shared:
        sums = tx.usage.of_budget(budget.id, *days)
    else:
        own = tx.usage.of_person(person.pseudonym, *days)
        sums = [one for one in own if one.budget == budget.id]
        granted = min(granted, purse.balance.reach)
    return OwnBudget(
        payer=payer_view(purse, chosen, workbench.catalogue, language),
        is_shared=is_shared,
        is_short=not is_shared and granted < purse.balance.granted,
        burn_down=burn_down_view(workbench, granted, by_day(sums), period),
    )
