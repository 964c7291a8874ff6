"""The tables of labwerk.sqlite (or one PostgreSQL database).

Times are milliseconds since 1970 in UTC, amounts are ticks; both integers. The ledger's
tables are append-only: triggers (in the migrations) refuse updates and deletes.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

people = Table(
    "people",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("uid", Integer, nullable=False, unique=True),
    Column("name", String(96), nullable=False, unique=True),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("institution", String(32), nullable=False, index=True),
    Column("display_name", Text, nullable=False),
    Column("email", Text),
    Column("locale", String(2)),
    #: JSON lists: what the provider said at the latest sign-in.
    Column("groups", Text, nullable=False),
    Column("roles", Text, nullable=False),
    Column("last_flavour", String(32)),
    Column("last_image", String(64)),
    #: The budget that paid for the latest session.
    Column("last_payer", String(64)),
    #: Who it is in the ledger and in the audit chain.
    Column("pseudonym", String(24)),
    #: When they last signed in.
    Column("seen_ms", BigInteger),
    UniqueConstraint("issuer", "subject"),
)
Index("uq_people_pseudonym", people.c.pseudonym, unique=True)

leases = Table(
    "leases",
    metadata,
    Column("session", String(32), primary_key=True),
    Column("person", String(96), ForeignKey("people.name"), nullable=False),
    Column("institution", String(32), nullable=False),
    Column("flavour", String(32), nullable=False),
    Column("image", String(64), nullable=False),
    Column("gpu", String(32)),
    Column("profile", String(32)),
    Column("start", Integer),
    Column("size", Integer),
    Column("ticks_per_second", Integer, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("intended_ms", BigInteger, nullable=False),
    Column("ends_ms", BigInteger, nullable=False),
    Column("started_ms", BigInteger),
    Column("metered_to_ms", BigInteger),
    Column("ended_ms", BigInteger, index=True),
    Column("end_reason", String(16)),
    Column("longest_ms", BigInteger, nullable=False, server_default="0"),
    Column("stopping", String(16)),
    #: When somebody set out to destroy the ended session's instance.
    Column("giving_back_ms", BigInteger),
    #: The budget that pays, and whether it has nothing to pay with.
    Column("payer", String(64), nullable=False, server_default=""),
    #: Whose budget that is: it may leave the settings while the session runs.
    Column("paid_by", String(32), nullable=False, server_default=""),
    Column("over_use", Boolean, nullable=False, server_default=false()),
    #: Everybody's open leases, and the latest ended one, among ever more; and counts of starts.
    Index("ix_leases_person_ended_ms", "person", "ended_ms"),
    Index("ix_leases_intended_ms_flavour", "intended_ms", "flavour"),
)

#: The board counts running sessions of a pool of any size, beside ever more ended ones.
Index(
    "ix_leases_open_flavour",
    leases.c.flavour,
    sqlite_where=leases.c.ended_ms.is_(None),
    postgresql_where=leases.c.ended_ms.is_(None),
)

#: The memory units that leases hold: intended and live ones, and ended ones whose instance
#: on a dynamic GPU is still to be destroyed. Its primary key makes a unit held twice
#: impossible, whatever the code above it does.
held_units = Table(
    "held_units",
    metadata,
    Column("gpu", String(32), primary_key=True),
    Column("unit", Integer, primary_key=True, autoincrement=False),
    Column("session", String(32), ForeignKey("leases.session"), nullable=False, index=True),
)

#: What is booked at once, and adds up to zero. Each is chained to the one before.
postings = Table(
    "postings",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("kind", String(16), nullable=False),
    #: What it may be booked for once, such as one interval of a session.
    Column("key", String(128), nullable=False, unique=True),
    Column("made_ms", BigInteger, nullable=False),
    #: A pseudonym, or what did it by itself.
    Column("made_by", String(24), nullable=False),
    Column("session", String(32)),
    #: Of the interval that is charged, or of the period that is granted for.
    Column("start_ms", BigInteger),
    Column("end_ms", BigInteger),
    Column("idle_ms", BigInteger),
    Column("flavour", String(32)),
    #: Who pays.
    Column("institution", String(32)),
    Column("budget", String(64)),
    Column("person", String(24)),
    #: The calendar's day of an interval, in the site's time zone.
    Column("day", String(10)),
    Column("hash", String(64), nullable=False),
)
#: The last charge of a session by a budget, or of a day, and what was granted, are found
#: among ever more postings.
Index("ix_postings_session_budget", postings.c.session, postings.c.budget, postings.c.id)
Index(
    "ix_postings_day",
    postings.c.day,
    postings.c.id,
    sqlite_where=postings.c.day.is_not(None),
    postgresql_where=postings.c.day.is_not(None),
)
_GRANTS = "kind IN ('grant', 'carry')"
Index(
    "ix_postings_grants",
    postings.c.id,
    sqlite_where=text(_GRANTS),
    postgresql_where=text(_GRANTS),
)

entries = Table(
    "entries",
    metadata,
    Column("posting", ForeignKey("postings.id"), primary_key=True),
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("budget", String(64), nullable=False),
    Column("period", String(32), nullable=False),
    Column("account", String(64), nullable=False),
    Column("ticks", BigInteger, nullable=False),
)

#: The sums of entries; whatever is free or held cannot fall below zero, whatever the code
#: above does.
balances = Table(
    "balances",
    metadata,
    Column("budget", String(64), primary_key=True),
    Column("period", String(32), primary_key=True),
    Column("account", String(64), primary_key=True, index=True),
    Column("ticks", BigInteger, nullable=False),
    CheckConstraint(
        "ticks >= 0 OR (account <> 'free' AND account NOT LIKE 'held:%')", name="not_overdrawn"
    ),
)

#: What was used by day and by month (``span``), so that pages need not add up the ledger.
usage_sums = Table(
    "usage_sums",
    metadata,
    Column("span", String(10), primary_key=True),
    Column("institution", String(32), primary_key=True),
    Column("budget", String(64), primary_key=True),
    Column("person", String(24), primary_key=True),
    Column("flavour", String(32), primary_key=True),
    Column("ticks", BigInteger, nullable=False),
    Column("over_ticks", BigInteger, nullable=False),
    Column("ms", BigInteger, nullable=False),
    Column("idle_ms", BigInteger, nullable=False),
    Column("sessions", BigInteger, nullable=False),
    Index("ix_usage_sums_person_span", "person", "span"),
    Index("ix_usage_sums_institution_span", "institution", "span"),
    Index("ix_usage_sums_budget_span", "budget", "span"),
)

#: What was decided of a budget (``person`` is null), or of one person's share of it; for one
#: period, or from then on. The latest counts. Each is chained to the one before.
allotments = Table(
    "allotments",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("budget", String(64), nullable=False),
    Column("person", String(24)),
    Column("period", String(32)),
    Column("ticks", BigInteger),
    Column("made_ms", BigInteger, nullable=False),
    Column("made_by", String(24), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("ix_allotments_budget_person", "budget", "person"),
)

tickets = Table(
    "tickets",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("person", String(96), ForeignKey("people.name"), nullable=False),
    Column("institution", String(32), nullable=False),
    Column("flavour", String(32), nullable=False),
    Column("image", String(64), nullable=False),
    Column("language", String(2), nullable=False),
    Column("payer", String(64), nullable=False, server_default=""),
    Column("over_use", Boolean, nullable=False, server_default=false()),
    Column("state", String(16), nullable=False),
    Column("taken_ms", BigInteger, nullable=False),
    Column("first_expected_ms", BigInteger),
    Column("called_ms", BigInteger),
    Column("held_until_ms", BigInteger),
    Column("session", String(32), ForeignKey("leases.session"), index=True),
    Column("ended_ms", BigInteger),
    #: Where it stands, as last worked out: pages ask for it every few seconds.
    Column("place", Integer),
    Column("before", Integer),
    Column("due_ms", BigInteger),
    Column("expected_ms", BigInteger),
)
#: A person stands in line once.
Index(
    "uq_tickets_open",
    tickets.c.person,
    unique=True,
    sqlite_where=tickets.c.ended_ms.is_(None),
    postgresql_where=tickets.c.ended_ms.is_(None),
)

reservations = Table(
    "reservations",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("title", Text, nullable=False),
    Column("flavour", String(32), nullable=False),
    Column("group", Text, nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger, nullable=False, index=True),
    Column("release_after_ms", BigInteger, nullable=False),
    Column("made_by", String(96), nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("cancelled_ms", BigInteger),
)

reserved_slices = Table(
    "reserved_slices",
    metadata,
    Column("reservation", String(16), ForeignKey("reservations.id"), primary_key=True),
    Column("gpu", String(32), primary_key=True),
    Column("start", Integer, primary_key=True, autoincrement=False),
    Column("profile", String(32), nullable=False),
    Column("size", Integer, nullable=False),
)

activity = Table(
    "activity",
    metadata,
    Column("session", String(32), ForeignKey("leases.session"), primary_key=True),
    Column("active_ms", BigInteger, nullable=False),
    Column("reported_ms", BigInteger),
    Column("kernels_busy", Integer),
    Column("seen_ms", BigInteger),
    Column("sampled_ms", BigInteger),
    Column("cpu_ns", BigInteger),
    Column("gpu_memory_mib", Integer),
    Column("gpu_processes", Integer),
    Column("gpu_utilisation", Float),
    Column("warned_ms", BigInteger),
)

#: How many starts were granted, had to wait or were refused, by reason, since the beginning.
outcomes = Table(
    "outcomes",
    metadata,
    Column("outcome", String(32), primary_key=True),
    Column("count", BigInteger, nullable=False),
)
