"""The waiting list as people live it: a place taken, what it shows, and the call."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from labwerk_hub.domain.admission import Offer, Reason, Request
from labwerk_hub.domain.leases import LeaseState
from labwerk_hub.domain.metering import from_ms, to_ms
from labwerk_hub.domain.waiting import TicketState
from labwerk_hub.services import sessions
from labwerk_hub.services.offers import RefusedError
from labwerk_hub.services.reconcile import reconcile
from labwerk_hub.services.workbench import WaitingPolicy
from support.lessons import keep_for_lesson
from support.workbench import MINUTE_MS, NOON, Bench, bench_in, dynamic_gpu, flavour

SMALL = Request("small", "base")


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
    views = [full.view(person) for person in (first, second, third)]
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
    view = full.view(full.queue(full.person("Anna")).person)
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
    assert full.open_ticket(anna) == other


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
    assert full.advance() == [anna]


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
    full.clock.step(seconds=1)
    assert _offer(full, ben).expected == offer.expected, "not behind one's own place"
    assert _offer(full, ben, "cpu").expected is None


def test_when_a_slice_is_free_the_first_in_line_is_called_and_it_is_kept(full: Bench) -> None:
    first, second = full.person("Anna"), full.person("Ben")
    for person in (first, second):
        full.queue(person)
        full.clock.step(seconds=1)
    assert full.advance() == []
    full.stop("thr--olga")
    assert full.advance() == [first]
    ticket = full.open_ticket(first)
    assert ticket.session is not None
    kept = full.lease(ticket.session)
    assert (kept.state, kept.person) == (LeaseState.INTENDED, first)
    assert ticket.held_until_ms == full.clock.ms + 5 * MINUTE_MS
    assert full.view(first).called
    assert full.view(first).held_until == full.clock.now + timedelta(minutes=5)
    assert (full.view(second).place, full.view(second).before) == (1, 0)
    full.clock.step(minutes=4)
    assert full.advance() == [first], "until they start, whoever is called is told of"
    assert full.lease(ticket.session) == kept


def test_institutions_that_wait_together_take_turns(full: Bench) -> None:
    many = [full.person(f"Thr {number}") for number in range(3)]
    for person in many:
        full.queue(person)
        full.clock.step(seconds=1)
    eva = full.person("Eva", "iwe")
    full.queue(eva)
    full.advance()
    assert full.view(eva).place == 2, "one of each institution, in the order they came"
    full.clock.step(minutes=10)
    reconcile(full.workbench, None)
    full.advance()
    assert full.view(eva).place == 1, "the other institution has used twenty minutes"
    full.stop("thr--olga")
    full.stop("thr--otto")
    assert set(full.advance()) == {eva, many[0]}


def test_a_reservation_calls_its_own_people_past_the_line(full: Bench) -> None:
    first = full.person("Anna")
    member = full.person("Mia", "thr", "course")
    full.queue(first)
    full.clock.step(minutes=1)
    full.queue(member)
    full.stop("thr--olga")
    full.stop("thr--otto")
    keep_for_lesson(full.workbench, full.clock.now)
    assert full.advance() == [member]
    assert full.open_ticket(first).state is TicketState.WAITING
    full.clock.step(minutes=30)
    assert first in full.advance(), "what nobody of the group took goes back"


def test_members_wait_on_for_reserved_gpus_that_have_failed(full: Bench) -> None:
    member = full.person("Mia", "thr", "course")
    full.queue(member)
    for person in ("thr--olga", "thr--otto"):
        full.stop(person)
    keep_for_lesson(full.workbench, full.clock.now)
    full.gpus.faults["fixed"] = "has fallen off the bus"
    assert full.advance() == []
    assert full.open_ticket(member).state is TicketState.WAITING
    full.gpus.faults.clear()
    assert full.advance() == [member]


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
        assert bench.advance() == [ben]


def test_who_is_called_early_is_put_where_nobody_ahead_is_delayed(tmp_path: Path) -> None:
    with bench_in(tmp_path, [dynamic_gpu("a"), dynamic_gpu("b")]) as bench:
        whole = flavour("whole", "7g.80gb")
        bench.with_catalogue(flavours=(*bench.workbench.catalogue.flavours, whole))
        for number in range(14):
            bench.start(bench.person(f"Guest {number}"))
            bench.clock.step(minutes=1)
        ben = bench.person("Ben")
        bench.queue(ben, "whole")
        anna = bench.person("Anna")
        bench.clock.step(minutes=1)
        bench.queue(anna)
        for label in ("a/1g.10gb@3", "b/1g.10gb@3"):
            bench.stop(next(x.person for x in bench.leases() if x.slice and x.slice.label == label))
        assert bench.advance() == [anna]
        session = bench.open_ticket(anna).session
        assert session is not None
        kept = bench.lease(session).slice
        assert kept is not None
        assert kept.label == "b/1g.10gb@3", "all of a is Ben's as soon as the others have gone"


def test_the_wait_is_counted_from_the_ticket_to_the_call(full: Bench) -> None:
    full.queue(full.person("Anna"))
    full.clock.step(minutes=7)
    full.stop("thr--olga")
    full.advance()
    with full.workbench.database.reading() as tx:
        (waited,) = tx.tickets.waits().values()
    assert (waited.count, waited.total_ms) == (1, 7 * MINUTE_MS)
