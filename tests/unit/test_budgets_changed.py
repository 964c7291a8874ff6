"""Budgets whose settings, givers and payers change while they are used."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from labwerk_hub.domain.admission import Reason, Request
from labwerk_hub.domain.budgets import Budget, BudgetKind
from labwerk_hub.domain.catalogue import Project
from labwerk_hub.domain.leases import EndReason
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR as HOUR
from labwerk_hub.domain.periods import Term, Terms
from labwerk_hub.domain.texts import Localized
from labwerk_hub.services import extension, lifetime, payers, sessions, statement
from labwerk_hub.services.budget_decisions import BudgetDecisionError, set_share
from labwerk_hub.services.budgets import budget_of
from labwerk_hub.services.offers import RefusedError
from labwerk_hub.services.openings import allot, carry_now, open_now
from labwerk_hub.services.reconcile import reconcile
from labwerk_hub.services.verification import verify
from support.workbench import Bench, bench_in, budget, budgets, fixed_gpu

BERLIN = ZoneInfo("Europe/Berlin")
ROTOR, THR, IWE = "project/rotor", "institution/thr", "institution/iwe"
SMALL = 3  # ticks a second of the small slice
WINTER = Terms(BERLIN, (Term("ws2026", date(2026, 10, 1), date(2027, 3, 31)),))


def _rotor(**values: object) -> Budget:
    given: dict[str, object] = {"institution": "thr"} | values
    return budget("rotor", 20 * HOUR, None, BudgetKind.PROJECT, **given)  # type: ignore[arg-type]


def _dates(last: date) -> Terms:
    return Terms(BERLIN, (Term("2026-11-01..", date(2026, 11, 1), last),))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Two small slices; thr gives to the project rotor."""
    with bench_in(tmp_path, [fixed_gpu()]) as found:
        found.with_catalogue(projects=(Project("rotor", Localized.same("Rotor"), "project-rotor"),))
        found.storage.projects = {"rotor"}
        _settings(found, _rotor())
        yield found


def _settings(bench: Bench, *rotor: Budget, thr: int = 100, **of_thr: object) -> None:
    """The settings as from now on."""
    institutions = (budget("thr", thr * HOUR, None, **of_thr), budget("iwe", 50 * HOUR, None))  # type: ignore[arg-type]
    bench.with_catalogue(budgets=budgets(*institutions, *rotor))


def _anna(bench: Bench) -> str:
    return bench.person("Anna", "thr", "project-rotor")


def _sound(bench: Bench) -> None:
    """Each budget's accounts add up to zero in each period, and nothing was given twice back."""
    with bench.workbench.database.reading() as tx:
        for name in (THR, IWE, ROTOR):
            for period in tx.ledger.periods_of(name):
                accounts = tx.ledger.accounts(name, period)
                assert sum(accounts.values()) == 0
                assert accounts.get("given", 0) >= 0


# ------------------------------------------------------------------ who gave


def test_what_a_project_no_longer_needs_goes_back_to_the_month_that_gave_it(bench: Bench) -> None:
    _settings(bench, _rotor(periods=WINTER))
    open_now(bench.workbench)
    assert bench.figures(THR, "2026-11").given == 20 * HOUR
    bench.clock.now = datetime(2026, 12, 5, 12, tzinfo=UTC)
    with bench.workbench.database.writing() as tx:
        rotor = budget_of(bench.workbench, ROTOR)
        allot(bench.workbench, tx, "root", rotor, None, 5 * HOUR)
    assert bench.figures(ROTOR, "ws2026").granted == 5 * HOUR
    assert bench.figures(THR, "2026-11").given == 5 * HOUR
    open_now(bench.workbench)
    assert (bench.figures(THR).given, bench.figures(THR).free) == (0, 100 * HOUR)
    _sound(bench)


def test_a_project_that_moves_returns_what_is_free_and_takes_from_its_new_institution(
    bench: Bench,
) -> None:
    anna = _anna(bench)
    granted = sessions.admit(bench.workbench, anna, Request("small", "base", payer=ROTOR))
    bench.run(granted)
    bench.clock.step(hours=1)
    sessions.ended(bench.workbench, granted.lease.session, EndReason.STOPPED)
    _settings(bench, _rotor(institution="iwe"))
    open_now(bench.workbench)
    used = SMALL * 3600
    assert bench.figures(THR).given == used
    assert bench.figures(IWE).given == 20 * HOUR - used
    assert bench.figures(ROTOR).granted == 20 * HOUR
    _sound(bench)
    for institution in ("thr", "iwe"):
        assert list(statement.make(bench.workbench, institution, "2026-11").faults()) == []


def test_a_session_counts_for_both_institutions_of_a_project_that_moves_meanwhile(
    bench: Bench,
) -> None:
    granted = sessions.admit(bench.workbench, _anna(bench), Request("small", "base", payer=ROTOR))
    bench.run(granted)
    for institution in ("thr", "iwe"):
        _settings(bench, _rotor(institution=institution))
        open_now(bench.workbench)
        bench.clock.step(minutes=30)
        bench.meter(granted.lease.session)
    assert verify(bench.workbench).findings == ()
    with bench.workbench.database.reading() as tx:
        sums = tx.usage.of_budget(ROTOR, "2026-11", "2026-11")
    assert {one.institution: one.sessions for one in sums} == {"thr": 1, "iwe": 1}


def test_a_longer_project_is_granted_nothing_twice(bench: Bench) -> None:
    _settings(bench, _rotor(periods=_dates(date(2026, 11, 30))))
    open_now(bench.workbench)
    _settings(bench, _rotor(periods=_dates(date(2026, 12, 15))))
    open_now(bench.workbench)
    assert bench.figures(THR).given == 20 * HOUR
    assert bench.figures(ROTOR, "2026-11-01..").granted == 20 * HOUR


def test_a_project_that_got_too_little_gets_the_rest_once_there_is_more(bench: Bench) -> None:
    _settings(bench, _rotor(), thr=10)
    open_now(bench.workbench)
    assert bench.figures(ROTOR).granted == 10 * HOUR
    with bench.workbench.database.writing() as tx:
        thr = budget_of(bench.workbench, THR)
        allot(bench.workbench, tx, "root", thr, None, 100 * HOUR)
    bench.clock.step(seconds=30)
    open_now(bench.workbench)
    assert bench.figures(ROTOR).granted == 20 * HOUR


def test_months_in_which_nobody_was_there_carry_over_all_the_same(bench: Bench) -> None:
    _settings(bench, carry_over=100, thr=10)
    open_now(bench.workbench)
    bench.clock.now = datetime(2027, 1, 5, 12, tzinfo=UTC)
    _settings(bench, carry_over=100, thr=10)
    open_now(bench.workbench)
    carry_now(bench.workbench)
    assert bench.figures(THR).total == 30 * HOUR
    _sound(bench)


# ------------------------------------------------------------------ budgets that leave


def test_a_budget_that_leaves_the_settings_pays_for_its_sessions_to_their_end(
    bench: Bench,
) -> None:
    eva = bench.person("Eva", "iwe", "project-rotor")
    _settings(bench, _rotor(periods=WINTER))
    granted = sessions.admit(bench.workbench, eva, Request("small", "base", payer=ROTOR))
    bench.run(granted)
    bench.clock.step(minutes=10)
    reconcile(bench.workbench, [eva])
    _settings(bench)
    bench.clock.step(minutes=10)
    reconcile(bench.workbench, [eva])
    sessions.ended(bench.workbench, granted.lease.session, EndReason.STOPPED)
    found = bench.figures(ROTOR, "ws2026")
    assert (found.used, found.over, found.held) == (SMALL * 1200, 0, 0)
    with bench.workbench.database.reading() as tx:
        (paid,) = tx.usage.of_institution("thr", "2026-11", "2026-11")
        assert paid.ticks == SMALL * 1200
        assert tx.usage.of_institution("iwe", "2026-11", "2026-11") == []


# ------------------------------------------------------------------ another payer


def test_another_payer_moves_no_end_while_others_wait(bench: Bench) -> None:
    anna, ben = _anna(bench), bench.person("Ben")
    lease = bench.start(anna)
    bench.start(ben)
    bench.queue(bench.person("Cora"))
    bench.clock.step(minutes=90)
    reconcile(bench.workbench, [anna, ben])
    with pytest.raises(RefusedError) as refused:
        extension.extend(bench.workbench, anna)
    assert refused.value.refusal.reason is Reason.OTHERS_WAIT
    assert payers.switch(bench.workbench, anna, ROTOR).ends_ms == lease.ends_ms
    assert bench.lease(lease.session).payer == ROTOR


def test_nobody_pays_for_what_did_not_run_any_more(bench: Bench) -> None:
    anna = _anna(bench)
    lease = bench.start(anna)
    bench.clock.step(minutes=10)
    bench.engine.kill(lease.session)
    bench.clock.step(seconds=40)
    with pytest.raises(RefusedError) as refused:
        payers.switch(bench.workbench, anna, ROTOR)
    assert refused.value.refusal.reason is Reason.NOT_RUNNING
    sessions.ended(bench.workbench, lease.session, EndReason.STOPPED)
    assert (bench.figures(THR).used, bench.figures(ROTOR).used) == (SMALL * 600, 0)


def test_who_is_called_still_chooses_who_pays(bench: Bench) -> None:
    anna, ben = _anna(bench), bench.person("Ben")
    bench.start(ben)
    bench.start(bench.person("Cem"))
    bench.queue(anna)
    bench.stop(ben)
    assert bench.advance() == [anna]
    granted = sessions.admit(bench.workbench, anna, Request("small", "base", payer=ROTOR))
    assert granted.lease.payer == ROTOR
    assert bench.figures(ROTOR).held == SMALL * 7200
    assert bench.figures(THR).held == SMALL * 7200  # Cem's


def test_a_session_that_was_extended_in_between_is_not_stopped_for_its_old_end(
    bench: Bench,
) -> None:
    anna = _anna(bench)
    old = bench.start(anna)
    bench.clock.step(minutes=100)
    extension.extend(bench.workbench, anna)
    bench.clock.step(minutes=25)
    assert lifetime.due(bench.workbench, old) is None
    lifetime.stopping(bench.workbench, old.session, EndReason.TIME_UP)
    assert not lifetime.is_to_stop(bench.workbench, old.session)


def test_a_project_that_is_over_runs_nothing_without_budget_either(bench: Bench) -> None:
    ended = Terms(BERLIN, (Term("2026-10-01..", date(2026, 10, 1), date(2026, 10, 31)),))
    _settings(bench, _rotor(periods=ended, over_use=True))
    anna = _anna(bench)
    with pytest.raises(RefusedError) as refused:
        sessions.admit(bench.workbench, anna, Request("small", "base", payer=ROTOR))
    assert refused.value.refusal.reason is Reason.BUDGET_USED_UP


def test_a_session_without_budget_is_paid_for_as_soon_as_there_is_enough(bench: Bench) -> None:
    _settings(bench, thr=0, over_use=True)
    anna = bench.person("Anna")
    session = bench.start(anna).session
    assert bench.lease(session).over_use
    bench.clock.step(minutes=10)
    with bench.workbench.database.writing() as tx:
        allot(bench.workbench, tx, "root", budget_of(bench.workbench, THR), None, 5 * HOUR)
    reconcile(bench.workbench, [anna])
    assert not bench.lease(session).over_use
    bench.clock.step(minutes=10)
    reconcile(bench.workbench, [anna])
    figures = bench.figures(THR)
    assert (figures.used, figures.over) == (SMALL * 1200, SMALL * 600)


def test_a_share_is_not_made_smaller_than_what_is_used_and_promised_in_its_period(
    bench: Bench,
) -> None:
    anna = _anna(bench)
    bench.start(anna)
    with pytest.raises(BudgetDecisionError, match=r"Anna cannot have less than 0\.25"):
        set_share(bench.workbench, None, THR, anna, SMALL * 3600, "2026-11")
    set_share(bench.workbench, None, THR, anna, SMALL * 3600)


def test_a_session_goes_on_without_budget_where_that_is_allowed_and_nobody_waits(
    bench: Bench,
) -> None:
    _settings(bench, over_use=True)
    with bench.workbench.database.writing() as tx:
        thr = budget_of(bench.workbench, THR)
        allot(bench.workbench, tx, "root", thr, None, SMALL * 3600)
    anna = bench.person("Anna")
    session = bench.start(anna).session
    assert bench.lease(session).ends_ms == bench.clock.ms + 3_600_000
    bench.clock.step(minutes=61)
    reconcile(bench.workbench, [anna])
    gone_on = bench.lease(session)
    assert (gone_on.over_use, gone_on.stopping) == (True, None)
    assert gone_on.ends_ms == bench.clock.ms + 7_200_000
    bench.clock.step(minutes=9)
    reconcile(bench.workbench, [anna])
    assert (bench.figures().used, bench.figures().over) == (SMALL * 4200, SMALL * 600)
    _sound(bench)
