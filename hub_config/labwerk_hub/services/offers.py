"""What a person may start: entitlement, balance and pool put before ``domain.admission``."""

from __future__ import annotations

import secrets
from datetime import timedelta

from labwerk_hub.domain.admission import Offer, Reason, Refusal, Rules, offers
from labwerk_hub.domain.budgets import Budget
from labwerk_hub.domain.entitlement import Entitlement, entitlement
from labwerk_hub.domain.gpu import Inventory
from labwerk_hub.domain.leases import Lease, LeaseState
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.terms import groups_of
from labwerk_hub.domain.texts import Message
from labwerk_hub.errors import LabwerkError
from labwerk_hub.services.budgets import payers_of, purse_of
from labwerk_hub.services.holds import hold
from labwerk_hub.services.pool import pool_of
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.workbench import Workbench


class RefusedError(LabwerkError):
    """A start that is not granted; ``refusal`` says why, for the person to read."""

    code = "refused"

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message.msgid % refusal.message.params)
        self.refusal = refusal


def entitled(workbench: Workbench, tx: Transaction, person_name: str) -> Entitlement:
    """What ``person_name`` may use. Raises RefusedError if they belong nowhere here."""
    person = tx.people.by_name(person_name)
    try:
        if person is not None:
            return entitlement(person, workbench.catalogue)
    except KeyError:
        pass  # the institution has left the settings
    raise RefusedError(not_entitled(person_name))


def not_entitled(person_name: str) -> Refusal:
    """That somebody belongs to no institution here, or to none any more."""
    return Refusal(
        Reason.NOT_ENTITLED,
        Message(
            "%(person)s belongs to no institution that takes part here. "
            "Sign out and in again, or tell an operator.",
            {"person": person_name},
        ),
    )


def payer_of(workbench: Workbench, who: Entitlement, wanted: str, last: str) -> Budget:
    """The budget that pays: ``wanted``, or without one the ``last`` that did if it still may.

    Else it is the institution's. Raises RefusedError for a budget that may not.
    """
    possible = payers_of(workbench, who)
    by_name = {budget.id: budget for budget in possible}
    if wanted and wanted not in by_name:
        raise RefusedError(
            Refusal(
                Reason.UNKNOWN_PAYER,
                Message(
                    "There is no budget “%(budget)s” that may pay for you. "
                    "Please choose from the page.",
                    {"budget": wanted[:40]},
                ),
            )
        )
    if not possible:
        raise RefusedError(not_entitled(who.person.name))
    return by_name.get(wanted or last, possible[0])


def offers_to(
    workbench: Workbench, tx: Transaction, inventory: Inventory, person: Person, budget: Budget
) -> tuple[Offer, ...]:
    """What ``person`` may start now at a budget's cost, as if they did not stand in line."""
    pool = pool_of(workbench, tx, inventory, person).without(person.name)
    purse = purse_of(workbench, tx, person, budget)
    return offers(workbench.catalogue, pool, purse, rules_of(workbench, person))


def rules_of(workbench: Workbench, person: Person) -> Rules:
    """What decides how long the person's sessions last."""
    policy = workbench.policy
    return Rules(groups_of(person), policy.rules, policy.waiting.enabled)


def new_lease(workbench: Workbench, person: Person, offer: Offer, budget: Budget) -> Lease:
    """The lease that ``offer`` promises at a budget's cost, from now on."""
    now = workbench.clock()
    return Lease(
        session=f"lw-{secrets.token_hex(6)}",
        person=person.name,
        institution=person.institution,
        flavour=offer.flavour.name,
        image=offer.image.name,
        slice=offer.slice,
        ticks_per_second=offer.ticks_per_second,
        state=LeaseState.INTENDED,
        intended_ms=to_ms(now),
        ends_ms=to_ms(now + timedelta(seconds=offer.usual_seconds)),
        longest_ms=to_ms(now + timedelta(seconds=offer.allowed_seconds)),
        payer=budget.id,
        paid_by=budget.institution,
        over_use=offer.over_use,
    )


def take_lease(
    workbench: Workbench, tx: Transaction, person: Person, offer: Offer, budget: Budget
) -> Lease:
    """Take the lease that ``offer`` promises, and hold what it costs until its first end."""
    lease = new_lease(workbench, person, offer, budget)
    tx.leases.add(lease)
    if not lease.over_use:
        hold(workbench, tx, lease, budget, lease.intended_ms, lease.ends_ms)
    return lease
