"""A session extended: while nobody waits, as far as its budget pays, or without budget."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from labwerk_hub.domain.admission import Reason, Refusal, Request
from labwerk_hub.domain.budgets import Budget, BudgetKind
from labwerk_hub.domain.catalogue import Project
from labwerk_hub.domain.events import EventKind
from labwerk_hub.domain.leases import Lease
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR as HOUR
from labwerk_hub.domain.metering import from_ms, to_ms
from labwerk_hub.domain.periods import Term, Terms
from labwerk_hub.domain.terms import SessionRule
from labwerk_hub.domain.texts import Localized
from labwerk_hub.services import audit, extension, reservations, sessions, waiting
from labwerk_hub.services.budgets import budget_of
from labwerk_hub.services.offers import RefusedError
from labwerk_hub.services.openings import allot
from labwerk_hub.services.reconcile import reconcile
from support.lessons import keep_for_lesson
from support.workbench import (
    HOUR_MS,
    MINUTE_MS,
    NOON,
    POLICY,
    Bench,
    bench_in,
    budget,
    budgets,
    dynamic_gpu,
    flavour,
)

ANNA = "thr--anna"
ROTOR, THR = "project/rotor", "institution/thr"
SMALL = 3  # ticks a second of the small slice


@pytest.fixture
def session(bench: Bench) -> str:
    """Anna's, which runs since noon."""
    return bench.start(bench.person("Anna")).session


def _refusal(bench: Bench, person: str = ANNA) -> Refusal:
    with pytest.raises(RefusedError) as refused:
        extension.extend(bench.workbench, person)
    return refused.value.refusal


def _grant(bench: Bench, name: str, ticks: int) -> None:
    """Somebody decides that a budget has so much."""
    with bench.workbench.database.writing() as tx:
        allot(bench.workbench, tx, "root", budget_of(bench.workbench, name), None, ticks)


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
    keep_for_lesson(bench.workbench, NOON + timedelta(hours=2, minutes=30))
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
        keep_for_lesson(bench.workbench, NOON + timedelta(hours=2, minutes=30), count=1)
        (kept,) = reservations.current(bench.workbench)[0].slices
        assert lease.slice is not None
        assert not kept.mask & lease.slice.mask
        bench.clock.step(hours=1)
        moved = extension.extend(bench.workbench, ANNA)
        assert moved.ends_ms == to_ms(NOON) + 150 * MINUTE_MS


def test_members_extend_into_their_own_reservation(bench: Bench) -> None:
    keep_for_lesson(bench.workbench, NOON + timedelta(hours=2))
    mia = bench.person("Mia", "thr", "course")
    bench.start(mia)
    bench.clock.step(hours=1)
    assert extension.extend(bench.workbench, mia).ends_ms == to_ms(NOON) + 3 * HOUR_MS


def test_without_a_running_session_nothing_is_extended(bench: Bench) -> None:
    anna = bench.person("Anna")
    assert _refusal(bench).reason is Reason.NOT_RUNNING
    sessions.admit(bench.workbench, anna, Request("small", "base"))
    assert _refusal(bench).reason is Reason.NOT_RUNNING, "it has not begun"


def test_more_budget_in_the_grace_lets_the_session_be_extended(bench: Bench) -> None:
    bench.with_catalogue(budgets=budgets(budget("thr", SMALL * 3600, None)))
    anna = bench.person("Anna")
    session = bench.start(anna).session
    bench.clock.step(minutes=62)
    reconcile(bench.workbench, [anna])
    _grant(bench, THR, 5 * HOUR)
    lease = extension.extend(bench.workbench, anna)
    assert lease.ends_ms == bench.clock.ms + 7200_000
    assert bench.figures().held == SMALL * 7200
    assert bench.lease(session).stopping is None


class TestWithoutBudget:
    """A session that runs without: at the cost of the project rotor, which has nothing."""

    @pytest.fixture
    def lease(self, bench: Bench) -> Lease:
        """Anna's, which has run for half an hour."""
        return _without(bench, _rotor())

    @pytest.mark.usefixtures("lease")
    def test_it_is_paid_for_again_if_its_budget_pays_until_the_new_end(self, bench: Bench) -> None:
        bench.clock.step(seconds=20)  # since the last reading of the engine
        _grant(bench, ROTOR, 5 * HOUR)
        moved = extension.extend(bench.workbench, ANNA)
        assert (moved.over_use, moved.payer) == (False, ROTOR)
        assert moved.ends_ms == bench.clock.ms + 2 * HOUR_MS
        assert bench.figures(ROTOR).held == SMALL * (20 + 7200)
        bench.clock.step(minutes=30)
        reconcile(bench.workbench, [ANNA])
        figures = bench.figures(ROTOR)
        assert (figures.used, figures.over) == (SMALL * 3620, SMALL * 1800)
        assert figures.held == SMALL * 5400

    def test_that_it_is_paid_for_again_is_recorded(self, bench: Bench, lease: Lease) -> None:
        _grant(bench, ROTOR, 5 * HOUR)
        extension.extend(bench.workbench, ANNA)
        extended, paid, *_ = audit.of_person(bench.workbench, ANNA, "en").events
        assert extended.kind == EventKind.EXTENSION
        assert (paid.who, paid.what) == (
            "You",
            f"“Rotor” pays for the session {lease.session} again.",
        )

    def test_it_goes_on_without_if_its_budget_does_not_pay_until_the_new_end(
        self, bench: Bench, lease: Lease
    ) -> None:
        _grant(bench, ROTOR, SMALL * 7199)
        _goes_on_without(bench)
        _grant(bench, ROTOR, SMALL * 7200)
        reconcile(bench.workbench, [ANNA])
        assert not bench.lease(lease.session).over_use

    def test_it_is_not_extended_if_its_budget_is_not_its_persons_any_more(
        self, bench: Bench, lease: Lease
    ) -> None:
        _grant(bench, ROTOR, 5 * HOUR)
        bench.with_catalogue(projects=(Project("rotor", Localized.same("Rotor"), "p-others"),))
        assert _refusal(bench).reason is Reason.UNKNOWN_PAYER
        reconcile(bench.workbench, [ANNA])
        assert bench.lease(lease.session).over_use

    @pytest.mark.usefixtures("lease")
    def test_it_is_not_extended_if_its_budget_has_left_the_settings(self, bench: Bench) -> None:
        _grant(bench, ROTOR, 5 * HOUR)
        bench.with_catalogue(budgets=budgets(budget("thr", 100 * HOUR, None)))
        assert _refusal(bench).reason is Reason.UNKNOWN_PAYER

    def test_it_is_not_extended_once_its_budgets_period_is_over(self, bench: Bench) -> None:
        bench.clock.now = datetime(2026, 11, 16, 23, tzinfo=POLICY.zone)
        today = Term("2026-11-01..", date(2026, 11, 1), date(2026, 11, 16))
        _without(bench, _rotor(periods=Terms(POLICY.zone, (today,))))
        _grant(bench, ROTOR, 5 * HOUR)
        bench.clock.step(hours=1)
        assert _refusal(bench).reason is Reason.BUDGET_USED_UP


def _rotor(**values: object) -> Budget:
    return budget("rotor", 0, None, BudgetKind.PROJECT, "thr", over_use=True, **values)


def _without(bench: Bench, rotor: Budget) -> Lease:
    """Anna's session at the cost of ``rotor``, which runs without budget since half an hour."""
    bench.with_catalogue(
        budgets=budgets(budget("thr", 100 * HOUR, None), rotor),
        projects=(Project("rotor", Localized.same("Rotor"), "p-rotor"),),
    )
    bench.storage.projects.add("rotor")
    anna = bench.person("Anna", "thr", "p-rotor")
    granted = sessions.admit(bench.workbench, anna, Request("small", "base", payer=ROTOR))
    assert granted.lease.over_use
    bench.run(granted)
    bench.clock.step(minutes=30)
    reconcile(bench.workbench, [anna])
    return bench.lease(granted.lease.session)


def _goes_on_without(bench: Bench) -> None:
    """Anna's session is extended, and nothing pays for it."""
    moved = extension.extend(bench.workbench, ANNA)
    assert (moved.over_use, moved.payer) == (True, ROTOR)
    assert moved.ends_ms == bench.clock.ms + 2 * HOUR_MS
    with bench.workbench.database.reading() as tx:
        assert tx.ledger.held_for(moved.session) == {}
        assert tx.events.last_of(EventKind.PAYER_CHANGED) is None
