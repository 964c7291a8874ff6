"""What becomes of a place in line: collected, missed, given up, refused, kept through crashes."""

from __future__ import annotations

from pathlib import Path

import pytest
from labwerk_hub.domain.admission import Reason, Request
from labwerk_hub.domain.leases import EndReason, LeaseState
from labwerk_hub.domain.waiting import TicketState
from labwerk_hub.services import line, sessions, waiting
from labwerk_hub.services.offers import RefusedError
from labwerk_hub.services.reconcile import reconcile, settle
from labwerk_hub.services.workbench import WaitingPolicy
from support.workbench import MINUTE_MS, Bench, bench_in, budget, budgets, dynamic_gpu, image

SMALL = Request("small", "base")


def _called(full: Bench, *names: str) -> list[str]:
    """Have people wait, one after the other, until Olga goes and the first of them is called."""
    people = [full.person(name) for name in names]
    for person in people:
        full.queue(person)
        full.clock.step(seconds=1)
    full.stop("thr--olga")
    assert full.advance() == people[:1]
    return people


def test_the_start_of_who_is_called_takes_over_exactly_what_is_kept(full: Bench) -> None:
    (anna,) = _called(full, "Anna")
    kept = full.open_ticket(anna).session
    full.clock.step(minutes=3)
    lease = full.start(anna)
    assert lease.session == kept
    assert (lease.state, lease.intended_ms) == (LeaseState.LIVE, full.clock.ms)
    assert full.how_it_ended(anna) is TicketState.STARTED
    full.clock.step(minutes=3)
    assert full.advance() == []
    assert full.lease(lease.session).state is LeaseState.LIVE


def test_what_is_not_collected_in_time_is_missed_and_goes_to_the_next(full: Bench) -> None:
    first, second = _called(full, "Anna", "Ben")
    kept = full.open_ticket(first).session
    full.clock.step(minutes=5)
    assert full.advance() == [second]
    assert full.how_it_ended(first) is TicketState.MISSED
    assert kept is not None
    assert full.lease(kept).end_reason is EndReason.EXPIRED
    assert len(full.holding()) == 2


def test_nobody_misses_a_turn_before_the_hub_has_taken_their_start_on(full: Bench) -> None:
    anna = full.person("Anna")
    full.queue(anna)
    full.stop("thr--olga")
    (ticket,) = line.advance(full.workbench)  # and the hub cannot be reached
    assert ticket.held_until_ms is None
    full.clock.step(hours=1)
    (ticket,) = line.advance(full.workbench)
    line.offered(full.workbench, ticket)
    assert full.open_ticket(anna).held_until_ms == full.clock.ms + 5 * MINUTE_MS
    full.clock.step(minutes=4)
    line.offered(full.workbench, full.open_ticket(anna))
    full.clock.step(minutes=1)
    assert full.advance() == [], "asking again does not keep it for longer"
    assert full.how_it_ended(anna) is TicketState.MISSED


def test_nobody_misses_a_turn_because_the_service_was_away(full: Bench) -> None:
    (anna,) = _called(full, "Anna")
    kept = full.open_ticket(anna).session
    full.clock.step(hours=1)
    line.resume(full.workbench)
    assert full.advance() == [anna]
    full.clock.step(minutes=4)
    assert full.start(anna).session == kept


def test_who_was_called_before_the_service_was_away_for_hours_gets_a_whole_session(
    full: Bench,
) -> None:
    (anna,) = _called(full, "Anna")
    full.clock.step(hours=3)
    line.resume(full.workbench)
    assert full.advance() == [anna]
    lease = full.start(anna)
    assert lease.ends_ms == full.clock.ms + 120 * MINUTE_MS
    reconcile(full.workbench, {anna})
    assert full.lease(lease.session).stopping is None


def test_a_failed_start_goes_back_in_line_and_is_called_again_within_the_time(
    full: Bench,
) -> None:
    (anna,) = _called(full, "Anna")
    taken = full.open_ticket(anna)
    held_until = taken.held_until_ms
    for _ in range(2):
        granted = sessions.admit(full.workbench, anna, SMALL)
        full.clock.step(minutes=1)
        sessions.ended(full.workbench, granted.lease.session, EndReason.FAILED)
        again = full.open_ticket(anna)
        assert (again.id, again.state) == (taken.id, TicketState.WAITING)
        assert full.advance() == [anna]
        assert full.open_ticket(anna).held_until_ms == held_until, "nobody keeps a slice by failing"
    full.clock.step(minutes=3)
    assert full.advance() == []
    assert full.how_it_ended(anna) is TicketState.MISSED
    assert len(full.holding()) == 1


def test_a_slice_that_cannot_be_cut_costs_nobody_their_place(tmp_path: Path) -> None:
    with bench_in(tmp_path, [dynamic_gpu()]) as bench:
        for name in ("Olga", "Otto"):
            bench.start(bench.person(name), "large")
        anna = bench.person("Anna")
        bench.queue(anna, "large")
        bench.stop("thr--olga")
        bench.advance()
        bench.gpus.failing["dynamic"] = "has fallen off the bus"
        with pytest.raises(Exception, match="has fallen off the bus"):
            sessions.admit(bench.workbench, anna, Request("large", "base"))
        assert bench.open_ticket(anna).state is TicketState.WAITING
        bench.gpus.failing.clear()
        bench.clock.step(seconds=20)
        assert bench.advance() == [anna]


def test_who_stops_a_session_from_the_line_is_not_put_back_in_line(full: Bench) -> None:
    """Not even if the stop was interrupted, and its container is found later."""
    (anna,) = _called(full, "Anna")
    session = full.start(anna).session
    full.storage.failing.add("close_data")
    with pytest.raises(Exception, match="close_data"):
        full.stop(anna)
    full.storage.failing.clear()
    full.clock.step(minutes=4)
    assert reconcile(full.workbench, {"thr--otto", "thr--olga"}).unaccounted == 1
    assert full.engine.session(session) is None
    assert full.lease(session).end_reason is EndReason.STOPPED
    assert full.ticket(anna) is None


def test_leaving_gives_the_place_up_and_frees_what_is_kept(full: Bench) -> None:
    first, second = _called(full, "Anna", "Ben")
    waiting.leave(full.workbench, first)
    waiting.leave(full.workbench, first)
    waiting.leave(full.workbench, full.person("Cem"))
    assert waiting.view_of(full.workbench, first) is None
    assert full.how_it_ended(first) is TicketState.LEFT
    assert len(full.holding()) == 1
    assert full.advance() == [second]


@pytest.mark.parametrize("is_called", [False, True])
def test_starting_something_else_gives_the_place_up(full: Bench, is_called: bool) -> None:
    anna = full.person("Anna")
    full.queue(anna)
    if is_called:
        full.stop("thr--olga")
        full.advance()
    lease = full.start(anna, "cpu")
    assert (lease.flavour, lease.slice) == ("cpu", None)
    assert full.how_it_ended(anna) is TicketState.LEFT
    assert len(full.holding()) == (1 if is_called else 2)


def test_being_refused_something_else_leaves_the_place(full: Bench) -> None:
    anna = full.person("Anna")
    ticket = full.queue(anna)
    with pytest.raises(RefusedError):
        sessions.admit(full.workbench, anna, Request("large", "base"))
    assert full.ticket(anna) == ticket


def test_who_waits_and_finds_it_free_gets_it_without_being_called(full: Bench) -> None:
    anna = full.person("Anna")
    full.queue(anna)
    full.stop("thr--olga")
    assert full.start(anna).state is LeaseState.LIVE
    assert full.ticket(anna) is None


def test_who_waits_cannot_jump_the_line_by_asking_again(full: Bench) -> None:
    first, second = full.person("Anna"), full.person("Ben")
    full.queue(first)
    full.clock.step(seconds=1)
    ticket = full.queue(second)
    full.stop("thr--olga")
    assert full.queue(second) == ticket
    assert full.advance() == [first]


def test_when_the_budget_is_gone_the_wait_ends_as_refused(full: Bench) -> None:
    anna, ben = full.person("Anna"), full.person("Ben", "iwe")
    full.queue(anna)
    full.queue(ben)
    full.with_catalogue(budgets=budgets(budget("thr", 10**9, 100), budget("iwe", 10**9, 10**9)))
    full.stop("thr--olga")
    full.stop("thr--otto")
    assert full.advance() == [ben]
    assert full.how_it_ended(anna) is TicketState.REFUSED
    assert full.outcomes()["budget-used-up"] == 1


def test_when_what_was_waited_for_leaves_the_settings_the_wait_ends(full: Bench) -> None:
    anna, ben = full.person("Anna"), full.person("Ben", "iwe")
    full.queue(anna)
    full.queue(ben)
    only_thr = budgets(budget("thr"))
    full.with_catalogue(flavours=full.workbench.catalogue.flavours[1:], budgets=only_thr)
    assert waiting.view_of(full.workbench, anna) is None
    assert full.advance() == []
    assert full.how_it_ended(anna) is TicketState.REFUSED
    assert full.how_it_ended(ben) is TicketState.REFUSED


def test_an_image_that_is_gone_when_its_person_is_called_is_refused_not_started(
    full: Bench,
) -> None:
    (anna,) = _called(full, "Anna")
    full.with_catalogue(images=(image("base", None),))
    with pytest.raises(RefusedError) as refused:
        sessions.admit(full.workbench, anna, SMALL)
    assert refused.value.refusal.reason is Reason.IMAGE_MISSING
    assert len(full.holding()) == 1


def test_while_all_gpus_that_could_serve_are_broken_the_line_waits_on(full: Bench) -> None:
    anna = full.person("Anna")
    full.queue(anna)
    full.gpus.faults["fixed"] = "has fallen off the bus"
    assert full.advance() == []
    assert full.view(anna).due_back is None
    full.gpus.faults.clear()
    full.stop("thr--olga")
    assert full.advance() == [anna]


def test_what_is_kept_does_not_expire_as_an_intention_does(full: Bench) -> None:
    full.with_policy(waiting=WaitingPolicy(hold_seconds=600))
    (anna,) = _called(full, "Anna")
    full.clock.step(minutes=5)
    assert reconcile(full.workbench, {"thr--otto"}).expired == 0
    assert full.advance() == [anna]
    granted = sessions.admit(full.workbench, anna, SMALL)
    full.clock.step(minutes=4)
    assert reconcile(full.workbench, {"thr--otto"}).expired == 1, (
        "once it is being started, it does"
    )
    assert full.lease(granted.lease.session).end_reason is EndReason.EXPIRED
    assert full.open_ticket(anna).state is TicketState.WAITING


def test_a_hub_that_crashes_keeps_the_place_of_who_is_called_and_of_who_starts(
    full: Bench,
) -> None:
    (anna,) = _called(full, "Anna")
    kept = full.open_ticket(anna)
    sessions.clear_leftovers(full.workbench, anna)
    assert full.ticket(anna) == kept
    sessions.admit(full.workbench, anna, SMALL)
    sessions.clear_leftovers(full.workbench, anna)
    assert full.open_ticket(anna).state is TicketState.WAITING
    full.clock.step(seconds=20)
    assert full.advance() == [anna]


def test_taking_the_installation_down_keeps_the_places_of_all(full: Bench) -> None:
    first, second = _called(full, "Anna", "Ben")
    settle(full.workbench)
    assert full.holding() == []
    full.clock.step(hours=1)
    assert full.advance() == [first, second]


def test_a_session_from_the_line_that_is_lost_hours_later_says_nothing_of_the_line(
    full: Bench,
) -> None:
    (anna,) = _called(full, "Anna")
    session = full.start(anna).session
    full.clock.step(hours=1)
    reconcile(full.workbench, set())
    assert full.lease(session).end_reason is EndReason.ORPHANED
    assert full.advance() == []
    assert full.how_it_ended(anna) is TicketState.STARTED
