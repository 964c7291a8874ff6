"""The ledger: right after any crash, one fsync a charge, and as fast with a million entries.

``hours.kills`` adds what happened when hub, service, helper or a command were killed under a
real engine; commits are measured by ``charges``, answers by ``growth``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench import charges, growth
from bench.report import Figure, Machine, Report

AT_MOST = {
    "fsyncs_per_charge": 1.0,
    "commit_p99_over_fsync_p99_ms": 3.0,
    "million_to_thousand": 1.5,
}
OF_KILLS = {
    "error_ratio": 0.005,
    "duplicates": 0.0,
    "lost": 0.0,
    "orphans": 0.0,
    "other_faults": 0.0,
}


def measure(kills: Callable[[], Mapping[str, Figure]] | None = None) -> Report:
    """All of it; without ``kills`` what needs no engine."""
    at_most, at_least = dict(AT_MOST), {"fsyncs_per_charge": 1.0}
    figures: dict[str, Figure] = {}
    if kills is not None:
        figures |= kills()
        at_most |= OF_KILLS
        at_least |= {"kill_points": 200.0, "kill_points_on_postgresql": 50.0}
    figures |= charges.figures()
    figures |= growth.figures()
    return Report("ledger", Machine.this(), figures, at_most, at_least)
