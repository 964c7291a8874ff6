"""The table of the audit chain."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from labwerk_hub.adapters.sql.tables import metadata

#: Each event follows the one before, by number and by hash. Triggers (in the migrations)
#: refuse everything but the next event, and the removal of an event's whole content.
events = Table(
    "events",
    metadata,
    Column(
        "id",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("at_ms", BigInteger, nullable=False),
    Column("kind", String(24), nullable=False),
    #: Pseudonyms, or what did it by itself.
    Column("actor", String(24)),
    Column("subject", String(24)),
    #: A session, a budget, a reservation.
    Column("object", String(96)),
    Column("content", Text),
    Column("salt", String(32)),
    Column("content_digest", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)
Index("ix_events_subject", events.c.subject, events.c.id)
Index("ix_events_actor", events.c.actor, events.c.id)
Index("ix_events_kind", events.c.kind, events.c.id)
#: The last event of a month.
Index("ix_events_at_ms", events.c.at_ms, events.c.id)
#: What is over its time is looked for every day.
Index(
    "ix_events_kept",
    events.c.kind,
    events.c.at_ms,
    sqlite_where=events.c.content.is_not(None),
    postgresql_where=events.c.content.is_not(None),
)
