"""The tables of requests for more budget, and of e-mails that wait to be sent."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from labwerk_hub.adapters.sql.tables import metadata

budget_requests = Table(
    "budget_requests",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("budget", String(64), nullable=False),
    Column("period", String(32), nullable=False),
    Column("person", String(96), ForeignKey("people.name"), nullable=False, index=True),
    #: More for the whole budget, not for the person's share of it.
    Column("whole", Boolean, nullable=False),
    Column("wanted_ticks", BigInteger),
    Column("words", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    Column("decided_by", String(96), ForeignKey("people.name")),
    Column("granted_ticks", BigInteger),
    Column("answer", Text, nullable=False),
    Index("ix_budget_requests_budget", "budget"),
)
#: A person asks once for the same.
Index(
    "uq_budget_requests_open",
    budget_requests.c.person,
    budget_requests.c.budget,
    budget_requests.c.whole,
    unique=True,
    sqlite_where=budget_requests.c.ended_ms.is_(None),
    postgresql_where=budget_requests.c.ended_ms.is_(None),
)

mails = Table(
    "mails",
    metadata,
    Column("id", String(32), primary_key=True),
    #: What it tells whom, so that nothing is told twice.
    Column("key", String(192), nullable=False, unique=True),
    Column("person", String(96), ForeignKey("people.name"), index=True),
    #: Whose name is in it.
    Column("about", String(96), ForeignKey("people.name"), index=True),
    #: Address, subject and body are emptied some time after the mail was sent.
    Column("address", Text, nullable=False),
    Column("language", String(2), nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_ms", BigInteger, nullable=False),
    #: When the try began whose end is not noted yet.
    Column("begun_ms", BigInteger),
    Column("sent_ms", BigInteger),
    Column("given_up_ms", BigInteger),
    Column("last_error", Text),
)
#: The service looks every few seconds whether one is due.
Index(
    "ix_mails_due",
    mails.c.next_ms,
    sqlite_where=mails.c.sent_ms.is_(None) & mails.c.given_up_ms.is_(None),
    postgresql_where=mails.c.sent_ms.is_(None) & mails.c.given_up_ms.is_(None),
)
