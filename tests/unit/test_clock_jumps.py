"""A clock that jumps while a session runs: in the end the ledger is what the engine says ran."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from labwerk_hub.domain.admission import Request
from labwerk_hub.domain.budgets import BudgetKind
from labwerk_hub.domain.catalogue import Project
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR as HOUR
from labwerk_hub.domain.statement import AsOf, Month
from labwerk_hub.domain.texts import Localized
from labwerk_hub.domain.usage import UsageSum
from labwerk_hub.services import budget_pages, payers, sessions, statement
from labwerk_hub.services.budget_members import member_in
from labwerk_hub.services.reconcile import reconcile
from labwerk_hub.services.verification import verify
from support.workbench import MINUTE_MS, Bench, bench_in, budget, budgets

THR, ROTOR = "institution/thr", "project/rotor"
SMALL = 3  # ticks a second of the small slice


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A university that gives to a project, both of which pay for over-use."""
    with bench_in(tmp_path) as found:
        found.with_catalogue(
            projects=(Project("rotor", Localized.same("Rotor"), "project-rotor"),),
            budgets=budgets(
                budget("thr", 40 * HOUR, None, over_use=True),
                budget("rotor", 10 * HOUR, None, BudgetKind.PROJECT, "thr"),
            ),
        )
        found.storage.projects = {"rotor"}
        yield found


@pytest.fixture
def anna(bench: Bench) -> str:
    """Somebody of the project."""
    return bench.person("Anna", "thr", "project-rotor")


def _read(bench: Bench, person: str, minutes: float) -> None:
    bench.clock.step(minutes=minutes)
    reconcile(bench.workbench, [person])


def _sums(bench: Bench, person: str, month: str = "2026-11") -> dict[str, UsageSum]:
    with bench.workbench.database.reading() as tx:
        known = tx.people.by_name(person)
        assert known is not None
        return {one.budget: one for one in tx.usage.of_person(known.pseudonym, month, month)}


def _available(bench: Bench) -> list[str]:
    return [one.month for one in statement.available(bench.workbench)]


def _right(bench: Bench) -> bool:
    """Whether sums and balances are those of the postings, and nothing is held."""
    figures = bench.figures(THR, "2026-11")
    assert figures.free == figures.total - (figures.used - figures.over)
    return figures.held == 0 and verify(bench.workbench).findings == ()


def test_what_a_clock_charged_that_was_ahead_for_a_while_is_taken_back_at_the_end(
    bench: Bench, anna: str
) -> None:
    bench.start(anna)
    _read(bench, anna, 5)
    _read(bench, anna, 5 * 60)
    bench.clock.step(hours=-5)
    _read(bench, anna, 5)
    bench.stop(anna)
    assert bench.used_by(anna) == SMALL * 600
    (sums,) = _sums(bench, anna).values()
    assert (sums.ms, sums.ticks, sums.over_ticks, sums.sessions) == (
        10 * MINUTE_MS,
        SMALL * 600,
        0,
        1,
    )
    assert _right(bench)


def test_an_end_within_what_was_charged_takes_back_a_part_of_it(bench: Bench, anna: str) -> None:
    bench.start(anna)
    _read(bench, anna, 300)
    bench.clock.step(minutes=-290, milliseconds=-667)
    bench.stop(anna)
    assert bench.used_by(anna) == SMALL * 600 - 2 - 1, "no tick that has only begun"
    assert _sums(bench, anna)[THR].ms == 10 * MINUTE_MS - 667
    assert _right(bench)


def test_what_was_charged_without_budget_is_no_over_use_any_more(bench: Bench, anna: str) -> None:
    bench.with_catalogue(budgets=budgets(budget("thr", SMALL * 3600, None, over_use=True)))
    bench.start(anna)
    _read(bench, anna, 30)
    _read(bench, anna, 240)
    bench.clock.step(hours=-4)
    assert bench.figures().over == SMALL * 3.5 * 3600
    _read(bench, anna, 10)
    bench.stop(anna)
    figures = bench.figures()
    assert (figures.used, figures.over) == (SMALL * 40 * 60, 0)
    assert _sums(bench, anna)[THR].over_ticks == 0
    assert _right(bench)


def test_each_day_month_and_budget_gets_back_what_it_was_charged(bench: Bench, anna: str) -> None:
    bench.clock.now = datetime(2026, 11, 30, 20, tzinfo=UTC)  # 21:00 in Berlin
    bench.start(anna)
    _read(bench, anna, 30)
    bench.clock.step(hours=5)
    payers.switch(bench.workbench, anna, ROTOR)  # at half past two, as it seems
    _read(bench, anna, 30)
    bench.clock.step(hours=-5, minutes=-30)
    _read(bench, anna, 15)
    bench.stop(anna)
    used = SMALL * 45 * 60
    assert (bench.used_by(anna, period="2026-11"), bench.used_by(anna, period="2026-12")) == (
        used,
        0,
    )
    assert bench.used_by(anna, ROTOR, "2026-12") == 0
    assert _sums(bench, anna, "2026-12") == {}
    assert _right(bench)
    bench.clock.now = datetime(2026, 12, 2, tzinfo=UTC)
    made = statement.make(bench.workbench, "thr", "2026-11")
    assert made.final
    assert [(line.ticks, line.ms) for line in made.lines] == [(used, 45 * MINUTE_MS)]


def test_a_session_that_runs_past_the_time_that_was_charged_loses_nothing(
    bench: Bench, anna: str
) -> None:
    bench.start(anna)
    _read(bench, anna, 60)
    bench.clock.step(minutes=-50)
    _read(bench, anna, 20)
    assert bench.used_by(anna) == SMALL * 3600
    _read(bench, anna, 60)
    bench.stop(anna)
    assert bench.used_by(anna) == SMALL * 90 * 60
    assert _right(bench)


def test_an_end_before_the_beginning_takes_nothing_back(bench: Bench, anna: str) -> None:
    bench.start(anna)
    _read(bench, anna, 60)
    bench.clock.step(hours=-3)
    bench.stop(anna)
    assert bench.used_by(anna) == SMALL * 3600, "that it ran is seen, and no clock says less"
    assert _right(bench)


@pytest.mark.parametrize("flavour", ["small", "cpu"])
def test_nobody_used_anything_on_a_day_whose_charges_were_all_taken_back(
    bench: Bench, anna: str, flavour: str
) -> None:
    bench.start(anna, flavour)
    _read(bench, anna, 5)
    _read(bench, anna, 20 * 24 * 60)  # into December, as it seems
    assert _available(bench) == ["2026-12", "2026-11"]
    bench.clock.step(days=-20)
    assert _available(bench) == ["2026-11"], "December has not begun"
    bench.stop(anna)
    page = budget_pages.of_budget(bench.workbench, None, THR)
    assert member_in(page, anna).last_use == date(2026, 11, 16)
    with bench.workbench.database.reading() as tx:
        assert [one.span for one in tx.usage.all("2026-11-01", "2026-12-31")] == ["2026-11-16"]
        assert tx.statements.months("thr") == (Month(2026, 11), Month(2026, 11))
    bench.clock.now = datetime(2027, 1, 2, tzinfo=UTC)
    assert _available(bench) == ["2026-11"]
    (line,) = statement.make(bench.workbench, "thr", "2026-11").lines
    assert (line.ms, line.sessions) == (5 * MINUTE_MS, 1)
    december = statement.make(bench.workbench, "thr", "2026-12")
    assert (december.final, december.lines, december.sums.sessions) == (True, (), 0)
    with bench.workbench.database.reading() as tx:
        head = tx.ledger.head().number
        days = "2026-12-01", "2026-12-31"
        assert tx.statements.used("thr", *days, AsOf(head, 0)) == []
    assert verify(bench.workbench).findings == ()


def test_a_session_that_cost_nothing_is_on_record_as_long_as_it_ran(
    bench: Bench, anna: str
) -> None:
    granted = sessions.admit(bench.workbench, anna, Request("cpu", "base"))
    bench.run(granted)
    _read(bench, anna, 300)
    bench.clock.step(minutes=-295)
    bench.stop(anna)
    assert _sums(bench, anna)[THR].ms == 5 * MINUTE_MS
    assert _right(bench)
