"""The waiting list."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update

from labwerk_hub.adapters.sql.tables import tickets
from labwerk_hub.domain.waiting import Ticket, TicketState
from labwerk_hub.services.tables import PlaceInLine, Wait


class SqlTickets:
    """The Tickets port within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, ticket: Ticket) -> None:
        """A new ticket; the table refuses a person's second open one."""
        self._connection.execute(
            insert(tickets).values(
                id=ticket.id,
                person=ticket.person,
                institution=ticket.institution,
                flavour=ticket.flavour,
                image=ticket.image,
                language=ticket.language,
                state=ticket.state.value,
                taken_ms=ticket.taken_ms,
                first_expected_ms=ticket.first_expected_ms,
                payer=ticket.payer,
                over_use=ticket.over_use,
            )
        )

    def open(self) -> list[Ticket]:
        """All waiting and called tickets, oldest first."""
        return self._list(tickets.c.ended_ms.is_(None))

    def open_of(self, person: str) -> Ticket | None:
        """The person's waiting or called ticket."""
        found = self._list((tickets.c.person == person) & tickets.c.ended_ms.is_(None))
        return found[0] if found else None

    def of_session(self, session: str) -> Ticket | None:
        """The ticket that a session came from."""
        found = self._list(tickets.c.session == session)
        return found[0] if found else None

    def last_ended_of(self, person: str) -> Ticket | None:
        """The ticket of the person's that ended last."""
        ended = (tickets.c.person == person) & tickets.c.ended_ms.is_not(None)
        query = select(tickets).where(ended).order_by(tickets.c.ended_ms.desc()).limit(1)
        row = self._connection.execute(query).first()
        return _ticket(row) if row is not None else None

    def set_called(self, ticket: str, session: str, called_ms: int) -> None:
        """A lease was taken for it."""
        state = TicketState.CALLED.value
        self._set(ticket, state=state, session=session, called_ms=called_ms)

    def set_held(self, ticket: str, held_until_ms: int) -> None:
        """The hub starts it; what was taken for it is kept until then."""
        self._set(ticket, held_until_ms=held_until_ms)

    def set_ended(self, ticket: str, state: TicketState, ended_ms: int) -> None:
        """Started, left, missed or refused."""
        self._set(ticket, state=state.value, ended_ms=ended_ms)

    def reopen(self, ticket: str, *, anew: bool = False) -> None:
        """Back in line: what it was called for did not start; ``anew``: as if never called."""
        called = {"called_ms": None, "held_until_ms": None} if anew else {}
        self._set(ticket, state=TicketState.WAITING.value, session=None, ended_ms=None, **called)

    def place_of(self, ticket: str) -> PlaceInLine | None:
        """Where it stands, as last worked out."""
        row = self._connection.execute(select(tickets).where(tickets.c.id == ticket)).first()
        if row is None or row.place is None:
            return None
        return PlaceInLine(row.place, row.before, row.due_ms, row.expected_ms)

    def set_place(self, ticket: str, place: PlaceInLine) -> None:
        """Where it stands now."""
        self._set(
            ticket,
            place=place.place,
            before=place.before,
            due_ms=place.due_ms,
            expected_ms=place.expected_ms,
        )

    def waits(self) -> dict[str, Wait]:
        """How long people waited until they were called, by flavour, since the beginning."""
        waited = func.sum(tickets.c.called_ms - tickets.c.taken_ms)
        query = select(tickets.c.flavour, func.count(), waited).group_by(tickets.c.flavour)
        rows = self._connection.execute(query.where(tickets.c.called_ms.is_not(None)))
        return {flavour: Wait(count, int(total)) for flavour, count, total in rows}

    def _set(self, ticket: str, **values: str | int | None) -> None:
        self._connection.execute(update(tickets).where(tickets.c.id == ticket).values(**values))

    def _list(self, condition: ColumnElement[bool]) -> list[Ticket]:
        query = select(tickets).where(condition).order_by(tickets.c.taken_ms, tickets.c.id)
        return [_ticket(row) for row in self._connection.execute(query)]


def _ticket(row: Row[tuple[object, ...]]) -> Ticket:
    return Ticket(
        id=row.id,
        person=row.person,
        institution=row.institution,
        flavour=row.flavour,
        image=row.image,
        language=row.language,
        state=TicketState(row.state),
        taken_ms=row.taken_ms,
        first_expected_ms=row.first_expected_ms,
        called_ms=row.called_ms,
        held_until_ms=row.held_until_ms,
        session=row.session,
        ended_ms=row.ended_ms,
        payer=row.payer,
        over_use=bool(row.over_use),
    )
