"""Events: who did what to whom, when and why; the lines of the audit chain.

People stand in them by their pseudonyms (``p-…``), so that erasing a person cuts the link
and breaks nothing. Each event is chained to the one before by the digest of its content
(:func:`content_digest`), not by the content itself: content that must no longer be kept can
be removed, and the chain can still be verified.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from labwerk_hub.domain.chain import canonical, digest, link

#: Who acts where no person does: the service by itself, and commands on the machine.
LABWERK = "labwerk"
ROOT = "root"


class EventGroup(StrEnum):
    """Kinds of events that are kept equally long."""

    SIGN_INS = "sign-ins"
    SESSIONS = "sessions"
    ACCESS = "access"
    ADMINISTRATION = "administration"


class EventKind(StrEnum):
    """What was done."""

    SIGN_IN = "sign-in"
    SIGN_IN_REFUSED = "sign-in-refused"
    START = "start"
    STOP = "stop"
    EXTENSION = "extension"
    #: Another budget pays for a session, none does any more, or its own does again.
    PAYER_CHANGED = "payer-changed"
    #: Somebody entered the server of somebody else.
    ENTERING = "entering"
    EXPORT = "export"
    ERASURE = "erasure"
    #: A budget was changed; what a person may use of one was.
    BUDGET = "budget"
    SHARE = "share"
    REQUEST = "request"
    DECISION = "decision"
    STATEMENT = "statement"
    RESERVATION = "reservation"
    CANCELLATION = "cancellation"
    #: The settings file as it is was taken into use.
    SETTINGS = "settings"
    #: Once a day: the ledger's head, so that the events' head stands for both.
    SEAL = "seal"

    @property
    def group(self) -> EventGroup | None:
        """What it is kept as long as; None: for ever, since it is about nobody."""
        return _GROUPS.get(self, EventGroup.ADMINISTRATION)


_GROUPS: Mapping[EventKind, EventGroup | None] = {
    EventKind.SIGN_IN: EventGroup.SIGN_INS,
    EventKind.SIGN_IN_REFUSED: EventGroup.SIGN_INS,
    EventKind.START: EventGroup.SESSIONS,
    EventKind.STOP: EventGroup.SESSIONS,
    EventKind.EXTENSION: EventGroup.SESSIONS,
    EventKind.PAYER_CHANGED: EventGroup.SESSIONS,
    EventKind.ENTERING: EventGroup.ACCESS,
    EventKind.EXPORT: EventGroup.ACCESS,
    EventKind.SEAL: None,
}


@dataclass(frozen=True)
class Retention:
    """For how many days the content of events is kept; 0 is for ever."""

    sign_ins: int = 90
    sessions: int = 365
    access: int = 365
    administration: int = 3650

    def days(self, group: EventGroup) -> int:
        """The days of a group."""
        return {
            EventGroup.SIGN_INS: self.sign_ins,
            EventGroup.SESSIONS: self.sessions,
            EventGroup.ACCESS: self.access,
            EventGroup.ADMINISTRATION: self.administration,
        }[group]


@dataclass(frozen=True)
class Event:
    """``actor`` did something of ``kind``, to ``subject`` if it was done to a person.

    Both are pseudonyms, or :data:`LABWERK` or :data:`ROOT`. ``object`` is what it was about:
    a session, a budget, a reservation. ``details`` are what a sentence about it needs, why it
    was done among them; never a name.
    """

    kind: EventKind
    at_ms: int
    actor: str | None
    subject: str | None = None
    object: str | None = None
    details: Mapping[str, str | int] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def content(self) -> str:
        """What may be removed later, as one text."""
        return canonical([self.actor, self.subject, self.object, dict(self.details)])


@dataclass(frozen=True)
class RecordedEvent:
    """An event as it stands in the chain; ``event`` is None where its content was removed."""

    id: int
    kind: EventKind
    at_ms: int
    event: Event | None


def content_digest(salt: str, content: str) -> str:
    """What stands for a content in the chain.

    The salt is removed along with the content; without it, short contents could be found
    again by trying them all.
    """
    return digest(f"{salt}\n{content}")


def event_hash(previous: str, identifier: int, at_ms: int, kind: str, content: str) -> str:
    """The link of an event whose content has the digest ``content``."""
    return link(previous, canonical([identifier, at_ms, kind, content]))
