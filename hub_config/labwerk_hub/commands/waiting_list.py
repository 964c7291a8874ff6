"""Who waits: for `labwerk tickets`."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from labwerk_hub import formats
from labwerk_hub.domain.metering import from_ms
from labwerk_hub.domain.waiting import TicketState
from labwerk_hub.services.views import Moment, View
from labwerk_hub.services.workbench import Workbench


class TicketView(View):
    """A place in the waiting list; ``place`` is None until the service has worked it out.

    ``expected_at`` is when their turn will likely come, ``kept_until`` how long what they
    were called for is kept.
    """

    id: str
    place: int | None
    person: str
    institution: str
    flavour: str
    state: str
    taken_at: Moment
    first_expected_at: Moment | None
    expected_at: Moment | None
    kept_until: Moment | None


class WaitingList(View):
    """What `labwerk tickets --json` tells."""

    at: Moment
    tickets: tuple[TicketView, ...]


def read(workbench: Workbench) -> WaitingList:
    """Everybody who waits or was called, in the order in which they will be served."""
    with workbench.database.reading() as tx:
        found = [(ticket, tx.tickets.place_of(ticket.id)) for ticket in tx.tickets.open()]

    def moment(milliseconds: int | None) -> Moment | None:
        return None if milliseconds is None else from_ms(milliseconds)

    views = [
        TicketView(
            id=ticket.id,
            place=place.place if place and ticket.state is TicketState.WAITING else None,
            person=ticket.person,
            institution=ticket.institution,
            flavour=ticket.flavour,
            state=ticket.state.value,
            taken_at=from_ms(ticket.taken_ms),
            first_expected_at=moment(ticket.first_expected_ms),
            expected_at=moment(place.expected_ms if place else None),
            kept_until=moment(ticket.held_until_ms),
        )
        for ticket, place in found
    ]
    # Those who were called come first: they are as good as served.
    views.sort(key=lambda view: (view.place or 0, view.taken_at))
    return WaitingList(at=workbench.clock(), tickets=tuple(views))


def as_text(found: WaitingList, zone: ZoneInfo) -> str:
    """A line for each, as people read it."""

    def moment(when: Moment) -> str:
        return formats.moment(when, "en", zone, found.at)

    lines = []
    for view in found.tickets:
        if view.kept_until is not None:
            what = f"called; a slice is kept until {moment(view.kept_until)}"
        elif view.expected_at is not None:
            what = f"waits; a start is expected {moment(view.expected_at)}"
        else:
            what = "waits; when, cannot be told"
        place = "" if view.place is None else f"{view.place}."
        since = f"since {moment(view.taken_at)}"
        lines.append(f"{place:>4} {view.person}, {view.flavour}, {since}: {what} ({view.id})")
    return "\n".join(lines) or "Nobody waits."
