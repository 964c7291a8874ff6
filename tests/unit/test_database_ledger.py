"""The ledger's tables, on SQLite and PostgreSQL: nothing is charged twice or overdrawn."""

from __future__ import annotations

import threading

import pytest
from labwerk_hub.adapters.sql import SqlDatabase
from labwerk_hub.domain.ledger import FREE, GRANTED, Posting, held, used
from labwerk_hub.domain.statement import AsOf, Month
from labwerk_hub.errors import DatabaseError
from support.postings import BUDGET, PERIOD, charged, granted, held_for


def test_an_interval_is_charged_once(database: SqlDatabase) -> None:
    with database.writing() as tx:
        tx.ledger.post(granted(100))
        tx.ledger.post(held_for("lw-1", 80))
        tx.ledger.post(charged("lw-1", 60))
    with pytest.raises(DatabaseError), database.writing() as tx:
        tx.ledger.post(charged("lw-1", 60))
    with database.reading() as tx:
        assert tx.ledger.accounts(BUDGET, PERIOD) == {
            GRANTED: -100,
            FREE: 20,
            held("lw-1"): 20,
            used("p-1"): 60,
        }
        assert tx.ledger.accounts(BUDGET, "2026-12") == {}


@pytest.mark.parametrize(
    "posting", [held_for("lw-2", 41), charged("lw-1", 61)], ids=["free", "held"]
)
def test_more_than_there_is_cannot_be_held_or_charged_whatever_the_code_above_does(
    database: SqlDatabase, posting: Posting
) -> None:
    with database.writing() as tx:
        tx.ledger.post(granted(100))
        tx.ledger.post(held_for("lw-1", 60))
    with pytest.raises(DatabaseError, match="not_overdrawn"), database.writing() as tx:
        tx.ledger.post(posting)
    with database.reading() as tx:
        accounts = {GRANTED: -100, FREE: 40, held("lw-1"): 60}
        assert tx.ledger.accounts(BUDGET, PERIOD) == accounts
        assert tx.ledger.head().number == 2


def test_what_was_used_is_told_as_of_any_posting(database: SqlDatabase) -> None:
    with database.writing() as tx:
        tx.ledger.post(granted(100))
        tx.ledger.post(held_for("lw-1", 60))
        tx.ledger.post(charged("lw-1", 24))
        tx.ledger.post(held_for("lw-2", 40))
        tx.ledger.post(charged("lw-2", 12))
    with database.reading() as tx:
        (first,) = tx.statements.used("thr", "2026-11-01", "2026-11-30", AsOf(4, 0))
        (both,) = tx.statements.used("thr", "2026-11-01", "2026-11-30", AsOf(5, 0), BUDGET)
        assert (first.ticks, first.ms, first.sessions) == (24, 10_000, 1)
        assert (both.ticks, both.ms, both.sessions) == (36, 20_000, 2)
        assert tx.statements.heads_at(AsOf(5, 0)) == tx.statements.heads_at(None)
        assert tx.statements.heads_at(AsOf(4, 0)).posting == 4
        november = Month(2026, 11)
        assert tx.statements.heads(november, 0, AsOf(4, 0)).posting == 3
        assert tx.statements.grants("thr", 5, 0, AsOf(4, 0)) == tx.statements.grants("thr", 5, 0)


def test_two_starts_race_for_the_last_of_a_budget_and_one_finds_it_gone(
    database: SqlDatabase,
) -> None:
    """What is read before it is written is read after the other one has written."""
    with database.writing() as tx:
        tx.ledger.post(granted(100))
    at_once, got = threading.Barrier(8), []

    def start(session: str) -> None:
        at_once.wait()
        with database.writing() as tx:
            free = tx.ledger.accounts(BUDGET, PERIOD, [FREE])[FREE]
            if free >= 100:
                tx.ledger.post(held_for(session, 100))
                got.append(session)

    threads = [threading.Thread(target=start, args=(f"lw-{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
    with database.reading() as tx:
        assert tx.ledger.accounts(BUDGET, PERIOD)[held(got[0])] == 100


def test_a_reader_sees_one_moment_however_much_is_written_meanwhile(database: SqlDatabase) -> None:
    with database.reading() as before:
        assert before.ledger.head().number == 0
        with database.writing() as tx:
            tx.ledger.post(granted(100))
        assert before.ledger.accounts(BUDGET, PERIOD) == {}
        assert before.ledger.head().number == 0
