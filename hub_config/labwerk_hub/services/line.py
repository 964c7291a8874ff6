"""The waiting list, advanced: whose turn has come is called, and a lease taken for them.

Only the hub service does this. It then asks the hub for the start; from when the hub has
taken that on, the slice is kept for a while for whoever it is for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from labwerk_hub.domain.admission import (
    SHORTEST_SECONDS,
    Offer,
    Reason,
    Refusal,
    Request,
    find,
    offers,
)
from labwerk_hub.domain.budgets import Budget
from labwerk_hub.domain.gpu import Inventory
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.pool import Pool
from labwerk_hub.domain.reservations import preferred
from labwerk_hub.domain.terms import groups_of
from labwerk_hub.domain.waiting import Ticket, TicketState, Turn
from labwerk_hub.services.budgets import purse_of
from labwerk_hub.services.offers import (
    RefusedError,
    entitled,
    not_entitled,
    payer_of,
    rules_of,
    take_lease,
)
from labwerk_hub.services.openings import open_now
from labwerk_hub.services.pool import inventory_of, pool_of
from labwerk_hub.services.tables import PlaceInLine, Transaction
from labwerk_hub.services.waiting import free, give_up, place_in
from labwerk_hub.services.workbench import Workbench

#: Somebody in line is told of another expected start when it differs by as much.
_NEWS_MS = 60_000
#: Milliseconds after which a start that did not work is tried again.
_AGAIN_MS = 15_000


def resume(workbench: Workbench) -> None:
    """Nobody misses their turn because nobody was there to start them: keep it for them anew."""
    now_ms = to_ms(workbench.clock())
    with workbench.database.writing() as tx:
        for ticket in tx.tickets.open():
            if ticket.held_until_ms is not None:
                tx.tickets.set_held(ticket.id, now_ms + _hold_ms(workbench))


def put_back(workbench: Workbench) -> None:
    """Nobody is called any more: what was kept is free, and everybody keeps their place."""
    with workbench.database.writing() as tx:
        for ticket in tx.tickets.open():
            if ticket.state is TicketState.CALLED or ticket.held_until_ms is not None:
                free(workbench, tx, ticket)
                tx.tickets.reopen(ticket.id, anew=True)


def offered(workbench: Workbench, ticket: Ticket) -> None:
    """The hub has taken a called ticket's start on: its slice is kept from now on."""
    if ticket.held_until_ms is None:
        with workbench.database.writing() as tx:
            tx.tickets.set_held(ticket.id, to_ms(workbench.clock()) + _hold_ms(workbench))


def advance(workbench: Workbench, *, tell: bool = True) -> tuple[Ticket, ...]:
    """Call everybody whose turn has come; all who are called and have not started yet.

    Whoever was offered a start and did not get one in time has missed it. With ``tell``, what
    those in line are shown is worked out anew, which takes longer the longer the line is.
    """
    with workbench.database.reading() as tx:
        if not tx.tickets.open():
            return ()
    inventory = inventory_of(workbench, fresh=True)
    open_now(workbench)
    # One transaction for each: others must be able to write in between.
    while _advance_one(workbench, inventory):
        pass
    with workbench.database.reading() as tx:
        called = tuple(t for t in tx.tickets.open() if t.state is TicketState.CALLED)
    if tell:
        _tell(workbench, inventory)
    return called


def _advance_one(workbench: Workbench, inventory: Inventory) -> bool:
    """Call, refuse or end the first ticket for which something can be done; if there is one."""
    now_ms = to_ms(workbench.clock())
    with workbench.database.reading() as tx:
        if not _can_do_something(workbench, tx, inventory, now_ms):
            return False
    with workbench.database.writing() as tx:
        for ticket in tx.tickets.open():
            if ticket.held_until_ms is not None and ticket.held_until_ms <= now_ms:
                give_up(workbench, tx, ticket, TicketState.MISSED)
                return True
            if _is_stale(tx, ticket, now_ms):
                free(workbench, tx, ticket)
                tx.tickets.reopen(ticket.id)
                return True
        found = _first(workbench, tx, inventory, now_ms)
        if found is None:
            return False
        ticket, person, answer = found
        if isinstance(answer, Offer):
            assert person is not None  # nobody is offered nothing
            budget = _payer(workbench, tx, ticket)
            assert not isinstance(budget, Refusal)  # nothing is offered without one
            lease = take_lease(workbench, tx, person, answer, budget)
            tx.tickets.set_called(ticket.id, lease.session, now_ms)
        else:
            tx.outcomes.count(answer.reason.value)
            tx.tickets.set_ended(ticket.id, TicketState.REFUSED, now_ms)
        return True


def _can_do_something(
    workbench: Workbench, tx: Transaction, inventory: Inventory, now_ms: int
) -> bool:
    """The same without the write lock, which most looks at the list do not need."""
    late = any(
        (t.held_until_ms is not None and t.held_until_ms <= now_ms) or _is_stale(tx, t, now_ms)
        for t in tx.tickets.open()
    )
    return late or _first(workbench, tx, inventory, now_ms) is not None


def _is_stale(tx: Transaction, ticket: Ticket, now_ms: int) -> bool:
    """Whether what is kept for somebody ends too soon to begin it, as after hours without us."""
    lease = tx.leases.get(ticket.session) if ticket.session else None
    if lease is None or ticket.state is not TicketState.CALLED:
        return False
    # A budget may pay for little more than the shortest session: that is kept for them, too.
    enough_ms = min(SHORTEST_SECONDS * 1000, (lease.ends_ms - lease.intended_ms) // 2)
    return lease.ends_ms < now_ms + enough_ms


def _first(
    workbench: Workbench, tx: Transaction, inventory: Inventory, now_ms: int
) -> tuple[Ticket, Person | None, Offer | Refusal] | None:
    """The first in line who can have something now, or whose wait is in vain."""
    waiting = [t for t in tx.tickets.open() if t.state is TicketState.WAITING]
    people = {t.person: tx.people.by_name(t.person) for t in waiting}
    somebody = next((person for person in people.values() if person is not None), None)
    if somebody is None:
        return None
    pool = pool_of(workbench, tx, inventory, somebody)
    for number, turn in enumerate(pool.turns):
        person = people[turn.ticket.person]
        ahead = replace(pool, turns=pool.turns[:number])
        if person is not None and not _may_come(turn, person, ahead, now_ms):
            continue
        answer = _answer(workbench, tx, ahead, turn.ticket, person)
        if answer is not None:
            return turn.ticket, person, answer
    return None


def _may_come(turn: Turn, person: Person, pool: Pool, now_ms: int) -> bool:
    """Whether it is worth asking: their turn is now, something is reserved, or is gone."""
    called_ms = turn.ticket.called_ms
    if called_ms is not None and 0 <= now_ms - called_ms < _AGAIN_MS:
        return False  # a start that just failed
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
    if person is None:
        return not_entitled(ticket.person)
    budget = _payer(workbench, tx, ticket)
    if isinstance(budget, Refusal):
        return budget
    pool = replace(ahead, groups=groups_of(person))
    purse = purse_of(workbench, tx, person, budget)
    rules = rules_of(workbench, person)
    wanted = Request(ticket.flavour, ticket.image)
    found = find(offers(workbench.catalogue, pool, purse, rules), wanted)
    if isinstance(found, Refusal) or found.refusal is None:
        return found
    # A GPU that has failed may be well again; only what waiting cannot change ends it.
    passing = found.may_wait or found.refusal.reason is Reason.NO_SUCH_SLICE
    return None if passing else found.refusal


def _payer(workbench: Workbench, tx: Transaction, ticket: Ticket) -> Budget | Refusal:
    """The budget that is to pay for what somebody waits for, or why it does not any more."""
    try:
        who = entitled(workbench, tx, ticket.person)
        return payer_of(workbench, who, ticket.payer, "")
    except RefusedError as error:
        return error.refusal


def _hold_ms(workbench: Workbench) -> int:
    return workbench.policy.waiting.hold_seconds * 1000


def _tell(workbench: Workbench, inventory: Inventory) -> None:
    """Keep what pages show to those in line, where it has changed."""
    with workbench.database.reading() as tx:
        waiting = tx.tickets.open()
        people = (tx.people.by_name(ticket.person) for ticket in waiting)
        somebody = next((person for person in people if person is not None), None)
        if somebody is None:
            return
        pool = pool_of(workbench, tx, inventory, somebody, expect=True)
        news = list(_news(tx, pool.turns))
    if news:
        with workbench.database.writing() as tx:
            for ticket, place in news:
                tx.tickets.set_place(ticket, place)


def _news(tx: Transaction, turns: Iterable[Turn]) -> Iterable[tuple[str, PlaceInLine]]:
    for turn in turns:
        before, now = tx.tickets.place_of(turn.ticket.id), place_in(turn)
        if before is None or _is_news(before, now):
            yield turn.ticket.id, now


def _is_news(before: PlaceInLine, now: PlaceInLine) -> bool:
    if (before.place, before.before) != (now.place, now.before):
        return True
    return any(
        (old is None) != (new is None) or abs((old or 0) - (new or 0)) >= _NEWS_MS
        for old, new in ((before.due_ms, now.due_ms), (before.expected_ms, now.expected_ms))
    )
