"""The driver's adapter: what it makes, what it leaves alone, and what it says of broken GPUs.

The library is a stand-in at NVML's C interface (tests/support/nvml), so that the calls go
the way they go on a real machine. It refuses what is illegal by rules of its own.
"""

from __future__ import annotations

import logging
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path

import pytest
from labwerk_hub.adapters.declared import DeclaredGpus, declared_gpu, models
from labwerk_hub.adapters.driver import HelperGpus, PoolOfBoth
from labwerk_hub.adapters.nvml import NvmlGpus
from labwerk_hub.adapters.nvml_board import Sharing
from labwerk_hub.adapters.storage import HelperStorage
from labwerk_hub.domain.gpu import Gpu, Slice, illegal
from labwerk_hub.errors import GpuBusyError, GpuDriverError, GpuFaultError
from labwerk_hub.machine.helper_gpus import GpuKeeper
from labwerk_hub.pool_checks import pool_problems
from labwerk_hub.settings import load_settings
from support.nvml import Board, Driver, in_process
from support.settings import SHIPPED

from .test_gpus import helper, with_pool

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a driver wants root")

IN_USE, INSUFFICIENT_RESOURCES, UNKNOWN = 19, 23, 999
CREATE, COMPUTE = "nvmlDeviceCreateGpuInstanceWithPlacement", "nvmlGpuInstanceCreateComputeInstance"


@pytest.fixture
def driver() -> Driver:
    driver = in_process()
    driver.boards(["H100-80GB"])
    return driver


@pytest.fixture
def port(driver: Driver) -> NvmlGpus:
    return NvmlGpus(library=str(driver.library), sharing=Sharing(mig="dynamic"))


def only(port: NvmlGpus) -> Gpu:
    (gpu,) = port.read(fresh=True).gpus
    return gpu


def at(gpu: Gpu, profile: str, start: int) -> Slice:
    return Slice(gpu.name, profile, start, gpu.model.profile(profile).size)


def standing(driver: Driver) -> list[str]:
    return [f"{i.profile}@{i.start}" for i in driver.instances()]


# ------------------------------------------------------------------- what is found


def test_gpus_are_named_by_their_uuid_and_stand_by_their_place_on_the_bus(driver: Driver) -> None:
    uuids = driver.boards(["H100-80GB", "A30-24GB", Board("A100-40GB", mig=False)])
    gpus = NvmlGpus(library=str(driver.library)).read().gpus
    assert [gpu.name for gpu in gpus] == [f"gpu-{uuid[4:12]}" for uuid in uuids]
    assert [gpu.model.name for gpu in gpus] == ["H100-80GB", "A30-24GB", "A100-40GB"]
    assert not any(gpu.simulated for gpu in gpus)


def test_geometry_of_every_model_is_read_from_the_driver(driver: Driver) -> None:
    table = list(models().items())
    for some in (table[:7], table[7:]):
        driver.boards([name for name, _ in some])
        found = NvmlGpus(library=str(driver.library)).read().gpus
        for gpu, (name, listed) in zip(found, some, strict=True):
            assert (gpu.model.name, gpu.model.units) == (name, listed.units)
            assert set(gpu.model.profiles) == set(listed.profiles)
            for profile, told in gpu.model.profiles.items():
                expected = listed.profiles[profile]
                assert (told.size, told.starts, told.max_instances, told.compute_slices) == (
                    *(expected.size, expected.starts),
                    *(expected.max_instances, expected.compute_slices),
                )
                assert expected.memory_mib in (None, told.memory_mib)


def test_the_driver_wins_over_the_table_and_knows_models_that_are_not_in_it(
    driver: Driver,
) -> None:
    driver.boards(
        [Board("A30-24GB", name="NVIDIA X9", pci="0x999910DE"), Board("", name="L4", pci="1")]
    )
    cut, plain = NvmlGpus(library=str(driver.library)).read().gpus
    assert (cut.model.name, cut.model.units) == ("NVIDIA X9", 4)
    assert (plain.model.name, plain.slices[0].profile) == ("L4", "whole")
    file = driver.folder / "driver.txt"
    file.write_text(file.read_text().replace("0,1,2,3 1g.6gb\n", "0,1 1g.6gb\n"))
    told = NvmlGpus(library=str(driver.library)).read().gpus[0].model.profiles["1g.6gb"]
    assert told.starts == (0, 1)


def test_a_fixed_gpu_has_the_instances_that_are_there(driver: Driver) -> None:
    layout = ("3g.40gb@4", "1g.10gb@0", "1g.10gb+me@1")
    (uuid,) = driver.boards([Board("H100-80GB", layout=layout)])
    port = NvmlGpus(library=str(driver.library))
    gpu = only(port)
    assert {f"{s.profile}@{s.start}" for s in gpu.slices} == set(layout)
    expected = {f"{gpu.name}/{i.profile}@{i.start}": i.uuid for i in driver.instances()}
    assert gpu.devices == expected
    driver.uncut(uuid, "1g.10gb", 0)
    driver.cut(uuid, "1g.10gb", 2)
    assert {s.start for s in only(port).slices} == {1, 2, 4}
    with pytest.raises(GpuDriverError, match=r"1g.10gb@0 is not there any more"):
        port.prepare(at(gpu, "1g.10gb", 0))


def test_an_instance_that_cannot_be_computed_on_is_no_slice_but_stands_in_the_way(
    driver: Driver, port: NvmlGpus
) -> None:
    (uuid,) = driver.boards(["H100-80GB"])
    driver.cut(uuid, "3g.40gb", 4, complete=False)
    assert only(NvmlGpus(library=str(driver.library))).slices == ()
    assert [s.start for s in only(port).instances] == [4]
    assert only(port).devices == {}


def test_who_is_not_in_mig_mode_is_whole_or_shared_and_a_change_of_mode_is_seen(
    driver: Driver, port: NvmlGpus
) -> None:
    (uuid,) = driver.boards([Board("H100-80GB", mig=False)])
    gpu = only(port)
    assert not gpu.dynamic
    assert gpu.devices == {f"{gpu.name}/whole@0": uuid}
    driver.mig(uuid, True)
    assert only(port).dynamic
    assert only(port).candidates("whole") == ()
    driver.mig(uuid, False)
    sharing = Sharing(shares=4, mps=str(driver.folder), weights={"H100-80GB": 3})
    shared = only(NvmlGpus(library=str(driver.library), sharing=sharing))
    assert [s.profile for s in shared.slices] == ["shared-4"] * 4
    assert (set(shared.devices.values()), shared.mps, shared.weight) == (
        {uuid},
        str(driver.folder),
        3,
    )


def test_a_shared_gpu_without_its_mps_daemon_says_so(driver: Driver) -> None:
    driver.boards([Board("A30-24GB", mig=False)])
    port = NvmlGpus(library=str(driver.library), sharing=Sharing(shares=2, mps="/none/mps"))
    gpu = only(port)
    assert gpu.fault == "has no MPS daemon: there is no folder /none/mps"
    with pytest.raises(GpuFaultError, match="no MPS daemon"):
        port.prepare(gpu.slices[0])


# --------------------------------------------------------- what is made and destroyed


def test_exactly_the_planned_instance_is_made_and_is_another_one_when_made_again(
    driver: Driver, port: NvmlGpus
) -> None:
    gpu = only(port)
    wanted = [at(gpu, *place) for place in (("3g.40gb", 4), ("1g.10gb", 3), ("2g.20gb", 0))]
    devices = [port.prepare(slice_) for slice_ in wanted]
    assert standing(driver) == ["2g.20gb@0", "1g.10gb@3", "3g.40gb@4"]
    assert only(port).instances == tuple(sorted(wanted, key=lambda slice_: slice_.start))
    assert sorted(map(str, devices)) == sorted(i.uuid for i in driver.instances())
    port.release(wanted[1])
    assert standing(driver) == ["2g.20gb@0", "3g.40gb@4"]
    assert port.prepare(wanted[1]) not in devices


def test_who_computes_in_an_instance_keeps_it(driver: Driver, port: NvmlGpus) -> None:
    slice_ = at(only(port), "2g.20gb", 2)
    device = port.prepare(slice_)
    assert device is not None
    driver.set_processes(device, [4711], memory_mib=900)
    assert (port.use(slice_).memory_used_mib, port.use(slice_).processes) == (900, 1)
    with pytest.raises(GpuBusyError, match=r"2g.20gb@2 is still used by process 4711"):
        port.release(slice_)
    with pytest.raises(GpuDriverError, match="is still used by process 4711"):
        port.prepare(slice_)
    assert standing(driver) == ["2g.20gb@2"]
    driver.set_processes(device, [])
    assert port.prepare(slice_) == device
    port.release(slice_)
    assert standing(driver) == []


def test_a_process_that_comes_while_it_is_destroyed_keeps_it_too(
    driver: Driver, port: NvmlGpus
) -> None:
    slice_ = at(only(port), "2g.20gb", 2)
    device = port.prepare(slice_)
    driver.fail_next(IN_USE, "nvmlComputeInstanceDestroy")
    with pytest.raises(GpuBusyError, match="still in use"):
        port.release(slice_)
    assert port.prepare(slice_) == device


def test_what_others_have_made_is_left_alone_and_named(driver: Driver, port: NvmlGpus) -> None:
    (uuid,) = driver.boards(["H100-80GB"])
    driver.cut(uuid, "1g.10gb", 5)
    gpu = only(port)
    assert gpu.instances == (at(gpu, "1g.10gb", 5),)
    with pytest.raises(GpuDriverError, match=r"3g.40gb@4 cannot be made: 1g.10gb@5 stands there"):
        port.prepare(at(gpu, "3g.40gb", 4))
    for place in (("1g.10gb+me", 5), ("1g.20gb", 4), ("7g.80gb", 0)):
        with pytest.raises(GpuDriverError):
            port.prepare(at(gpu, *place))
        port.release(at(gpu, *place))
    assert standing(driver) == ["1g.10gb@5"]


def test_an_instance_that_is_cut_further_is_not_ours(driver: Driver, port: NvmlGpus) -> None:
    (uuid,) = driver.boards(["H100-80GB"])
    driver.cut(uuid, "3g.40gb", 4)
    file = driver.folder / "driver.txt"
    lines = file.read_text().splitlines()
    (compute,) = (line.split(" ") for line in lines if line.startswith("compute "))
    halves = [[*compute[:3], str(n), "1", f"MIG-{n}", *compute[6:]] for n in (0, 1)]
    kept = [line for line in lines if not line.startswith("compute ")]
    file.write_text("\n".join([*kept, *(" ".join(half) for half in halves)]) + "\n")
    assert only(port).devices == {}
    with pytest.raises(GpuDriverError, match="cut further, into 2 compute instances"):
        port.prepare(at(only(port), "3g.40gb", 4))
    assert standing(driver) == ["3g.40gb@4"]


@pytest.mark.parametrize("call", [CREATE, COMPUTE, "nvmlGpuInstanceGetInfo"])
@pytest.mark.parametrize("code", [INSUFFICIENT_RESOURCES, UNKNOWN])
def test_what_fails_half_way_leaves_nothing_behind(
    driver: Driver, port: NvmlGpus, call: str, code: int
) -> None:
    slice_ = at(only(port), "3g.40gb", 4)
    driver.fail_next(code, call)
    with pytest.raises(GpuDriverError, match=f"3g.40gb@4: NVIDIA's driver refuses: .*{call[4:20]}"):
        port.prepare(slice_)
    assert standing(driver) == []
    assert port.prepare(slice_)


def test_an_instance_left_half_made_by_a_kill_is_completed_or_taken_away(
    driver: Driver, port: NvmlGpus
) -> None:
    (uuid,) = driver.boards(["H100-80GB"])
    driver.cut(uuid, "3g.40gb", 4, complete=False)
    slice_ = at(only(port), "3g.40gb", 4)
    device = port.prepare(slice_)
    assert [i.uuid for i in driver.instances()] == [device]
    port.release(slice_)
    driver.cut(uuid, "3g.40gb", 4, complete=False)
    port.release(slice_)
    assert standing(driver) == []


def test_places_that_the_driver_does_not_offer_are_refused_before_it_is_asked(
    driver: Driver, port: NvmlGpus
) -> None:
    gpu = only(port)
    for wrong in (Slice(gpu.name, "2g.20gb", 1, 2), Slice(gpu.name, "5g.50gb", 0, 5)):
        with pytest.raises(GpuDriverError, match="is no place that"):
            port.prepare(wrong)
    assert standing(driver) == []


@pytest.mark.parametrize(
    "model", ["H100-80GB", "A100-40GB", "A30-24GB", "RTX-PRO-6000-Blackwell-96GB"]
)
def test_the_driver_and_our_rules_agree_on_what_can_stand_together(
    driver: Driver, model: str
) -> None:
    driver.boards([model])
    port = NvmlGpus(library=str(driver.library), sharing=Sharing(mig="dynamic"))
    gpu = only(port)
    places = [s for profile in gpu.model.profiles for s in gpu.candidates(profile)]
    dice = random.Random(model)
    held: dict[Slice, str | None] = {}
    refused = 0
    for _ in range(250):
        slice_ = dice.choice(places)
        if held and dice.random() < 0.45:
            slice_ = dice.choice(sorted(held))
            port.release(slice_)
            del held[slice_]
        elif slice_ not in held and illegal(models()[model], [*held, slice_]) is None:
            held[slice_] = port.prepare(slice_)
        elif slice_ not in held:
            refused += 1
            with pytest.raises(GpuDriverError):
                port.prepare(slice_)
        assert {(i.profile, i.start, i.uuid) for i in driver.instances()} == {
            (s.profile, s.start, device) for s, device in held.items()
        }
        assert all(not a.mask & b.mask for a, b in combinations(held, 2))
    assert refused > 20


def test_many_at_once_get_one_instance_each(driver: Driver, port: NvmlGpus) -> None:
    gpu = only(port)
    slices = [at(gpu, "1g.10gb", start) for start in range(7)]
    with ThreadPoolExecutor(14) as pool:
        devices = list(pool.map(port.prepare, slices * 2))
    assert devices[:7] == devices[7:]
    assert len(set(devices)) == 7
    assert len(driver.instances()) == 7


# ------------------------------------------------------------------------ what breaks


def test_a_lost_gpu_stays_visible_with_its_fault_and_the_others_serve(driver: Driver) -> None:
    lost, well = driver.boards(["H100-80GB", "A30-24GB"])
    port = NvmlGpus(library=str(driver.library), sharing=Sharing(mig="dynamic"))
    before = port.read().gpus[0]
    port.prepare(at(before, "1g.10gb", 0))
    driver.lose(lost)
    after, other = port.read(fresh=True).gpus
    assert after.fault == "has fallen off the bus (XID 79); reset or reboot the machine"
    assert (after.name, after.model, other.fault) == (before.name, before.model, None)
    for refused in (port.prepare, port.release):
        with pytest.raises(GpuFaultError, match="has fallen off the bus"):
            refused(at(before, "1g.10gb", 0))
    assert port.use(at(before, "1g.10gb", 0)).processes is None
    assert port.prepare(at(other, "1g.6gb", 0))
    driver.heal(lost)
    assert port.read(fresh=True).gpus[0].fault is None
    assert well


def test_a_gpu_that_is_lost_without_a_word_is_noticed(driver: Driver, port: NvmlGpus) -> None:
    gpu = only(port)
    driver.lose(f"GPU-{driver_uuid(driver)}", quietly=True)
    assert only(port).fault == "has fallen off the bus; reset or reboot the machine"
    assert only(port).name == gpu.name


def driver_uuid(driver: Driver) -> str:
    board = next(
        line for line in (driver.folder / "driver.txt").read_text().splitlines() if "board" in line
    )
    return board.split(" ")[1].removeprefix("GPU-")


@pytest.mark.parametrize("number", [13, 31, 43, 45, 68, 109])
def test_errors_of_programs_are_no_fault_of_the_gpu(
    driver: Driver, port: NvmlGpus, number: int
) -> None:
    only(port)
    driver.xid(f"GPU-{driver_uuid(driver)}", number)
    assert only(port).fault is None


def test_a_critical_error_is_a_fault_until_the_gpu_was_reset(
    driver: Driver, port: NvmlGpus
) -> None:
    uuid = f"GPU-{driver_uuid(driver)}"
    gpu = only(port)
    driver.xid(uuid, 48)
    assert (
        only(port).fault == "has reported a critical error (XID 48); reset it or reboot the machine"
    )
    assert only(port).fault is not None  # it does not pass by itself
    with pytest.raises(GpuFaultError, match=f"{gpu.name} has reported a critical error"):
        port.prepare(at(gpu, "1g.10gb", 0))
    driver.heal(uuid)
    assert only(port).fault is None
    driver.uncorrectable_error(uuid)
    assert "uncorrectable memory error" in str(only(port).fault)


def test_a_reboot_loses_the_instances_and_they_can_be_made_again(
    driver: Driver, port: NvmlGpus
) -> None:
    slice_ = at(only(port), "3g.40gb", 4)
    device = port.prepare(slice_)
    driver.reboot()
    port.release(slice_)
    assert only(port).instances == ()
    assert port.prepare(slice_) != device


def test_a_driver_that_goes_away_is_told_and_found_again(driver: Driver, port: NvmlGpus) -> None:
    gpu = only(port)
    driver.unload()
    assert "cannot be read: Driver Not Loaded" in str(only(port).fault)
    with pytest.raises(GpuDriverError, match="Driver Not Loaded"):
        port.prepare(at(gpu, "1g.10gb", 0))
    with pytest.raises(GpuDriverError, match="NVIDIA's driver cannot be read: Driver Not Loaded"):
        NvmlGpus(library=str(driver.library)).read()
    driver.reboot()
    assert only(port) == gpu


def test_a_gpu_that_was_taken_out_stays_known_as_gone(driver: Driver) -> None:
    first, _ = driver.boards(["H100-80GB", "A30-24GB"])
    port = NvmlGpus(library=str(driver.library))
    port.read()
    driver.remove_board(first)
    gone, other = port.read(fresh=True).gpus
    assert "is not found by the driver any more" in str(gone.fault)
    assert other.fault is None
    with pytest.raises(GpuFaultError, match="is not found by the driver any more"):
        port.prepare(at(gone, "1g.10gb", 0))
    port.release(at(gone, "1g.10gb", 0))  # what was cut from it is gone, too


def test_a_library_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(GpuDriverError, match=r"nvml_library cannot be loaded: .*none\.so"):
        NvmlGpus(library=str(tmp_path / "none.so")).read()


def test_who_is_not_root_is_told_so(tmp_path: Path) -> None:
    other = Driver(tmp_path / "driver").build()
    other.boards(["H100-80GB"])
    for folder in (tmp_path, *tmp_path.parents):
        folder.chmod(folder.stat().st_mode | 0o001)
    read = (
        "import sys; sys.path[:0] = sys.argv[2:]; "
        "from labwerk_hub.adapters.nvml import NvmlGpus; NvmlGpus(library=sys.argv[1]).read()"
    )
    done = subprocess.run(
        [sys.executable, "-c", read, str(other.library), *filter(None, sys.path)],
        user="nobody",
        group="nogroup",
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "GpuDriverError: NVIDIA's driver cannot be read: Insufficient Permissions" in done.stderr
    assert "how a GPU can be cut is told to root only" in done.stderr


def test_what_fails_to_be_read_is_not_changed(driver: Driver, port: NvmlGpus) -> None:
    slice_ = at(only(port), "3g.40gb", 4)
    port.prepare(slice_)
    driver.fail_next(UNKNOWN, "nvmlDeviceGetComputeRunningProcesses_v3")
    with pytest.raises(GpuDriverError, match="refuses"):
        port.release(slice_)
    only(port)
    driver.fail_next(UNKNOWN, "nvmlDeviceGetGpuInstances")
    with pytest.raises(GpuFaultError, match="cannot be read"):
        port.release(slice_)
    assert standing(driver) == ["3g.40gb@4"]


# ----------------------------------------------------------------- through the helper


def test_a_driver_that_hangs_holds_up_nobody_who_wants_a_home(
    driver: Driver, tmp_path: Path
) -> None:
    settings = with_pool(tmp_path, driver)
    state = settings.machine.state
    with helper(settings):
        gpus, storage = HelperGpus(state), HelperStorage(state)
        gpu = gpus.read().gpus[0]
        driver.slow(1.0)
        hanging = threading.Thread(target=lambda: gpus.read(fresh=False))
        time.sleep(1.1)
        hanging.start()
        begun = time.monotonic()
        storage.ping()
        assert time.monotonic() - begun < 0.5
        driver.slow(0)
        hanging.join()
        assert gpus.read(fresh=True).gpus[0] == gpu


def test_the_kinds_of_problems_come_through_the_socket(driver: Driver, tmp_path: Path) -> None:
    settings = with_pool(tmp_path, driver)
    with helper(settings):
        gpus = HelperGpus(settings.machine.state)
        slice_ = at(gpus.read().gpus[0], "2g.20gb", 0)
        device = gpus.prepare(slice_)
        assert device is not None
        driver.set_processes(device, [7])
        with pytest.raises(GpuBusyError, match="process 7"):
            gpus.release(slice_)
        driver.lose(f"GPU-{driver_uuid(driver)}")
        assert "XID 79" in str(gpus.read(fresh=True).gpus[0].fault)
        with pytest.raises(GpuFaultError, match="XID 79"):
            gpus.prepare(slice_)
        with pytest.raises(GpuFaultError, match="is no slice of a GPU"):
            gpus.prepare(Slice("../../etc", "1g.10gb", 0, 1))


def test_while_the_helper_is_away_gpus_are_shown_with_a_fault(
    driver: Driver, tmp_path: Path
) -> None:
    settings = with_pool(tmp_path, driver)
    gpus = HelperGpus(settings.machine.state)
    with pytest.raises(GpuDriverError, match="does not answer"):
        gpus.read()
    with helper(settings):
        name = gpus.read().gpus[0].name
    (settings.machine.state / "run" / "helper.sock").unlink()
    time.sleep(1.1)
    (gpu,) = gpus.read().gpus
    assert gpu.name == name
    assert str(gpu.fault).startswith("cannot be read: The root helper at")
    with pytest.raises(GpuDriverError, match="does not answer"):
        gpus.read(fresh=True)


def test_what_happens_to_a_gpu_is_in_the_helpers_log(
    driver: Driver, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    keeper = GpuKeeper(with_pool(tmp_path, driver).pool)
    look: Callable[[], None] = keeper.look
    look()
    driver.lose(f"GPU-{driver_uuid(driver)}")
    time.sleep(1.1)
    with caplog.at_level(logging.INFO):
        look()
    assert "has fallen off the bus (XID 79)" in caplog.text


# ------------------------------------------------------------------- the pool of both


def test_a_gpu_that_is_declared_and_found_is_not_handed_out_twice(driver: Driver) -> None:
    (uuid,) = driver.boards([Board("A30-24GB", mig=False)])
    found = NvmlGpus(library=str(driver.library))
    twin = declared_gpu("mine", "A30-24GB", ["whole@0"], simulated=False, devices=[uuid])
    same = declared_gpu(f"gpu-{uuid[4:12]}", "A30-24GB", ["whole@0"], simulated=True)
    declared, other = PoolOfBoth(DeclaredGpus([twin]), found).read().gpus
    assert declared.fault is None
    assert other.fault == "is declared in the settings too, as mine; remove one of them"
    first, second = PoolOfBoth(DeclaredGpus([same]), found).read().gpus
    assert first.name != second.name
    assert "which the settings name another GPU" in str(second.fault)


def test_what_is_wrong_with_the_pool_as_found_is_told_in_sentences(driver: Driver) -> None:
    (uuid,) = driver.boards(["B200-180GB"])
    port = NvmlGpus(library=str(driver.library), sharing=Sharing(mig="dynamic"))
    shipped = load_settings(SHIPPED)
    assert pool_problems(shipped, PoolOfBoth(DeclaredGpus([]), port).read())[0] == (
        f"{SHIPPED}: flavours[1] “small”.slices = {{'H100-80GB': '1g.10gb', 'A100-40GB': '1g.5gb'}}"
        ": no GPU of this pool can be cut into 1g.10gb of H100-80GB or 1g.5gb of A100-40GB; it has "
        "1g.23gb, 2g.45gb, 3g.90gb, 4g.90gb, 7g.180gb, 1g.23gb+me, 1g.45gb of B200-180GB."
    )
    driver.lose(uuid)
    lost = pool_problems(shipped, port.read(fresh=True))[0]
    assert lost.endswith(
        "(B200-180GB) has fallen off the bus (XID 79); reset or reboot the machine."
    )
