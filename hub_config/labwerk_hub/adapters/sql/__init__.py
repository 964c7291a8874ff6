"""Labwerk's database: SQLite in WAL mode by default, PostgreSQL by its URL."""

from labwerk_hub.adapters.sql.database import SqlDatabase, is_current, migrate

__all__ = ["SqlDatabase", "is_current", "migrate"]
