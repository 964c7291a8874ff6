"""The way of one session, on one page.

``start_page`` shows what may be started; ``admit`` checks the same offers again and takes
the lease in one transaction; ``begun`` and ``ended`` follow the engine. What is charged
in between is ``metering``.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from labwerk_hub.domain.admission import (
    HeldSlice,
    Offer,
    Reason,
    Refusal,
    Request,
    find,
    offers,
)
from labwerk_hub.domain.container import ContainerSpec, Folders, container_spec
from labwerk_hub.domain.entitlement import Entitlement, entitlement
from labwerk_hub.domain.gpu import Inventory
from labwerk_hub.domain.leases import EndReason, Lease, LeaseState
from labwerk_hub.domain.ledger import Balance, budget_account, period_of, use_account
from labwerk_hub.domain.metering import from_ms, to_ms
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.texts import Message
from labwerk_hub.errors import LabwerkError
from labwerk_hub.services import metering
from labwerk_hub.services.ports import ContainerState, Transaction, Workbench


class RefusedError(LabwerkError):
    """A start that is not granted; ``refusal`` says why, for the person to read."""

    code = "refused"

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message.msgid % refusal.message.params)
        self.refusal = refusal


@dataclass(frozen=True)
class StartPage:
    """What the start page shows a person."""

    person: Person
    balance: Balance
    offers: tuple[Offer, ...]
    last: Request | None


@dataclass(frozen=True)
class Granted:
    """A lease that was taken and the container it is for."""

    lease: Lease
    spec: ContainerSpec


def start_page(workbench: Workbench, person_name: str) -> StartPage:
    """What ``person_name`` may start now. Raises RefusedError for nobody we know."""
    inventory = workbench.inventory.read()
    with workbench.database.reading() as tx:
        who = _entitled(workbench, tx, person_name)
        balance = balance_of(workbench, tx, who.person)
        return StartPage(
            person=who.person,
            balance=balance,
            offers=_offers(workbench, tx, inventory, balance),
            last=tx.people.last_request(person_name),
        )


def admit(
    workbench: Workbench, person_name: str, request: Request, language: str | None = None
) -> Granted:
    """Grant ``request``: a lease taken and folders made, ready for the engine.

    The offer is looked up in the transaction that takes the lease, so two people who
    race for the last slice get one lease and one refusal. Raises RefusedError with the
    reason, StorageError if a folder could not be made (the lease is given back then).
    """
    clear_leftovers(workbench, person_name)
    inventory = workbench.inventory.read()
    with workbench.database.writing() as tx:
        who = _entitled(workbench, tx, person_name)
        if tx.leases.unended_of(person_name):
            raise RefusedError(
                Refusal(
                    Reason.ALREADY_RUNNING,
                    Message("You have a session already. Stop it before you start another."),
                )
            )
        balance = balance_of(workbench, tx, who.person)
        found = find(_offers(workbench, tx, inventory, balance), request)
        if isinstance(found, Refusal):
            raise RefusedError(found)
        lease = _lease(workbench, who.person, found)
        tx.leases.add(lease)
        tx.people.remember_request(person_name, request)
    try:
        folders = _folders(workbench, who, lease.session)
    except LabwerkError:
        ended(workbench, lease.session, EndReason.FAILED)
        raise
    assert found.image.tag is not None  # an offer without a built image is refused
    spec = container_spec(
        session=lease.session,
        instance=workbench.policy.instance,
        image_tag=found.image.tag,
        flavour=found.flavour,
        slice_=lease.slice,
        inventory=inventory,
        entitlement=who,
        folders=folders,
        limits=workbench.policy.limits,
        service_url=workbench.policy.service_url,
        language=language or who.person.locale or workbench.policy.language,
        timezone=workbench.policy.zone.key,
    )
    return Granted(lease, spec)


def begun(workbench: Workbench, session: str) -> None:
    """The engine runs the container: the lease is live from the engine's start time on."""
    container = workbench.engine.session(session)
    if container is not None and container.started_ms is not None:
        with workbench.database.writing() as tx:
            lease = tx.leases.get(session)
            if lease is not None and lease.state is LeaseState.INTENDED:
                tx.leases.set_live(session, container.started_ms)


def ended(workbench: Workbench, session: str, reason: EndReason) -> None:
    """Stop a session for good: inspect, close the interval, remove.

    In this order, so that a crash in between loses no charge: the next call, or the
    service's reading of the engine, goes on where this one stopped. Stands there being
    no container and no lease.
    """
    workbench.engine.stop(session)
    container = workbench.engine.session(session)
    with workbench.database.writing() as tx:
        metering.close(workbench, tx, session, container, reason)
    # Last, since the container is what a later reading finds an unfinished end by.
    workbench.storage.close_data(session)
    workbench.engine.remove(session)


def last_request(workbench: Workbench, person_name: str) -> Request:
    """What the person started last. Raises RefusedError if there is no such thing."""
    with workbench.database.reading() as tx:
        last = tx.people.last_request(person_name)
    if last is None:
        raise RefusedError(
            Refusal(
                Reason.UNKNOWN_CHOICE,
                Message("Please choose on the start page what to start."),
            )
        )
    return last


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


def _entitled(workbench: Workbench, tx: Transaction, person_name: str) -> Entitlement:
    person = tx.people.by_name(person_name)
    try:
        if person is not None:
            return entitlement(person, workbench.catalogue)
    except KeyError:
        pass  # the institution has left the settings
    raise RefusedError(
        Refusal(
            Reason.NOT_ENTITLED,
            Message(
                "%(person)s belongs to no institution of this workbench. "
                "Sign out and in again, or tell an operator.",
                {"person": person_name},
            ),
        )
    )


def _offers(
    workbench: Workbench, tx: Transaction, inventory: Inventory, balance: Balance
) -> tuple[Offer, ...]:
    held = [
        HeldSlice(lease.slice, from_ms(lease.ends_ms))
        for lease in tx.leases.unended()
        if lease.slice is not None
    ]
    return offers(workbench.catalogue, inventory, held, balance)


def _lease(workbench: Workbench, person: Person, offer: Offer) -> Lease:
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
        ends_ms=to_ms(now + timedelta(seconds=offer.longest_seconds)),
    )


def _folders(workbench: Workbench, who: Entitlement, session: str) -> Folders:
    storage = workbench.storage
    return Folders(
        home=storage.prepare_home(who.person),
        projects={p.name: storage.prepare_project(p.name) for p in who.projects},
        data=storage.open_data(session, who.datasets),
    )


def clear_leftovers(workbench: Workbench, person_name: str) -> None:
    """End what an interrupted start or stop of this person has left behind.

    The hub asks for a start only when it runs no server for the person, so whatever
    stands on the engine under their name is a leftover of a crash.
    """
    with workbench.database.reading() as tx:
        leftovers = tx.leases.unended_of(person_name)
    for lease in leftovers:
        container = workbench.engine.session(lease.session)
        running = container is not None and container.state is ContainerState.RUNNING
        reason = EndReason.ORPHANED if running else EndReason.FAILED
        ended(workbench, lease.session, reason)
