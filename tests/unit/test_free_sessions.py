"""Sessions that cost nothing: on record to the minute in the end, in few postings."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from labwerk_hub.domain.budgets import BudgetKind
from labwerk_hub.domain.catalogue import Project
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR as HOUR
from labwerk_hub.domain.texts import Localized
from labwerk_hub.domain.usage import UsageSum
from labwerk_hub.services import payers
from labwerk_hub.services.reconcile import reconcile
from labwerk_hub.services.verification import verify
from support.workbench import MINUTE_MS, Bench, budget, budgets

ROTOR = "project/rotor"


@pytest.fixture
def anna(bench: Bench) -> str:
    """Somebody who may choose who pays for nothing."""
    bench.with_catalogue(
        projects=(Project("rotor", Localized.same("Rotor"), "project-rotor"),),
        budgets=budgets(budget(), budget("rotor", 10 * HOUR, None, BudgetKind.PROJECT, "thr")),
    )
    bench.storage.projects = {"rotor"}
    return bench.person("Anna", "thr", "project-rotor")


def _pass(bench: Bench, person: str, minutes: int) -> int:
    """So many minutes with two readings in each; how many postings they made."""
    before = _postings(bench)
    for _ in range(2 * minutes):
        bench.clock.step(seconds=30)
        reconcile(bench.workbench, [person])
    return _postings(bench) - before


def _postings(bench: Bench) -> int:
    with bench.workbench.database.reading() as tx:
        return tx.ledger.head().number


def _sums(bench: Bench, person: str, first: str, last: str) -> list[UsageSum]:
    with bench.workbench.database.reading() as tx:
        known = tx.people.by_name(person)
        assert known is not None
        return tx.usage.of_person(known.pseudonym, first, last)


def test_a_session_that_costs_nothing_is_booked_every_ten_minutes_and_at_its_end(
    bench: Bench, anna: str
) -> None:
    bench.start(anna, "cpu")
    assert _pass(bench, anna, 60) == 6
    assert _pass(bench, anna, 5) == 0
    bench.stop(anna)
    (month,) = _sums(bench, anna, "2026-11", "2026-11")
    assert (month.ms, month.ticks, month.sessions) == (65 * MINUTE_MS, 0, 1)
    assert verify(bench.workbench).findings == ()


def test_one_that_costs_something_is_booked_at_every_reading(bench: Bench, anna: str) -> None:
    bench.start(anna)
    assert _pass(bench, anna, 10) == 20


def test_a_day_and_a_month_that_end_are_booked_to_their_end_at_once(
    bench: Bench, anna: str
) -> None:
    bench.clock.now = datetime(2026, 11, 30, 22, 57, tzinfo=UTC)  # 23:57 in Berlin
    session = bench.start(anna, "cpu").session
    _pass(bench, anna, 4)
    ended_ms = bench.clock.ms - 1 * MINUTE_MS
    assert bench.lease(session).metered_to_ms == ended_ms, "the month's statement waits for it"
    (day,) = _sums(bench, anna, "2026-11-30", "2026-11-30")
    assert day.ms == 3 * MINUTE_MS
    assert _sums(bench, anna, "2026-12-01", "2026-12-01") == []


def test_what_ran_until_another_budget_pays_is_on_record_for_the_one_that_did(
    bench: Bench, anna: str
) -> None:
    bench.start(anna, "cpu")
    _pass(bench, anna, 5)
    payers.switch(bench.workbench, anna, ROTOR)
    _pass(bench, anna, 2)
    bench.stop(anna)
    sums = _sums(bench, anna, "2026-11", "2026-11")
    assert {one.budget: one.ms for one in sums} == {
        "institution/thr": 5 * MINUTE_MS,
        ROTOR: 2 * MINUTE_MS,
    }
