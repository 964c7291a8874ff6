"""The waiting list as people live it: taken, called, collected, missed, left."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from labwerk_hub.domain.admission import Offer, Reason, Request
from labwerk_hub.domain.catalogue import Budget
from labwerk_hub.domain.leases import EndReason, LeaseState
from labwerk_hub.domain.metering import from_ms, to_ms
from labwerk_hub.domain.waiting import Ticket, TicketState
from labwerk_hub.services import reservations, sessions, waiting
from labwerk_hub.services.offers import RefusedError
from labwerk_hub.services.reconcile import reconcile, settle
from labwerk_hub.services.workbench import WaitingPolicy
from support.workbench import MINUTE_MS, NOON, Bench, bench_in, dynamic_gpu, flavour, image

SMALL = Request("small", "base")


@pytest.fixture
def full(bench: Bench) -> Bench:
    """Both slices are in use, by Olga and, ten minutes longer, by Otto."""
    bench.start(bench.person("Olga"))
    bench.clock.step(minutes=10)
    bench.start(bench.person("Otto"))
    return bench


def _called(bench: Bench) -> list[str]:
    return [ticket.person for ticket in waiting.advance(bench.workbench)]


def _view(bench: Bench, person: str) -> waiting.WaitingView:
    found = waiting.view_of(bench.workbench, person)
    assert found is not None
    return found


def _ticket(bench: Bench, person: str) -> Ticket:
    found = bench.ticket(person)
    assert found is not None
    return found


def _last(bench: Bench, person: str) -> TicketState:
    found = bench.last_ticket(person)
    assert found is not None
    assert bench.ticket(person) is None
    return found.state


def _offer(bench: Bench, person: str, flavour: str = "small") -> Offer:
    page = sessions.start_page(bench.workbench, person)
    return next(o for o in page.offers if (o.flavour.name, o.image.name) == (flavour, "base"))


def test_a_ticket_is_taken_only_by_who_wants_to_wait(full: Bench) -> None:
    anna = full.person("Anna")
    with pytest.raises(RefusedError):
        sessions.admit(full.workbench, anna, SMALL)
    assert full.ticket(anna) is None
    ticket = full.queue(anna)
    assert ticket == full.ticket(anna)
    assert (ticket.person, ticket.institution, ticket.flavour, ticket.image) == (
        anna,
        "thr",
        "small",
        "base",
    )
    assert full.outcomes() == {"granted": 2, "no-slice-free": 1, "waiting": 1}


def test_a_place_in_line_says_how_many_are_before_and_when_a_slice_is_due_back(full: Bench) -> None:
    first, second, third = (full.person(name) for name in ("Anna", "Ben", "Cem"))
    for person in (first, second, third):
        full.queue(person)
        full.clock.step(seconds=1)
    olga_s_end = NOON + timedelta(hours=2)
    views = [_view(full, person) for person in (first, second, third)]
    assert [(v.place, v.before) for v in views] == [(1, 0), (2, 1), (3, 2)]
    assert [v.due_back for v in views] == [
        olga_s_end,
        olga_s_end + timedelta(minutes=10),
        olga_s_end + timedelta(hours=2),
    ]
    assert not any(v.called for v in views)
    assert views[0].ticket.first_expected_ms == to_ms(olga_s_end)


def test_what_past_sessions_lasted_makes_the_expected_start_earlier_than_the_latest(
    full: Bench,
) -> None:
    for _ in range(3):
        full.stop("thr--olga")
        full.start("thr--olga")
        full.clock.step(minutes=20)
    full.stop("thr--olga")
    full.start("thr--olga")
    view = _view(full, full.queue(full.person("Anna")).person)
    assert view.due_back is not None
    assert view.expected is not None
    assert view.expected < view.due_back
    assert view.expected == full.clock.now + timedelta(minutes=20)


def test_standing_in_line_again_for_the_same_keeps_the_place_and_for_another_thing_does_not(
    full: Bench,
) -> None:
    anna = full.person("Anna")
    ticket = full.queue(anna)
    full.clock.step(minutes=5)
    assert full.queue(anna) == ticket
    other = full.queue(anna, image="torch")
    assert other.taken_ms == ticket.taken_ms + 5 * MINUTE_MS
    assert _ticket(full, anna) == other


def test_where_waiting_is_switched_off_nobody_gets_a_ticket(full: Bench) -> None:
    full.with_policy(waiting=WaitingPolicy(enabled=False))
    with pytest.raises(RefusedError) as refused:
        sessions.admit(full.workbench, full.person("Anna"), Request("small", "base", wait=True))
    assert refused.value.refusal.reason is Reason.NO_SLICE_FREE


def test_who_asks_directly_while_somebody_waits_gets_behind(full: Bench) -> None:
    anna, ben = full.person("Anna"), full.person("Ben")
    full.queue(anna)
    full.clock.step(seconds=1)
    full.stop("thr--olga")
    offer = _offer(full, ben)
    assert (offer.free, offer.may_wait, offer.before) == (0, True, 1)
    full.queue(ben)
    assert _called(full) == [anna]


def test_the_start_page_tells_when_whoever_stands_in_line_now_will_likely_start(
    full: Bench,
) -> None:
    full.queue(full.person("Anna"))
    full.clock.step(seconds=1)
    ben = full.person("Ben")
    offer = _offer(full, ben)
    assert offer.expected == NOON + timedelta(hours=2, minutes=10)
    ticket = full.queue(ben)
    assert from_ms(ticket.first_expected_ms or 0) == offer.expected
    assert _offer(full, ben).expected == offer.expected, "not behind one's own place"
    assert _offer(full, ben, "cpu").expected is None


def test_when_a_slice_is_free_the_first_in_line_is_called_and_it_is_kept(full: Bench) -> None:
    first, second = full.person("Anna"), full.person("Ben")
    for person in (first, second):
        full.queue(person)
        full.clock.step(seconds=1)
    assert _called(full) == []
    full.stop("thr--olga")
    assert _called(full) == [first]
    ticket = _ticket(full, first)
    assert ticket.session is not None
    kept = full.lease(ticket.session)
    assert (kept.state, kept.person) == (LeaseState.INTENDED, first)
    assert ticket.held_until_ms == full.clock.ms + 5 * MINUTE_MS
    assert _view(full, first).called
    assert _view(full, first).held_until == full.clock.now + timedelta(minutes=5)
    assert (_view(full, second).place, _view(full, second).before) == (1, 0)
    full.clock.step(minutes=4)
    assert _called(full) == [first], "until they start, whoever is called is told of"
    assert full.lease(ticket.session) == kept


def test_institutions_that_wait_together_take_turns(full: Bench) -> None:
    many = [full.person(f"Thr {number}") for number in range(3)]
    for person in many:
        full.queue(person)
        full.clock.step(seconds=1)
    eva = full.person("Eva", "iwe")
    full.queue(eva)
    waiting.advance(full.workbench)
    assert _view(full, eva).place == 2, "one of each institution, in the order they came"
    full.clock.step(minutes=10)
    reconcile(full.workbench, None)
    waiting.advance(full.workbench)
    assert _view(full, eva).place == 1, "the other institution has used twenty minutes"
    full.stop("thr--olga")
    full.stop("thr--otto")
    assert set(_called(full)) == {eva, many[0]}


def test_the_start_of_who_is_called_takes_over_exactly_what_is_kept(full: Bench) -> None:
    anna = full.person("Anna")
    full.queue(anna)
    full.stop("thr--olga")
    waiting.advance(full.workbench)
    kept = _ticket(full, anna).session
    full.clock.step(minutes=3)
    lease = full.start(anna)
    assert lease.session == kept
    assert (lease.state, lease.intended_ms) == (LeaseState.LIVE, full.clock.ms)
    assert _last(full, anna) is TicketState.STARTED
    full.clock.step(minutes=3)
    assert _called(full) == []
    assert full.lease(lease.session).state is LeaseState.LIVE


def test_what_is_not_collected_in_time_is_missed_and_goes_to_the_next(full: Bench) -> None:
    first, second = full.person("Anna"), full.person("Ben")
    for person in (first, second):
        full.queue(person)
        full.clock.step(seconds=1)
    full.stop("thr--olga")
    waiting.advance(full.workbench)
    kept = _ticket(full, first).session
    full.clock.step(minutes=5)
    assert _called(full) == [second]
    assert _last(full, first) is TicketState.MISSED
    assert kept is not None
    assert full.lease(kept).end_reason is EndReason.EXPIRED
    assert len(full.holding()) == 2


def test_a_failed_start_goes_back_in_line_and_is_called_again_within_the_time(
    full: Bench,
) -> None:
    anna = full.person("Anna")
    taken = full.queue(anna)
    full.stop("thr--olga")
    waiting.advance(full.workbench)
    held_until = _ticket(full, anna).held_until_ms
    for _ in range(2):
        granted = sessions.admit(full.workbench, anna, SMALL)
        full.clock.step(minutes=1)
        sessions.ended(full.workbench, granted.lease.session, EndReason.FAILED)
        again = _ticket(full, anna)
        assert (again.id, again.state) == (taken.id, TicketState.WAITING)
        assert _called(full) == [anna]
        assert _ticket(full, anna).held_until_ms == held_until, "nobody keeps a slice by failing"
    full.clock.step(minutes=3)
    assert _called(full) == []
    assert _last(full, anna) is TicketState.MISSED
    assert len(full.holding()) == 1


def test_a_slice_that_cannot_be_cut_costs_nobody_their_place(tmp_path: Path) -> None:
    with bench_in(tmp_path, [dynamic_gpu()]) as bench:
        for name in ("Olga", "Otto"):
            bench.start(bench.person(name), "large")
        anna = bench.person("Anna")
        bench.queue(anna, "large")
        bench.stop("thr--olga")
        waiting.advance(bench.workbench)
        bench.gpus.failing["dynamic"] = "has fallen off the bus"
        with pytest.raises(Exception, match="has fallen off the bus"):
            sessions.admit(bench.workbench, anna, Request("large", "base"))
        assert _ticket(bench, anna).state is TicketState.WAITING
        bench.gpus.failing.clear()
        assert _called(bench) == [anna]


def test_who_stops_a_session_from_the_line_is_not_put_back_in_line(full: Bench) -> None:
    """Not even if the stop was interrupted, and its container is found later."""
    anna = full.person("Anna")
    full.queue(anna)
    full.stop("thr--olga")
    waiting.advance(full.workbench)
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
    first, second = full.person("Anna"), full.person("Ben")
    for person in (first, second):
        full.queue(person)
        full.clock.step(seconds=1)
    full.stop("thr--olga")
    waiting.advance(full.workbench)
    waiting.leave(full.workbench, first)
    waiting.leave(full.workbench, first)
    waiting.leave(full.workbench, full.person("Cem"))
    assert waiting.view_of(full.workbench, first) is None
    assert _last(full, first) is TicketState.LEFT
    assert len(full.holding()) == 1
    assert _called(full) == [second]


@pytest.mark.parametrize("is_called", [False, True])
def test_starting_something_else_gives_the_place_up(full: Bench, is_called: bool) -> None:
    anna = full.person("Anna")
    full.queue(anna)
    if is_called:
        full.stop("thr--olga")
        waiting.advance(full.workbench)
    lease = full.start(anna, "cpu")
    assert (lease.flavour, lease.slice) == ("cpu", None)
    assert _last(full, anna) is TicketState.LEFT
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
    assert _called(full) == [first]


def test_when_the_budget_is_gone_the_wait_ends_as_refused(full: Bench) -> None:
    anna, ben = full.person("Anna"), full.person("Ben", "iwe")
    full.queue(anna)
    full.queue(ben)
    full.with_catalogue(budgets={"thr": Budget(10**9, 100), "iwe": Budget(10**9, 10**9)})
    full.stop("thr--olga")
    full.stop("thr--otto")
    assert _called(full) == [ben]
    assert _last(full, anna) is TicketState.REFUSED
    assert full.outcomes()["budget-used-up"] == 1


def test_when_what_was_waited_for_leaves_the_settings_the_wait_ends(full: Bench) -> None:
    anna, ben = full.person("Anna"), full.person("Ben", "iwe")
    full.queue(anna)
    full.queue(ben)
    budgets = {"thr": full.workbench.catalogue.budgets["thr"]}
    full.with_catalogue(flavours=full.workbench.catalogue.flavours[1:], budgets=budgets)
    assert waiting.view_of(full.workbench, anna) is None
    assert _called(full) == []
    assert _last(full, anna) is TicketState.REFUSED
    assert _last(full, ben) is TicketState.REFUSED


def test_an_image_that_is_gone_when_its_person_is_called_is_refused_not_started(
    full: Bench,
) -> None:
    anna = full.person("Anna")
    full.queue(anna)
    full.stop("thr--olga")
    waiting.advance(full.workbench)
    full.with_catalogue(images=(image("base", None),))
    with pytest.raises(RefusedError) as refused:
        sessions.admit(full.workbench, anna, SMALL)
    assert refused.value.refusal.reason is Reason.IMAGE_MISSING
    assert len(full.holding()) == 1


def test_while_all_gpus_that_could_serve_are_broken_the_line_waits_on(full: Bench) -> None:
    anna = full.person("Anna")
    full.queue(anna)
    full.gpus.faults["fixed"] = "has fallen off the bus"
    assert _called(full) == []
    assert _view(full, anna).due_back is None
    full.gpus.faults.clear()
    full.stop("thr--olga")
    assert _called(full) == [anna]


def test_what_is_kept_does_not_expire_as_an_intention_does(full: Bench) -> None:
    full.with_policy(waiting=WaitingPolicy(hold_seconds=600))
    anna = full.person("Anna")
    full.queue(anna)
    full.stop("thr--olga")
    waiting.advance(full.workbench)
    full.clock.step(minutes=5)
    assert reconcile(full.workbench, {"thr--otto"}).expired == 0
    assert _called(full) == [anna]
    granted = sessions.admit(full.workbench, anna, SMALL)
    full.clock.step(minutes=4)
    assert reconcile(full.workbench, {"thr--otto"}).expired == 1, (
        "once it is being started, it does"
    )
    assert full.lease(granted.lease.session).end_reason is EndReason.EXPIRED
    assert _ticket(full, anna).state is TicketState.WAITING


def test_a_hub_that_crashes_keeps_the_place_of_who_is_called_and_of_who_starts(
    full: Bench,
) -> None:
    anna = full.person("Anna")
    full.queue(anna)
    full.stop("thr--olga")
    waiting.advance(full.workbench)
    kept = _ticket(full, anna)
    sessions.clear_leftovers(full.workbench, anna)
    assert full.ticket(anna) == kept
    sessions.admit(full.workbench, anna, SMALL)
    sessions.clear_leftovers(full.workbench, anna)
    assert _ticket(full, anna).state is TicketState.WAITING
    assert _called(full) == [anna]


def test_taking_the_installation_down_keeps_the_places_of_all(full: Bench) -> None:
    first, second = full.person("Anna"), full.person("Ben")
    for person in (first, second):
        full.queue(person)
        full.clock.step(seconds=1)
    full.stop("thr--olga")
    waiting.advance(full.workbench)
    settle(full.workbench)
    assert full.holding() == []
    full.clock.step(hours=1)
    assert _called(full) == [first, second]


def test_a_reservation_calls_its_own_people_past_the_line(full: Bench) -> None:
    first = full.person("Anna")
    member = full.person("Mia", "thr", "course")
    full.queue(first)
    full.clock.step(minutes=1)
    full.queue(member)
    full.stop("thr--olga")
    full.stop("thr--otto")
    wanted = reservations.Wanted(
        title="Lesson",
        flavour="small",
        group="course",
        count=2,
        start=full.clock.now,
        end=full.clock.now + timedelta(hours=2),
        release_after=timedelta(minutes=30),
    )
    reservations.make(full.workbench, wanted, "thr--olga")
    assert _called(full) == [member]
    assert _ticket(full, first).state is TicketState.WAITING
    full.clock.step(minutes=30)
    assert first in _called(full), "what nobody of the group took goes back"


def test_a_large_ticket_is_not_starved_by_small_sessions_that_would_outlast_it(
    tmp_path: Path,
) -> None:
    with bench_in(tmp_path, [dynamic_gpu()]) as bench:
        whole = flavour("whole", "7g.80gb")
        bench.with_catalogue(flavours=(*bench.workbench.catalogue.flavours, whole))
        bench.start(bench.person("Olga"), "large")
        bench.clock.step(minutes=30)
        ben = bench.person("Ben")
        bench.queue(ben, "whole")
        small = _offer(bench, bench.person("Cem"))
        assert small.refusal is None
        assert small.longest_seconds == 90 * 60, "until Olga's end, when the whole GPU is free"
        bench.start("thr--cem")
        bench.clock.step(minutes=80)
        assert _offer(bench, bench.person("Dora")).refusal is not None, "too short to be worth it"
        bench.clock.step(minutes=10)
        for person in ("thr--olga", "thr--cem"):
            bench.stop(person)
        assert _called(bench) == [ben]


def test_the_wait_is_counted_from_the_ticket_to_the_call(full: Bench) -> None:
    full.queue(full.person("Anna"))
    full.clock.step(minutes=7)
    full.stop("thr--olga")
    waiting.advance(full.workbench)
    with full.workbench.database.reading() as tx:
        (waited,) = tx.tickets.waits().values()
    assert (waited.count, waited.total_ms) == (1, 7 * MINUTE_MS)
