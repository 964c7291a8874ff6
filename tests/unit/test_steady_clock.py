"""A clock that jumps ahead while the service meters: nobody is stopped or charged at once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from labwerk_hub.api.hub import Hub
from labwerk_hub.api.loops.metering import MeteringLoop
from labwerk_hub.api.loops.steady_clock import SteadyClock
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR
from labwerk_hub.services import sessions
from support.workbench import Bench, budget, budgets

SMALL = 3  # ticks a second of the small slice


@dataclass
class _Service:
    """The service's metering on a machine that counts ``ran`` seconds, however its clock is set."""

    bench: Bench
    ran: float = 0.0
    stopped: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        nobody = Hub("http://127.0.0.1:9/hub/api", "")  # it is away: only orphans cannot be told
        steady = SteadyClock(self.bench.clock, lambda: self.ran)
        self._loop = MeteringLoop(replace(self.bench.workbench, clock=steady), nobody, 30)

    def read(self, minutes: float) -> int:
        """So many minutes with a reading in each half; how many are to be stopped then."""
        due = len(self._loop.look_once().to_stop)
        for _ in range(int(2 * minutes)):
            self.ran += 30
            self.bench.clock.step(seconds=30)
            due = len(self._loop.look_once().to_stop)
        return due


@pytest.fixture
def service(bench: Bench) -> _Service:
    return _Service(bench)


@pytest.fixture
def anna(bench: Bench) -> str:
    """Somebody whose session has run for a moment."""
    anna = bench.person("Anna")
    bench.start(anna)
    return anna


def test_a_clock_that_is_ahead_for_some_minutes_charges_and_stops_nobody(
    service: _Service, anna: str, caplog: pytest.LogCaptureFixture
) -> None:
    bench = service.bench
    service.read(10)
    bench.clock.step(hours=5)
    assert service.read(5) == 0
    assert bench.used_by(anna) == SMALL * 900, "as long as it really ran"
    bench.clock.step(hours=-5)
    assert service.read(5) == 0
    assert bench.used_by(anna) == SMALL * 1200
    assert caplog.text.count("jumped 18000 seconds ahead") == 1


def test_a_clock_that_stays_ahead_is_followed_after_ten_minutes(
    service: _Service, anna: str
) -> None:
    bench = service.bench
    service.read(10)
    bench.clock.step(hours=5)  # the machine slept, perhaps
    service.read(9.5)
    assert bench.used_by(anna) == SMALL * 60 * 19.5
    assert service.read(0.5) == 1, "its time is up"
    assert bench.used_by(anna) == SMALL * 60 * (20 + 300)


def test_a_clock_that_is_put_back_is_followed_at_once_and_charges_nothing_twice(
    service: _Service, anna: str
) -> None:
    bench = service.bench
    service.read(30)
    bench.clock.step(minutes=-20)
    service.read(10)
    assert bench.used_by(anna) == SMALL * 1800
    ben = bench.person("Ben")
    bench.start(ben)
    service.read(15)
    assert (bench.used_by(anna), bench.used_by(ben)) == (SMALL * 2100, SMALL * 900)


def test_a_clock_that_gains_a_little_is_followed_all_the_time(service: _Service, anna: str) -> None:
    bench = service.bench
    for _ in range(20):
        bench.clock.step(seconds=6)
        service.read(1)
    assert bench.used_by(anna) == SMALL * (1200 + 120)


def test_a_second_jump_counts_from_when_it_came(service: _Service, anna: str) -> None:
    bench = service.bench
    service.read(10)
    bench.clock.step(seconds=20)
    service.read(9.5)
    bench.clock.step(days=30)
    assert service.read(9) == 0
    assert bench.used_by(anna, period="2026-11") == SMALL * 60 * 28.5
    bench.clock.step(days=-30)
    assert service.read(10) == 0
    assert bench.used_by(anna) == SMALL * (60 * 38.5 + 20)


def test_what_is_left_of_a_month_is_not_carried_over_by_a_clock_that_is_ahead_for_some_minutes(
    bench: Bench,
) -> None:
    thr = budget("thr", 10 * TICKS_PER_GPU_HOUR, None, carry_over=100)
    bench.with_catalogue(budgets=budgets(thr))
    service, anna = _Service(bench), bench.person("Anna")
    service.read(1)
    bench.clock.step(days=20)
    sessions.start_page(bench.workbench, anna)  # by the clock as it is
    service.read(5)
    bench.clock.step(days=-20)
    service.read(1)
    assert bench.figures().free == 10 * TICKS_PER_GPU_HOUR
    bench.clock.step(days=20)
    service.read(11)
    assert bench.figures(period="2026-12").free == 20 * TICKS_PER_GPU_HOUR
