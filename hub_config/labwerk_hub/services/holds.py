"""What running sessions hold and cost, booked: holds, charges, releases."""

from __future__ import annotations

from dataclasses import replace

from labwerk_hub.domain import idleness
from labwerk_hub.domain.budgets import Budget, parts
from labwerk_hub.domain.leases import Lease
from labwerk_hub.domain.ledger import (
    BY_ITSELF,
    FREE,
    Charged,
    Entry,
    Posting,
    PostingKind,
    back_key,
    charge_entries,
    charge_key,
    held,
    move,
    taken_back,
)
from labwerk_hub.domain.metering import Usage, ticks_between, to_ms
from labwerk_hub.services.budgets import paying
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.workbench import Workbench

_MONTH = len("2026-11")


def hold(
    workbench: Workbench, tx: Transaction, lease: Lease, budget: Budget, from_ms: int, to_ms_: int
) -> None:
    """Hold what a session costs from a moment to another, in the periods that it falls into.

    The caller has seen to it that the budget has as much; a part of a second that it has
    not is left to the charge.
    """
    entries: tuple[Entry, ...] = ()
    for part in parts(budget.periods, lease.ticks_per_second, from_ms, to_ms_):
        free = tx.ledger.accounts(budget.id, part.period.name, [FREE]).get(FREE, 0)
        ticks = max(0, min(part.ticks, free))
        entries += move(budget.id, part.period.name, FREE, held(lease.session), ticks)
    _post(workbench, tx, PostingKind.HOLD, lease, entries)


def release(
    workbench: Workbench, tx: Transaction, lease: Lease, before_ms: int | None = None
) -> None:
    """Give back all that is held for a session, or what is left of periods that have ended."""
    entries: tuple[Entry, ...] = ()
    for (budget, period), ticks in tx.ledger.held_for(lease.session).items():
        if before_ms is not None:
            rules = paying(workbench, tx, replace(lease, payer=budget)).periods
            now = rules.at(before_ms)
            if period in (now.name, rules.at(now.end_ms).name):
                continue
        entries += move(budget, period, held(lease.session), FREE, ticks)
    _post(workbench, tx, PostingKind.RELEASE, lease, entries)


def charge(workbench: Workbench, tx: Transaction, lease: Lease, usage: Usage) -> None:
    """Book one closed interval: once for each (session, start), or the database refuses it."""
    budget = paying(workbench, tx, lease)
    person = tx.people.by_name(lease.person)
    assert person is not None  # the lease table refers to it
    account = held(lease.session)
    found = tx.ledger.accounts(budget.id, usage.period, [FREE, account])
    entries = charge_entries(
        budget.id,
        usage,
        lease.session,
        person.pseudonym,
        held_ticks=found.get(account, 0),
        free_ticks=0 if lease.over_use else found.get(FREE, 0),
    )
    activity = tx.activities.get(lease.session)
    idle_ms = (
        idleness.idle_within(activity, usage.start_ms, usage.end_ms) if activity is not None else 0
    )
    is_start = usage.start_ms == lease.started_ms
    before = None
    if not is_start:
        before = tx.ledger.last_day_of(lease.session, budget.id, budget.institution)
    of = Charged(
        session=lease.session,
        start_ms=usage.start_ms,
        end_ms=usage.end_ms,
        idle_ms=idle_ms,
        flavour=lease.flavour,
        institution=budget.institution,
        budget=budget.id,
        person=person.pseudonym,
        day=usage.day,
        first=before != usage.day,
        first_of_month=before is None or before[:_MONTH] != usage.day[:_MONTH],
    )
    tx.ledger.post(
        Posting(
            kind=PostingKind.CHARGE,
            key=charge_key(lease.session, usage.start_ms),
            made_ms=to_ms(workbench.clock()),
            made_by=BY_ITSELF,
            entries=entries,
            session=lease.session,
            charged=of,
        )
    )


def take_back(workbench: Workbench, tx: Transaction, lease: Lease, until_ms: int) -> None:
    """Take back what was charged for a session beyond a moment, where it ended in truth.

    A clock that was ahead for a while, as the service read it, is what may have charged it.
    """
    started_ms = lease.started_ms
    assert started_ms is not None  # it ran
    for charge in tx.ledger.charges_beyond(lease.session, until_ms):
        of = charge.charged
        assert of is not None  # it is a charge
        start_ms = max(of.start_ms, until_ms)
        ticks = ticks_between(lease.ticks_per_second, started_ms, start_ms, of.end_ms)
        back, entries = taken_back(charge, until_ms, ticks)
        tx.ledger.post(
            Posting(
                kind=PostingKind.CHARGE,
                key=back_key(charge),
                made_ms=to_ms(workbench.clock()),
                made_by=BY_ITSELF,
                entries=entries,
                session=lease.session,
                charged=back,
            )
        )
        tx.leases.set_metered(lease.session, until_ms)


def _post(
    workbench: Workbench,
    tx: Transaction,
    kind: PostingKind,
    lease: Lease,
    entries: tuple[Entry, ...],
) -> None:
    if not entries:
        return
    number = tx.ledger.head().number + 1
    key = f"{kind.value}:{lease.session}:{number}"
    now_ms = to_ms(workbench.clock())
    tx.ledger.post(Posting(kind, key, now_ms, BY_ITSELF, entries, session=lease.session))
