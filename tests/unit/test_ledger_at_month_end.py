"""The last hours of a month: the next one is opened once, and no question reads all of it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from labwerk_hub.domain.budgets import BudgetKind
from labwerk_hub.domain.catalogue import Project
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR
from labwerk_hub.domain.texts import Localized
from labwerk_hub.services import sessions
from sqlalchemy import Engine, event
from support.workbench import Bench, budget, budgets

_LAST_EVENING = datetime(2026, 11, 30, 18, tzinfo=UTC)
#: Tables that grow by each charge.
_GROWING = ("postings", "entries")


@pytest.fixture
def bench(bench: Bench) -> Bench:
    """An institution that gives to a project, on the last evening of November."""
    bench.with_catalogue(
        projects=(Project("rotor", Localized.same("Rotor"), "rotor"),),
        budgets=budgets(
            budget("thr", 100 * TICKS_PER_GPU_HOUR, None),
            budget("rotor", 10 * TICKS_PER_GPU_HOUR, None, BudgetKind.PROJECT, "thr"),
        ),
    )
    bench.clock.now = _LAST_EVENING
    return bench


Asked = list[tuple[str, Any]]


@contextmanager
def _overheard() -> Iterator[Asked]:
    """What the database is asked meanwhile, with its values."""
    asked: Asked = []

    def hear(
        _connection: object, _cursor: object, statement: str, values: object, *_more: object
    ) -> None:
        asked.append((statement, values))

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", hear)


def test_what_people_wait_for_never_looks_through_all_of_the_ledger(
    bench: Bench, tmp_path: Path
) -> None:
    anna = bench.person("Anna")
    with _overheard() as asked:
        sessions.start_page(bench.workbench, anna)
        lease = bench.start(anna)
        for _ in range(2):
            bench.clock.step(seconds=30)
            bench.meter(lease.session)
        bench.stop(anna)
    questions = [one for one in asked if re.match("SELECT|WITH|UPDATE|DELETE", one[0])]
    assert len(questions) > 20
    # The last one of all is at the end; looking for it by what it is about is another matter.
    questions = [one for one in questions if "WHERE" in one[0] or "LIMIT" not in one[0]]
    slow = re.compile(rf"SCAN ({'|'.join(_GROWING)}|taken|given)\b(?!.*ix_postings_grants)")
    with closing(sqlite3.connect(tmp_path / "labwerk.sqlite")) as file:
        for statement, values in questions:
            many = values if isinstance(values, list) else [values]
            plan = file.execute(f"EXPLAIN QUERY PLAN {statement}", many[0]).fetchall()
            assert not [row for row in plan if slow.match(row[3])], statement


def test_the_next_month_is_opened_once(bench: Bench) -> None:
    anna = bench.person("Anna")
    sessions.start_page(bench.workbench, anna)
    assert bench.figures("project/rotor", "2026-12").granted == 10 * TICKS_PER_GPU_HOUR
    bench.clock.step(minutes=1)
    with _overheard() as asked:
        sessions.start_page(bench.workbench, anna)
    assert "BEGIN IMMEDIATE" not in [statement for statement, _ in asked]
