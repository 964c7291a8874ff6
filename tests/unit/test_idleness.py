"""When a session counts as idle, and that nobody is stopped out of the blue."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labwerk_hub.domain.idleness import (
    Activity,
    Idle,
    Sample,
    idle,
    reported,
    sampled,
    still_working,
    warned,
)

MINUTE = 60_000
IDLE_S, WARNING_S = 3600, 600
#: A server that began at minute 0 and last said at minute 60 that nothing computes.
QUIET = Activity("lw-1", active_ms=0, reported_ms=60 * MINUTE, kernels_busy=0)


def _at(activity: Activity, minute: float, idle_seconds: int = IDLE_S) -> Idle:
    return idle(activity, idle_seconds, WARNING_S, int(minute * MINUTE))


def _quiet_at(minute: float) -> Activity:
    """The same server, which has just reported again."""
    return replace(QUIET, reported_ms=int(minute * MINUTE))


def test_a_quiet_session_is_warned_and_when_the_time_is_over_stopped() -> None:
    assert _at(_quiet_at(49), 49) == Idle(0, 60 * MINUTE, warning=False, stop=False)
    assert _at(_quiet_at(50), 50) == Idle(0, 60 * MINUTE, warning=True, stop=False)
    shown = warned(_quiet_at(60), 50 * MINUTE)
    assert _at(shown, 59.9).stop is False
    assert _at(shown, 60) == Idle(0, 60 * MINUTE, warning=True, stop=True)


def test_a_warning_that_came_late_puts_the_stop_off() -> None:
    assert _at(QUIET, 64) == Idle(0, 74 * MINUTE, warning=True, stop=False)
    shown = warned(_quiet_at(73), 64 * MINUTE)
    assert _at(shown, 73).stop is False
    assert _at(shown, 74).stop is True


def test_an_idle_time_shorter_than_the_warning_warns_at_once_and_for_as_long() -> None:
    shown = warned(_quiet_at(9), 0)
    assert _at(_quiet_at(0), 0, idle_seconds=60).warning
    assert _at(shown, 9, idle_seconds=60).stop is False
    assert _at(shown, 10, idle_seconds=60).stop is True


def test_even_without_a_time_between_them_the_warning_comes_before_the_stop() -> None:
    quiet = _quiet_at(60)
    assert idle(quiet, IDLE_S, 0, 60 * MINUTE) == Idle(0, 60 * MINUTE, warning=True, stop=False)
    assert idle(warned(quiet, 60 * MINUTE), IDLE_S, 0, 60 * MINUTE).stop


def test_without_a_rule_nothing_is_idle() -> None:
    assert _at(warned(QUIET, 0), 64, idle_seconds=0) == Idle(None, None, False, False)


@pytest.mark.parametrize(
    "unheard",
    [
        Activity("lw-1", active_ms=0),
        replace(QUIET, reported_ms=54 * MINUTE),
    ],
    ids=["no report ever", "no report for six minutes"],
)
def test_of_whose_kernels_nobody_knows_is_not_idle(unheard: Activity) -> None:
    assert _at(warned(unheard, 0), 60) == Idle(None, None, False, False)


def test_a_busy_kernel_is_activity_until_the_next_report() -> None:
    busy = reported(warned(QUIET, 50 * MINUTE), 1, None, 59 * MINUTE)
    assert (busy.active_ms, busy.warned_ms) == (59 * MINUTE, None)
    assert _at(busy, 62) == Idle(None, None, False, False)
    quiet = reported(busy, 0, None, 63 * MINUTE)
    assert _at(quiet, 63) == Idle(59 * MINUTE, 119 * MINUTE, False, False)


def test_saying_still_working_takes_the_warning_back() -> None:
    assert _at(still_working(warned(QUIET, 50 * MINUTE), 59 * MINUTE), 60) == Idle(
        59 * MINUTE, 119 * MINUTE, warning=False, stop=False
    )


def test_a_browser_that_is_open_is_no_activity() -> None:
    looked_at = reported(QUIET, 0, 60 * MINUTE, 60 * MINUTE)
    assert looked_at.active_ms == 0


def test_a_cpu_that_works_is_activity_and_one_that_ticks_over_is_not() -> None:
    first = sampled(QUIET, Sample(cpu_ns=10**9), 61 * MINUTE)
    assert first.active_ms == 0, "there is nothing to compare the first sample with"
    ticking = sampled(first, Sample(cpu_ns=10**9 + 60 * 10**7), 62 * MINUTE)
    assert ticking.active_ms == 0
    working = sampled(ticking, Sample(cpu_ns=60 * 10**9), 63 * MINUTE)
    assert working.active_ms == 63 * MINUTE


@pytest.mark.parametrize(
    ("sample", "is_activity"),
    [
        (Sample(gpu_memory_mib=8015, gpu_processes=1), False),
        (Sample(gpu_memory_mib=8016, gpu_processes=1), True),
        (Sample(gpu_memory_mib=7000, gpu_processes=1), True),
        (Sample(gpu_memory_mib=8000, gpu_processes=2), True),
        (Sample(gpu_memory_mib=8000, gpu_processes=0), True),
        (Sample(gpu_memory_mib=8000, gpu_processes=1, gpu_utilisation=0.01), True),
        (Sample(gpu_memory_mib=8000, gpu_processes=1, gpu_utilisation=0.0), False),
        (Sample(gpu_memory_mib=8000), True),
    ],
)
def test_a_model_that_only_lies_in_gpu_memory_is_no_activity(
    sample: Sample, is_activity: bool
) -> None:
    lies = sampled(QUIET, Sample(gpu_memory_mib=8000, gpu_processes=1), 61 * MINUTE)
    assert sampled(lies, sample, 62 * MINUTE).active_ms == (62 * MINUTE if is_activity else 0)


def test_what_cannot_be_measured_is_not_taken_for_activity_for_ever() -> None:
    known = sampled(QUIET, Sample(), 61 * MINUTE)
    assert sampled(known, Sample(), 62 * MINUTE).active_ms == 0


def test_a_clock_that_was_set_back_makes_nothing_older() -> None:
    assert still_working(QUIET, -MINUTE) == QUIET


_step = st.tuples(
    st.sampled_from(["look", "busy", "quiet", "click", "compute", "rest"]),
    st.integers(1, 20 * MINUTE),
)


@given(steps=st.lists(_step, max_size=60), idle_s=st.sampled_from([0, 60, 900, 3600]))
def test_whatever_happens_nobody_is_stopped_who_was_not_warned_or_who_works(
    steps: list[tuple[str, int]], idle_s: int
) -> None:
    """A session is followed as the service does; the test keeps its own notes."""
    now, cpu = 0, 0
    known = Activity("lw-1", active_ms=0)
    active, busy, heard, warned_at = 0, False, None, None
    for what, later in steps:
        now += later
        if what in ("busy", "quiet"):
            busy, heard = what == "busy", now
            known = reported(known, int(busy), None, now)
        elif what == "click":
            known = still_working(known, now)
        else:
            cpu += later * 1_000_000 if what == "compute" else 0
            compared = known.sampled_ms is not None and what == "compute"
            since = now - (known.sampled_ms or 0)
            known = sampled(known, Sample(cpu_ns=cpu), now)
            what = "click" if compared and later > 0.1 * since else what
        if what in ("busy", "click"):
            active, warned_at = now, None
        found = idle(known, idle_s, WARNING_S, now)
        if found.stop:
            assert idle_s
            assert not busy
            assert heard is not None
            assert now - heard <= 5 * MINUTE
            assert now - active >= idle_s * 1000
            assert warned_at is not None
            assert now - warned_at >= WARNING_S * 1000
        if found.warning and known.warned_ms is None:
            known, warned_at = warned(known, now), now


@given(minutes=st.lists(st.integers(0, 300), min_size=2, max_size=2).map(sorted))
def test_a_session_that_stays_quiet_is_stopped_in_the_end(minutes: list[int]) -> None:
    begun, looked = minutes
    known = Activity("lw-1", active_ms=begun * MINUTE)
    stopped = []
    for minute in range(looked, looked + 200):
        known = reported(known, 0, None, minute * MINUTE)
        found = _at(known, minute)
        if found.warning and known.warned_ms is None:
            known = warned(known, minute * MINUTE)
        stopped.append(found.stop)
    assert stopped[-1]
    assert all(later or not earlier for earlier, later in pairwise(stopped))
