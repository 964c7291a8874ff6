"""Events as people read them: when, who, what, and why.

Which details an event of a kind has is what its sentence below has places for. ``why`` may
stand in any of them: what somebody gave as a reason, in their own words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

from labwerk_hub.domain.catalogue import Catalogue
from labwerk_hub.domain.events import LABWERK, ROOT, Event, EventKind, RecordedEvent
from labwerk_hub.domain.leases import EndReason
from labwerk_hub.domain.metering import from_ms
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.texts import GpuHours, Localized, Message, Param
from labwerk_hub.services.mail_texts import period_called
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.views import Moment, View
from labwerk_hub.texts import render

_WHY = "why"
#: Places of an amount that was decided: more than pages show, which is what a record is for.
_PLACES = 4


class EventView(View):
    """An event in the reader's language.

    ``whom`` is empty where nothing was done to a person, or only to themselves. ``about`` is
    the id of what it was about: a session, a budget, a reservation. ``removed`` is whether
    nothing but kind and time is kept any more.
    """

    id: int
    at: Moment
    kind: str
    who: str
    whom: str
    what: str
    about: str
    why: str
    removed: bool


class EventPage(View):
    """Some events, the newest first, and where the older ones begin (None: there are none)."""

    events: tuple[EventView, ...]
    next_before: int | None


@dataclass(frozen=True)
class Names:
    """What the people of some events are called now; who was erased is not among them."""

    of_pseudonyms: Mapping[str, str]

    @classmethod
    def of(
        cls, tx: Transaction, found: Iterable[RecordedEvent], *, user_names: bool = False
    ) -> Names:
        """Look up everybody who stands in ``found``; ``user_names``: as :meth:`among` does."""
        events = [recorded.event for recorded in found if recorded.event is not None]
        everybody = [name for event in events for name in (event.actor, event.subject)]
        return cls.among(tx, everybody, user_names=user_names)

    @classmethod
    def among(
        cls, tx: Transaction, pseudonyms: Iterable[str | None], *, user_names: bool = False
    ) -> Names:
        """Look up those of ``pseudonyms`` who are people.

        With ``user_names`` the hub's stand beside theirs, since several may be called the same.
        """
        known = {name for name in pseudonyms if name} - {LABWERK, ROOT}
        people = ((name, tx.people.by_pseudonym(name)) for name in known)

        def called(person: Person) -> str:
            return f"{person.display_name} ({person.name})" if user_names else person.display_name

        return cls({name: called(person) for name, person in people if person is not None})

    def shown(self, pseudonym: str | None, reader: str | None) -> Message | str:
        """How somebody is called to ``reader``."""
        if pseudonym is None:
            return ""
        if pseudonym == LABWERK:
            return "Labwerk"
        if pseudonym == ROOT:
            return Message("An administrator of the machine")
        if pseudonym == reader:
            return Message("You")
        erased = Message(
            "Somebody whose record was erased (%(pseudonym)s)", {"pseudonym": pseudonym}
        )
        return self.of_pseudonyms.get(pseudonym) or erased


def shown(
    recorded: RecordedEvent,
    names: Names,
    catalogue: Catalogue,
    reader: str | None,
    language: str,
    zone: tzinfo,
) -> EventView:
    """An event for ``reader`` (a pseudonym, or None for an operator), in ``language``."""

    def said(text: Message | str) -> str:
        return text if isinstance(text, str) else render(text, language, zone)

    event = recorded.event
    to_others = event is not None and event.subject != event.actor
    return EventView(
        id=recorded.id,
        at=from_ms(recorded.at_ms),
        kind=recorded.kind.value,
        who=said(names.shown(event.actor, reader)) if event else "",
        whom=said(names.shown(event.subject, reader)) if event and to_others else "",
        what=said(sentence(recorded, catalogue)),
        about=(event.object or "") if event else "",
        why=str(event.details.get(_WHY, "")) if event else "",
        removed=event is None,
    )


def sentence(recorded: RecordedEvent, catalogue: Catalogue) -> Message:
    """What was done, without who did it to whom."""
    event = recorded.event
    if event is None:
        return Message("What this was is no longer kept.")
    return _SENTENCES[event.kind](_Told(event, catalogue))


@dataclass(frozen=True)
class _Told:
    """An event's details, looked up for its sentence; what is missing is empty."""

    event: Event
    catalogue: Catalogue

    def text(self, name: str) -> str:
        return str(self.event.details.get(name, ""))

    def moment(self, name: str) -> datetime:
        return from_ms(int(self.event.details.get(name, 0)))

    def number(self, name: str) -> int:
        return int(self.event.details.get(name, 0))

    def hours(self) -> GpuHours:
        return GpuHours(self.number("ticks"), _PLACES)

    @property
    def about(self) -> str:
        return self.event.object or ""

    def flavour(self) -> Param:
        """Its title; the name of one that has left the settings."""
        try:
            return self.catalogue.flavour(self.text("flavour")).title
        except KeyError:
            return self.text("flavour")

    def image(self) -> Param:
        """Its title; the name of one that has left the settings."""
        try:
            return self.catalogue.image(self.text("image")).title
        except KeyError:
            return self.text("image")

    def budget(self, name: str | None = None) -> Localized | str:
        """The title of one, or of what the event is about; the id if it left the settings."""
        wanted = self.about if name is None else self.text(name)
        budget = self.catalogue.budgets.get(wanted)
        return budget.title if budget is not None else wanted

    def amount(self) -> Mapping[str, Param]:
        """How much of what the event is about, and for which period if one was named."""
        of = self.catalogue.budgets.get(self.about)
        period = period_called(of, self.text("period"))
        return {"budget": self.budget(), "hours": self.hours(), "period": period}


def _started(told: _Told) -> Message:
    places: Mapping[str, Param] = {
        "session": told.about,
        "flavour": told.flavour(),
        "image": told.image(),
        "budget": told.budget("payer"),
    }
    if not told.text("payer"):
        return Message("The session %(session)s was started: %(flavour)s, %(image)s.", places)
    if told.number("over_use"):
        return Message(
            "The session %(session)s was started without budget: %(flavour)s, %(image)s.", places
        )
    return Message(
        "The session %(session)s was started: %(flavour)s, %(image)s; “%(budget)s” pays.", places
    )


def _paid(told: _Told) -> Message:
    places: Mapping[str, Param] = {
        "session": told.about,
        "budget": told.budget("payer"),
        "before": told.budget("was"),
    }
    if told.number("over_use"):
        return Message(
            "“%(budget)s” pays no more for the session %(session)s, which goes on without budget.",
            places,
        )
    if told.text("payer") == told.text("was"):
        return Message("“%(budget)s” pays for the session %(session)s again.", places)
    return Message(
        "“%(budget)s” pays for the session %(session)s from now on, instead of “%(before)s”.",
        places,
    )


def _stopped(told: _Told) -> Message:
    try:
        message = _ENDS[EndReason(told.text("reason"))]
    except (ValueError, KeyError):
        message = _ENDS[EndReason.STOPPED]
    return Message(message.msgid, {"session": told.about})


def _entered(told: _Told) -> Message:
    if told.text("how") == "token":
        return Message("The server was entered with a token.")
    if told.text("how") == "token-made":
        return Message("A token was made with which to act in this person's name.")
    return Message("The server was entered.")


def _set(told: _Told) -> Message:
    if told.text("period"):
        return Message(
            "The budget “%(budget)s” was set to %(hours)s for %(period)s.", told.amount()
        )
    return Message("The budget “%(budget)s” was set to %(hours)s from then on.", told.amount())


def _shared(told: _Told) -> Message:
    places = told.amount()
    if "ticks" not in told.event.details:
        if told.text("period"):
            return Message(
                "Of the budget “%(budget)s”, as much may be used for %(period)s as there is.",
                places,
            )
        return Message(
            "Of the budget “%(budget)s”, as much may be used from then on as there is.", places
        )
    if told.text("period"):
        return Message(
            "The share of the budget “%(budget)s” was set to %(hours)s for %(period)s.", places
        )
    return Message(
        "The share of the budget “%(budget)s” was set to %(hours)s from then on.", places
    )


def _asked(told: _Told) -> Message:
    places: Mapping[str, Param] = {"budget": told.budget(), "hours": told.hours()}
    if told.text("change") == "withdrawn":
        return Message("The request to “%(budget)s” was withdrawn.", places)
    if told.text("change") == "changed":
        if not told.number("ticks"):
            return Message("The request to “%(budget)s” was changed.", places)
        return Message("The request to “%(budget)s” was changed: %(hours)s.", places)
    if not told.number("ticks"):  # how much is left to whoever decides
        return Message("More was asked for from “%(budget)s”.", places)
    return Message("%(hours)s were asked for from “%(budget)s”.", places)


def _decided(told: _Told) -> Message:
    places: Mapping[str, Param] = {"budget": told.budget(), "hours": told.hours()}
    if told.text("decision") == "approved":
        return Message("The request to “%(budget)s” was granted: %(hours)s.", places)
    if not told.number("ticks"):
        return Message("The request to “%(budget)s” was declined.", places)
    return Message("The request to “%(budget)s” for %(hours)s was declined.", places)


_ENDS: Mapping[EndReason, Message] = {
    EndReason.STOPPED: Message("The session %(session)s was stopped."),
    EndReason.FAILED: Message("The session %(session)s ended because its start failed."),
    EndReason.EXPIRED: Message("The session %(session)s was kept, and nobody started it."),
    EndReason.LOST: Message("The session %(session)s ended: its container was gone."),
    EndReason.ORPHANED: Message("The session %(session)s was ended: the hub knew it no more."),
    EndReason.TIME_UP: Message("The session %(session)s was stopped: its time was up."),
    EndReason.IDLE: Message("The session %(session)s was stopped: nothing ran in it."),
    EndReason.BUDGET: Message("The session %(session)s was stopped: its budget was used up."),
    EndReason.OVER_USE: Message("The session %(session)s, which ran without budget, was stopped."),
    EndReason.NOT_COLLECTED: Message("The session %(session)s was stopped: nobody came to it."),
}

_SENTENCES: Mapping[EventKind, Callable[[_Told], Message]] = {
    EventKind.SIGN_IN: lambda _: Message("Sign-in."),
    EventKind.SIGN_IN_REFUSED: lambda told: Message(
        "A sign-in was refused (%(reason)s).", {"reason": told.text("reason")}
    ),
    EventKind.START: _started,
    EventKind.PAYER_CHANGED: _paid,
    EventKind.STOP: _stopped,
    EventKind.EXTENSION: lambda told: Message(
        "The session %(session)s was extended until %(until)s.",
        {"session": told.about, "until": told.moment("until_ms")},
    ),
    EventKind.ENTERING: _entered,
    EventKind.EXPORT: lambda _: Message("All that is kept of the person was given out."),
    EventKind.ERASURE: lambda told: Message(
        "A person's record was erased; %(name)s stands in its place.", {"name": told.about}
    ),
    EventKind.BUDGET: _set,
    EventKind.SHARE: _shared,
    EventKind.REQUEST: _asked,
    EventKind.DECISION: _decided,
    EventKind.STATEMENT: lambda told: Message(
        "The statement %(statement)s was made.", {"statement": told.about}
    ),
    EventKind.RESERVATION: lambda told: Message(
        "The reservation %(reservation)s was made: “%(title)s”, %(count)s × %(flavour)s, "
        "%(begins)s to %(ends)s.",
        {
            "reservation": told.about,
            "title": told.text("title"),
            "count": told.number("count"),
            "flavour": told.flavour(),
            "begins": told.moment("from_ms"),
            "ends": told.moment("to_ms"),
        },
    ),
    EventKind.CANCELLATION: lambda told: Message(
        "The reservation %(reservation)s was cancelled.", {"reservation": told.about}
    ),
    EventKind.SETTINGS: lambda told: Message(
        "The settings file was taken into use (%(digest)s).", {"digest": told.text("digest")}
    ),
    EventKind.SEAL: lambda told: Message(
        "The ledger was sealed up to posting %(posting)s.", {"posting": told.number("posting")}
    ),
}
