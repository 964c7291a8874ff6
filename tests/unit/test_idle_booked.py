"""Idle time in the ledger: what was seen to be idle, and nothing that nobody saw."""

from __future__ import annotations

import pytest
from labwerk_hub.services import lifetime
from labwerk_hub.services.reconcile import reconcile
from support.workbench import Bench, flavour

MINUTE_MS = 60_000


@pytest.fixture
def anna(bench: Bench) -> str:
    """Somebody."""
    return bench.person("Anna")


def _pass(bench: Bench, person: str, minutes: int, *, busy: int = 0, reports: bool = True) -> None:
    """So many minutes, in each of which the server reports and the engine is read."""
    for _ in range(minutes):
        bench.clock.step(minutes=1)
        if reports:
            lifetime.report(bench.workbench, person, busy, None)
        reconcile(bench.workbench, [person])


def _booked(bench: Bench, person: str) -> tuple[float, float]:
    """Minutes that a person's sessions ran, and those of them that were idle."""
    with bench.workbench.database.reading() as tx:
        known = tx.people.by_name(person)
        assert known is not None
        (found,) = tx.usage.of_person(known.pseudonym, "2026-11", "2026-11")
    return found.ms / MINUTE_MS, found.idle_ms / MINUTE_MS


def test_what_nothing_ran_in_is_booked_as_idle_after_a_pause(bench: Bench, anna: str) -> None:
    bench.start(anna)
    _pass(bench, anna, 30)
    assert _booked(bench, anna) == (30, 25)


def test_an_hour_in_which_the_service_stood_still_is_not_known_to_be_idle(
    bench: Bench, anna: str
) -> None:
    session = bench.start(anna).session
    bench.engine.compute(session, 2.0)
    _pass(bench, anna, 10, busy=1)
    bench.clock.step(hours=1)  # a kernel computes all the time
    reconcile(bench.workbench, [anna])
    assert _booked(bench, anna) == (70, 0)


def test_of_a_session_that_was_idle_before_no_more_is_known_either(bench: Bench, anna: str) -> None:
    bench.start(anna)
    _pass(bench, anna, 20)
    bench.clock.step(hours=1)
    reconcile(bench.workbench, [anna])
    assert _booked(bench, anna) == (80, 15 + 5)


def test_a_server_that_says_nothing_of_its_kernels_is_not_known_to_be_idle(
    bench: Bench, anna: str
) -> None:
    bench.start(anna)
    _pass(bench, anna, 30, reports=False)
    assert _booked(bench, anna) == (30, 0)


def test_without_an_idle_rule_a_script_in_a_terminal_is_seen_to_compute_all_the_same(
    bench: Bench, anna: str
) -> None:
    bench.with_catalogue(flavours=(flavour("small", "1g.10gb", idle_minutes=0),))
    session = bench.start(anna).session
    bench.engine.compute(session, 4.0)
    _pass(bench, anna, 100)
    assert _booked(bench, anna) == (100, 0)
    bench.engine.compute(session, 0.001)
    _pass(bench, anna, 15)
    assert _booked(bench, anna) == (115, 10), "that it is idle is seen, too; nothing follows"
    assert reconcile(bench.workbench, [anna]).to_stop == ()
