"""GPUs declared in the settings file, for demos, tests and drivers elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

from labwerk_hub.domain.gpu import Gpu, Inventory, Model, Profile, Slice, illegal

_PLACED = re.compile(r"(?P<profile>[^@]+)@(?P<start>\d+)")


@cache
def models() -> Mapping[str, Model]:
    """The geometry table: model name → :class:`Model`.

    Compiled from NVIDIA's MIG User Guide and published ``nvidia-smi mig`` listings; the
    file's ``placements_evidence`` says for each model whether its placements are
    verified or inferred. A driver's own answer always wins over this table.
    """
    source = resources.files(__package__).joinpath("mig_geometry.json")
    table = json.loads(source.read_text(encoding="utf-8"))["models"]
    return {name: _model(name, entry) for name, entry in table.items()}


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
    layout: Sequence[str],
    *,
    simulated: bool,
    weight: int = 1,
    driver: str = "nvidia",
    devices: Sequence[str] = (),
) -> Gpu:
    """A GPU from its declaration.

    Raises ValueError with a clause that says what is wrong: an unknown model, a layout
    entry that is not ``profile@start``, or slices that cannot stand together.
    """
    if model_name not in models():
        raise ValueError(f"model must be one of {', '.join(models())}, not {model_name}")
    model = models()[model_name]
    slices = tuple(_placed(name, model, entry) for entry in layout)
    if reason := illegal(model, slices):
        raise ValueError(f"layout cannot be placed: {reason}")
    if not simulated and len(devices) != len(slices):
        raise ValueError(
            f"devices must name one device for each of the {len(slices)} slices in layout"
        )
    return Gpu(
        name=name,
        model=model,
        simulated=simulated,
        slices=slices,
        weight=weight,
        driver=driver,
        devices={slice_.label: device for slice_, device in zip(slices, devices, strict=False)},
    )


def _placed(gpu: str, model: Model, entry: str) -> Slice:
    match = _PLACED.fullmatch(entry)
    if match is None:
        raise ValueError(f"layout entry {entry!r} must read profile@start, such as 1g.10gb@0")
    try:
        size = model.profile(match["profile"]).size
    except KeyError:
        size = 0  # `illegal` says which profiles there are
    return Slice(gpu, match["profile"], int(match["start"]), size)


class DeclaredInventory:
    """The inventory port over declared GPUs: what the settings say is what there is."""

    def __init__(self, gpus: Sequence[Gpu]) -> None:
        self._inventory = Inventory(tuple(gpus))

    def read(self) -> Inventory:
        """The declared GPUs."""
        return self._inventory
