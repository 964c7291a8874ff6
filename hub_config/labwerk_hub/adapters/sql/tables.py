"""The tables of labwerk.sqlite (or one PostgreSQL database).

Times are milliseconds since 1970 in UTC, amounts are ticks; both integers. The ledger's
tables are append-only: triggers (in the migrations) refuse updates and deletes.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
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
    UniqueConstraint("issuer", "subject"),
)

leases = Table(
    "leases",
    metadata,
    Column("session", String(32), primary_key=True),
    Column("person", String(96), ForeignKey("people.name"), nullable=False, index=True),
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
    Column("ended_ms", BigInteger),
    Column("end_reason", String(16)),
)

#: The memory units that intended and live leases hold. Its primary key makes a unit
#: held twice impossible, whatever the code above it does.
held_units = Table(
    "held_units",
    metadata,
    Column("gpu", String(32), primary_key=True),
    Column("unit", Integer, primary_key=True, autoincrement=False),
    Column("session", String(32), ForeignKey("leases.session"), nullable=False, index=True),
)

charges = Table(
    "charges",
    metadata,
    Column("session", String(32), ForeignKey("leases.session"), primary_key=True),
    Column("interval_start_ms", BigInteger, primary_key=True),
    Column("interval_end_ms", BigInteger, nullable=False),
    Column("ticks", BigInteger, nullable=False),
)

entries = Table(
    "entries",
    metadata,
    Column("session", String(32), primary_key=True),
    Column("interval_start_ms", BigInteger, primary_key=True),
    Column("account", String(128), primary_key=True),
    Column("period", String(16), nullable=False),
    Column("ticks", BigInteger, nullable=False),
    Index("ix_entries_account_period", "account", "period"),
)
