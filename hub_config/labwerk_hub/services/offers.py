"""What a person may start: entitlement, balance and pool put before ``domain.admission``."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import timedelta

from labwerk_hub.domain.admission import Offer, Reason, Refusal, Rules, offers
from labwerk_hub.domain.entitlement import Entitlement, entitlement
from labwerk_hub.domain.gpu import Inventory
from labwerk_hub.domain.leases import Lease, LeaseState
from labwerk_hub.domain.ledger import Balance, budget_account, period_of, use_account
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.terms import groups_of
from labwerk_hub.domain.texts import Message
from labwerk_hub.errors import LabwerkError
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
            "%(person)s belongs to no institution of this workbench. "
            "Sign out and in again, or tell an operator.",
            {"person": person_name},
        ),
    )


def balance_of(workbench: Workbench, tx: Transaction, person: Person) -> Balance:
    """What is left to ``person`` in the current period."""
    period = period_of(workbench.clock(), workbench.policy.zone)
    budget = workbench.catalogue.budgets[person.institution]
    leases = tx.leases.unended()

    def held(of: Iterable[Lease]) -> int:
        return sum(lease.held_ticks() for lease in of)

    institution_used = -tx.ledger.total(budget_account(person.institution), period)
    institution_held = held(x for x in leases if x.institution == person.institution)
    return Balance(
        period=period,
        granted=budget.person_ticks,
        used=tx.ledger.total(use_account(person.name), period),
        held=held(x for x in leases if x.person == person.name),
        institution_left=budget.institution_ticks - institution_used - institution_held,
    )


def offers_to(
    workbench: Workbench, tx: Transaction, inventory: Inventory, person: Person, balance: Balance
) -> tuple[Offer, ...]:
    """What ``person`` may start now, as if they did not stand in line themselves."""
    pool = pool_of(workbench, tx, inventory, person).without(person.name)
    return offers(workbench.catalogue, pool, balance, rules_of(workbench, person))


def rules_of(workbench: Workbench, person: Person) -> Rules:
    """What decides how long the person's sessions last."""
    policy = workbench.policy
    return Rules(groups_of(person), policy.rules, policy.waiting.enabled)


def new_lease(workbench: Workbench, person: Person, offer: Offer) -> Lease:
    """The lease that ``offer`` promises, from now on."""
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
        longest_ms=to_ms(now + timedelta(seconds=offer.longest_seconds)),
    )
