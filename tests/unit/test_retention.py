"""Once a day the ledger is sealed, and what is over its time goes, whatever the clock did."""

from __future__ import annotations

from labwerk_hub.services.retention import seal_and_redact
from support.workbench import Bench


def test_a_seal_by_a_clock_that_was_ahead_keeps_no_day_from_being_sealed(bench: Bench) -> None:
    bench.clock.step(days=400)
    assert seal_and_redact(bench.workbench)
    bench.clock.step(days=-400)
    assert [seal_and_redact(bench.workbench) for _ in range(2)] == [True, False]
    bench.clock.step(days=1)
    assert [seal_and_redact(bench.workbench) for _ in range(2)] == [True, False]
