"""The real part of `bench ledger`: is what was charged what the engine says ran?

The crash harness (support/crash.py) with two hundred points on SQLite and a quarter of them
on PostgreSQL. Every session's charges are compared with the times that the engine keeps of
its container, and every account with its entries.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Mapping

from support.postgres import serving

from bench.kill_points import crashed
from bench.report import Figure

POINTS_ON_SQLITE, POINTS_ON_POSTGRESQL = 200, 50
#: To see one that a failure printed again, as far as timing lets it.
_SEED = os.environ.get("LABWERK_TESTS_SEED")


def kills() -> Mapping[str, Figure]:
    """The figures `kill_points`, `error_ratio`, `duplicates`, `lost` and `orphans`.

    ``other_faults`` is what else the harness found: books that do not balance, units held
    twice, what was left over, a chain that does not verify.
    """
    seed = int(_SEED) if _SEED else random.randrange(1_000_000)
    found = {"sqlite": crashed(POINTS_ON_SQLITE, seed)}
    with serving(durable=True) as server:
        found["postgresql"] = crashed(POINTS_ON_POSTGRESQL, seed, server=server)
    for name, one in found.items():
        for sentence in (f"{name}: {one}", *one.wrong):
            print(sentence, file=sys.stderr)
    settled = [one.settlement for one in found.values()]
    ticks, off = sum(one.ticks for one in settled), sum(one.ticks_off for one in settled)
    wrong = sum(len(one.wrong) for one in found.values())
    named = {
        "duplicates": sum(len(one.duplicates) for one in settled),
        "lost": sum(len(one.lost) for one in settled),
        "orphans": sum(len(one.orphans) for one in settled),
    }
    ratios = [one.error_ratio for one in settled]
    return {
        "kill_points": Figure.of([sum(one.points.total() for one in found.values())]),
        "kill_points_on_postgresql": Figure.of([found["postgresql"].points.total()]),
        "sessions": Figure.of([sum(one.sessions for one in settled)]),
        "intervals": Figure.of([sum(one.intervals for one in settled)]),
        "extended": Figure.of([sum(one.extended for one in found.values())]),
        "error_ratio": Figure(off / ticks if ticks else 1.0, min(ratios), max(ratios), 2),
        **{name: Figure.of([count]) for name, count in named.items()},
        "other_faults": Figure.of([wrong - sum(named.values())]),
    }
