"""Who pays for a running session, changed while it runs."""

from __future__ import annotations

from dataclasses import replace

from labwerk_hub.domain.admission import SHORTEST_SECONDS, Reason, Refusal
from labwerk_hub.domain.leases import Lease, LeaseState
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.texts import GpuHours, Message
from labwerk_hub.services import holds, metering
from labwerk_hub.services.budgets import open_now, purse_of
from labwerk_hub.services.lifetime import running, term_of
from labwerk_hub.services.offers import RefusedError, entitled, payer_of
from labwerk_hub.services.workbench import Workbench


def switch(workbench: Workbench, person_name: str, payer: str) -> Lease:
    """Let another budget pay from now on; what was used until now stays where it is charged.

    The session then lasts as long as one that starts now would, if the budget pays for it,
    and at least as long as it did if it pays for that. Raises RefusedError with the reason.
    """
    _meter(workbench, person_name)
    open_now(workbench)
    with workbench.database.writing() as tx:
        person, lease = running(tx, person_name)
        budget = payer_of(workbench, entitled(workbench, tx, person_name), payer, lease.payer)
        if budget.id == lease.payer and not lease.over_use:
            return lease
        holds.release(workbench, tx, lease)
        now_ms = max(to_ms(workbench.clock()), lease.metered_to_ms or 0)
        purse = purse_of(workbench, tx, person, budget)
        usual = term_of(workbench, person, lease).usual_seconds
        wanted = min(max(now_ms + usual * 1000, lease.ends_ms), lease.longest_ms)
        if rate := lease.ticks_per_second:
            paid = purse.pays_seconds(rate, now_ms)
            if paid < min(SHORTEST_SECONDS, (wanted - now_ms) // 1000):
                raise RefusedError(
                    Refusal(
                        Reason.BUDGET_USED_UP,
                        Message(
                            "“%(budget)s” has only %(left)s left for you, too little for "
                            "this session.",
                            {"budget": budget.title, "left": GpuHours(purse.balance.left)},
                        ),
                    )
                )
            wanted = min(wanted, now_ms + paid * 1000)
        tx.leases.set_payer(lease.session, budget.id, over_use=False)
        tx.leases.set_ends(lease.session, wanted)
        tx.leases.set_stopping(lease.session, None)
        moved = replace(lease, payer=budget.id, over_use=False, ends_ms=wanted, stopping=None)
        holds.hold(workbench, tx, moved, budget, now_ms, wanted)
        request = tx.people.last_request(person_name)
        if request is not None:
            tx.people.remember_request(person_name, replace(request, payer=budget.id))
    return moved


def _meter(workbench: Workbench, person_name: str) -> None:
    """Charge what ran until now to whoever paid for it."""
    with workbench.database.reading() as tx:
        leases = tx.leases.unended_of(person_name)
    for lease in leases:
        container = workbench.engine.session(lease.session)
        if lease.state is LeaseState.LIVE and container is not None:
            metering.meter(workbench, container, to_ms(workbench.clock()))
