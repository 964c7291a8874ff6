"""A session's way: admitted, begun, ended, brought in line with the engine."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from labwerk_hub.adapters.declared import declared_gpu
from labwerk_hub.domain.admission import Reason, Request
from labwerk_hub.domain.catalogue import Project
from labwerk_hub.domain.container import LABEL_SLICE
from labwerk_hub.domain.gpu import Inventory
from labwerk_hub.domain.leases import EndReason, LeaseState
from labwerk_hub.domain.texts import Localized
from labwerk_hub.errors import EngineUnreachableError, StorageError
from labwerk_hub.services import sessions
from labwerk_hub.services.offers import RefusedError
from labwerk_hub.services.reconcile import reconcile, settle
from support.workbench import H100, HOUR_MS, Bench, bench_in, dynamic_gpu, fixed_gpu, flavour

SMALL = Request("small", "base")


def _refused(bench: Bench, person: str, request: Request = SMALL) -> Reason:
    with pytest.raises(RefusedError) as refused:
        sessions.admit(bench.workbench, person, request)
    return refused.value.refusal.reason


def test_the_start_page_and_the_check_at_start_agree(bench: Bench) -> None:
    anna = bench.person("Anna")
    page = sessions.start_page(bench.workbench, anna)
    offered = next(o for o in page.offers if o.flavour.name == "small" and o.image.name == "base")
    granted = sessions.admit(bench.workbench, anna, SMALL)
    assert granted.lease.slice == offered.slice
    assert granted.lease.ends_ms == bench.clock.ms + offered.usual_seconds * 1000
    assert granted.lease.longest_ms == bench.clock.ms + offered.longest_seconds * 1000
    assert granted.lease.state is LeaseState.INTENDED
    assert offered.slice is not None
    assert granted.spec.labels[LABEL_SLICE] == offered.slice.label
    remembered = replace(SMALL, payer="institution/thr")
    assert sessions.start_page(bench.workbench, anna).last == remembered


def test_of_two_who_race_for_the_last_slice_one_gets_it(bench: Bench) -> None:
    bench.start(bench.person("Olga"))
    racers = {bench.person("Anna"): Request("small", "base", wait=True), bench.person("Ben"): SMALL}
    together = threading.Barrier(len(racers))
    came: dict[str, str] = {}

    def race(person: str, request: Request) -> None:
        together.wait()
        try:
            sessions.admit(bench.workbench, person, request)
            came[person] = "granted"
        except sessions.WaitingError:
            came[person] = "waiting"
        except RefusedError as error:
            came[person] = error.refusal.reason.value

    threads = [threading.Thread(target=race, args=racer) for racer in racers.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    anna, ben = racers
    assert came in (
        {anna: "granted", ben: "no-slice-free"},
        {anna: "waiting", ben: "granted"},
    )
    assert len(bench.holding()) == 2
    assert bench.outcomes() == {"granted": 2, came[anna if came[ben] == "granted" else ben]: 1}


def test_of_one_person_s_two_starts_at_once_the_later_one_is_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is granted just after the second has looked for leftovers."""
    anna = bench.person("Anna")
    read = bench.gpus.read

    def first(fresh: bool = False) -> Inventory:
        monkeypatch.setattr(bench.gpus, "read", read)
        sessions.admit(bench.workbench, anna, SMALL)
        return read(fresh)

    monkeypatch.setattr(bench.gpus, "read", first)
    assert _refused(bench, anna) is Reason.ALREADY_RUNNING
    assert len(bench.leases(anna)) == len(bench.holding()) == 1


def test_who_may_not_start_is_told_why_and_nothing_is_held(bench: Bench) -> None:
    anna = bench.person("Anna")
    assert _refused(bench, "thr--nobody") is Reason.NOT_ENTITLED
    assert _refused(bench, anna, Request("huge", "base")) is Reason.UNKNOWN_CHOICE
    assert _refused(bench, anna, Request("small", "rapids")) is Reason.IMAGE_MISSING
    assert _refused(bench, anna, Request("large", "base")) is Reason.NO_SUCH_SLICE
    assert bench.holding() == []
    counted = {"unknown-choice": 1, "image-missing": 1, "no-such-slice": 1}
    assert bench.outcomes() == counted


def test_who_comes_from_an_institution_that_left_is_not_entitled(bench: Bench) -> None:
    anna = bench.person("Anna")
    bench.with_catalogue(institutions=(), budgets={})
    assert _refused(bench, anna) is Reason.NOT_ENTITLED


def test_a_folder_that_cannot_be_made_gives_the_lease_back(bench: Bench) -> None:
    bench.with_catalogue(projects=(Project("rotor", Localized.same("Rotor"), "rotor"),))
    anna = bench.person("Anna", "thr", "rotor")
    with pytest.raises(StorageError, match="There is no project 'rotor'"):
        sessions.admit(bench.workbench, anna, SMALL)
    assert bench.holding() == []
    assert bench.outcomes() == {"granted": 1}


def test_a_container_that_sees_another_device_than_its_lease_is_found_out(tmp_path: Path) -> None:
    real = declared_gpu("real", H100, ["1g.10gb@0"], simulated=False, devices=["MIG-one"])
    with bench_in(tmp_path, [real]) as bench:
        granted = sessions.admit(bench.workbench, bench.person("Anna"), SMALL)
        bench.run(granted)
        sessions.verify(bench.workbench, granted.spec)  # no tool inside: nothing to compare
        bench.engine.show_devices(granted.spec.name, "MIG-one")
        sessions.verify(bench.workbench, granted.spec)
        bench.engine.show_devices(granted.spec.name, "MIG-two")
        with pytest.raises(sessions.WrongDeviceError, match="sees MIG-two instead of MIG-one"):
            sessions.verify(bench.workbench, granted.spec)


def test_what_a_crashed_start_left_behind_is_cleared_at_the_next_one(bench: Bench) -> None:
    anna = bench.person("Anna")
    never_ran = sessions.admit(bench.workbench, anna, SMALL).lease.session
    running = bench.start(anna).session
    assert bench.lease(never_ran).end_reason is EndReason.FAILED
    bench.clock.step(minutes=5)
    again = bench.start(anna)
    assert bench.lease(running).end_reason is EndReason.ORPHANED
    assert [lease.session for lease in bench.leases()] == [again.session]
    assert len(bench.holding()) == 1
    assert bench.used_by(anna) == 3 * 300


def test_reading_the_engine_charges_what_runs_and_ends_what_is_gone(bench: Bench) -> None:
    anna, ben = bench.person("Anna"), bench.person("Ben")
    gone = bench.start(anna).session
    runs = bench.start(ben).session
    bench.clock.step(minutes=1)
    bench.engine.remove(gone)
    found = reconcile(bench.workbench, {anna, ben})
    assert (found.running, found.ended, found.expired, found.unaccounted) == (1, 1, 0, 0)
    assert bench.used_by(ben) == 3 * 60
    assert bench.lease(gone).end_reason is EndReason.LOST
    assert bench.lease(runs).state is LeaseState.LIVE


def test_an_engine_that_cannot_be_read_changes_nothing(bench: Bench) -> None:
    lease = bench.start(bench.person("Anna"))
    bench.clock.step(hours=9)
    with bench.engine.frozen(), pytest.raises(EngineUnreachableError):
        reconcile(bench.workbench, set())
    assert bench.lease(lease.session) == lease


def test_a_lease_on_which_nothing_starts_expires(bench: Bench) -> None:
    anna = bench.person("Anna")
    session = sessions.admit(bench.workbench, anna, SMALL).lease.session
    bench.clock.step(seconds=180)
    assert reconcile(bench.workbench, set()).expired == 0
    bench.clock.step(seconds=1)
    assert reconcile(bench.workbench, {anna}).expired == 0, "the hub is still at it"
    assert reconcile(bench.workbench, None).expired == 0, "nobody knows whether it is"
    assert reconcile(bench.workbench, set()).expired == 1
    assert bench.lease(session).end_reason is EndReason.EXPIRED
    assert bench.holding() == []


def test_a_container_that_runs_before_the_hub_said_so_makes_its_lease_live(bench: Bench) -> None:
    anna = bench.person("Anna")
    granted = sessions.admit(bench.workbench, anna, SMALL)
    bench.engine.create(granted.spec.name, granted.spec.labels)
    bench.engine.start(granted.spec.name)
    bench.clock.step(minutes=1)
    reconcile(bench.workbench, {anna})
    lease = bench.lease(granted.spec.name)
    assert (lease.state, lease.started_ms) == (LeaseState.LIVE, bench.clock.ms - 60_000)
    assert lease.metered_to_ms == bench.clock.ms


def test_a_container_of_nobody_s_is_stopped_once_it_is_old_enough(bench: Bench) -> None:
    labels = {
        "labwerk.session": "lw-00000000000a",
        "labwerk.person": "thr--ghost",
        LABEL_SLICE: "",
        "labwerk.instance": "tests",
    }
    bench.engine.create("lw-00000000000a", labels)
    bench.engine.start("lw-00000000000a")
    bench.clock.step(seconds=180)
    assert reconcile(bench.workbench, set()).unaccounted == 0
    bench.clock.step(seconds=1)
    assert reconcile(bench.workbench, set()).unaccounted == 1
    assert bench.engine.sessions() == []


def test_a_session_that_the_hub_has_lost_is_ended_unless_the_hub_cannot_be_asked(
    bench: Bench,
) -> None:
    session = bench.start(bench.person("Anna")).session
    bench.clock.step(minutes=4)
    reconcile(bench.workbench, None)
    assert bench.lease(session).state is LeaseState.LIVE
    reconcile(bench.workbench, set())
    assert bench.lease(session).end_reason is EndReason.ORPHANED


def test_why_a_session_was_stopped_is_kept_whoever_stops_it(bench: Bench) -> None:
    anna = bench.person("Anna")
    session = bench.start(anna).session
    bench.clock.step(hours=2)
    found = reconcile(bench.workbench, {anna})
    assert [lease.session for lease in found.to_stop] == [session]
    assert bench.lease(session).state is LeaseState.LIVE
    bench.stop(anna)
    ended = bench.lease(session)
    assert (ended.end_reason, ended.ended_ms) == (EndReason.TIME_UP, ended.ends_ms)


def test_one_session_that_cannot_be_ended_keeps_no_other_from_it(bench: Bench) -> None:
    for name in ("Anna", "Ben"):
        bench.start(bench.person(name))
    bench.clock.step(minutes=5)
    bench.storage.failing.add("close_data")
    reconcile(bench.workbench, set())
    assert bench.leases() == []
    bench.storage.failing.clear()
    assert len(bench.engine.sessions()) == 2, "the container is what the unfinished end shows by"
    assert reconcile(bench.workbench, set()).unaccounted == 2
    assert bench.engine.sessions() == []
    assert bench.holding() == []


def test_taking_the_installation_down_ends_and_charges_everything(bench: Bench) -> None:
    anna = bench.person("Anna")
    bench.start(anna)
    sessions.admit(bench.workbench, bench.person("Ben"), SMALL)
    bench.clock.step(minutes=1)
    assert settle(bench.workbench) == 2
    assert (bench.leases(), bench.holding(), bench.engine.sessions()) == ([], [], [])
    assert bench.used_by(anna) == 3 * 60


def test_taking_down_ends_the_others_before_it_tells_of_one_that_cannot_be_ended(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    granted = [bench.start(bench.person(name)).session for name in ("Anna", "Ben")]
    stuck = min(granted)
    close = bench.storage.close_data

    def close_data(session: str) -> None:
        if session == stuck:
            raise StorageError("The folder is in use.")
        close(session)

    monkeypatch.setattr(bench.storage, "close_data", close_data)
    with pytest.raises(StorageError, match="in use"):
        settle(bench.workbench)
    assert [container.session for container in bench.engine.sessions()] == [stuck]
    assert bench.leases() == []
    monkeypatch.undo()
    assert settle(bench.workbench) == 1


def test_what_is_asked_for_most_decides_where_the_next_slice_goes(tmp_path: Path) -> None:
    """While large slices are in demand, a small one leaves the half of the GPU to them."""
    with bench_in(tmp_path, [dynamic_gpu()]) as bench:
        bench.with_catalogue(flavours=(flavour("small", "1g.10gb"), flavour("large", "3g.40gb")))
        for number in range(3):
            guest = bench.person(f"Guest {number}")
            bench.start(guest, "large")
            bench.stop(guest)
        small = bench.start(bench.person("Anna"))
        assert bench.start(bench.person("Ben"), "large").slice != small.slice
        assert small.longest_ms - small.intended_ms == 8 * HOUR_MS


def test_a_fixed_and_a_dynamic_gpu_serve_one_flavour(tmp_path: Path) -> None:
    with bench_in(tmp_path, [fixed_gpu("fixed", "1g.10gb@0"), dynamic_gpu()]) as bench:
        for number in range(8):
            bench.start(bench.person(f"Guest {number}"))
        assert _refused(bench, bench.person("Anna")) is Reason.NO_SLICE_FREE
        assert len({label.partition("/")[0] for label in bench.holding()}) == 2
