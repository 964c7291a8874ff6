"""What every source of GPUs must give (the port ``InventoryReader``)."""

from __future__ import annotations

from itertools import combinations

import pytest
from labwerk_hub.adapters.declared import DeclaredInventory, declared_gpu, models
from labwerk_hub.domain.gpu import TICKS_PER_GPU_SECOND, WHOLE, Gpu, illegal
from labwerk_hub.services.ports import InventoryReader
from labwerk_hub.settings import load_settings
from support.settings import SHIPPED


def shipped() -> InventoryReader:
    gpus = load_settings(SHIPPED).gpus
    return DeclaredInventory(
        [declared_gpu(g.name, g.model, g.layout, simulated=g.simulated) for g in gpus]
    )


def whole_of_every_model() -> InventoryReader:
    return DeclaredInventory(
        [
            declared_gpu(f"g{i}", name, ["whole@0"], simulated=True)
            for i, name in enumerate(models())
        ]
    )


@pytest.fixture(params=[shipped, whole_of_every_model])
def gpus(request: pytest.FixtureRequest) -> tuple[Gpu, ...]:
    reader: InventoryReader = request.param()
    return reader.read().gpus


def test_every_gpu_has_a_name_of_its_own_and_slices(gpus: tuple[Gpu, ...]) -> None:
    assert gpus
    assert len({gpu.name for gpu in gpus}) == len(gpus)
    assert all(gpu.slices for gpu in gpus)


def test_slices_are_legal_for_their_model_and_share_no_unit(gpus: tuple[Gpu, ...]) -> None:
    for gpu in gpus:
        assert illegal(gpu.model, gpu.slices) is None
        assert all(not set(a.units) & set(b.units) for a, b in combinations(gpu.slices, 2))
        assert all(slice_.gpu == gpu.name for slice_ in gpu.slices)


def test_prices_are_whole_ticks_and_a_whole_gpu_costs_24_a_second(gpus: tuple[Gpu, ...]) -> None:
    for gpu in gpus:
        for slice_ in gpu.slices:
            ticks = gpu.ticks_per_second(slice_)
            assert ticks * gpu.model.units == TICKS_PER_GPU_SECOND * slice_.size * gpu.weight
            if slice_.profile == WHOLE:
                assert ticks == TICKS_PER_GPU_SECOND * gpu.weight


def test_a_real_gpu_names_a_device_for_every_slice_and_a_simulated_one_none(
    gpus: tuple[Gpu, ...],
) -> None:
    for gpu in gpus:
        assert set(gpu.devices) == (set() if gpu.simulated else {s.label for s in gpu.slices})


def test_reading_again_gives_the_same() -> None:
    reader = shipped()
    assert reader.read() == reader.read()
