"""Budgets: granted, given on, held, charged, released, carried over; on a real database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from labwerk_hub.domain.admission import Reason, Refusal, Request
from labwerk_hub.domain.budgets import BudgetKind
from labwerk_hub.domain.catalogue import Course, Project
from labwerk_hub.domain.leases import EndReason
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR
from labwerk_hub.domain.periods import OUTSIDE, Term, Terms
from labwerk_hub.domain.texts import GpuHours, Localized
from labwerk_hub.domain.waiting import TicketState
from labwerk_hub.services import overview, payers, sessions
from labwerk_hub.services.budget_views import BudgetWarning
from labwerk_hub.services.budgets import allot, budget_of, open_now
from labwerk_hub.services.offers import RefusedError
from labwerk_hub.services.reconcile import reconcile
from support.workbench import Bench, bench_in, budget, budgets, dynamic_gpu, fixed_gpu

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = TICKS_PER_GPU_HOUR
SMALL = 3  # ticks a second of the small slice
ROTOR, COURSE, THR = "project/rotor", "course/ml", "institution/thr"
WINTER = Terms(BERLIN, (Term("ws2026", date(2026, 10, 1), date(2027, 3, 31)),))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Two institutions; thr gives to the project rotor and to a course."""
    with bench_in(tmp_path, [dynamic_gpu("one"), fixed_gpu()]) as found:
        found.with_catalogue(
            projects=(Project("rotor", Localized.same("Rotor"), "project-rotor"),),
            courses=(
                Course(
                    "ml",
                    Localized.same("ML"),
                    "thr",
                    "ml-staff",
                    "ml",
                    date(2026, 10, 12),
                    date(2027, 2, 5),
                ),
            ),
            budgets=budgets(
                budget("thr", 100 * HOUR, 10 * HOUR),
                budget("iwe", 50 * HOUR, 10 * HOUR),
                budget("rotor", 20 * HOUR, 5 * HOUR, BudgetKind.PROJECT, "thr"),
                budget("ml", 8 * HOUR, 1 * HOUR, BudgetKind.COURSE, "thr", periods=WINTER),
            ),
        )
        found.storage.projects = {"rotor"}
        yield found


def _refusal(bench: Bench, person: str, payer: str = "", flavour: str = "small") -> Refusal:
    with pytest.raises(RefusedError) as refused:
        sessions.admit(bench.workbench, person, Request(flavour, "base", payer=payer))
    return refused.value.refusal


def _start(bench: Bench, person: str, payer: str = "", flavour: str = "small") -> str:
    granted = sessions.admit(bench.workbench, person, Request(flavour, "base", payer=payer))
    bench.run(granted)
    return granted.lease.session


def _read(bench: Bench, *served: str) -> None:
    reconcile(bench.workbench, served)


def _balanced(bench: Bench) -> None:
    """In each budget and period the accounts add up to zero, and they are their entries' sums."""
    with bench.workbench.database.reading() as tx:
        for name in bench.workbench.catalogue.budgets:
            for period in tx.ledger.periods_of(name):
                assert sum(tx.ledger.accounts(name, period).values()) == 0, (name, period)


# ------------------------------------------------------------------ periods opened


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
    _balanced(bench)


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
    _start(bench, anna)  # holds 2 h × 3 ticks = a quarter of a GPU-hour
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
    _balanced(bench)


# ------------------------------------------------------------------ holds and charges


def test_a_start_holds_what_it_may_cost_a_charge_uses_it_and_the_end_gives_the_rest_back(
    bench: Bench,
) -> None:
    anna = bench.person("Anna")
    session = _start(bench, anna)
    assert bench.figures().held == SMALL * 2 * 3600
    bench.clock.step(minutes=30)
    _read(bench, anna)
    half = bench.figures()
    assert (half.used, half.held) == (SMALL * 1800, SMALL * 5400)
    bench.clock.step(minutes=15)
    sessions.ended(bench.workbench, session, EndReason.STOPPED)
    over = bench.figures()
    assert (over.used, over.held, over.over) == (SMALL * 2700, 0, 0)
    assert over.free == over.total - over.used
    _balanced(bench)


def test_a_start_that_never_came_to_a_container_costs_nothing(bench: Bench) -> None:
    anna = bench.person("Anna")
    granted = sessions.admit(bench.workbench, anna, Request("small", "base"))
    sessions.ended(bench.workbench, granted.lease.session, EndReason.FAILED)
    assert (bench.figures().used, bench.figures().held) == (0, 0)


def test_of_two_who_race_for_the_last_hour_one_gets_it_and_the_other_hears_what_is_missing(
    bench: Bench,
) -> None:
    last = SMALL * 3600
    bench.with_catalogue(budgets=budgets(budget("thr", last, None)))
    people = [bench.person("Anna"), bench.person("Ben")]
    told: list[Refusal | str] = []
    ready = threading.Barrier(2)

    def race(person: str) -> None:
        ready.wait()
        try:
            granted = sessions.admit(bench.workbench, person, Request("small", "base"))
        except RefusedError as refused:
            told.append(refused.refusal)
        else:
            told.append(granted.lease.session)

    threads = [threading.Thread(target=race, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (refusal,) = [answer for answer in told if isinstance(answer, Refusal)]
    (winner,) = [answer for answer in told if isinstance(answer, str)]
    assert bench.lease(winner).ends_ms == bench.clock.ms + 3600_000
    assert (bench.figures().held, bench.figures().free) == (last, 0)
    assert refusal.reason is Reason.BUDGET_USED_UP
    # A quarter of an hour of it, rounded up to a hundredth of a GPU-hour.
    assert refusal.message.params["missing"] == GpuHours(4 * 864)
    assert refusal.message.params["left"] == GpuHours(0)


def test_a_share_bounds_its_person_and_nobody_else(bench: Bench) -> None:
    anna, ben = (bench.person(name, "thr", "project-rotor") for name in ("Anna", "Ben"))
    with bench.workbench.database.writing() as tx:
        person = tx.people.by_name(anna)
        rotor = budget_of(bench.workbench, ROTOR)
        allot(bench.workbench, tx, "root", rotor, person, SMALL * 1200)
    session = _start(bench, anna, ROTOR)
    assert bench.lease(session).ends_ms == bench.clock.ms + 1200_000
    assert bench.lease(_start(bench, ben, ROTOR)).ends_ms == bench.clock.ms + 7200_000


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
    _balanced(bench)


# ------------------------------------------------------------------ who pays


def test_who_pays_is_chosen_at_the_start_and_remembered(bench: Bench) -> None:
    anna = bench.person("Anna", "thr", "project-rotor")
    page = sessions.start_page(bench.workbench, anna)
    assert [purse.budget.id for purse in page.purses] == [THR, ROTOR]
    assert page.purse.budget.id == THR
    session = _start(bench, anna, ROTOR)
    bench.clock.step(minutes=10)
    sessions.ended(bench.workbench, session, EndReason.STOPPED)
    assert (bench.used_by(anna, ROTOR), bench.used_by(anna, THR)) == (SMALL * 600, 0)
    assert sessions.start_page(bench.workbench, anna).purse.budget.id == ROTOR
    again = bench.lease(_start(bench, anna))
    assert again.payer == ROTOR


def test_a_course_pays_on_its_days_for_whoever_attends_or_teaches_it(bench: Bench) -> None:
    luca, staff = bench.person("Luca", "thr", "ml"), bench.person("Jonas", "iwe", "ml-staff")
    for person in (luca, staff):
        found = sessions.start_page(bench.workbench, person).purses
        assert COURSE in [purse.budget.id for purse in found]
    bench.clock.now = datetime(2027, 2, 6, 12, tzinfo=UTC)
    assert _refusal(bench, luca, COURSE).reason is Reason.UNKNOWN_PAYER


def test_somebody_elses_project_does_not_pay(bench: Bench) -> None:
    ben = bench.person("Ben")
    assert _refusal(bench, ben, ROTOR).reason is Reason.UNKNOWN_PAYER
    assert _refusal(bench, ben, "project/nothing").reason is Reason.UNKNOWN_PAYER


def test_a_session_counts_for_each_budget_that_paid_a_part_of_it_once_a_day(bench: Bench) -> None:
    anna = bench.person("Anna", "thr", "project-rotor")
    _start(bench, anna, THR, "medium")
    for payer in (ROTOR, THR):
        bench.clock.step(minutes=30)
        payers.switch(bench.workbench, anna, payer)
    bench.clock.step(minutes=20)
    _read(bench, anna)
    bench.stop(anna)
    with bench.workbench.database.reading() as tx:
        known = tx.people.by_name(anna)
        assert known is not None
        sums = tx.usage.of_person(known.pseudonym, "2026-11-16", "2026-11-16")
        assert {(one.budget, one.ms, one.sessions) for one in sums} == {
            (THR, 50 * 60_000, 1),
            (ROTOR, 30 * 60_000, 1),
        }
        assert list(tx.chains.wrong_usage_sums()) == []


def test_another_budget_may_pay_from_now_on_while_a_session_runs(bench: Bench) -> None:
    anna = bench.person("Anna", "thr", "project-rotor")
    session = _start(bench, anna, THR)
    bench.clock.step(minutes=20)
    payers.switch(bench.workbench, anna, ROTOR)
    assert bench.figures(THR).held == 0
    bench.clock.step(minutes=10)
    sessions.ended(bench.workbench, session, EndReason.STOPPED)
    assert bench.used_by(anna, THR) == SMALL * 1200
    assert bench.used_by(anna, ROTOR) == SMALL * 600
    _balanced(bench)


def test_a_budget_that_has_too_little_left_does_not_take_a_session_over(bench: Bench) -> None:
    anna = bench.person("Anna", "thr", "project-rotor")
    session = _start(bench, anna, THR)
    with bench.workbench.database.writing() as tx:
        rotor = budget_of(bench.workbench, ROTOR)
        allot(bench.workbench, tx, "root", rotor, tx.people.by_name(anna), SMALL * 60)
    with pytest.raises(RefusedError):
        payers.switch(bench.workbench, anna, ROTOR)
    assert bench.lease(session).payer == THR
    assert bench.figures(THR).held == SMALL * 7200


# ------------------------------------------------------------------ over the end of a period


def test_a_session_over_a_months_end_is_held_and_charged_in_both_months(bench: Bench) -> None:
    bench.clock.now = datetime(2026, 11, 30, 22, tzinfo=UTC)  # 23:00 in Berlin
    anna = bench.person("Anna")
    session = _start(bench, anna)
    hour = SMALL * 3600
    assert bench.figures(THR, "2026-11").held == bench.figures(THR, "2026-12").held == hour
    bench.clock.step(minutes=90)
    _read(bench, anna)
    november, december = bench.figures(THR, "2026-11"), bench.figures(THR, "2026-12")
    assert (november.used, november.held, november.over) == (hour, 0, 0)
    assert (december.used, december.held) == (hour // 2, hour // 2)
    sessions.ended(bench.workbench, session, EndReason.STOPPED)
    assert bench.figures(THR, "2026-12").held == 0
    _balanced(bench)


def test_a_new_month_without_hours_ends_a_session_at_the_old_ones_end(bench: Bench) -> None:
    bench.clock.now = datetime(2027, 3, 31, 21, tzinfo=UTC)  # the term ends at 22:00 UTC
    luca = bench.person("Luca", "thr", "ml")
    workbench = bench.workbench
    long = Course("ml", Localized.same("ML"), "thr", "s", "ml", date(2026, 1, 1), date(2028, 1, 1))
    bench.with_catalogue(courses=(long,))
    session = _start(bench, luca, COURSE)
    assert bench.lease(session).ends_ms == bench.clock.ms + 3600_000
    bench.clock.step(hours=1, seconds=1)
    assert not budget_of(workbench, COURSE).periods.at(bench.clock.ms).is_open
    assert _refusal(bench, bench.person("Pia", "thr", "ml"), COURSE).message.msgid.startswith(
        "“%(budget)s” has no budget at this time"
    )


def test_what_is_left_goes_over_by_the_rule_once_everything_of_the_old_month_is_charged(
    bench: Bench,
) -> None:
    bench.with_catalogue(budgets=budgets(budget("thr", 10 * HOUR, None, carry_over=50)))
    bench.clock.now = datetime(2026, 11, 30, 22, 30, tzinfo=UTC)
    anna = bench.person("Anna")
    _start(bench, anna)
    bench.clock.now = datetime(2026, 11, 30, 23, 0, 30, tzinfo=UTC)  # half a minute into December
    open_now(bench.workbench)
    assert bench.figures(THR, "2026-12").carried == 0  # half an hour of November is to come
    _read(bench, anna)
    bench.clock.step(seconds=30)
    _read(bench, anna)
    left = 10 * HOUR - SMALL * 1800
    assert bench.figures(THR, "2026-12").carried == left // 2
    assert bench.figures(THR, "2026-11").carried == -(left // 2)
    bench.with_catalogue()
    open_now(bench.workbench)
    assert bench.figures(THR, "2026-12").total == 10 * HOUR + left // 2
    _balanced(bench)


def test_after_a_month_of_downtime_each_day_is_charged_to_its_month(bench: Bench) -> None:
    bench.clock.now = datetime(2026, 11, 29, 11, tzinfo=UTC)
    anna = bench.person("Anna")
    _start(bench, anna)
    bench.clock.now = datetime(2027, 1, 2, 11, tzinfo=UTC)
    _read(bench, anna)
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
    _balanced(bench)


def test_a_clock_that_jumps_back_charges_nothing_twice_and_nothing_negative(bench: Bench) -> None:
    anna = bench.person("Anna")
    session = _start(bench, anna)
    bench.clock.step(minutes=10)
    _read(bench, anna)
    bench.clock.step(minutes=-8)
    _read(bench, anna)
    assert bench.used_by(anna) == SMALL * 600
    bench.clock.step(minutes=13)
    _read(bench, anna)
    assert bench.used_by(anna) == SMALL * 900
    sessions.ended(bench.workbench, session, EndReason.STOPPED)
    assert bench.used_by(anna) == SMALL * 900


def test_a_clock_that_jumps_ahead_charges_no_more_than_the_engine_says_ran(bench: Bench) -> None:
    anna = bench.person("Anna")
    session = _start(bench, anna)
    bench.clock.step(minutes=5)
    bench.engine.kill(session)
    bench.clock.step(hours=5)
    _read(bench)
    assert bench.used_by(anna) == SMALL * 300


# ------------------------------------------------------------------ the end of a budget


def _scarce(bench: Bench, seconds: int, **values: object) -> None:
    bench.with_catalogue(budgets=budgets(budget("thr", SMALL * seconds, None, **values)))  # type: ignore[arg-type]


def test_a_person_is_warned_at_a_fifth_a_tenth_five_minutes_and_at_the_end(bench: Bench) -> None:
    _scarce(bench, 3600)
    anna = bench.person("Anna")
    _start(bench, anna)
    seen: list[tuple[int, BudgetWarning | None]] = []
    for minute in range(62):
        warning = overview.of_person(bench.workbench, anna).budget.warning
        if not seen or seen[-1][1] is not warning:
            seen.append((minute, warning))
        bench.clock.step(minutes=1)
        _read(bench, anna)
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
    session = _start(bench, anna)
    bench.clock.step(minutes=61)
    _read(bench, anna)
    assert bench.lease(session).stopping is None
    shown = overview.of_person(bench.workbench, anna).budget
    assert shown.grace_ends_at == bench.clock.now + timedelta(minutes=9)
    bench.clock.step(minutes=9)
    _read(bench, anna)
    assert bench.lease(session).stopping is EndReason.BUDGET
    sessions.ended(bench.workbench, session, EndReason.STOPPED)
    assert bench.lease(session).end_reason is EndReason.BUDGET
    assert (bench.figures().used, bench.figures().over) == (SMALL * 4200, SMALL * 600)
    _balanced(bench)


def test_without_budget_a_session_runs_on_what_is_free_and_gives_way_to_who_waits(
    bench: Bench,
) -> None:
    bench.with_catalogue(
        budgets=budgets(budget("thr", 0, None, over_use=True), budget("iwe", 10 * HOUR, None))
    )
    anna = bench.person("Anna")
    session = _start(bench, anna)
    assert bench.lease(session).over_use
    bench.clock.step(minutes=10)
    _read(bench, anna)
    assert (bench.figures().used, bench.figures().over) == (SMALL * 600, SMALL * 600)
    ends = bench.lease(session).ends_ms
    others = [bench.person(name, "iwe") for name in ("Ben", "Cem", "Dora", "Eva", "Fred", "Gil")]
    others += [bench.person(name, "iwe") for name in ("Hans", "Ida")]
    for person in others:
        _start(bench, person)
    waiting = bench.queue(bench.person("Zoe", "iwe"))
    _read(bench, anna, *others)
    assert bench.lease(session).ends_ms == bench.clock.ms + 600_000 < ends
    bench.clock.step(minutes=10)
    _read(bench, anna, *others)
    assert bench.lease(session).stopping is EndReason.OVER_USE
    assert waiting.state is TicketState.WAITING


def test_who_has_no_budget_waits_behind_everybody_who_has(bench: Bench) -> None:
    bench.with_catalogue(
        budgets=budgets(budget("thr", 0, None, over_use=True), budget("iwe", 99 * HOUR, None))
    )
    holders = [bench.person(f"P{number}", "iwe") for number in range(9)]
    for person in holders:
        _start(bench, person)
    late, early = bench.person("Late", "iwe"), bench.person("Early")
    assert bench.queue(early).over_use
    bench.clock.step(minutes=30)
    assert not bench.queue(late).over_use
    bench.stop(holders[0])
    assert bench.advance() == [late]


def test_a_charge_outside_of_any_period_is_charged_as_over_use(bench: Bench) -> None:
    # The term ended while nobody could stop the session.
    bench.clock.now = datetime(2027, 3, 31, 21, tzinfo=UTC)
    long = Course("ml", Localized.same("ML"), "thr", "s", "ml", date(2026, 1, 1), date(2028, 1, 1))
    bench.with_catalogue(courses=(long,))
    luca = bench.person("Luca", "thr", "ml")
    _start(bench, luca, COURSE)
    bench.clock.step(hours=2)
    _read(bench, luca)
    assert bench.figures(COURSE, OUTSIDE).over == SMALL * 3600
    assert bench.figures(COURSE, "ws2026").used == SMALL * 3600
