"""Slices through anything that can happen, judged by rules written down a second time.

A million random operations on a pool of every model (see support/random_pool.py: starts and
stops, crashes between any two steps, reboots, lost instances, GPUs that fall off and come back,
instances made by strangers, promises made and called in) by the product's planner. A violation
is an operation in which the planner asked for an illegal or held place, overlooked one that was
free, or broke a promise; the pool is then made anew.

``kills`` adds what happened when the hub and the service were killed under a real engine: the
figures `kill_points` and `referee_alarms`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from multiprocessing import get_context

from support.pool import RefusedError, rules
from support.random_pool import RandomPool

from bench.report import Figure, Machine, Report

OPERATIONS = 1_000_000
KILL_POINTS = 200


def measure(kills: Callable[[], Mapping[str, Figure]] | None = None) -> Report:
    """All models, as many at a time as there are cores."""
    with get_context("spawn").Pool(os.cpu_count()) as workers:
        violations = sum(workers.imap_unordered(violations_of, rules()))
    figures = {
        "operations": Figure.of([OPERATIONS * len(rules())]),
        "operations_per_model": Figure.of([OPERATIONS]),
        "violations": Figure.of([violations]),
    }
    at_most, at_least = {"violations": 0.0}, {"operations_per_model": 1e6}
    if kills is not None:
        figures |= kills()
        at_most["referee_alarms"], at_least["kill_points"] = 0.0, float(KILL_POINTS)
    return Report("leases", Machine.this(), figures, at_most, at_least)


def violations_of(model: str) -> int:
    """How many of a million operations on a pool of ``model`` went wrong."""
    violations = 0
    pool = RandomPool(model, "bench")
    for number in range(OPERATIONS):
        try:
            pool.step()
        except (RefusedError, AssertionError) as violation:
            print(f"{model}, operation {number}: {violation}", file=sys.stderr)
            violations += 1
            pool = RandomPool(model, f"bench {number}")
    return violations
