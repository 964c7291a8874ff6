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
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DatabaseError as SqlError
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.pool import ConnectionPoolEntry

from labwerk_hub.adapters.sql import scrubbing
from labwerk_hub.adapters.sql.activities import SqlActivities, SqlOutcomes
from labwerk_hub.adapters.sql.allotments import SqlAllotments
from labwerk_hub.adapters.sql.chains import SqlChains
from labwerk_hub.adapters.sql.events import SqlEvents
from labwerk_hub.adapters.sql.holdings import SqlHoldings
from labwerk_hub.adapters.sql.leases import SqlLeases
from labwerk_hub.adapters.sql.ledger import SqlLedger
from labwerk_hub.adapters.sql.mails import SqlMails
from labwerk_hub.adapters.sql.people import SqlPeople
from labwerk_hub.adapters.sql.records import SqlRecords
from labwerk_hub.adapters.sql.requests import SqlRequests
from labwerk_hub.adapters.sql.reservations import SqlReservations
from labwerk_hub.adapters.sql.statements import SqlStatements
from labwerk_hub.adapters.sql.storage_uses import SqlStorageUses
from labwerk_hub.adapters.sql.tickets import SqlTickets
from labwerk_hub.adapters.sql.usage import SqlUsage
from labwerk_hub.errors import DatabaseError

#: Milliseconds a writer waits for another before it gives up.
_BUSY_TIMEOUT_MS = 15_000
#: Pages (64 MiB) after which a commit moves them into SQLite's file itself. That costs it
#: further fsyncs, so the hub service does it in between, long before; see `checkpoint`.
_AUTOCHECKPOINT_PAGES = 16_384
#: Seconds a server may take to accept a connection.
_CONNECT_TIMEOUT_S = 10
#: What PostgreSQL says of tables and columns that are not there, as SQLSTATEs.
_NOT_MIGRATED = frozenset({"42P01", "42703"})
#: What SQLite says while somebody else writes.
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_SNAPSHOT, sqlite3.SQLITE_LOCKED})


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
    def usage(self) -> SqlUsage:
        """What was used."""
        return SqlUsage(self.connection)

    @cached_property
    def statements(self) -> SqlStatements:
        """The ledger as of the end of a month."""
        return SqlStatements(self.connection)

    @cached_property
    def allotments(self) -> SqlAllotments:
        """Decisions about budgets."""
        return SqlAllotments(self.connection)

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

    @cached_property
    def storage_uses(self) -> SqlStorageUses:
        """What folders hold."""
        return SqlStorageUses(self.connection)

    @cached_property
    def events(self) -> SqlEvents:
        """The audit chain."""
        return SqlEvents(self.connection)

    @cached_property
    def records(self) -> SqlRecords:
        """All that is kept of one person."""
        return SqlRecords(self.connection)

    @cached_property
    def chains(self) -> SqlChains:
        """Both chains as they were found."""
        return SqlChains(self.connection)

    @cached_property
    def requests(self) -> SqlRequests:
        """Requests for more budget."""
        return SqlRequests(self.connection)

    @cached_property
    def mails(self) -> SqlMails:
        """The outbox."""
        return SqlMails(self.connection)


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
            if connection.dialect.name == "postgresql":
                # Whatever the server's default: what was read is as of after the lock.
                connection = connection.execution_options(isolation_level="READ COMMITTED")
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    # One writer at a time, as on SQLite: admission reads before it writes.
                    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(20261121)")
                yield SqlTransaction(connection, self._first_uid)

    @contextmanager
    def reading(self) -> Iterator[SqlTransaction]:
        """A consistent view; whatever is written in it is rolled back."""
        with self._translated(), self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                # Else each statement would see what was committed before it.
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            transaction = connection.begin()
            try:
                yield SqlTransaction(connection, self._first_uid)
            finally:
                transaction.rollback()

    def checkpoint(self) -> None:
        """Move what was committed into SQLite's file; nothing where a server does it by itself.

        A commit appends to the write-ahead log and costs one fsync. Moving pages costs more,
        and so does the first commit after all of them were moved, since the log then begins
        anew with a head of its own: this call makes that commit, too, of nothing. A commit
        of another process that comes just between the two pays for the head in its place.
        """
        if self._engine.dialect.name != "sqlite":
            return
        with self._translated(), self._engine.connect() as connection:
            # The driver's own: a transaction of SQLAlchemy's would keep pages from moving.
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            try:
                scrubbing.move_pages(driver)
            except sqlite3.Error as error:
                raise DatabaseError(f"{self._engine.url}: {error}; is the disk full?") from error

    def scrub(self, *, large: bool) -> bool:
        """Write SQLite's file anew, and empty its log, if something was removed for good since.

        Whether nothing is left to do: a file that is not small is left alone unless it may be
        ``large``, since writers are kept waiting. A PostgreSQL server reuses what is free, and
        has its own ways and its own copies; nothing is done there. Raises DatabaseError if the
        disk is full, or others are at work all the time; it is then still to be done.
        """
        if self._engine.dialect.name != "sqlite":
            return True
        with self._translated(), self._engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            try:
                return scrubbing.scrub(driver, large=large)
            except sqlite3.Error as error:
                if driver.in_transaction:
                    driver.rollback()
                raise DatabaseError(
                    f"{self._engine.url}: cannot be written anew: {error}."
                ) from error
            except scrubbing.LogInUseError:
                raise DatabaseError(
                    f"{self._engine.url}: its log is in use all the time; is it being copied?"
                ) from None

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError, ProgrammingError) as error:
            if (remedy := _remedy(error)) is None:
                raise
            url = self._engine.url.render_as_string(hide_password=True)
            raise DatabaseError(f"{url}: {_said(error)}; {remedy}") from error
        except (IntegrityError, DataError) as error:
            # The tables' own rules: a charge twice, more than is free, a unit held twice.
            url = self._engine.url.render_as_string(hide_password=True)
            raise DatabaseError(
                f"{url}: {_said(error)}; nothing of it was written. Please report this."
            ) from error
        except SqlError as error:
            if type(error) is not SqlError:  # what SQLite says of a file that is none, or torn
                raise
            raise DatabaseError(
                f"{self._engine.url}: {_said(error)}; run `down`, then bring back a backup."
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
        said = _said(error) if isinstance(error, SqlError) else error
        raise DatabaseError(f"{shown}: cannot be migrated ({said}).") from error
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
        raise DatabaseError(f"{shown}: cannot be read ({_said(error)}).") from error
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


def _said(error: DBAPIError) -> str:
    """The driver's sentence, which may have been several lines, without what was asked."""
    return " ".join(str(error.orig).split())


def _remedy(error: DBAPIError) -> str | None:
    """What to do about it; None for what is a fault of ours."""
    state = getattr(error.orig, "sqlstate", None)
    if state in _NOT_MIGRATED:
        return "has `up` not migrated it yet?"
    if isinstance(error, ProgrammingError):
        return None
    if isinstance(error.orig, sqlite3.Error):
        if getattr(error.orig, "sqlite_errorcode", None) in _BUSY:
            return "another program has been writing to it for long; is it being copied or saved?"
        return "is the disk full, or has `up` not migrated it yet?"
    if state == "55P03":  # lock_not_available
        return "another transaction holds what this one needs; see pg_stat_activity"
    return "does the server run, and does it let Labwerk in? What was begun is not kept"


def _engine(url: str) -> Engine:
    if make_url(url).get_backend_name() == "postgresql":
        return create_engine(
            url,
            # The server may have been restarted since a connection was last used.
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": _CONNECT_TIMEOUT_S,
                "application_name": "labwerk",
                "options": f"-c lock_timeout={_BUSY_TIMEOUT_MS}",
            },
        )
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
    cursor.execute(f"PRAGMA wal_autocheckpoint={_AUTOCHECKPOINT_PAGES}")
    cursor.execute("PRAGMA foreign_keys=ON")
    # Whatever the library was built with; see `scrubbing`.
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("labwerk_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
