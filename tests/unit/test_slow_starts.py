"""A start that takes until the next period: what was held for it before is given back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from labwerk_hub.domain.admission import Request
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR as HOUR
from labwerk_hub.services import sessions
from labwerk_hub.services.reconcile import reconcile
from support.workbench import Bench, budget, budgets

THR = "institution/thr"
SMALL = 3  # ticks a second of the small slice


def _told_by_the_hub(bench: Bench, granted: sessions.Granted, _: str) -> None:
    bench.run(granted)


def _found_by_a_reading(bench: Bench, granted: sessions.Granted, person: str) -> None:
    bench.engine.create(granted.spec.name, granted.spec.labels)
    bench.engine.start(granted.spec.name)
    reconcile(bench.workbench, [person])


@pytest.mark.parametrize("runs", [_told_by_the_hub, _found_by_a_reading])
def test_what_was_held_for_a_start_in_a_period_that_ended_meanwhile_is_carried_over(
    bench: Bench, runs: Callable[[Bench, sessions.Granted, str], None]
) -> None:
    bench.with_catalogue(budgets=budgets(budget("thr", 10 * HOUR, None, carry_over=100)))
    bench.clock.now = datetime(2026, 11, 30, 22, 57, 30, tzinfo=UTC)  # 23:57:30 in Berlin
    anna = bench.person("Anna")
    granted = sessions.admit(bench.workbench, anna, Request("small", "base"))
    assert bench.figures(THR, "2026-11").held == SMALL * 150
    bench.clock.step(minutes=2, seconds=40)
    runs(bench, granted, anna)
    november = bench.figures(THR, "2026-11")
    assert (november.held, november.free + -november.carried) == (0, 10 * HOUR)
    reconcile(bench.workbench, [anna])
    bench.clock.step(minutes=5)
    reconcile(bench.workbench, [anna])
    bench.stop(anna)
    november, december = bench.figures(THR, "2026-11"), bench.figures(THR, "2026-12")
    assert (november.free, november.carried) == (0, -10 * HOUR)
    assert december.total == 20 * HOUR
    assert december.used == SMALL * 300
