"""What a session costs: held at its start, charged while it runs, given back at its end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from labwerk_hub.domain.admission import Reason, Refusal, Request
from labwerk_hub.domain.leases import EndReason
from labwerk_hub.domain.texts import GpuHours
from labwerk_hub.services import sessions
from labwerk_hub.services.budgets import budget_of
from labwerk_hub.services.offers import RefusedError
from labwerk_hub.services.openings import allot
from support.budget_bench import ROTOR, SMALL, balanced, budget_bench, read, start
from support.workbench import Bench, budget, budgets


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with budget_bench(tmp_path) as found:
        yield found


def test_a_start_holds_what_it_may_cost_a_charge_uses_it_and_the_end_gives_the_rest_back(
    bench: Bench,
) -> None:
    anna = bench.person("Anna")
    session = start(bench, anna)
    assert bench.figures().held == SMALL * 2 * 3600
    bench.clock.step(minutes=30)
    read(bench, anna)
    half = bench.figures()
    assert (half.used, half.held) == (SMALL * 1800, SMALL * 5400)
    bench.clock.step(minutes=15)
    sessions.ended(bench.workbench, session, EndReason.STOPPED)
    over = bench.figures()
    assert (over.used, over.held, over.over) == (SMALL * 2700, 0, 0)
    assert over.free == over.total - over.used
    balanced(bench)


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
    session = start(bench, anna, ROTOR)
    assert bench.lease(session).ends_ms == bench.clock.ms + 1200_000
    assert bench.lease(start(bench, ben, ROTOR)).ends_ms == bench.clock.ms + 7200_000


def test_a_clock_that_jumps_back_charges_nothing_twice_and_nothing_negative(bench: Bench) -> None:
    anna = bench.person("Anna")
    session = start(bench, anna)
    bench.clock.step(minutes=10)
    read(bench, anna)
    bench.clock.step(minutes=-8)
    read(bench, anna)
    assert bench.used_by(anna) == SMALL * 600
    bench.clock.step(minutes=13)
    read(bench, anna)
    assert bench.used_by(anna) == SMALL * 900
    sessions.ended(bench.workbench, session, EndReason.STOPPED)
    assert bench.used_by(anna) == SMALL * 900


def test_a_clock_that_jumps_ahead_charges_no_more_than_the_engine_says_ran(bench: Bench) -> None:
    anna = bench.person("Anna")
    session = start(bench, anna)
    bench.clock.step(minutes=5)
    bench.engine.kill(session)
    bench.clock.step(hours=5)
    read(bench)
    assert bench.used_by(anna) == SMALL * 300
