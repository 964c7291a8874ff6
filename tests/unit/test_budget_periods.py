"""Periods of budgets: opened with what they have, and what happens at their ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from labwerk_hub.domain.admission import Reason
from labwerk_hub.domain.budgets import BudgetKind
from labwerk_hub.domain.catalogue import Course
from labwerk_hub.domain.leases import EndReason
from labwerk_hub.domain.periods import OUTSIDE, Term, Terms
from labwerk_hub.domain.terms import SessionRule
from labwerk_hub.domain.texts import Localized
from labwerk_hub.services import extension, sessions
from labwerk_hub.services.budgets import budget_of
from labwerk_hub.services.offers import RefusedError
from labwerk_hub.services.openings import allot, open_now
from support.budget_bench import (
    BERLIN,
    COURSE,
    HOUR,
    ROTOR,
    SMALL,
    THR,
    balanced,
    budget_bench,
    read,
    refusal,
    start,
)
from support.workbench import HOUR_MS, Bench, budget, budgets


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with budget_bench(tmp_path) as found:
        yield found


def test_an_institution_is_granted_its_hours_and_gives_some_to_projects_and_courses(
    bench: Bench,
) -> None:
    open_now(bench.workbench)
    thr, rotor, course = (
        bench.figures(THR),
        bench.figures(ROTOR),
        bench.figures(COURSE, "ws2026"),
    )
    assert (thr.granted, thr.given, thr.free) == (100 * HOUR, 28 * HOUR, 72 * HOUR)
    assert (rotor.granted, rotor.free) == (20 * HOUR, 20 * HOUR)
    assert (course.granted, course.free) == (8 * HOUR, 8 * HOUR)
    balanced(bench)


def test_opening_again_grants_nothing_more(bench: Bench) -> None:
    for _ in range(3):
        bench.with_catalogue()  # a process that starts anew remembers nothing
        open_now(bench.workbench)
    assert bench.figures(THR).granted == 100 * HOUR
    assert bench.figures(ROTOR).granted == 20 * HOUR


def test_a_project_gets_no_more_than_its_institution_has(bench: Bench) -> None:
    bench.with_catalogue(
        budgets=budgets(
            budget("thr", 12 * HOUR),
            budget("rotor", 20 * HOUR, None, BudgetKind.PROJECT, "thr"),
        )
    )
    open_now(bench.workbench)
    assert bench.figures(ROTOR).granted == 12 * HOUR
    assert bench.figures(THR).free == 0


def test_other_hours_in_the_settings_count_at_once_and_what_is_used_cannot_be_taken_back(
    bench: Bench,
) -> None:
    anna = bench.person("Anna")
    start(bench, anna)  # holds 2 h × 3 ticks = a quarter of a GPU-hour
    more = budgets(budget("thr", 120 * HOUR, 10 * HOUR))
    bench.with_catalogue(budgets=more)
    open_now(bench.workbench)
    assert bench.figures().granted == 120 * HOUR
    less = budgets(budget("thr", 0, 10 * HOUR))
    bench.with_catalogue(budgets=less)
    open_now(bench.workbench)
    shrunk = bench.figures()
    assert shrunk.free == 0
    assert shrunk.granted - shrunk.given == shrunk.held == SMALL * 2 * 3600
    balanced(bench)


def test_a_decision_for_one_period_counts_in_it_alone(bench: Bench) -> None:
    workbench, rotor = bench.workbench, budget_of(bench.workbench, ROTOR)
    november = rotor.periods.at(bench.clock.ms)
    with workbench.database.writing() as tx:
        allot(workbench, tx, "root", rotor, None, 30 * HOUR, november)
    assert bench.figures(ROTOR).granted == 30 * HOUR
    bench.clock.now = datetime(2026, 12, 2, 12, tzinfo=UTC)
    open_now(workbench)
    assert bench.figures(ROTOR).granted == 20 * HOUR
    with workbench.database.writing() as tx:
        allot(workbench, tx, "root", rotor, None, 5 * HOUR)
    assert bench.figures(ROTOR).granted == 5 * HOUR
    balanced(bench)


def test_a_session_over_a_months_end_is_held_and_charged_in_both_months(bench: Bench) -> None:
    bench.clock.now = datetime(2026, 11, 30, 22, tzinfo=UTC)  # 23:00 in Berlin
    anna = bench.person("Anna")
    session = start(bench, anna)
    hour = SMALL * 3600
    assert bench.figures(THR, "2026-11").held == bench.figures(THR, "2026-12").held == hour
    bench.clock.step(minutes=90)
    read(bench, anna)
    november, december = bench.figures(THR, "2026-11"), bench.figures(THR, "2026-12")
    assert (november.used, november.held, november.over) == (hour, 0, 0)
    assert (december.used, december.held) == (hour // 2, hour // 2)
    sessions.ended(bench.workbench, session, EndReason.STOPPED)
    assert bench.figures(THR, "2026-12").held == 0
    balanced(bench)


def test_a_new_month_without_hours_ends_a_session_at_the_old_ones_end(bench: Bench) -> None:
    bench.clock.now = datetime(2027, 3, 31, 21, tzinfo=UTC)  # the term ends at 22:00 UTC
    luca = bench.person("Luca", "thr", "ml")
    workbench = bench.workbench
    long = Course("ml", Localized.same("ML"), "thr", "s", "ml", date(2026, 1, 1), date(2028, 1, 1))
    bench.with_catalogue(courses=(long,))
    session = start(bench, luca, COURSE)
    assert bench.lease(session).ends_ms == bench.clock.ms + 3600_000
    bench.clock.step(hours=1, seconds=1)
    assert not budget_of(workbench, COURSE).periods.at(bench.clock.ms).is_open
    assert refusal(bench, bench.person("Pia", "thr", "ml"), COURSE).message.msgid.startswith(
        "“%(budget)s” has no budget at this time"
    )


def test_a_session_lasts_over_a_months_end_where_only_a_rule_lets_it_last_so_long(
    bench: Bench,
) -> None:
    bench.with_policy(rules=(SessionRule("institution:thr", "small", 48, 96),))
    bench.clock.now = datetime(2026, 11, 29, 23, tzinfo=UTC)  # the month has 24 hours to go
    lease = bench.lease(start(bench, bench.person("Anna"), THR))
    assert lease.ends_ms == bench.clock.ms + 48 * HOUR_MS
    assert bench.figures(THR, "2026-11").held == SMALL * 24 * 3600
    assert bench.figures(THR, "2026-12").held == SMALL * 24 * 3600


def test_a_session_lasts_no_longer_than_the_period_after_the_one_in_which_it_began(
    bench: Bench,
) -> None:
    blocks = (
        Term("first", date(2026, 11, 16), date(2026, 11, 16)),
        Term("second", date(2026, 11, 17), date(2026, 11, 17)),
    )
    rotor = budget(
        "rotor", 20 * HOUR, None, BudgetKind.PROJECT, "thr", periods=Terms(BERLIN, blocks)
    )
    bench.with_catalogue(budgets=budgets(budget("thr", 100 * HOUR, None), rotor))
    bench.with_policy(rules=(SessionRule("institution:thr", "small", 48, 96),))
    anna = bench.person("Anna", "thr", "project-rotor")
    session = start(bench, anna, ROTOR)  # at 13 o'clock in Berlin
    until = bench.clock.ms + 35 * HOUR_MS
    assert bench.lease(session).ends_ms == until
    with pytest.raises(RefusedError) as refused:
        extension.extend(bench.workbench, anna)
    assert refused.value.refusal.reason is Reason.BUDGET_USED_UP
    bench.clock.step(hours=35)
    read(bench, anna)
    assert bench.used_by(anna, ROTOR, OUTSIDE) == 0


def test_what_is_left_goes_over_by_the_rule_once_everything_of_the_old_month_is_charged(
    bench: Bench,
) -> None:
    bench.with_catalogue(budgets=budgets(budget("thr", 10 * HOUR, None, carry_over=50)))
    bench.clock.now = datetime(2026, 11, 30, 22, 30, tzinfo=UTC)
    anna = bench.person("Anna")
    start(bench, anna)
    bench.clock.now = datetime(2026, 11, 30, 23, 0, 30, tzinfo=UTC)  # half a minute into December
    open_now(bench.workbench)
    assert bench.figures(THR, "2026-12").carried == 0  # half an hour of November is to come
    read(bench, anna)
    bench.clock.step(seconds=30)
    read(bench, anna)
    left = 10 * HOUR - SMALL * 1800
    assert bench.figures(THR, "2026-12").carried == left // 2
    assert bench.figures(THR, "2026-11").carried == -(left // 2)
    bench.with_catalogue()
    open_now(bench.workbench)
    assert bench.figures(THR, "2026-12").total == 10 * HOUR + left // 2
    balanced(bench)


def test_after_a_month_of_downtime_each_day_is_charged_to_its_month(bench: Bench) -> None:
    bench.clock.now = datetime(2026, 11, 29, 11, tzinfo=UTC)
    anna = bench.person("Anna")
    start(bench, anna)
    bench.clock.now = datetime(2027, 1, 2, 11, tzinfo=UTC)
    read(bench, anna)
    day = SMALL * 86_400
    used = [bench.used_by(anna, THR, month) for month in ("2026-11", "2026-12", "2027-01")]
    assert used == [day * 3 // 2, day * 31, day * 3 // 2]
    with bench.workbench.database.reading() as tx:
        person = tx.people.by_name(anna)
        assert person is not None
        days = tx.usage.of_person(person.pseudonym, "2026-11-01", "2027-01-31")
        months = tx.usage.of_person(person.pseudonym, "2026-11", "2027-01")
    assert [one.ticks for one in days] == [day // 2, *[day] * 33, day // 2]
    assert [(one.span, one.ticks, one.sessions) for one in months] == [
        ("2026-11", used[0], 1),
        ("2026-12", used[1], 1),
        ("2027-01", used[2], 1),
    ]
    balanced(bench)


def test_a_charge_outside_of_any_period_is_charged_as_over_use(bench: Bench) -> None:
    # The term ended while nobody could stop the session.
    bench.clock.now = datetime(2027, 3, 31, 21, tzinfo=UTC)
    long = Course("ml", Localized.same("ML"), "thr", "s", "ml", date(2026, 1, 1), date(2028, 1, 1))
    bench.with_catalogue(courses=(long,))
    luca = bench.person("Luca", "thr", "ml")
    start(bench, luca, COURSE)
    bench.clock.step(hours=2)
    read(bench, luca)
    assert bench.figures(COURSE, OUTSIDE).over == SMALL * 3600
    assert bench.figures(COURSE, "ws2026").used == SMALL * 3600
