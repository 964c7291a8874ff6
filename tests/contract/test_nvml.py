"""The driver's adapter: what it makes, what it leaves alone, and what it says of broken GPUs.

The library is a stand-in at NVML's C interface (tests/support/nvml), so that the calls go
the way they go on a real machine. It refuses what is illegal by rules of its own.
"""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import pytest
from labwerk_hub.adapters.declared import models
from labwerk_hub.adapters.nvml import NvmlGpus
from labwerk_hub.adapters.nvml_board import Sharing
from labwerk_hub.domain.gpu import Gpu, Slice, illegal
from labwerk_hub.errors import GpuBusyError, GpuDriverError, GpuFaultError
from support.nvml import Board, Driver

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a driver wants root")

IN_USE, INSUFFICIENT_RESOURCES, UNKNOWN = 19, 23, 999
CREATE, COMPUTE = "nvmlDeviceCreateGpuInstanceWithPlacement", "nvmlGpuInstanceCreateComputeInstance"


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
