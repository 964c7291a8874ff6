"""Budgets: periods opened, decisions made, and what is left to whom."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from labwerk_hub.domain.allotments import Allotment, granted_to, share_of
from labwerk_hub.domain.budgets import (
    Balance,
    Budget,
    BudgetKind,
    Purse,
    budget_id,
    carried_over,
)
from labwerk_hub.domain.entitlement import Entitlement, payers
from labwerk_hub.domain.ledger import (
    BY_ITSELF,
    CARRIED,
    FREE,
    GIVEN,
    GRANTED,
    Entry,
    Posting,
    PostingKind,
    held,
    move,
    used,
)
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.periods import Months, Period, day_of
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


def paying(workbench: Workbench, name: str, institution: str) -> Budget:
    """The budget that pays for a running session, even if it has left the settings since."""
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

    Periods must be open: see :func:`open_now`.
    """
    now_ms = to_ms(workbench.clock())
    period = budget.periods.at(now_ms)
    following = _following(workbench, budget, period, now_ms)
    return Purse(
        balance_in(tx, person, budget, period),
        balance_in(tx, person, budget, following) if following is not None else None,
    )


def balance_in(tx: Transaction, person: Person, budget: Budget, period: Period) -> Balance:
    """What a person has of a budget in a period."""
    own = used(person.pseudonym)
    sessions = [
        held(lease.session)
        for lease in tx.leases.unended_of(person.name)
        if lease.payer == budget.id
    ]
    found = tx.ledger.accounts(
        budget.id, period.name, [GRANTED, CARRIED, GIVEN, FREE, own, *sessions]
    )
    there_is = -found.get(GRANTED, 0) - found.get(CARRIED, 0) - found.get(GIVEN, 0)
    share = share_of(
        budget, person.pseudonym, period, tx.allotments.about(budget.id, person.pseudonym)
    )
    return Balance(
        budget=budget,
        period=period,
        granted=there_is if share is None else share,
        used=found.get(own, 0),
        held=sum(found.get(account, 0) for account in sessions),
        budget_left=found.get(FREE, 0),
    )


def open_now(workbench: Workbench, budgets: Sequence[Budget] | None = None) -> None:
    """Open the periods that are on, or about to begin, for ``budgets`` or for all of them.

    Where all are open this reads and writes nothing.
    """
    now_ms = to_ms(workbench.clock())
    opened = workbench.opened
    due: list[tuple[Budget, Period]] = []
    for budget in budgets if budgets is not None else workbench.catalogue.budgets.values():
        period = budget.periods.at(now_ms)
        following = _following(workbench, budget, period, now_ms)
        due += [
            (budget, wanted)
            for wanted in (period, following)
            if wanted is not None and wanted.is_open
            if (budget.id, wanted.name) not in opened.periods
            or (wanted is period and (budget.id, wanted.name) not in opened.carried)
        ]
    if not due:
        return
    with workbench.database.writing() as tx:
        for budget, period in due:
            open_period(workbench, tx, budget, period)
        carried = [
            (budget.id, period.name)
            for budget, period in due
            if period.start_ms <= now_ms and _carry(workbench, tx, budget, period)
        ]
    with opened.lock:
        opened.periods.update((budget.id, period.name) for budget, period in due)
        opened.carried.update(carried)


def open_period(
    workbench: Workbench, tx: Transaction, budget: Budget, period: Period, by: str = BY_ITSELF
) -> None:
    """Grant a budget what it is to have in a period, less or more as was decided since.

    What is used, held or given on cannot be taken away any more.
    """
    wanted = granted_to(budget, period, tx.allotments.about(budget.id, None))
    accounts = tx.ledger.accounts(budget.id, period.name, [GRANTED, FREE])
    missing = wanted + accounts.get(GRANTED, 0)
    if missing < 0:
        missing = -min(-missing, accounts.get(FREE, 0))
    entries: tuple[Entry, ...] = ()
    if budget.parent is not None and missing:
        # A budget that left the settings gives nothing.
        parent = workbench.catalogue.budgets.get(budget.parent)
        if parent is None:
            return
        from_ms = max(to_ms(workbench.clock()), period.start_ms)
        of = parent.periods.at(from_ms)
        if missing > 0:
            open_period(workbench, tx, parent, of, by)
            missing = min(missing, tx.ledger.accounts(parent.id, of.name, [FREE]).get(FREE, 0))
        entries += move(parent.id, of.name, FREE, GIVEN, missing)
    entries += move(budget.id, period.name, GRANTED, FREE, missing)
    if missing:
        number = tx.ledger.head().number + 1
        key = f"grant:{budget.id}:{period.name}:{number}"
        tx.ledger.post(Posting(PostingKind.GRANT, key, to_ms(workbench.clock()), by, entries))


def _carry(workbench: Workbench, tx: Transaction, budget: Budget, period: Period) -> bool:
    """Take over what the period before has left; whether there is no more to come of it.

    Not before everything that ran in it is charged.
    """
    before = budget.periods.before(period)
    if before is None or budget.carry_over == 0:
        return True
    key = f"carry:{budget.id}:{before.name}"
    if tx.ledger.has(key):
        return True
    behind = (
        lease.metered_to_ms if lease.metered_to_ms is not None else lease.intended_ms
        for lease in tx.leases.unended_paid_by(budget.id)
    )
    if any(reached < before.end_ms for reached in behind):
        return False
    accounts = tx.ledger.accounts(budget.id, before.name, [GRANTED, FREE])
    if GRANTED not in accounts:
        return True  # before there was such a budget
    ticks = carried_over(budget, accounts.get(FREE, 0))
    entries = move(budget.id, before.name, FREE, CARRIED, ticks)
    entries += move(budget.id, period.name, CARRIED, FREE, ticks)
    now_ms = to_ms(workbench.clock())
    tx.ledger.post(Posting(PostingKind.CARRY, key, now_ms, BY_ITSELF, entries))
    return True


def allot(
    workbench: Workbench,
    tx: Transaction,
    actor: str,
    budget: Budget,
    person: Person | None,
    ticks: int | None,
    period: Period | None = None,
) -> None:
    """Decide what a budget, or a person's share of it, is to be; None: as in the settings.

    For ``period`` alone, or from now on. ``actor`` is a pseudonym, or who else it was.
    """
    tx.allotments.add(
        Allotment(
            budget=budget.id,
            person=person.pseudonym if person is not None else None,
            period=period.name if period is not None else None,
            ticks=ticks,
            made_ms=to_ms(workbench.clock()),
            made_by=actor,
        )
    )
    if person is None:
        now_ms = to_ms(workbench.clock())
        current = budget.periods.at(now_ms)
        following = _following(workbench, budget, current, now_ms)
        for affected in {current, following, period} - {None}:
            assert affected is not None  # it was just taken out
            open_period(workbench, tx, budget, affected, actor)


def _following(workbench: Workbench, budget: Budget, period: Period, now_ms: int) -> Period | None:
    """The period after, where a session that starts now may run into it."""
    hours = max((flavour.longest_hours for flavour in workbench.catalogue.flavours), default=0)
    if period.end_ms > now_ms + hours * _HOUR_MS:
        return None
    return budget.periods.at(period.end_ms)


def institution_budget(institution: str) -> str:
    """The id of an institution's own budget."""
    return budget_id(BudgetKind.INSTITUTION, institution)
