"""Who pays for a session: chosen at its start, changed while it runs, and refused to others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from labwerk_hub.domain.admission import Reason
from labwerk_hub.domain.leases import EndReason
from labwerk_hub.domain.metering import from_ms
from labwerk_hub.services import lifetime, payers, sessions
from labwerk_hub.services.budgets import budget_of
from labwerk_hub.services.offers import RefusedError
from labwerk_hub.services.openings import allot
from labwerk_hub.services.reconcile import reconcile
from support.budget_bench import (
    COURSE,
    ROTOR,
    SMALL,
    THR,
    balanced,
    budget_bench,
    read,
    refusal,
    start,
)
from support.workbench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with budget_bench(tmp_path) as found:
        yield found


def test_who_pays_is_chosen_at_the_start_and_remembered(bench: Bench) -> None:
    anna = bench.person("Anna", "thr", "project-rotor")
    page = sessions.start_page(bench.workbench, anna)
    assert [purse.budget.id for purse in page.purses] == [THR, ROTOR]
    assert page.purse.budget.id == THR
    session = start(bench, anna, ROTOR)
    bench.clock.step(minutes=10)
    sessions.ended(bench.workbench, session, EndReason.STOPPED)
    assert (bench.used_by(anna, ROTOR), bench.used_by(anna, THR)) == (SMALL * 600, 0)
    assert sessions.start_page(bench.workbench, anna).purse.budget.id == ROTOR
    again = bench.lease(start(bench, anna))
    assert again.payer == ROTOR


def test_a_course_pays_on_its_days_for_whoever_attends_or_teaches_it(bench: Bench) -> None:
    luca, staff = bench.person("Luca", "thr", "ml"), bench.person("Jonas", "iwe", "ml-staff")
    for person in (luca, staff):
        found = sessions.start_page(bench.workbench, person).purses
        assert COURSE in [purse.budget.id for purse in found]
    bench.clock.now = datetime(2027, 2, 6, 12, tzinfo=UTC)
    assert refusal(bench, luca, COURSE).reason is Reason.UNKNOWN_PAYER


def test_somebody_elses_project_does_not_pay(bench: Bench) -> None:
    ben = bench.person("Ben")
    assert refusal(bench, ben, ROTOR).reason is Reason.UNKNOWN_PAYER
    assert refusal(bench, ben, "project/nothing").reason is Reason.UNKNOWN_PAYER


def test_a_session_counts_for_each_budget_that_paid_a_part_of_it_once_a_day(bench: Bench) -> None:
    anna = bench.person("Anna", "thr", "project-rotor")
    start(bench, anna, THR, "medium")
    for payer in (ROTOR, THR):
        bench.clock.step(minutes=30)
        payers.switch(bench.workbench, anna, payer)
    bench.clock.step(minutes=20)
    read(bench, anna)
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
    session = start(bench, anna, THR)
    bench.clock.step(minutes=20)
    payers.switch(bench.workbench, anna, ROTOR)
    assert bench.figures(THR).held == 0
    bench.clock.step(minutes=10)
    sessions.ended(bench.workbench, session, EndReason.STOPPED)
    assert bench.used_by(anna, THR) == SMALL * 1200
    assert bench.used_by(anna, ROTOR) == SMALL * 600
    balanced(bench)


def test_a_budget_that_has_too_little_left_does_not_take_a_session_over(bench: Bench) -> None:
    anna = bench.person("Anna", "thr", "project-rotor")
    session = start(bench, anna, THR)
    with bench.workbench.database.writing() as tx:
        rotor = budget_of(bench.workbench, ROTOR)
        allot(bench.workbench, tx, "root", rotor, tx.people.by_name(anna), SMALL * 60)
    with pytest.raises(RefusedError):
        payers.switch(bench.workbench, anna, ROTOR)
    assert bench.lease(session).payer == THR
    assert bench.figures(THR).held == SMALL * 7200


@pytest.mark.parametrize(("flavour", "is_moved"), [("small", True), ("cpu", False)])
def test_a_session_whose_time_was_up_is_not_stopped_once_another_budget_has_moved_its_end(
    bench: Bench, flavour: str, is_moved: bool
) -> None:
    anna = bench.person("Anna", "thr", "project-rotor")
    session = start(bench, anna, THR, flavour)
    bench.clock.now = from_ms(bench.lease(session).ends_ms)
    (due,) = reconcile(bench.workbench, [anna]).to_stop
    assert due.session == session
    payers.switch(bench.workbench, anna, ROTOR)
    assert lifetime.is_to_stop(bench.workbench, session) is not is_moved
    assert (bench.lease(session).ends_ms > bench.clock.ms) is is_moved
