"""The audit chain."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, Row, insert, or_, select, update

from labwerk_hub.adapters.sql import scrubbing
from labwerk_hub.adapters.sql.event_tables import events
from labwerk_hub.domain.chain import GENESIS
from labwerk_hub.domain.events import (
    Event,
    EventKind,
    RecordedEvent,
    content_digest,
    event_hash,
)
from labwerk_hub.services.audit_tables import Head

_NOTHING = dict.fromkeys(("actor", "subject", "object", "content", "salt"))
#: How a reason in somebody's own words begins in an event's content; within a text the
#: quotation marks would be escaped.
_WORDS = '"why":'


class SqlEvents:
    """The Events port within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, event: Event) -> None:
        """The next event of the chain."""
        last, content, salt = self.head(), event.content, secrets.token_hex(16)
        number = last.number + 1
        digested = content_digest(salt, content)
        self._connection.execute(
            insert(events).values(
                id=number,
                at_ms=event.at_ms,
                kind=event.kind.value,
                actor=event.actor,
                subject=event.subject,
                object=event.object,
                content=content,
                salt=salt,
                content_digest=digested,
                hash=event_hash(last.hash, number, event.at_ms, event.kind.value, digested),
            )
        )

    def head(self) -> Head:
        """The latest event's number and hash."""
        query = select(events.c.id, events.c.hash).order_by(events.c.id.desc()).limit(1)
        row = self._connection.execute(query).first()
        return Head(0, GENESIS) if row is None else Head(int(row.id), row.hash)

    def find(
        self,
        *,
        person: str | None = None,
        kinds: Collection[EventKind] = (),
        since_ms: int | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> list[RecordedEvent]:
        """Events, the newest first: of a pseudonym, of some kinds, since then, before a number."""
        query = select(events).order_by(events.c.id.desc()).limit(limit)
        if person is not None:
            query = query.where(or_(events.c.subject == person, events.c.actor == person))
        if kinds:
            query = query.where(events.c.kind.in_([kind.value for kind in kinds]))
        if since_ms is not None:
            query = query.where(events.c.at_ms >= since_ms)
        if before is not None:
            query = query.where(events.c.id < before)
        return [_recorded(row) for row in self._connection.execute(query)]

    def last_of(self, kind: EventKind) -> RecordedEvent | None:
        """The latest event of a kind."""
        found = self.find(kinds=[kind], limit=1)
        return found[0] if found else None

    def redact_older(self, kinds: Collection[EventKind], before_ms: int, limit: int) -> int:
        """Remove the content of ``limit`` older ones at most; how many there were."""
        old = select(events.c.id).where(
            events.c.content.is_not(None),
            events.c.kind.in_([kind.value for kind in kinds]),
            events.c.at_ms < before_ms,
        )
        chosen = list(self._connection.scalars(old.limit(limit)))
        self._redact(events.c.id.in_(chosen))
        return len(chosen)

    def redact_person(self, pseudonym: str) -> int:
        """Remove the content of what was done to a person, or holds what they wrote or asked."""
        asked = events.c.kind == EventKind.REQUEST.value
        worded = events.c.content.contains(_WORDS, autoescape=True)
        theirs = (events.c.actor == pseudonym) & (asked | worded)
        return self._redact((events.c.subject == pseudonym) | theirs)

    def _redact(self, which: ColumnElement[bool]) -> int:
        removed = self._connection.execute(update(events).where(which).values(_NOTHING)).rowcount
        if removed:
            scrubbing.mark(self._connection)
        return removed


def _recorded(row: Row[tuple[object, ...]]) -> RecordedEvent:
    kind = EventKind(row.kind)
    event = None
    if row.content is not None:
        actor, subject, about, details = json.loads(row.content)
        event = Event(kind, row.at_ms, actor, subject, about, details)
    return RecordedEvent(row.id, kind, row.at_ms, event)
