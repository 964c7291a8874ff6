"""What every source of GPUs must do (the port ``Gpus``)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import combinations
from pathlib import Path

import pytest
from labwerk_hub.adapters.declared import DeclaredGpus, declared_gpu, models
from labwerk_hub.adapters.driver import HelperGpus, PoolOfBoth
from labwerk_hub.adapters.nvml import NvmlGpus
from labwerk_hub.adapters.nvml_board import Sharing
from labwerk_hub.bootstrap import declared_gpus
from labwerk_hub.domain.gpu import TICKS_PER_GPU_SECOND, WHOLE, Gpu, Slice, illegal, shared_model
from labwerk_hub.errors import GpuFaultError
from labwerk_hub.services.ports import Gpus, SliceUse
from labwerk_hub.settings import PoolSettings, Settings, load_settings
from support.nvml import Board, Driver, in_process
from support.root_helper import folders_of, root_helper, settings_in
from support.settings import SHIPPED

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a driver wants root")

Source = Callable[[Path], AbstractContextManager[Gpus]]
CUT = Board("H100-80GB", layout=("3g.40gb@4", "2g.20gb@2", "1g.10gb@0", "1g.10gb@1"))
TWELVE = "RTX-PRO-6000-Blackwell-96GB"


@contextmanager
def shipped(_: Path) -> Iterator[Gpus]:
    yield declared_gpus(load_settings(SHIPPED))


@contextmanager
def whole_of_every_model(_: Path) -> Iterator[Gpus]:
    named = enumerate(models())
    yield DeclaredGpus([declared_gpu(f"g{i}", m, ["whole@0"], simulated=True) for i, m in named])


@contextmanager
def dynamic_of_every_model(_: Path) -> Iterator[Gpus]:
    named = enumerate(models())
    yield DeclaredGpus([declared_gpu(f"g{i}", m, simulated=True, dynamic=True) for i, m in named])


@contextmanager
def shared(_: Path) -> Iterator[Gpus]:
    yield DeclaredGpus(
        [
            declared_gpu("a", "A30-24GB", simulated=True, shares=5),
            declared_gpu("b", "A30-24GB", simulated=False, shares=3, devices=["GPU-b"]),
        ]
    )


def driver_with(*boards: Board | str) -> Driver:
    driver = in_process()
    driver.boards(boards)
    return driver


@contextmanager
def driver_fixed(_: Path) -> Iterator[Gpus]:
    driver = driver_with(CUT, Board(TWELVE, layout=("1g.24gb@0", "2g.48gb@6")))
    yield NvmlGpus(library=str(driver.library))


@contextmanager
def driver_dynamic(_: Path) -> Iterator[Gpus]:
    driver = driver_with("H100-80GB", TWELVE, "A30-24GB")
    yield NvmlGpus(library=str(driver.library), sharing=Sharing(mig="dynamic"))


@contextmanager
def driver_whole(_: Path) -> Iterator[Gpus]:
    driver = driver_with(Board("H200-141GB", mig=False), Board("", name="NVIDIA L4", pci="0x27B8"))
    yield NvmlGpus(library=str(driver.library), sharing=Sharing(weights={"NVIDIA L4": 2}))


@contextmanager
def driver_shared(_: Path) -> Iterator[Gpus]:
    driver = driver_with(Board("A30-24GB", mig=False))
    yield NvmlGpus(library=str(driver.library), sharing=Sharing(shares=4))


@contextmanager
def through_the_helper(folder: Path) -> Iterator[Gpus]:
    """The shipped GPUs and a driver's, as the hub and the service read them."""
    driver = driver_with("A100-80GB", TWELVE, Board("A30-24GB", mig=False))
    settings = with_pool(folder, driver)
    with helper(settings):
        yield PoolOfBoth(declared_gpus(settings), HelperGpus(settings.machine.state))


def with_pool(folder: Path, driver: Driver) -> Settings:
    pool = PoolSettings(source="nvml", nvml_library=str(driver.library), mig="dynamic")
    return settings_in(folder, pool=pool)


@contextmanager
def helper(settings: Settings) -> Iterator[None]:
    with folders_of(settings), root_helper(settings):
        yield


SOURCES: list[Source] = [
    shipped,
    whole_of_every_model,
    dynamic_of_every_model,
    shared,
    driver_fixed,
    driver_dynamic,
    driver_whole,
    driver_shared,
    through_the_helper,
]


@pytest.fixture(params=SOURCES, ids=lambda source: source.__name__)
def port(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gpus]:
    with request.param(tmp_path) as found:
        yield found


def places(gpu: Gpu) -> list[Slice]:
    names = gpu.model.profiles if gpu.dynamic else {slice_.profile for slice_ in gpu.slices}
    return [slice_ for name in names for slice_ in gpu.candidates(name)]


def test_every_gpu_has_a_name_of_its_own_is_well_and_can_be_handed_out(port: Gpus) -> None:
    gpus = port.read().gpus
    assert gpus
    assert len({gpu.name for gpu in gpus}) == len(gpus)
    assert all(gpu.fault is None and places(gpu) for gpu in gpus)


def test_slices_are_legal_for_their_model_and_share_no_unit(port: Gpus) -> None:
    for gpu in port.read().gpus:
        assert illegal(gpu.model, gpu.slices) is None
        assert all(not set(a.units) & set(b.units) for a, b in combinations(gpu.slices, 2))
        assert all(slice_.gpu == gpu.name for slice_ in places(gpu))
        assert all(slice_.units[-1] < gpu.model.units for slice_ in places(gpu))
        assert not (gpu.dynamic and gpu.slices)


def test_a_place_costs_its_part_of_24_ticks_a_second(port: Gpus) -> None:
    for gpu in port.read().gpus:
        for slice_ in places(gpu):
            ticks, units = gpu.ticks_per_second(slice_), gpu.model.units
            exact = TICKS_PER_GPU_SECOND * slice_.size / units * gpu.weight
            assert exact <= ticks < exact + gpu.weight
            if slice_.profile == WHOLE:
                assert ticks == TICKS_PER_GPU_SECOND * gpu.weight


def test_a_simulated_gpu_has_no_device_and_a_fixed_real_one_has_them_for_every_slice(
    port: Gpus,
) -> None:
    for gpu in port.read().gpus:
        if gpu.simulated:
            assert not gpu.devices
        elif not gpu.dynamic:
            assert set(gpu.devices) == {slice_.label for slice_ in gpu.slices}


def test_reading_again_gives_the_same(port: Gpus) -> None:
    first = port.read()
    assert port.read() == first
    assert port.read(fresh=True) == first


def test_what_is_prepared_has_one_device_and_is_given_back_as_often_as_one_likes(
    port: Gpus,
) -> None:
    for gpu in port.read().gpus:
        for slice_ in places(gpu):
            device = port.prepare(slice_)
            assert (device is None) == gpu.simulated
            assert port.prepare(slice_) == device
            now = port.read().gpu(gpu.name)
            if device is not None:
                assert now.devices[slice_.label] == device
                assert (slice_ in now.instances) == gpu.dynamic
            port.release(slice_)
            port.release(slice_)
            assert port.read().gpu(gpu.name) == gpu


def test_what_is_in_use_is_told_only_where_it_can_be_measured(port: Gpus) -> None:
    for gpu in port.read().gpus:
        for slice_ in places(gpu)[:1]:
            port.prepare(slice_)
            use = port.use(slice_)
            if gpu.simulated or gpu.shared_by(slice_.profile) > 1 or gpu.name == "b":
                assert use == SliceUse()
            else:
                assert (use.memory_used_mib, use.processes) == (0, 0)
                assert (use.utilisation is None) == gpu.dynamic or slice_.profile != WHOLE
            port.release(slice_)


def test_a_gpu_that_is_not_there_is_a_fault_to_prepare_and_nothing_to_give_back(
    port: Gpus,
) -> None:
    gone = Slice("gpu-00000000", "1g.10gb", 0, 1)
    with pytest.raises(GpuFaultError, match="gpu-00000000"):
        port.prepare(gone)
    port.release(gone)


def test_sharers_have_one_device_between_them(tmp_path: Path) -> None:
    for source in (shared, driver_shared):
        with source(tmp_path) as port:
            gpu = port.read().gpus[-1]
            assert gpu.model == shared_model(gpu.model, len(gpu.slices))
            assert len({port.prepare(slice_) for slice_ in gpu.slices}) == 1
