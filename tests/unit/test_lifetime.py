"""How long a session lives: extended while nobody waits, stopped when its time is up or idle."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from labwerk_hub.domain.admission import Reason, Refusal, Request
from labwerk_hub.domain.idleness import Activity
from labwerk_hub.domain.leases import EndReason, Lease
from labwerk_hub.domain.metering import from_ms, to_ms
from labwerk_hub.domain.terms import SessionRule
from labwerk_hub.errors import EngineUnreachableError
from labwerk_hub.services import extension, lifetime, reservations, sessions, waiting
from labwerk_hub.services.offers import RefusedError
from labwerk_hub.services.ports import SliceUse
from labwerk_hub.services.reconcile import reconcile
from support.workbench import (
    HOUR_MS,
    MINUTE_MS,
    NOON,
    Bench,
    bench_in,
    budget,
    budgets,
    dynamic_gpu,
    flavour,
)

ANNA = "thr--anna"


@pytest.fixture
def session(bench: Bench) -> str:
    """Anna's, which runs since noon."""
    return bench.start(bench.person("Anna")).session


def _refusal(bench: Bench, person: str = ANNA) -> Refusal:
    with pytest.raises(RefusedError) as refused:
        extension.extend(bench.workbench, person)
    return refused.value.refusal


def _reserve(bench: Bench, start: datetime, count: int = 2, group: str = "course") -> None:
    wanted = reservations.Wanted(
        title="Lesson",
        flavour="small",
        group=group,
        count=count,
        start=start,
        end=start + timedelta(hours=2),
        release_after=timedelta(minutes=30),
    )
    reservations.make(bench.workbench, wanted, "olga")


def _activity(bench: Bench, session: str) -> Activity | None:
    with bench.workbench.database.reading() as tx:
        return tx.activities.get(session)


def _pass(bench: Bench, minutes: int, *, busy: int = 0) -> list[Lease]:
    """So many minutes, with reports and readings; what is to be stopped at the end of them."""
    due: tuple[Lease, ...] = ()
    for at in range(0, minutes, 5):
        bench.clock.step(minutes=min(5, minutes - at))
        lifetime.report(bench.workbench, ANNA, busy, None)
        due = reconcile(bench.workbench, None).to_stop
    return list(due)


def test_a_session_is_extended_by_its_first_hours_from_now_on(bench: Bench, session: str) -> None:
    bench.clock.step(hours=1)
    moved = extension.extend(bench.workbench, ANNA)
    assert moved == bench.lease(session)
    assert moved.ends_ms == to_ms(NOON) + 3 * HOUR_MS


def test_a_session_that_has_just_begun_is_not_extended_yet(bench: Bench, session: str) -> None:
    bench.clock.step(minutes=4)
    refusal = _refusal(bench)
    assert refusal.reason is Reason.NOT_YET
    assert refusal.message.params == {"end": from_ms(bench.lease(session).ends_ms)}
    bench.clock.step(minutes=1)
    extension.extend(bench.workbench, ANNA)


def test_a_session_lasts_no_longer_than_its_flavour_allows(bench: Bench, session: str) -> None:
    for _ in range(6):
        bench.clock.step(hours=1)
        extension.extend(bench.workbench, ANNA)
    longest = bench.lease(session).longest_ms
    assert bench.lease(session).ends_ms == longest == to_ms(NOON) + 8 * HOUR_MS
    refusal = _refusal(bench)
    assert (refusal.reason, refusal.message.params) == (Reason.LONGEST, {"end": from_ms(longest)})


def test_a_rule_for_ones_group_is_what_the_extension_goes_by(bench: Bench, session: str) -> None:
    bench.with_policy(rules=(SessionRule("institution:thr", default_hours=4),))
    bench.clock.step(hours=1)
    extension.extend(bench.workbench, ANNA)
    assert bench.lease(session).ends_ms == to_ms(NOON) + 5 * HOUR_MS


def test_nothing_is_extended_while_others_wait_for_the_slice(bench: Bench, session: str) -> None:
    bench.start(bench.person("Otto"))
    bench.clock.step(hours=1)
    ben = bench.person("Ben")
    bench.queue(ben)
    assert _refusal(bench).reason is Reason.OTHERS_WAIT
    waiting.leave(bench.workbench, ben)
    extension.extend(bench.workbench, ANNA)
    assert bench.lease(session).ends_ms == to_ms(NOON) + 3 * HOUR_MS


def test_who_waits_for_what_this_slice_cannot_serve_keeps_nobody_from_extending(
    tmp_path: Path,
) -> None:
    with bench_in(tmp_path, [dynamic_gpu("a"), dynamic_gpu("b")]) as bench:
        for person in ("Olga", "Otto", "Ole"):
            bench.start(bench.person(person), "large")
        bench.start(bench.person("Anna"), "cpu")
        bench.start(bench.person("Emil"), "large")
        bench.queue(bench.person("Ben"), "large")
        bench.clock.step(hours=1)
        assert _refusal(bench, "thr--olga").reason is Reason.OTHERS_WAIT
        assert _refusal(bench, ANNA).reason is Reason.LONGEST, "without a GPU, nobody is in the way"


def test_an_extension_ends_where_the_budget_does(bench: Bench, session: str) -> None:
    bench.clock.step(hours=1)
    bench.with_catalogue(budgets=budgets(budget("thr", 10**9, 3 * (2 * 3600 + 600))))
    assert extension.extend(bench.workbench, ANNA).ends_ms == to_ms(NOON) + 130 * MINUTE_MS
    bench.clock.step(hours=1)
    assert _refusal(bench).reason is Reason.BUDGET_USED_UP
    assert bench.lease(session).ends_ms == to_ms(NOON) + 130 * MINUTE_MS


def test_an_extension_ends_where_the_slice_is_reserved_for_others(
    bench: Bench, session: str
) -> None:
    _reserve(bench, NOON + timedelta(hours=2, minutes=30))
    bench.clock.step(hours=1)
    moved = extension.extend(bench.workbench, ANNA)
    assert moved.ends_ms == to_ms(NOON) + 150 * MINUTE_MS
    bench.clock.step(hours=1)
    refusal = _refusal(bench)
    assert refusal.reason is Reason.RESERVED
    assert refusal.message.params == {"begins": from_ms(bench.lease(session).ends_ms)}


def test_a_reservation_that_a_slice_elsewhere_on_the_gpu_would_make_illegal_bounds_it_too(
    tmp_path: Path,
) -> None:
    """One instance of a GPU at most has the media engines, wherever on it that stands."""
    with bench_in(tmp_path, [dynamic_gpu()]) as bench:
        bench.with_catalogue(flavours=(flavour("small", "1g.10gb+me"), flavour("plain", "1g.10gb")))
        for number in range(3):
            bench.start(bench.person(f"Guest {number}"), "plain")
        lease = bench.start(bench.person("Anna"))
        for number in range(3):
            bench.stop(f"thr--guest-{number}")
        _reserve(bench, NOON + timedelta(hours=2, minutes=30), count=1)
        (kept,) = reservations.current(bench.workbench)[0].slices
        assert lease.slice is not None
        assert not kept.mask & lease.slice.mask
        bench.clock.step(hours=1)
        moved = extension.extend(bench.workbench, ANNA)
        assert moved.ends_ms == to_ms(NOON) + 150 * MINUTE_MS


def test_members_extend_into_their_own_reservation(bench: Bench) -> None:
    _reserve(bench, NOON + timedelta(hours=2))
    mia = bench.person("Mia", "thr", "course")
    bench.start(mia)
    bench.clock.step(hours=1)
    assert extension.extend(bench.workbench, mia).ends_ms == to_ms(NOON) + 3 * HOUR_MS


def test_without_a_running_session_nothing_is_extended(bench: Bench) -> None:
    anna = bench.person("Anna")
    assert _refusal(bench).reason is Reason.NOT_RUNNING
    sessions.admit(bench.workbench, anna, Request("small", "base"))
    assert _refusal(bench).reason is Reason.NOT_RUNNING, "it has not begun"
    with pytest.raises(RefusedError):
        lifetime.still_working(bench.workbench, anna)


def test_a_session_is_stopped_when_its_time_is_up(bench: Bench, session: str) -> None:
    bench.clock.step(hours=2, milliseconds=-1)
    lease = bench.lease(session)
    assert lifetime.due(bench.workbench, lease) is None
    bench.clock.step(milliseconds=1)
    assert lifetime.due(bench.workbench, lease) is EndReason.TIME_UP


def test_a_quiet_session_is_warned_then_stopped_and_the_reason_is_kept(
    bench: Bench, session: str
) -> None:
    assert _pass(bench, 49) == []
    known = _activity(bench, session)
    assert known is not None
    assert known.warned_ms is None
    assert _pass(bench, 1) == []
    known = _activity(bench, session)
    assert known is not None
    assert known.warned_ms == to_ms(NOON) + 50 * MINUTE_MS
    assert _pass(bench, 9) == []
    assert [lease.session for lease in _pass(bench, 1)] == [session]
    bench.stop(ANNA)
    assert bench.lease(session).end_reason is EndReason.IDLE
    assert _activity(bench, session) is None


def test_one_click_on_still_working_gives_a_whole_idle_time_again(
    bench: Bench, session: str
) -> None:
    _pass(bench, 59)
    lifetime.still_working(bench.workbench, ANNA)
    assert _pass(bench, 59) == []
    assert [lease.session for lease in _pass(bench, 1)] == [session]


def test_a_stop_that_was_not_made_before_a_sign_of_life_is_taken_back(
    bench: Bench, session: str
) -> None:
    (lease,) = _pass(bench, 60)
    assert lifetime.is_to_stop(bench.workbench, lease.session)
    lifetime.still_working(bench.workbench, ANNA)
    assert not lifetime.is_to_stop(bench.workbench, lease.session)
    bench.stop(ANNA)
    assert bench.lease(session).end_reason is EndReason.STOPPED
    assert not lifetime.is_to_stop(bench.workbench, lease.session)


def test_a_stop_that_was_not_made_before_something_ran_again_is_taken_back(
    bench: Bench, session: str
) -> None:
    assert [lease.session for lease in _pass(bench, 60)] == [session]
    assert _pass(bench, 1, busy=1) == []
    assert bench.lease(session).stopping is None
    bench.stop(ANNA)
    assert bench.lease(session).end_reason is EndReason.STOPPED


def test_extending_is_a_sign_of_life(bench: Bench, session: str) -> None:
    _pass(bench, 55)
    extension.extend(bench.workbench, ANNA)
    assert _pass(bench, 10) == []
    assert bench.lease(session).stopping is None


def test_a_session_that_computes_is_never_idle(bench: Bench, session: str) -> None:
    bench.with_policy(rules=(SessionRule("institution:thr", default_hours=8),))
    assert _pass(bench, 100, busy=1) == []
    bench.engine.compute(session, 0.9)  # in a terminal: no kernel knows
    extension.extend(bench.workbench, ANNA)
    assert _pass(bench, 100) == []
    bench.engine.compute(session, 0.01)
    assert _pass(bench, 59) == []
    assert _pass(bench, 1) != []


def test_a_gpu_that_works_counts_where_it_can_be_measured(bench: Bench, session: str) -> None:
    slice_ = bench.lease(session).slice
    assert slice_ is not None
    bench.gpus.used[slice_.label] = SliceUse(8000, 1, 0.5)
    assert _pass(bench, 90) == []
    bench.gpus.used[slice_.label] = SliceUse(8000, 1, 0.0)
    assert _pass(bench, 29) == [], "its time is not up yet, and an hour not over"
    assert bench.lease(session).stopping is None


def test_a_server_that_does_not_report_is_not_taken_for_idle(bench: Bench, session: str) -> None:
    for _ in range(11):
        bench.clock.step(minutes=10)
        assert reconcile(bench.workbench, None).to_stop == ()
    assert bench.lease(session).stopping is None


def test_a_group_or_a_flavour_without_an_idle_rule_is_left_alone(
    bench: Bench, session: str
) -> None:
    bench.with_policy(rules=(SessionRule("institution:thr", idle_minutes=0),))
    assert _pass(bench, 110) == []
    assert bench.lease(session).stopping is None


def test_a_flavour_that_left_the_settings_keeps_its_sessions_as_they_are(
    bench: Bench, session: str
) -> None:
    bench.with_catalogue(flavours=bench.workbench.catalogue.flavours[1:])
    assert _pass(bench, 110) == []
    bench.clock.step(minutes=-50)
    assert extension.extend(bench.workbench, ANNA).ends_ms == bench.lease(session).longest_ms


def test_an_engine_that_does_not_answer_leaves_the_rule_for_the_next_reading(
    bench: Bench, session: str
) -> None:
    lease = bench.lease(session)
    with bench.engine.frozen(), pytest.raises(EngineUnreachableError):
        lifetime.due(bench.workbench, lease)
    assert _activity(bench, session) is None


def test_a_report_without_a_session_changes_nothing(bench: Bench) -> None:
    anna = bench.person("Anna")
    lifetime.report(bench.workbench, anna, 1, None)
    with bench.workbench.database.reading() as tx:
        assert tx.leases.unended_of(anna) == []


class TestFromTheLine:
    """A session that was started for somebody who waited."""

    @pytest.fixture
    def called(self, bench: Bench) -> str:
        """Anna's, started for her a second after Olga had stopped."""
        for name in ("Olga", "Otto"):
            bench.start(bench.person(name))
        bench.queue(bench.person("Anna"))
        bench.stop("thr--olga")
        bench.called()
        return bench.start(ANNA).session

    def test_it_is_stopped_if_nobody_comes_to_it_in_time(self, bench: Bench, called: str) -> None:
        assert _pass(bench, 4) == []
        assert [lease.session for lease in _pass(bench, 1)] == [called]
        bench.stop(ANNA)
        assert bench.lease(called).end_reason is EndReason.NOT_COLLECTED
        assert bench.ticket(ANNA) is None

    def test_it_goes_on_once_a_browser_was_there(self, bench: Bench, called: str) -> None:
        lifetime.report(bench.workbench, ANNA, 0, bench.clock.ms)
        bench.clock.step(minutes=6)
        assert reconcile(bench.workbench, None).to_stop == ()
        assert bench.lease(called).stopping is None

    def test_it_goes_on_while_its_server_says_nothing(self, bench: Bench, called: str) -> None:
        bench.clock.step(minutes=6)
        assert reconcile(bench.workbench, None).to_stop == ()
        assert bench.lease(called).stopping is None
