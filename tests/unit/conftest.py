"""Fixtures of the unit tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.workbench import Bench, bench_in


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A workbench with one GPU of two small slices, at noon."""
    with bench_in(tmp_path) as made:
        yield made


@pytest.fixture
def full(bench: Bench) -> Bench:
    """The same ten minutes later: Olga has had one of them since noon, Otto has the other."""
    bench.start(bench.person("Olga"))
    bench.clock.step(minutes=10)
    bench.start(bench.person("Otto"))
    return bench
