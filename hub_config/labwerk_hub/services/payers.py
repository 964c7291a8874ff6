"""Who pays for a session, changed after its start was granted."""

from __future__ import annotations

from dataclasses import replace

from labwerk_hub.domain.admission import SHORTEST_SECONDS, Reason, Refusal
from labwerk_hub.domain.budgets import Budget
from labwerk_hub.domain.events import LABWERK
from labwerk_hub.domain.leases import Lease, LeaseState
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.texts import GpuHours, Message
from labwerk_hub.services import audit, holds, metering
from labwerk_hub.services.budgets import known_or_gone, purse_of
from labwerk_hub.services.lifetime import (
    AT_THE_END,
    behind,
    claimed_ms,
    is_used_up,
    running,
    term_of,
)
from labwerk_hub.services.offers import RefusedError, entitled, payer_of
from labwerk_hub.services.openings import open_now
from labwerk_hub.services.pool import inventory_of, pool_of
from labwerk_hub.services.ports import ContainerState
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.workbench import Workbench


def switch(workbench: Workbench, person_name: str, payer: str) -> Lease:
    """Let another budget pay from now on; what was used until now stays where it is charged.

    The session then lasts as long as one that starts now would, as far as the budget pays
    for it and nobody waits for its slice or is promised it, and as long as it did at least.
    Raises RefusedError with the reason.
    """
    _meter(workbench, person_name)
    inventory = inventory_of(workbench, fresh=True)
    open_now(workbench)
    with workbench.database.writing() as tx:
        person, lease = running(tx, person_name)
        budget = payer_of(workbench, entitled(workbench, tx, person_name), payer, lease.payer)
        if budget.id == lease.payer and not lease.over_use:
            return lease
        pool = pool_of(workbench, tx, inventory, person)
        wanted_ms = pool.now_ms + term_of(workbench, person, lease).usual_seconds * 1000
        wanted_ms = min(wanted_ms, lease.longest_ms, claimed_ms(pool, lease))
        if behind(pool, lease):
            wanted_ms = 0
        since_ms = max(lease.metered_to_ms or 0, lease.started_ms or 0)
        moved = rebook(
            workbench, tx, person, lease, budget, since_ms, max(wanted_ms, lease.ends_ms)
        )
        if lease.stopping in AT_THE_END and moved.ends_ms > pool.now_ms:
            tx.leases.set_stopping(lease.session, None)
        audit.payer_changed(workbench, tx, lease, budget.id, by=person.pseudonym)
        request = tx.people.last_request(person_name)
        if request is not None:
            tx.people.remember_request(person_name, replace(request, payer=budget.id))
    return moved


def pay_again(workbench: Workbench, lease: Lease) -> None:
    """Let its budget pay again for a session that runs without, once it has enough for it."""
    if not lease.over_use:
        return
    with workbench.database.reading() as tx:
        person = tx.people.by_name(lease.person)
        if person is None or _has_enough(workbench, tx, person, lease, lease.ends_ms) is None:
            return  # so that nobody is kept from writing
    with workbench.database.writing() as tx:
        current, person = tx.leases.get(lease.session), tx.people.by_name(lease.person)
        if current is None or current.state is not LeaseState.LIVE or person is None:
            return
        paid_again(workbench, tx, person, current, current.ends_ms, by=LABWERK)


def paid_again(
    workbench: Workbench,
    tx: Transaction,
    person: Person,
    lease: Lease,
    until_ms: int,
    *,
    by: str,
) -> None:
    """Let its budget pay again for a session that runs without: until a moment, or not at all.

    It does if it has enough until then and may still pay for the person, and pays for all
    that is not charged yet. ``by`` (a pseudonym) is whose doing it is.
    """
    budget = _has_enough(workbench, tx, person, lease, until_ms)
    if budget is not None:
        rebook(workbench, tx, person, lease, budget, _charged_ms(workbench, lease), until_ms)
        audit.payer_changed(workbench, tx, lease, budget.id, by=by)


def go_on_without(workbench: Workbench, lease: Lease) -> None:
    """Let a session whose budget is used up go on without, where that is allowed.

    That is while nobody waits for its slice or is promised it.
    """
    now_ms = to_ms(workbench.clock())
    budget = workbench.catalogue.budgets.get(lease.payer)
    if lease.over_use or lease.ends_ms > now_ms or budget is None or not budget.over_use:
        return
    inventory = inventory_of(workbench)
    with workbench.database.writing() as tx:
        current, person = tx.leases.get(lease.session), tx.people.by_name(lease.person)
        if current is None or current.state is not LeaseState.LIVE or person is None:
            return
        pool = pool_of(workbench, tx, inventory, person)
        usual_ms = term_of(workbench, person, current).usual_seconds * 1000
        until_ms = min(now_ms + usual_ms, current.longest_ms, claimed_ms(pool, current))
        if (
            current.ends_ms <= now_ms < until_ms
            and is_used_up(workbench, tx, person, current)
            and not behind(pool, current)
            and may_go_without(workbench, tx, current)
        ):
            holds.release(workbench, tx, current)
            tx.leases.set_payer(current.session, budget.id, budget.institution, over_use=True)
            tx.leases.set_ends(current.session, until_ms)
            audit.payer_changed(workbench, tx, current, budget.id, by=LABWERK, over_use=True)


def no_payer(workbench: Workbench, tx: Transaction, lease: Lease) -> Refusal | None:
    """Why the budget of a session may pay for its person no more; None if it still may."""
    try:
        payer_of(workbench, entitled(workbench, tx, lease.person), lease.payer, "")
    except RefusedError as error:
        if error.refusal.reason is not Reason.UNKNOWN_PAYER:
            return error.refusal
        budget = known_or_gone(workbench, lease.payer, lease.paid_by or lease.institution)
        return Refusal(
            Reason.UNKNOWN_PAYER,
            Message(
                "“%(budget)s” does not pay for you any more. "
                "Choose another budget for this session.",
                {"budget": budget.title},
            ),
        )
    return None


def may_go_without(workbench: Workbench, tx: Transaction, lease: Lease) -> bool:
    """Whether a session may run although its budget is used up, as one that starts now might."""
    budget = workbench.catalogue.budgets.get(lease.payer)
    return (
        budget is not None
        and budget.over_use
        and budget.periods.at(to_ms(workbench.clock())).is_open
        and no_payer(workbench, tx, lease) is None
    )


def pays_until(
    workbench: Workbench, tx: Transaction, person: Person, lease: Lease, until_ms: int
) -> bool:
    """Whether its budget can pay again for a session without until then: see `paid_again`."""
    return _has_enough(workbench, tx, person, lease, until_ms) is not None


def _has_enough(
    workbench: Workbench, tx: Transaction, person: Person, lease: Lease, until_ms: int
) -> Budget | None:
    """The budget of a session that runs without, if it pays until a moment and still may.

    None as well for one that costs nothing, or is paid for.
    """
    if not lease.over_use or not lease.ticks_per_second or until_ms <= to_ms(workbench.clock()):
        return None
    try:
        budget = payer_of(workbench, entitled(workbench, tx, lease.person), lease.payer, "")
    except RefusedError:
        return None  # it has left the settings, or is not theirs any more
    since_ms = _charged_ms(workbench, lease)
    purse = purse_of(workbench, tx, person, budget)
    paid_ms = purse.pays_seconds(lease.ticks_per_second, since_ms) * 1000
    return budget if paid_ms >= until_ms - since_ms else None


def _charged_ms(workbench: Workbench, lease: Lease) -> int:
    """Up to when what a session costs is charged; now, if nothing was yet."""
    return lease.metered_to_ms if lease.metered_to_ms is not None else to_ms(workbench.clock())


def rebook(
    workbench: Workbench,
    tx: Transaction,
    person: Person,
    lease: Lease,
    budget: Budget,
    since_ms: int,
    until_ms: int,
) -> Lease:
    """Let ``budget`` pay for a lease from a moment until another, or as long as it can.

    Raises RefusedError if it cannot pay for even the shortest session.
    """
    holds.release(workbench, tx, lease)
    if rate := lease.ticks_per_second:
        purse = purse_of(workbench, tx, person, budget)
        paid_seconds = purse.pays_seconds(rate, since_ms)
        now_ms = to_ms(workbench.clock())
        wanted_seconds = max(0, until_ms - since_ms) // 1000
        if until_ms <= now_ms or paid_seconds < min(SHORTEST_SECONDS, wanted_seconds):
            raise RefusedError(_too_little(budget, purse.balance.left, is_over=until_ms <= now_ms))
        until_ms = min(until_ms, since_ms + paid_seconds * 1000)
    tx.leases.set_payer(lease.session, budget.id, budget.institution, over_use=False)
    tx.leases.set_ends(lease.session, until_ms)
    moved = replace(
        lease, payer=budget.id, paid_by=budget.institution, over_use=False, ends_ms=until_ms
    )
    holds.hold(workbench, tx, moved, budget, since_ms, until_ms)
    return moved


def _too_little(budget: Budget, left: int, *, is_over: bool) -> Refusal:
    if is_over:
        return Refusal(
            Reason.OTHERS_WAIT,
            Message("The session cannot be extended while others wait for its slice."),
        )
    return Refusal(
        Reason.BUDGET_USED_UP,
        Message(
            "“%(budget)s” has only %(left)s left for you, too little for this session.",
            {"budget": budget.title, "left": GpuHours(left)},
        ),
    )


def _meter(workbench: Workbench, person_name: str) -> None:
    """Charge what ran until now to whoever paid for it.

    Raises RefusedError if what is to be paid for does not run any more.
    """
    now_ms = to_ms(workbench.clock())  # before the engine is asked: nobody pays for that
    with workbench.database.reading() as tx:
        leases = tx.leases.unended_of(person_name)
    for lease in leases:
        if lease.state is not LeaseState.LIVE:
            continue
        container = workbench.engine.session(lease.session)
        if container is None or container.state is not ContainerState.RUNNING:
            raise RefusedError(
                Refusal(Reason.NOT_RUNNING, Message("No session of yours is running."))
            )
        metering.meter(workbench, container, now_ms, exactly=True)
