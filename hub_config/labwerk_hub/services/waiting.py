"""A place in line: taken, shown, collected, left.

A ticket is taken in the transaction that found nothing free. Whose turn has come is called
by :mod:`.line`, which also works out what pages show; they only read it here.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from labwerk_hub.domain.admission import Offer, Request
from labwerk_hub.domain.catalogue import Catalogue, Flavour, Image
from labwerk_hub.domain.gpu import Inventory
from labwerk_hub.domain.leases import EndReason, Lease, LeaseState
from labwerk_hub.domain.metering import from_ms, to_ms
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.pool import Pool
from labwerk_hub.domain.waiting import Ticket, TicketState, Turn
from labwerk_hub.services import holds
from labwerk_hub.services.pool import pool_of
from labwerk_hub.services.tables import PlaceInLine, Transaction
from labwerk_hub.services.workbench import Workbench


@dataclass(frozen=True)
class WaitingView:
    """What a person in line is shown.

    ``before`` wait for slices that could serve them, too; ``due_back`` is when the next of
    those is due back at the latest, ``expected`` when it will likely be their turn. Once
    ``called``, the slice is kept until ``held_until``.
    """

    ticket: Ticket
    flavour: Flavour
    image: Image
    place: int
    before: int
    due_back: datetime | None
    expected: datetime | None
    called: bool
    held_until: datetime | None


def take(
    workbench: Workbench,
    tx: Transaction,
    inventory: Inventory,
    person: Person,
    request: Request,
    language: str,
    *,
    over_use: bool = False,
) -> Ticket:
    """A place in line for ``request``; the one the person has, if it is for the same.

    With ``over_use`` the budget has nothing to pay with: everybody else comes first.
    """
    now_ms = to_ms(workbench.clock())
    known = tx.tickets.open_of(person.name)
    if known is not None:
        if (known.flavour, known.image, known.payer) == (
            request.flavour,
            request.image,
            request.payer,
        ):
            return known
        tx.tickets.set_ended(known.id, TicketState.LEFT, now_ms)
    ticket = _ticket(person, request.flavour, request.image, language, now_ms)
    ticket = replace(ticket, payer=request.payer, over_use=over_use)
    pool = pool_of(workbench, tx, inventory, person, joining=ticket, expect=True)
    turn = _turn_of(pool, ticket)
    ticket = replace(ticket, first_expected_ms=turn.expected_ms)
    tx.tickets.add(ticket)
    tx.tickets.set_place(ticket.id, place_in(turn))
    return ticket


def collect(
    workbench: Workbench, tx: Transaction, ticket: Ticket, request: Request
) -> Lease | None:
    """The lease that is kept for a called ticket, now that its person starts.

    None if they want something else, or it is not there any more, or cannot be started any
    more: the ticket is over then, and whatever was kept is free.
    """
    now_ms = to_ms(workbench.clock())
    lease = tx.leases.get(ticket.session) if ticket.session else None
    wanted = (ticket.flavour, ticket.image) == (request.flavour, request.image)
    offered = wanted and _is_offered(workbench.catalogue, ticket)
    if lease is None or lease.state is not LeaseState.INTENDED or not offered:
        give_up(workbench, tx, ticket, TicketState.LEFT)
        return None
    tx.leases.set_intended(lease.session, now_ms)
    # What was held in a period that has ended meanwhile is not used in it any more.
    holds.release(workbench, tx, lease, before_ms=now_ms)
    tx.tickets.set_ended(ticket.id, TicketState.STARTED, now_ms)
    return lease


def reopen(workbench: Workbench, tx: Transaction, session: str) -> None:
    """A session that came from a ticket did not start: its person keeps their place.

    For as long as their slice was to be kept; who fails for longer has missed it.
    """
    ticket = tx.tickets.of_session(session)
    now_ms = to_ms(workbench.clock())
    if (
        ticket is not None
        and ticket.state is TicketState.STARTED
        and (ticket.held_until_ms is None or now_ms < ticket.held_until_ms)
        and tx.tickets.open_of(ticket.person) is None
    ):
        tx.tickets.reopen(ticket.id)


def leave(workbench: Workbench, person: str) -> None:
    """Give the person's place up; nothing if they have none."""
    with workbench.database.writing() as tx:
        ticket = tx.tickets.open_of(person)
        if ticket is not None:
            give_up(workbench, tx, ticket, TicketState.LEFT)


def view_of(workbench: Workbench, person: str) -> WaitingView | None:
    """The person's place in line; None if they do not wait."""
    with workbench.database.reading() as tx:
        ticket = tx.tickets.open_of(person)
        place = tx.tickets.place_of(ticket.id) if ticket else None
    if ticket is None:
        return None
    try:
        flavour = workbench.catalogue.flavour(ticket.flavour)
        image = workbench.catalogue.image(ticket.image)
    except KeyError:
        return None  # it left the settings; the next look at the list ends the ticket
    return WaitingView(
        ticket=ticket,
        flavour=flavour,
        image=image,
        place=place.place if place else 1,
        before=place.before if place else 0,
        due_back=_moment(place.due_ms if place else None),
        expected=_moment(place.expected_ms if place else None),
        called=ticket.state is TicketState.CALLED,
        held_until=_moment(ticket.held_until_ms),
    )


def with_expectations(
    workbench: Workbench,
    tx: Transaction,
    inventory: Inventory,
    person: Person,
    found: Sequence[Offer],
) -> tuple[Offer, ...]:
    """The offers with the start to be expected by whoever would stand in line for them.

    Worked out every few seconds at most: it takes longer the more people ask.
    """
    expected: dict[str, datetime | None] = {}
    for offer in found:
        name = offer.flavour.name
        if offer.may_wait and name not in expected:
            ticket = _ticket(person, name, offer.image.name, "", to_ms(workbench.clock()))

            def expectation(ticket: Ticket = ticket) -> int | None:
                pool = pool_of(workbench, tx, inventory, person, joining=ticket, expect=True)
                return _turn_of(pool, ticket).expected_ms

            known = workbench.recent.of((person.institution, name), workbench.clock(), expectation)
            expected[name] = _moment(known)
    return tuple(
        replace(offer, expected=expected.get(offer.flavour.name)) if offer.may_wait else offer
        for offer in found
    )


def give_up(workbench: Workbench, tx: Transaction, ticket: Ticket, state: TicketState) -> None:
    """End a ticket, and the lease that was kept for it if nothing was started on it."""
    tx.tickets.set_ended(ticket.id, state, to_ms(workbench.clock()))
    free(workbench, tx, ticket)


def free(workbench: Workbench, tx: Transaction, ticket: Ticket) -> None:
    """Give back what is kept for a ticket, if nothing was started on it."""
    now_ms = to_ms(workbench.clock())
    lease = tx.leases.get(ticket.session) if ticket.session else None
    if lease is not None and lease.state is LeaseState.INTENDED:
        holds.release(workbench, tx, lease)
        tx.leases.set_ended(lease.session, now_ms, EndReason.EXPIRED)
        tx.leases.give_back(lease.session)


def _is_offered(catalogue: Catalogue, ticket: Ticket) -> bool:
    """Whether the settings still have what was waited for, and its image is built."""
    built = {image.name for image in catalogue.images if image.tag is not None}
    return ticket.image in built and ticket.flavour in {f.name for f in catalogue.flavours}


def place_in(turn: Turn) -> PlaceInLine:
    """Where a turn stands, as it is kept for pages."""
    return PlaceInLine(turn.place, turn.before, turn.from_ms, turn.expected_ms)


def _turn_of(pool: Pool, ticket: Ticket) -> Turn:
    return next(turn for turn in pool.turns if turn.ticket.id == ticket.id)


def _ticket(person: Person, flavour: str, image: str, language: str, now_ms: int) -> Ticket:
    return Ticket(
        id=f"tk-{secrets.token_hex(6)}",
        person=person.name,
        institution=person.institution,
        flavour=flavour,
        image=image,
        language=language,
        state=TicketState.WAITING,
        taken_ms=now_ms,
    )


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_ms(milliseconds)
