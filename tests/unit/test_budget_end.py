"""The end of a budget: warnings, a grace, and sessions without budget that give way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from labwerk_hub.domain.leases import EndReason
from labwerk_hub.domain.waiting import TicketState
from labwerk_hub.services import overview, sessions
from labwerk_hub.services.budget_views import BudgetWarning
from support.budget_bench import HOUR, SMALL, balanced, budget_bench, read, start
from support.workbench import Bench, budget, budgets


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with budget_bench(tmp_path) as found:
        yield found


def _scarce(bench: Bench, seconds: int, **values: object) -> None:
    bench.with_catalogue(budgets=budgets(budget("thr", SMALL * seconds, None, **values)))  # type: ignore[arg-type]


def test_a_person_is_warned_at_a_fifth_a_tenth_five_minutes_and_at_the_end(bench: Bench) -> None:
    _scarce(bench, 3600)
    anna = bench.person("Anna")
    start(bench, anna)
    seen: list[tuple[int, BudgetWarning | None]] = []
    for minute in range(62):
        warning = overview.of_person(bench.workbench, anna).budget.warning
        if not seen or seen[-1][1] is not warning:
            seen.append((minute, warning))
        bench.clock.step(minutes=1)
        read(bench, anna)
    assert seen == [
        (0, None),
        (48, BudgetWarning.FIFTH),
        (54, BudgetWarning.TENTH),
        (55, BudgetWarning.MINUTES),
        (60, BudgetWarning.USED_UP),
    ]


def test_a_session_whose_budget_is_used_up_goes_on_for_a_grace_which_is_charged_and_is_stopped(
    bench: Bench,
) -> None:
    _scarce(bench, 3600)
    anna = bench.person("Anna")
    session = start(bench, anna)
    bench.clock.step(minutes=61)
    read(bench, anna)
    assert bench.lease(session).stopping is None
    shown = overview.of_person(bench.workbench, anna).budget
    assert shown.grace_ends_at == bench.clock.now + timedelta(minutes=9)
    bench.clock.step(minutes=9)
    read(bench, anna)
    assert bench.lease(session).stopping is EndReason.BUDGET
    sessions.ended(bench.workbench, session, EndReason.STOPPED)
    assert bench.lease(session).end_reason is EndReason.BUDGET
    assert (bench.figures().used, bench.figures().over) == (SMALL * 4200, SMALL * 600)
    balanced(bench)


def test_without_budget_a_session_runs_on_what_is_free_and_gives_way_to_who_waits(
    bench: Bench,
) -> None:
    bench.with_catalogue(
        budgets=budgets(budget("thr", 0, None, over_use=True), budget("iwe", 10 * HOUR, None))
    )
    anna = bench.person("Anna")
    session = start(bench, anna)
    assert bench.lease(session).over_use
    bench.clock.step(minutes=10)
    read(bench, anna)
    assert (bench.figures().used, bench.figures().over) == (SMALL * 600, SMALL * 600)
    ends = bench.lease(session).ends_ms
    others = [bench.person(name, "iwe") for name in ("Ben", "Cem", "Dora", "Eva", "Fred", "Gil")]
    others += [bench.person(name, "iwe") for name in ("Hans", "Ida")]
    for person in others:
        start(bench, person)
    waiting = bench.queue(bench.person("Zoe", "iwe"))
    read(bench, anna, *others)
    assert bench.lease(session).ends_ms == bench.clock.ms + 600_000 < ends
    bench.clock.step(minutes=10)
    read(bench, anna, *others)
    assert bench.lease(session).stopping is EndReason.OVER_USE
    assert waiting.state is TicketState.WAITING


def test_who_has_no_budget_waits_behind_everybody_who_has(bench: Bench) -> None:
    bench.with_catalogue(
        budgets=budgets(budget("thr", 0, None, over_use=True), budget("iwe", 99 * HOUR, None))
    )
    holders = [bench.person(f"P{number}", "iwe") for number in range(9)]
    for person in holders:
        start(bench, person)
    late, early = bench.person("Late", "iwe"), bench.person("Early")
    assert bench.queue(early).over_use
    bench.clock.step(minutes=30)
    assert not bench.queue(late).over_use
    bench.stop(holders[0])
    assert bench.advance() == [late]
