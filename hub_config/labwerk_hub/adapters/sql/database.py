"""Connections, transactions and migrations."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import resources

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError as SqlError
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from labwerk_hub.adapters.sql.activities import SqlActivities, SqlOutcomes
from labwerk_hub.adapters.sql.holdings import SqlHoldings
from labwerk_hub.adapters.sql.leases import SqlLeases
from labwerk_hub.adapters.sql.ledger import SqlLedger
from labwerk_hub.adapters.sql.people import SqlPeople
from labwerk_hub.adapters.sql.reservations import SqlReservations
from labwerk_hub.adapters.sql.tickets import SqlTickets
from labwerk_hub.errors import DatabaseError

#: Milliseconds a writer waits for another before it gives up.
_BUSY_TIMEOUT_MS = 15_000


@dataclass(frozen=True)
class SqlTransaction:
    """The tables within one transaction."""

    connection: Connection
    first_uid: int

    @cached_property
    def people(self) -> SqlPeople:
        """The person table."""
        return SqlPeople(self.connection, self.first_uid)

    @cached_property
    def leases(self) -> SqlLeases:
        """The lease table."""
        return SqlLeases(self.connection)

    @cached_property
    def ledger(self) -> SqlLedger:
        """The ledger."""
        return SqlLedger(self.connection)

    @cached_property
    def tickets(self) -> SqlTickets:
        """The waiting list."""
        return SqlTickets(self.connection)

    @cached_property
    def activities(self) -> SqlActivities:
        """What is known of sessions' activity."""
        return SqlActivities(self.connection)

    @cached_property
    def reservations(self) -> SqlReservations:
        """Capacity kept for groups."""
        return SqlReservations(self.connection)

    @cached_property
    def outcomes(self) -> SqlOutcomes:
        """Counters of starts."""
        return SqlOutcomes(self.connection)

    @cached_property
    def holdings(self) -> SqlHoldings:
        """Who holds what, for the board."""
        return SqlHoldings(self.connection)


class SqlDatabase:
    """The database port over SQLAlchemy; safe to use from several threads.

    People get numeric user ids from ``first_uid`` on.
    """

    def __init__(self, url: str, first_uid: int) -> None:
        self._engine = _engine(url)
        self._first_uid = first_uid

    @contextmanager
    def writing(self) -> Iterator[SqlTransaction]:
        """A transaction that holds the write lock from its beginning, kept on success."""
        with self._translated(), self._engine.connect() as connection:
            connection = connection.execution_options(labwerk_write=True)
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    # One writer at a time, as on SQLite: admission reads before it writes.
                    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(20261121)")
                yield SqlTransaction(connection, self._first_uid)

    @contextmanager
    def reading(self) -> Iterator[SqlTransaction]:
        """A consistent view; whatever is written in it is rolled back."""
        with self._translated(), self._engine.connect() as connection:
            transaction = connection.begin()
            try:
                yield SqlTransaction(connection, self._first_uid)
            finally:
                transaction.rollback()

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            url = self._engine.url.render_as_string(hide_password=True)
            raise DatabaseError(
                f"{url}: {error.orig}; is the disk full, or has `up` not migrated it yet?"
            ) from error


def migrate(url: str) -> None:
    """Bring the database to this version's tables.

    Raises DatabaseError if it cannot, for instance because a newer Labwerk wrote it.
    """
    config, engine = _config(url), _engine(url)
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection.execution_options(labwerk_write=True)
            command.upgrade(config, "head")
    except (SqlError, CommandError) as error:
        shown = engine.url.render_as_string(hide_password=True)
        raise DatabaseError(f"{shown}: cannot be migrated ({error}).") from error
    finally:
        engine.dispose()


def is_current(url: str) -> bool:
    """Whether the database has this version's tables; DatabaseError if it cannot be read."""
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            here = MigrationContext.configure(connection).get_current_revision()
    except SqlError as error:
        shown = engine.url.render_as_string(hide_password=True)
        raise DatabaseError(f"{shown}: cannot be read ({error.orig}).") from error
    finally:
        engine.dispose()
    return here == ScriptDirectory.from_config(_config(url)).get_current_head()


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option(
        "script_location", str(resources.files(__package__).joinpath("migrations"))
    )
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def _engine(url: str) -> Engine:
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    # The driver's own implicit transactions would begin too late: ours begin explicitly.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    # A committed charge survives a power cut: one fsync per commit.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("labwerk_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
