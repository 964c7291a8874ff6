"""The way of one session, on one page.

``start_page`` shows what may be started; ``admit`` checks the same offers again and takes
the lease (or a place in line) in one transaction; ``begun`` and ``ended`` follow the engine.
What is charged in between is ``metering``, how long it lasts is ``lifetime``.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from labwerk_hub.domain.admission import Offer, Reason, Refusal, Request, find
from labwerk_hub.domain.budgets import Budget, Purse
from labwerk_hub.domain.container import ContainerSpec, Folders, container_spec
from labwerk_hub.domain.entitlement import Entitlement
from labwerk_hub.domain.gpu import Inventory
from labwerk_hub.domain.leases import EndReason, Lease, LeaseState
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.texts import Message
from labwerk_hub.domain.waiting import Ticket, TicketState
from labwerk_hub.errors import GpuBusyError, GpuFaultError, LabwerkError
from labwerk_hub.services import audit, metering, payers, waiting
from labwerk_hub.services.budgets import payers_of, purse_of
from labwerk_hub.services.offers import (
    RefusedError,
    entitled,
    offers_to,
    payer_of,
    take_lease,
)
from labwerk_hub.services.openings import open_now
from labwerk_hub.services.pool import inventory_of
from labwerk_hub.services.ports import ContainerState
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.workbench import Workbench

_log = logging.getLogger(__name__)
#: Longer than a driver may take to destroy an instance; then somebody else tries again.
_RELEASE_TAKES_MS = 60_000
#: Ends after which somebody whose turn had come keeps their place in line.
_NOT_THEIR_FAULT = (EndReason.FAILED, EndReason.ORPHANED, EndReason.EXPIRED)


class WaitingError(LabwerkError):
    """Nothing was free; the person stands in line now with ``ticket``."""

    code = "waiting"

    def __init__(self, ticket: Ticket) -> None:
        super().__init__(f"{ticket.person} waits for {ticket.flavour} with {ticket.id}.")
        self.ticket = ticket


class LeaseGoneError(LabwerkError):
    """A container was to be started whose lease does not stand any more."""

    code = "lease-gone"


class WrongDeviceError(LabwerkError):
    """A container sees other GPU devices than its lease is for."""

    code = "wrong-device"


@dataclass(frozen=True)
class StartPage:
    """What the start page shows a person; ``purse`` is what pays, ``purses`` are all that may."""

    person: Person
    purse: Purse
    purses: tuple[Purse, ...]
    offers: tuple[Offer, ...]
    last: Request | None


@dataclass(frozen=True)
class Granted:
    """A lease that was taken and the container it is for."""

    lease: Lease
    spec: ContainerSpec


def start_page(workbench: Workbench, person_name: str, payer: str = "") -> StartPage:
    """What ``person_name`` may start now if ``payer`` pays (empty: as last time).

    Raises RefusedError for nobody we know, and for a budget that may not pay for them.
    """
    inventory = inventory_of(workbench)
    open_now(workbench)
    with workbench.database.reading() as tx:
        who = entitled(workbench, tx, person_name)
        last = tx.people.last_request(person_name)
        budget = payer_of(workbench, who, payer, last.payer if last is not None else "")
        found = offers_to(workbench, tx, inventory, who.person, budget)
        return StartPage(
            person=who.person,
            purse=purse_of(workbench, tx, who.person, budget),
            purses=tuple(
                purse_of(workbench, tx, who.person, possible)
                for possible in payers_of(workbench, who)
            ),
            offers=waiting.with_expectations(workbench, tx, inventory, who.person, found),
            last=last,
        )


def admit(
    workbench: Workbench,
    person_name: str,
    request: Request,
    language: str | None = None,
    by: str | None = None,
) -> Granted:
    """Grant ``request``: a lease taken, its slice cut and folders made, ready for the engine.

    The offer is looked up in the transaction that takes the lease, so two people who
    race for the last slice get one lease and one refusal. Raises RefusedError with the
    reason, WaitingError if they stand in line instead, StorageError or GpuDriverError if a
    folder or the slice could not be made (the lease is given back then). ``by`` asks for it,
    by their hub user name; None: the service, for somebody whose turn has come.
    """
    clear_leftovers(workbench, person_name)
    inventory = inventory_of(workbench, fresh=True)
    open_now(workbench)
    with workbench.database.writing() as tx:
        who = entitled(workbench, tx, person_name)
        spoken = language or who.person.locale or workbench.policy.language
        last = tx.people.last_request(person_name)
        budget = payer_of(workbench, who, request.payer, last.payer if last is not None else "")
        request = replace(request, payer=budget.id)
        decided = _decide(workbench, tx, inventory, who.person, request, budget, spoken)
        tx.outcomes.count(_outcome(decided))
        if not isinstance(decided, Refusal):
            tx.people.remember_request(person_name, request)
        if isinstance(decided, Lease):
            audit.session_started(workbench, tx, decided, by)
    if isinstance(decided, Refusal):
        raise RefusedError(decided)
    if isinstance(decided, Ticket):
        raise WaitingError(decided)
    try:
        return Granted(decided, _spec(workbench, who, decided, inventory, spoken))
    except LabwerkError:
        ended(workbench, decided.session, EndReason.FAILED)
        raise


def _decide(
    workbench: Workbench,
    tx: Transaction,
    inventory: Inventory,
    person: Person,
    request: Request,
    budget: Budget,
    language: str,
) -> Lease | Ticket | Refusal:
    """A lease, or a place in line, taken in ``tx``; or why not."""
    ticket = tx.tickets.open_of(person.name)
    if ticket is not None and ticket.state is TicketState.CALLED:
        if (kept := waiting.collect(workbench, tx, ticket, request)) is not None:
            if kept.payer == budget.id:
                return kept
            # What was kept is theirs; who pays for it is still theirs to choose.
            now_ms = to_ms(workbench.clock())
            return payers.rebook(workbench, tx, person, kept, budget, now_ms, kept.ends_ms)
        ticket = None
    if tx.leases.unended_of(person.name):
        return Refusal(
            Reason.ALREADY_RUNNING,
            Message("You have a session already. Stop it before you start another."),
        )
    found = find(offers_to(workbench, tx, inventory, person, budget), request)
    if isinstance(found, Refusal):
        return found
    if found.refusal is None:
        if ticket is not None:  # a session in place of the wait
            tx.tickets.set_ended(ticket.id, TicketState.LEFT, to_ms(workbench.clock()))
        return take_lease(workbench, tx, person, found, budget)
    if found.may_wait and request.wait:
        return waiting.take(
            workbench, tx, inventory, person, request, language, over_use=found.over_use
        )
    return found.refusal


def _outcome(decided: Lease | Ticket | Refusal) -> str:
    if isinstance(decided, Refusal):
        return decided.reason.value
    return "waiting" if isinstance(decided, Ticket) else "granted"


def _spec(
    workbench: Workbench, who: Entitlement, lease: Lease, inventory: Inventory, language: str
) -> ContainerSpec:
    """Cut the slice, make the folders, and say what the engine is to be asked for."""
    device = workbench.inventory.prepare(lease.slice) if lease.slice else None
    image = workbench.catalogue.image(lease.image)
    assert image.tag is not None  # an offer without a built image is refused
    return container_spec(
        session=lease.session,
        instance=workbench.policy.instance,
        image_tag=image.tag,
        flavour=workbench.catalogue.flavour(lease.flavour),
        slice_=lease.slice,
        device=device,
        inventory=inventory,
        entitlement=who,
        folders=_folders(workbench, who, lease.session),
        limits=workbench.policy.limits,
        service_url=workbench.policy.service_url,
        language=language,
        timezone=workbench.policy.zone.key,
    )


def verify(workbench: Workbench, spec: ContainerSpec) -> None:
    """Compare what a running session's container really sees with what its lease is for.

    Raises WrongDeviceError. Where the container has nothing to ask, as without a GPU,
    nothing is compared.
    """
    if spec.device is None:
        return
    wanted = frozenset(name.rpartition("=")[2] for name in spec.device.device_ids)
    seen = workbench.engine.devices(spec.name)
    if seen is not None and seen != wanted:
        raise WrongDeviceError(
            f"{spec.name} sees {', '.join(sorted(seen)) or 'no GPU'} instead of "
            f"{', '.join(sorted(wanted))}; look at the engine's NVIDIA runtime."
        )


def may_run(workbench: Workbench, session: str) -> bool:
    """Whether the lease that a container is for still stands.

    A start that had to wait too long may have lost it, and somebody else may have the slice.
    """
    with workbench.database.reading() as tx:
        lease = tx.leases.get(session)
    return lease is not None and lease.state is LeaseState.INTENDED


def begun(workbench: Workbench, session: str) -> None:
    """The engine runs the container: the lease is live from the engine's start time on."""
    container = workbench.engine.session(session)
    if container is not None and container.started_ms is not None:
        with workbench.database.writing() as tx:
            lease = tx.leases.get(session)
            if lease is not None and lease.state is LeaseState.INTENDED:
                metering.live(workbench, tx, lease, container.started_ms)


def ended(workbench: Workbench, session: str, reason: EndReason, by: str | None = None) -> None:
    """Stop a session for good: inspect, close the interval, remove, give the slice back.

    In this order, so that a crash in between loses no charge: the next call, or the
    service's reading of the engine, goes on where this one stopped. Stands there being
    no container and no lease. ``by`` asked for it, by their hub user name (None: the service).
    """
    workbench.engine.stop(session)
    container = workbench.engine.session(session)
    with workbench.database.writing() as tx:
        is_new = metering.close(workbench, tx, session, container, reason)
        tx.activities.forget(session)
        if is_new:
            audit.session_ended(workbench, tx, session, by)
        if is_new and reason in _NOT_THEIR_FAULT:
            waiting.reopen(workbench, tx, session)
    # Last, since the container is what a later reading finds an unfinished end by.
    workbench.storage.close_data(session)
    workbench.engine.remove(session)
    try:
        give_back(workbench, session)
    except LabwerkError as error:
        # The session is over all the same; the service's next reading tries again.
        _log.warning("%s has ended, its slice is not free yet: %s", session, error)


def give_back(workbench: Workbench, session: str) -> None:
    """Free an ended session's units; on a dynamic GPU, destroy the instance first.

    Of two who do this for the same session one goes on: the other must not destroy what is
    somebody else's by then. The driver may take its time, so no transaction waits for it.
    Raises GpuBusyError, GpuFaultError or GpuDriverError if it cannot be destroyed yet.
    """
    with workbench.database.reading() as tx:
        lease = tx.leases.get(session)
        if lease is None or lease.slice is None or lease.state is not LeaseState.ENDED:
            return
    gpu = workbench.inventory.read().by_name.get(lease.slice.gpu)
    if gpu is None or gpu.dynamic:  # there may be an instance to destroy
        now_ms = to_ms(workbench.clock())
        with workbench.database.writing() as tx:
            if not tx.leases.begin_giving_back(session, now_ms, now_ms - _RELEASE_TAKES_MS):
                return
        try:
            workbench.inventory.release(lease.slice)
        except (GpuBusyError, GpuFaultError):  # an answer; a silent driver may still do it
            with workbench.database.writing() as tx:
                tx.leases.stop_giving_back(session)
            raise
    with workbench.database.writing() as tx:
        tx.leases.give_back(session)


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


def _folders(workbench: Workbench, who: Entitlement, session: str) -> Folders:
    storage = workbench.storage
    return Folders(
        home=storage.prepare_home(who.person),
        projects={p.name: storage.prepare_project(p.name) for p in who.projects},
        data=storage.open_data(session, who.datasets),
        snapshots=storage.snapshots_folder(who.person.name),
    )


def clear_leftovers(workbench: Workbench, person_name: str) -> None:
    """End what an interrupted start or stop of this person has left behind.

    The hub asks for a start only when it runs no server for the person, so whatever
    stands on the engine under their name is a leftover of a crash.
    """
    with workbench.database.reading() as tx:
        leftovers = tx.leases.unended_of(person_name)
        ticket = tx.tickets.open_of(person_name)
    for lease in leftovers:
        if ticket is not None and ticket.session == lease.session:
            continue  # kept for the person, who is about to start it
        container = workbench.engine.session(lease.session)
        running = container is not None and container.state is ContainerState.RUNNING
        reason = EndReason.ORPHANED if running else EndReason.FAILED
        ended(workbench, lease.session, reason)
