"""Run one benchmark and print a table, or one JSON object with ``--json``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_TESTS), str(_TESTS.parent / "hub_config")]

from bench import board, hours, kill_points, leases, ledger, placement, spawn, start, waiting  # noqa: E402  (the lines above make it importable)
from bench.report import Report  # noqa: E402

BENCHMARKS: dict[str, Callable[[], Report]] = {
    "board": board.measure,
    "leases": lambda: leases.measure(kill_points.kills),
    "ledger": lambda: ledger.measure(hours.kills),
    "placement": placement.measure,
    "spawn": spawn.measure,
    "start": start.measure,
    "waiting": waiting.measure,
}


def main() -> int:
    """The exit code: 0 if every goal is met."""
    parser = argparse.ArgumentParser(prog="python3 tests bench", description=__doc__)
    parser.add_argument("name", choices=sorted(BENCHMARKS))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    report = BENCHMARKS[options.name]()
    print(report.as_json() if options.json else report.as_table())
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
