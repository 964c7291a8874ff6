"""Budgets: who may pay, and what is left to whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from labwerk_hub.domain.allotments import share_of
from labwerk_hub.domain.budgets import (
    Balance,
    Budget,
    BudgetKind,
    Purse,
)
from labwerk_hub.domain.entitlement import Entitlement, payers
from labwerk_hub.domain.leases import Lease
from labwerk_hub.domain.ledger import (
    CARRIED,
    FREE,
    GIVEN,
    GRANTED,
    held,
    over,
    used,
)
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.periods import Always, Months, Period, day_of
from labwerk_hub.domain.texts import Localized
from labwerk_hub.errors import LabwerkError
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.workbench import Workbench

_HOUR_MS = 3_600_000


class UnknownBudgetError(LabwerkError):
    """There is no budget of that name."""

    code = "unknown-budget"


def budget_of(workbench: Workbench, name: str) -> Budget:
    """The budget of an id such as ``project/rotor``. Raises UnknownBudgetError."""
    try:
        return workbench.catalogue.budgets[name]
    except KeyError:
        known = ", ".join(workbench.catalogue.budgets) or "none"
        raise UnknownBudgetError(f"There is no budget {name!r}; there are {known}.") from None


def paying(workbench: Workbench, tx: Transaction, lease: Lease) -> Budget:
    """The budget that pays for a session, even if it has left the settings since.

    What is still held for the session goes on being used then, in the period it is held in.
    """
    found = known_or_gone(workbench, lease.payer, lease.paid_by or lease.institution)
    if found.id in workbench.catalogue.budgets:
        return found
    held_in = [period for (of, period) in tx.ledger.held_for(lease.session) if of == lease.payer]
    return replace(found, periods=Always(held_in[0])) if len(held_in) == 1 else found


def known_or_gone(workbench: Workbench, name: str, institution: str) -> Budget:
    """The budget of an id; one that has left the settings by its name, paid by ``institution``."""
    known = workbench.catalogue.budgets.get(name)
    if known is not None:
        return known
    kind, _, own = name.partition("/")
    return Budget(
        kind=BudgetKind(kind) if kind in list(BudgetKind) else BudgetKind.INSTITUTION,
        name=own or institution,
        title=Localized.same(own or institution),
        institution=institution,
        ticks=0,
        person_ticks=None,
        periods=Months(workbench.policy.zone),
    )


def today(workbench: Workbench) -> date:
    """The calendar's day at the site."""
    return day_of(to_ms(workbench.clock()), workbench.policy.zone)


def payers_of(workbench: Workbench, who: Entitlement) -> tuple[Budget, ...]:
    """The budgets that may pay for a person's session; their institution's comes first."""
    return payers(who, workbench.catalogue.budgets, today(workbench))


def purse_of(workbench: Workbench, tx: Transaction, person: Person, budget: Budget) -> Purse:
    """What a budget has for a person now and, near its end, in the period after.

    Periods must be open: see :func:`labwerk_hub.services.openings.open_now`.
    """
    now_ms = to_ms(workbench.clock())
    period = budget.periods.at(now_ms)
    following = following_of(workbench, budget, period, now_ms)
    return Purse(
        balance_in(tx, person, budget, period),
        balance_in(tx, person, budget, following) if following is not None else None,
    )


def balance_in(tx: Transaction, person: Person, budget: Budget, period: Period) -> Balance:
    """What a person has of a budget in a period.

    What they used without budget takes nothing of their share, but for what an earlier
    version booked to ``over``, the account of nobody in particular: entries are never
    changed, so that it goes on taking from the share until its period ends.
    """
    own, without = used(person.pseudonym), over(person.pseudonym)
    sessions = [
        held(lease.session)
        for lease in tx.leases.unended_of(person.name)
        if lease.payer == budget.id
    ]
    found = tx.ledger.accounts(
        budget.id, period.name, [GRANTED, CARRIED, GIVEN, FREE, own, without, *sessions]
    )
    there_is = -found.get(GRANTED, 0) - found.get(CARRIED, 0) - found.get(GIVEN, 0)
    share = share_of(
        budget, person.pseudonym, period, tx.allotments.about(budget.id, person.pseudonym)
    )
    return Balance(
        budget=budget,
        period=period,
        granted=there_is if share is None else share,
        used=found.get(own, 0) + found.get(without, 0),
        held=sum(found.get(account, 0) for account in sessions),
        budget_left=found.get(FREE, 0),
    )


def following_of(
    workbench: Workbench, budget: Budget, period: Period, now_ms: int
) -> Period | None:
    """The period after, where a session that starts now may run into it."""
    longest = [flavour.longest_hours for flavour in workbench.catalogue.flavours]
    longest += [rule.longest_hours or 0 for rule in workbench.policy.rules]
    hours = max(longest, default=0)
    if period.end_ms > now_ms + hours * _HOUR_MS:
        return None
    return budget.periods.at(period.end_ms)
