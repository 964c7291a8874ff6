"""The table of what folders hold."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, String, Table, Text

from labwerk_hub.adapters.sql.tables import metadata

#: As last measured, in bytes; ``limit_bytes`` is null where there is no limit.
storage_use = Table(
    "storage_use",
    metadata,
    Column("kind", String(8), primary_key=True),
    #: A person's or a project's name.
    Column("name", String(128), primary_key=True),
    Column("how", String(8), nullable=False),
    Column("used_bytes", BigInteger),
    Column("limit_bytes", BigInteger),
    #: A JSON list of names; null where the file system has no snapshots.
    Column("snapshots", Text),
    Column("measured_ms", BigInteger),
    Column("tried_ms", BigInteger, nullable=False),
)
