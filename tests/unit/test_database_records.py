"""What is on record stays as it is, whatever is written to the database, SQLite or PostgreSQL."""

from __future__ import annotations

import pytest
from labwerk_hub.adapters.sql import SqlDatabase
from labwerk_hub.domain.allotments import Allotment
from labwerk_hub.domain.events import Event, EventKind
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DatabaseError as SqlError
from support.postings import BUDGET, PERIOD, granted


@pytest.fixture
def written(database: SqlDatabase, migrated: str) -> str:
    """The URL of a database that has a line in each table of what is on record."""
    with database.writing() as tx:
        tx.ledger.post(granted(100))
        tx.allotments.add(Allotment(BUDGET, None, PERIOD, 5, 1_000, "labwerk"))
        tx.events.add(Event(EventKind.SIGN_IN, 1_000, "p-1", "p-1", None, {}))
    return migrated


@pytest.mark.parametrize("table", ["postings", "entries", "allotments", "events"])
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET made_ms = 1", "DELETE FROM {}", "TRUNCATE {}"]
)
def test_the_database_refuses_to_change_what_is_on_record(
    written: str, table: str, statement: str
) -> None:
    engine = create_engine(written)
    if statement.startswith("TRUNCATE"):
        if engine.dialect.name == "sqlite":
            return  # it has no such statement
        statement += " CASCADE"
    column = {"entries": "ticks", "events": "at_ms"}.get(table, "made_ms")
    with pytest.raises(SqlError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement.format(table).replace("made_ms", column)))
    engine.dispose()


def test_a_trigger_that_was_dropped_or_switched_off_is_named(
    database: SqlDatabase, migrated: str
) -> None:
    with database.reading() as tx:
        assert tx.chains.missing_triggers() == []
    engine = create_engine(migrated)
    gone = ["entries_refuse_update"]
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("DROP TRIGGER entries_refuse_update"))
        else:
            connection.execute(text("DROP TRIGGER entries_refuse_update ON entries"))
            connection.execute(text("ALTER TABLE allotments DISABLE TRIGGER USER"))
            actions = ("update", "delete", "truncate")
            gone += [f"allotments_refuse_{action}" for action in actions]
    engine.dispose()
    with database.reading() as tx:
        assert tx.chains.missing_triggers() == gone


def test_entries_of_no_posting_are_found(database: SqlDatabase, written: str) -> None:
    with database.reading() as tx:
        assert tx.chains.stray_entries() == []
    engine = create_engine(written)
    with engine.begin() as connection:
        if engine.dialect.name != "sqlite":  # whose foreign keys are off unless asked for
            connection.execute(text("SET session_replication_role = replica"))
        connection.execute(text(f"INSERT INTO entries VALUES (9, 0, '{BUDGET}', 'x', 'free', 1)"))
    engine.dispose()
    with database.reading() as tx:
        assert tx.chains.stray_entries() == [9]


_REST = (
    "made_by, session, start_ms, end_ms, idle_ms, flavour, institution, budget, person, day, hash"
)
_ENTRY = "posting, line, budget, period, account, ticks"
_OTHER_LINE = "posting, 9, budget, period, account, 7"
_EVENT = "kind, actor, subject, object, content, salt, content_digest, hash"


@pytest.mark.parametrize(
    "statement",
    [
        f"postings SELECT id, 'grant', 'other', 0, {_REST} FROM postings",
        f"postings SELECT id + 9, kind, key, 0, {_REST} FROM postings",
        "entries SELECT posting, line, budget, period, account, 7 FROM entries",
        f"entries (rowid, {_ENTRY}) SELECT rowid, {_OTHER_LINE} FROM entries",
        "allotments SELECT id, budget, person, period, 7, made_ms, made_by, hash FROM allotments",
        f"events SELECT id, 0, {_EVENT} FROM events",
    ],
)
def test_nothing_on_record_is_replaced(written: str, statement: str) -> None:
    engine = create_engine(written)
    if engine.dialect.name != "sqlite":
        return  # others have no such statement
    with pytest.raises(SqlError, match="append-only"), engine.begin() as connection:
        connection.execute(text(f"INSERT OR REPLACE INTO {statement}"))
    engine.dispose()
