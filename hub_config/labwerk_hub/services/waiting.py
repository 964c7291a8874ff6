"""The waiting list: taken, shown, advanced, left.

A ticket is taken in the transaction that found nothing free. The hub service advances the
list: whose turn has come is *called*, which takes the lease for them, and has the hub start
their server. What pages show is worked out there, too, and only read by them.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from labwerk_hub.domain.admission import Offer, Reason, Refusal, Request, find, offers
from labwerk_hub.domain.catalogue import Catalogue, Flavour, Image
from labwerk_hub.domain.gpu import Inventory
from labwerk_hub.domain.leases import EndReason, Lease, LeaseState
from labwerk_hub.domain.metering import from_ms, to_ms
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.pool import Pool
from labwerk_hub.domain.reservations import preferred
from labwerk_hub.domain.terms import groups_of
from labwerk_hub.domain.waiting import Ticket, TicketState, Turn
from labwerk_hub.services.offers import balance_of, new_lease, not_entitled, rules_of
from labwerk_hub.services.pool import pool_of
from labwerk_hub.services.tables import PlaceInLine, Transaction
from labwerk_hub.services.workbench import Workbench

#: Somebody in line is told of another expected start when it differs by as much.
_NEWS_MS = 60_000


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
) -> Ticket:
    """A place in line for ``request``; the one the person has, if it is for the same."""
    now_ms = to_ms(workbench.clock())
    known = tx.tickets.open_of(person.name)
    if known is not None:
        if (known.flavour, known.image) == (request.flavour, request.image):
            return known
        tx.tickets.set_ended(known.id, TicketState.LEFT, now_ms)
    ticket = _ticket(person, request.flavour, request.image, language, now_ms)
    turn = _turn_of(pool_of(workbench, tx, inventory, person, joining=ticket), ticket)
    ticket = replace(ticket, first_expected_ms=turn.expected_ms)
    tx.tickets.add(ticket)
    tx.tickets.set_place(ticket.id, _place(turn))
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
        _give_up(tx, ticket, TicketState.LEFT, now_ms)
        return None
    tx.leases.set_intended(lease.session, now_ms)
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
        and now_ms < (ticket.held_until_ms or 0)
        and tx.tickets.open_of(ticket.person) is None
    ):
        tx.tickets.reopen(ticket.id)


def put_back(workbench: Workbench) -> None:
    """Nobody is called any more: what was kept is free, and everybody keeps their place."""
    with workbench.database.writing() as tx:
        for ticket in tx.tickets.open():
            if ticket.held_until_ms is not None:
                _free(tx, ticket, to_ms(workbench.clock()))
                tx.tickets.reopen(ticket.id, anew=True)


def leave(workbench: Workbench, person: str) -> None:
    """Give the person's place up; nothing if they have none."""
    with workbench.database.writing() as tx:
        ticket = tx.tickets.open_of(person)
        if ticket is not None:
            _give_up(tx, ticket, TicketState.LEFT, to_ms(workbench.clock()))


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
    """The offers with the start to be expected by whoever would stand in line for them."""
    expected: dict[str, datetime | None] = {}
    for offer in found:
        name = offer.flavour.name
        if offer.may_wait and name not in expected:
            ticket = _ticket(person, name, offer.image.name, "", to_ms(workbench.clock()))
            pool = pool_of(workbench, tx, inventory, person, joining=ticket)
            expected[name] = _moment(_turn_of(pool, ticket).expected_ms)
    return tuple(
        replace(offer, expected=expected.get(offer.flavour.name)) if offer.may_wait else offer
        for offer in found
    )


def advance(workbench: Workbench) -> tuple[Ticket, ...]:
    """Call everybody whose turn has come; all who are called and have not started yet.

    Whoever did not take what was kept for them has missed it. Only the hub service does this.
    """
    with workbench.database.reading() as tx:
        if not tx.tickets.open():
            return ()
    inventory = workbench.inventory.read(fresh=True)
    now_ms = to_ms(workbench.clock())
    with workbench.database.writing() as tx:
        for ticket in tx.tickets.open():
            if ticket.held_until_ms is not None and ticket.held_until_ms <= now_ms:
                _give_up(tx, ticket, TicketState.MISSED, now_ms)
        while _call_next(workbench, tx, inventory, now_ms):
            pass  # each call changes what is free for the next one
        return tuple(t for t in tx.tickets.open() if t.state is TicketState.CALLED)


def _call_next(workbench: Workbench, tx: Transaction, inventory: Inventory, now_ms: int) -> bool:
    """Call the first in line who can have something, or end a ticket that cannot be served."""
    waiting = [t for t in tx.tickets.open() if t.state is TicketState.WAITING]
    if not waiting:
        return False
    people = {t.person: tx.people.by_name(t.person) for t in waiting}
    somebody = next(person for person in people.values() if person is not None)
    pool = pool_of(workbench, tx, inventory, somebody)
    for number, turn in enumerate(pool.turns):
        person = people[turn.ticket.person]
        ahead = replace(pool, turns=pool.turns[:number])
        if person is not None and not _may_come(turn, person, ahead):
            continue
        answer = _answer(workbench, tx, ahead, turn.ticket, person)
        if isinstance(answer, Offer):
            assert person is not None  # nobody is offered nothing
            _call(workbench, tx, person, turn.ticket, answer, now_ms)
            return True
        if answer is not None:
            tx.outcomes.count(answer.reason.value)
            tx.tickets.set_ended(turn.ticket.id, TicketState.REFUSED, now_ms)
            return True
    _write_places(tx, pool.turns)
    return False


def _may_come(turn: Turn, person: Person, pool: Pool) -> bool:
    """Whether it is worth asking: their turn is now, something is reserved, or is gone."""
    if turn.from_ms is not None and turn.from_ms <= pool.now_ms:
        return True
    if turn.ticket.flavour not in pool.profiles_of:
        return True
    groups = groups_of(person)
    return bool(preferred(pool.reservations, groups, pool.now_ms, turn.ticket.flavour))


def _answer(
    workbench: Workbench, tx: Transaction, ahead: Pool, ticket: Ticket, person: Person | None
) -> Offer | Refusal | None:
    """What can be offered for a ticket now; a refusal ends it, None lets it wait on."""
    if person is None or person.institution not in workbench.catalogue.budgets:
        return not_entitled(ticket.person)
    pool = replace(ahead, groups=groups_of(person))
    balance = balance_of(workbench, tx, person)
    rules = rules_of(workbench, person)
    wanted = Request(ticket.flavour, ticket.image)
    found = find(offers(workbench.catalogue, pool, balance, rules), wanted)
    if isinstance(found, Refusal) or found.refusal is None:
        return found
    # A GPU that has failed may be well again; only what waiting cannot change ends it.
    passing = found.may_wait or found.refusal.reason is Reason.NO_SUCH_SLICE
    return None if passing else found.refusal


def _call(
    workbench: Workbench,
    tx: Transaction,
    person: Person,
    ticket: Ticket,
    offer: Offer,
    now_ms: int,
) -> None:
    lease = new_lease(workbench, person, offer)
    tx.leases.add(lease)
    hold_ms = workbench.policy.waiting.hold_seconds * 1000
    held_until_ms = ticket.held_until_ms or now_ms + hold_ms
    tx.tickets.set_called(ticket.id, lease.session, ticket.called_ms or now_ms, held_until_ms)


def _give_up(tx: Transaction, ticket: Ticket, state: TicketState, now_ms: int) -> None:
    """End a ticket, and the lease that was kept for it if nothing was started on it."""
    tx.tickets.set_ended(ticket.id, state, now_ms)
    _free(tx, ticket, now_ms)


def _free(tx: Transaction, ticket: Ticket, now_ms: int) -> None:
    lease = tx.leases.get(ticket.session) if ticket.session else None
    if lease is not None and lease.state is LeaseState.INTENDED:
        tx.leases.set_ended(lease.session, now_ms, EndReason.EXPIRED)
        tx.leases.give_back(lease.session)


def _is_offered(catalogue: Catalogue, ticket: Ticket) -> bool:
    """Whether the settings still have what was waited for, and its image is built."""
    built = {image.name for image in catalogue.images if image.tag is not None}
    return ticket.image in built and ticket.flavour in {f.name for f in catalogue.flavours}


def _write_places(tx: Transaction, turns: Iterable[Turn]) -> None:
    """Keep what pages show, where it has changed."""
    for turn in turns:
        before, now = tx.tickets.place_of(turn.ticket.id), _place(turn)
        if before is None or _is_news(before, now):
            tx.tickets.set_place(turn.ticket.id, now)


def _is_news(before: PlaceInLine, now: PlaceInLine) -> bool:
    if (before.place, before.before) != (now.place, now.before):
        return True
    return any(
        (old is None) != (new is None) or abs((old or 0) - (new or 0)) >= _NEWS_MS
        for old, new in ((before.due_ms, now.due_ms), (before.expected_ms, now.expected_ms))
    )


def _place(turn: Turn) -> PlaceInLine:
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
