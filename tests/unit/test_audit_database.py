"""Both chains on both databases: SQLite, and a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from labwerk_hub.services import audit, leavers, people, retention
from labwerk_hub.services.verification import verify
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DatabaseError as SqlError
from support.workbench import Bench, bench_in


@pytest.fixture
def worked(empty: str, tmp_path: Path) -> Iterator[Bench]:
    """Anna has had a session, and Olga was in it."""
    with bench_in(tmp_path, url=empty) as bench:
        anna, olga = bench.person("Anna"), bench.person("Olga")
        lease = bench.start(anna)
        audit.entered(bench.workbench, olga, anna, "browser")
        bench.clock.step(minutes=20)
        bench.meter(lease.session)
        bench.clock.step(minutes=20)
        bench.stop(anna)
        retention.seal_and_redact(bench.workbench)
        yield bench


def run(url: str, statement: str) -> None:
    """Somebody at the database itself."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()


def test_what_nobody_touched_is_as_it_was_written(worked: Bench) -> None:
    verified = verify(worked.workbench)
    assert verified.findings == ()
    assert (verified.events, verified.heads.event.number) == (4, 4)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET actor = 'p-0' WHERE id = 2",
        (
            "UPDATE events SET hash = content_digest, content = NULL, salt = NULL, actor = NULL,"
            " subject = NULL, object = NULL WHERE id = 2"
        ),
        "UPDATE events SET content = NULL WHERE id = 2",
        "DELETE FROM events WHERE id = 2",
        (
            "INSERT INTO events SELECT id + 9, at_ms, kind, actor, subject, object, content, salt,"
            " content_digest, hash FROM events WHERE id = 2"
        ),
    ],
)
def test_the_database_refuses_to_change_an_event(worked: Bench, empty: str, statement: str) -> None:
    with pytest.raises(SqlError, match="append-only"):
        run(empty, statement)
    assert verify(worked.workbench).findings == ()


def test_the_table_cannot_be_emptied_at_once_either(worked: Bench, empty: str) -> None:
    with pytest.raises(SqlError, match="append-only"):
        run(empty, "DELETE FROM events" if empty.startswith("sqlite") else "TRUNCATE events")
    assert verify(worked.workbench).events == 4


def test_sums_that_were_changed_are_found(worked: Bench, empty: str) -> None:
    theirs = "account = 'free' AND budget = 'institution/thr'"
    run(empty, f"UPDATE balances SET ticks = ticks + 1 WHERE {theirs}")
    run(empty, "UPDATE usage_sums SET idle_ms = idle_ms + 1 WHERE span = '2026-11'")
    run(empty, "UPDATE usage_sums SET ticks = ticks + 1 WHERE span = '2026-11-16'")
    tables = [finding.table for finding in verify(worked.workbench).findings]
    assert tables == ["balances", "usage_sums", "usage_sums"]


def test_content_goes_after_its_time(worked: Bench) -> None:
    worked.clock.step(days=400)
    assert retention.redact(worked.workbench) == 3
    verified = verify(worked.workbench)
    assert (verified.removed, verified.findings) == (3, ())


def test_somebody_is_erased_and_comes_back_as_somebody_new(worked: Bench) -> None:
    before = people.find(worked.workbench, "thr--anna")
    erased = leavers.erase(worked.workbench, "thr--anna")
    assert people.find(worked.workbench, "thr--anna") is None
    verified = verify(worked.workbench)
    assert (erased.sessions, erased.events, verified.findings) == (1, 3, ())
    assert before is not None
    with worked.workbench.database.reading() as tx:
        assert tx.people.by_pseudonym(before.pseudonym) is None
