"""Slices that are cut for a session and given back after it, whatever happens in between."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from labwerk_hub.domain.admission import Request
from labwerk_hub.domain.gpu import Slice
from labwerk_hub.domain.leases import EndReason, LeaseState
from labwerk_hub.errors import GpuFaultError
from labwerk_hub.services import sessions
from labwerk_hub.services.reconcile import reconcile
from support.workbench import bench_in, dynamic_gpu

SMALL = Request("small", "base")


def test_the_slice_is_cut_after_the_lease_is_taken_and_destroyed_before_it_is_free(
    tmp_path: Path,
) -> None:
    with bench_in(tmp_path, [dynamic_gpu()]) as bench:
        anna = bench.person("Anna")
        lease = bench.start(anna)
        assert lease.slice is not None
        bench.stop(anna)
        assert bench.gpus.log == [f"prepare {lease.slice.label}", f"release {lease.slice.label}"]
        assert bench.holding() == []


def test_a_gpu_that_fails_as_its_slice_is_cut_gives_the_lease_back(tmp_path: Path) -> None:
    with bench_in(tmp_path, [dynamic_gpu()]) as bench:
        anna = bench.person("Anna")
        bench.gpus.failing["dynamic"] = "has fallen off the bus"
        with pytest.raises(GpuFaultError, match="dynamic has fallen off the bus"):
            sessions.admit(bench.workbench, anna, SMALL)
        bench.gpus.failing.clear()
        assert bench.leases() == []
        assert bench.holding() == []
        assert bench.start(anna).state is LeaseState.LIVE


def test_ending_twice_charges_once_and_gives_the_units_back_once(tmp_path: Path) -> None:
    with bench_in(tmp_path, [dynamic_gpu()]) as bench:
        anna = bench.person("Anna")
        session = bench.start(anna).session
        bench.clock.step(minutes=10)
        bench.engine.kill(session)
        bench.clock.step(minutes=1)
        for reason in (EndReason.STOPPED, EndReason.ORPHANED):
            sessions.ended(bench.workbench, session, reason)
        assert bench.used_by(anna) == bench.figures().used == 3 * 600
        ended = bench.lease(session)
        assert (ended.end_reason, ended.ended_ms) == (EndReason.STOPPED, bench.clock.ms - 60_000)
        assert bench.engine.session(session) is None
        assert [entry.split()[0] for entry in bench.gpus.log] == ["prepare", "release"]


def test_a_session_whose_place_has_been_leased_again_destroys_nothing(tmp_path: Path) -> None:
    with bench_in(tmp_path, [dynamic_gpu()]) as bench:
        first, second = bench.person("Anna"), bench.person("Ben")
        old = bench.start(first, "large")
        bench.stop(first)
        new = bench.start(second, "large")
        assert new.slice == old.slice
        bench.gpus.log.clear()
        sessions.give_back(bench.workbench, old.session)
        sessions.give_back(bench.workbench, new.session)  # it has not ended
        sessions.give_back(bench.workbench, "lw-ffffffffffff")
        assert bench.gpus.log == []
        assert len(bench.holding()) == 1


def test_an_instance_in_which_something_still_runs_is_given_back_at_a_later_reading(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with bench_in(tmp_path, [dynamic_gpu()]) as bench:
        anna = bench.person("Anna")
        lease = bench.start(anna)
        assert lease.slice is not None
        bench.gpus.busy.add(lease.slice.label)
        with caplog.at_level(logging.WARNING):
            bench.stop(anna)
        assert "its slice is not free yet: A process still lives in" in caplog.text
        assert bench.lease(lease.session).state is LeaseState.ENDED
        assert bench.start(bench.person("Ben")).slice != lease.slice
        bench.gpus.busy.clear()
        reconcile(bench.workbench, None)
        assert lease.slice.label not in bench.holding()


def test_the_slice_of_a_gpu_that_was_lost_is_given_back_once_it_is_well(tmp_path: Path) -> None:
    with bench_in(tmp_path, [dynamic_gpu()]) as bench:
        anna = bench.person("Anna")
        lease = bench.start(anna)
        assert lease.slice is not None
        bench.gpus.faults[lease.slice.gpu] = "has fallen off the bus"
        bench.stop(anna)
        assert bench.lease(lease.session).state is LeaseState.ENDED
        reconcile(bench.workbench, None)
        assert lease.slice.label in bench.holding()
        bench.gpus.faults.clear()
        reconcile(bench.workbench, None)
        assert lease.slice.label not in bench.holding()


def test_two_who_give_the_same_slice_back_at_once_destroy_its_instance_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second comes while the driver is still at it for the first."""
    with bench_in(tmp_path, [dynamic_gpu()]) as bench:
        anna = bench.person("Anna")
        session = bench.start(anna).session
        release = bench.gpus.release

        def meanwhile(slice_: Slice) -> None:
            monkeypatch.setattr(bench.gpus, "release", release)
            sessions.give_back(bench.workbench, session)
            assert bench.holding() == [slice_.label], "the first has not finished"
            release(slice_)

        monkeypatch.setattr(bench.gpus, "release", meanwhile)
        bench.stop(anna)
        assert [entry.split()[0] for entry in bench.gpus.log] == ["prepare", "release"]
        assert bench.holding() == []


def test_who_dies_while_giving_a_slice_back_is_followed_by_a_later_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class DeadError(BaseException):
        """As good as a kill: nothing after it runs."""

    def dies(slice_: Slice) -> None:
        raise DeadError(slice_.label)

    with bench_in(tmp_path, [dynamic_gpu()]) as bench:
        anna = bench.person("Anna")
        bench.start(anna)
        with monkeypatch.context() as patched:
            patched.setattr(bench.gpus, "release", dies)
            with pytest.raises(DeadError):
                bench.stop(anna)
        assert len(bench.holding()) == 1
        bench.clock.step(minutes=2)
        reconcile(bench.workbench, None)
        assert bench.holding() == []
