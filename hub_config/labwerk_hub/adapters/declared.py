"""GPUs declared in the settings file, for demos, tests and drivers elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path

from labwerk_hub.domain.gpu import Gpu, Inventory, Model, Profile, Slice, illegal, shared_model
from labwerk_hub.errors import GpuDriverError, GpuFaultError
from labwerk_hub.services.ports import SliceUse

#: As many sessions may share one GPU in time; an MPS daemon serves no more on older GPUs.
MOST_SHARES = 48

_PLACED = re.compile(r"(?P<profile>[^@]+)@(?P<start>\d+)")


@cache
def models() -> Mapping[str, Model]:
    """The geometry table: model name → :class:`Model`.

    Compiled from NVIDIA's MIG User Guide and published ``nvidia-smi mig`` listings; the
    file's ``placements_evidence`` says for each model whether its placements are
    verified or inferred. A driver's own answer always wins over this table.
    """
    return {name: _model(name, entry) for name, entry in _table().items()}


@cache
def models_by_pci() -> Mapping[str, Model]:
    """The table's models by PCI device id, written as in ``0x233010DE``."""
    return {
        number: models()[name]
        for name, entry in _table().items()
        for number in _texts(entry["pci_device_ids"])
    }


@cache
def _table() -> Mapping[str, Mapping[str, object]]:
    source = resources.files(__package__).joinpath("mig_geometry.json")
    table: Mapping[str, Mapping[str, object]] = json.loads(source.read_text(encoding="utf-8"))[
        "models"
    ]
    return table


def _texts(value: object) -> list[str]:
    assert isinstance(value, list)
    return [str(item) for item in value]


def _model(name: str, entry: Mapping[str, object]) -> Model:
    profiles = entry["profiles"]
    assert isinstance(profiles, list)
    totals = entry.get("engine_totals") if entry.get("engines_additive") is not False else None
    return Model(
        name=name,
        units=int(str(entry["memory_units"])),
        profiles={item["name"]: _profile(item) for item in profiles},
        engine_totals=dict(totals) if isinstance(totals, dict) else {},
    )


def _profile(item: Mapping[str, object]) -> Profile:
    mib, gib = item.get("memory_mib"), item.get("memory_gib_lgip")
    memory = int(str(mib)) if mib is not None else None
    if memory is None and gib is not None:
        memory = round(float(str(gib)) * 1024)
    starts, engines = item["starts"], item.get("engines")
    assert isinstance(starts, list)
    exclusive = item.get("exclusive")
    return Profile(
        name=str(item["name"]),
        size=int(str(item["size"])),
        starts=tuple(starts),
        max_instances=int(str(item["max_instances"])),
        compute_slices=int(str(item["compute_slices"])),
        memory_mib=memory,
        exclusive=str(exclusive) if exclusive else None,
        engines=dict(engines) if isinstance(engines, dict) else {},
    )


def declared_gpu(
    name: str,
    model_name: str,
    layout: Sequence[str] = (),
    *,
    simulated: bool,
    dynamic: bool = False,
    shares: int = 1,
    weight: int = 1,
    driver: str = "nvidia",
    devices: Sequence[str] = (),
    mps: str = "",
) -> Gpu:
    """A GPU from its declaration: of a ``layout``, ``dynamic``, or of several ``shares``.

    Raises ValueError with a clause that says what is wrong: an unknown model, a layout
    entry that is not ``profile@start``, slices that cannot stand together, devices that
    do not fit them, or ways of cutting it that exclude each other.
    """
    if model_name not in models():
        raise ValueError(f"model must be one of {', '.join(models())}, not {model_name}")
    model = models()[model_name]
    _one_way(layout, simulated=simulated, dynamic=dynamic, shares=shares, mps=mps)
    if shares > 1:
        model = shared_model(model, shares, limited=bool(mps))
        layout = [f"{profile}@{start}" for profile in model.profiles for start in range(shares)]
    slices = tuple(placed(name, model, entry) for entry in layout)
    if reason := illegal(model, slices):
        raise ValueError(f"layout cannot be placed: {reason}")
    return Gpu(
        name=name,
        model=model,
        simulated=simulated,
        slices=slices,
        weight=weight,
        driver=driver,
        devices=_devices(slices, devices, simulated=simulated, shared=shares > 1),
        dynamic=dynamic,
        mps=mps,
    )


def _one_way(
    layout: Sequence[str], *, simulated: bool, dynamic: bool, shares: int, mps: str
) -> None:
    ways = [
        name
        for name, used in (("layout", layout), ("dynamic", dynamic), ("shares", shares > 1))
        if used
    ]
    if not ways:
        raise ValueError("needs a layout, dynamic = true, or shares of 2 or more")
    if len(ways) > 1:
        raise ValueError(f"{' and '.join(ways)} exclude each other; keep one of them")
    if dynamic and not simulated:
        raise ValueError(
            "dynamic needs simulated = true here: a real GPU is cut at start through its "
            "driver; set pool.source = “nvml” and pool.mig = “dynamic” and leave it out here"
        )
    if mps and (shares == 1 or simulated):
        raise ValueError("mps serves a real GPU with shares of 2 or more; remove it")


def _devices(
    slices: Sequence[Slice], devices: Sequence[str], *, simulated: bool, shared: bool
) -> Mapping[str, str]:
    if simulated:
        if devices:
            raise ValueError("devices belong to a real GPU; remove them or simulated = true")
        return {}
    if shared:
        if len(devices) != 1:
            raise ValueError("devices must name the one device that all shares use")
        return {slice_.label: devices[0] for slice_ in slices}
    if len(devices) != len(slices):
        raise ValueError(
            f"devices must name one device for each of the {len(slices)} slices in layout"
        )
    if len(set(devices)) != len(devices):
        raise ValueError("devices must differ; one is named twice")
    return {slice_.label: device for slice_, device in zip(slices, devices, strict=True)}


def placed(gpu: str, model: Model, entry: str) -> Slice:
    """The slice that an entry of a layout means; ValueError if it is not ``profile@start``."""
    match = _PLACED.fullmatch(entry)
    if match is None:
        raise ValueError(f"layout entry {entry!r} must read profile@start, such as 1g.10gb@0")
    try:
        size = model.profile(match["profile"]).size
    except KeyError:
        size = 0  # `illegal` says which profiles there are
    return Slice(gpu, match["profile"], int(match["start"]), size)


class DeclaredGpus:
    """The port :class:`~labwerk_hub.services.ports.Gpus` over declared GPUs.

    What the settings say is what there is: nothing is made, destroyed or measured.
    """

    def __init__(self, gpus: Sequence[Gpu]) -> None:
        self._gpus = tuple(gpus)
        self._last = Inventory(self._gpus)

    def read(self, fresh: bool = False) -> Inventory:  # noqa: ARG002  (nothing changes)
        """The declared GPUs, each with a fault while its MPS daemon's folder is missing."""
        now = tuple(with_mps_checked(gpu) for gpu in self._gpus)
        if now != self._last.gpus:
            self._last = Inventory(now)
        return self._last  # the very same while nothing changes: much is kept with it

    def prepare(self, slice_: Slice) -> str | None:
        """The engine's device as the settings name it; None if the GPU is simulated."""
        gpu = self._gpu(slice_)
        if gpu.simulated:
            return None
        device = gpu.devices.get(slice_.label)
        if device is None:
            raise GpuDriverError(f"{slice_.label} is no slice of the settings' {gpu.name}.")
        return device

    def release(self, slice_: Slice) -> None:
        """Nothing: a declared slice stays."""

    def use(self, slice_: Slice) -> SliceUse:  # noqa: ARG002  (its driver is elsewhere)
        """Nothing can be measured."""
        return SliceUse(memory_used_mib=None, processes=None, utilisation=None)

    def _gpu(self, slice_: Slice) -> Gpu:
        for gpu in self.read().gpus:
            if gpu.name == slice_.gpu:
                if gpu.fault is not None:
                    raise GpuFaultError(f"{gpu.name} {gpu.fault}.")
                return gpu
        raise GpuFaultError(f"{slice_.gpu} is not in the settings any more.")


def with_mps_checked(gpu: Gpu) -> Gpu:
    """``gpu``, with a fault if it is shared through an MPS daemon whose folder is not there."""
    if gpu.mps and gpu.fault is None and not Path(gpu.mps).is_dir():
        return replace(gpu, fault=f"has no MPS daemon: there is no folder {gpu.mps}")
    return gpu
