"""Use that is in the ledger without a session having run: days of it, in one statement."""

from __future__ import annotations

import secrets
from datetime import date, datetime, time, timedelta

from labwerk_hub.domain.budgets import Budget
from labwerk_hub.domain.ledger import (
    BY_ITSELF,
    FREE,
    Charged,
    Posting,
    PostingKind,
    charge_entries,
    charge_key,
)
from labwerk_hub.domain.metering import Usage, to_ms
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.periods import day_of
from labwerk_hub.services.budgets import known_or_gone
from labwerk_hub.services.openings import open_period
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.workbench import Workbench


def days_ago(workbench: Workbench, days: int) -> date:
    """The day so many days before the site's today."""
    return day_of(to_ms(workbench.clock()), workbench.policy.zone) - timedelta(days=days)


def spend(
    workbench: Workbench,
    tx: Transaction,
    person: Person,
    day: date,
    hours: float,
    *,
    payer: str = "institution/thr",
    rate: int = 24,
    flavour: str = "small",
    idle: float = 0.0,
) -> None:
    """A session of ``person`` ran at noon of ``day`` for so many hours, ``idle`` of it (a share).

    At ``rate`` ticks a second; 24 are a whole GPU. What the budget has not is over-use.
    """
    budget: Budget = known_or_gone(workbench, payer, person.institution)
    begins = datetime.combine(day, time(hour=12), workbench.policy.zone)
    start_ms, lasts_ms = to_ms(begins), int(hours * 3_600_000)
    period = budget.periods.at(start_ms)
    if period.is_open and not tx.ledger.accounts(budget.id, period.name, [FREE]):
        open_period(workbench, tx, budget, period)
    session = f"lw-{secrets.token_hex(6)}"
    usage = Usage(
        session=session,
        start_ms=start_ms,
        end_ms=start_ms + lasts_ms,
        ticks=rate * lasts_ms // 1000,
        period=period.name,
        day=day.isoformat(),
    )
    free = tx.ledger.accounts(budget.id, period.name, [FREE]).get(FREE, 0)
    tx.ledger.post(
        Posting(
            kind=PostingKind.CHARGE,
            key=charge_key(session, start_ms),
            made_ms=usage.end_ms,
            made_by=BY_ITSELF,
            entries=charge_entries(
                budget.id, usage, session, person.pseudonym, held_ticks=0, free_ticks=free
            ),
            session=session,
            charged=Charged(
                session=session,
                start_ms=start_ms,
                end_ms=usage.end_ms,
                idle_ms=int(lasts_ms * idle),
                flavour=flavour,
                institution=budget.institution,
                budget=budget.id,
                person=person.pseudonym,
                day=usage.day,
                first=True,
                first_of_month=True,
            ),
        )
    )
