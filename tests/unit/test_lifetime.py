"""How long a session lives: stopped when its time is up or nothing runs in it."""

from __future__ import annotations

import pytest
from labwerk_hub.domain.admission import Reason
from labwerk_hub.domain.idleness import Activity
from labwerk_hub.domain.leases import EndReason, Lease
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.terms import SessionRule
from labwerk_hub.errors import EngineUnreachableError
from labwerk_hub.services import extension, lifetime
from labwerk_hub.services.offers import RefusedError
from labwerk_hub.services.ports import SliceUse
from labwerk_hub.services.reconcile import reconcile
from support.workbench import MINUTE_MS, NOON, Bench

ANNA = "thr--anna"


@pytest.fixture
def session(bench: Bench) -> str:
    """Anna's, which runs since noon."""
    return bench.start(bench.person("Anna")).session


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


def test_nobody_is_still_working_without_a_running_session(bench: Bench) -> None:
    anna = bench.person("Anna")
    with pytest.raises(RefusedError) as refused:
        lifetime.still_working(bench.workbench, anna)
    assert refused.value.refusal.reason is Reason.NOT_RUNNING


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
