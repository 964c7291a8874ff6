"""What layouts would give: for `labwerk gpus plan`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from labwerk_hub.adapters.declared import models, placed
from labwerk_hub.domain.catalogue import Flavour
from labwerk_hub.domain.gpu import WHOLE, Inventory, Model, illegal
from labwerk_hub.domain.layouts import Yield, arrangements, gives, maximal
from labwerk_hub.errors import GpuDriverError, LabwerkError
from labwerk_hub.services.ports import Gpus


class LayoutError(LabwerkError):
    """A layout that cannot be, or a GPU, model or flavour that there is not."""

    code = "layout"


@dataclass(frozen=True)
class Asked:
    """What the plan is to be about; None and empty: everything."""

    gpu: str | None
    model: str | None
    layout: str | None
    flavours: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """Layouts of one model, and in how many ways each can lie on it."""

    model: Model
    gpus: int
    profiles: Mapping[str, str]
    layouts: Sequence[tuple[Yield, int]]


def plans(flavours: Sequence[Flavour], gpus: Gpus, asked: Asked) -> list[Plan]:
    """A plan for each model that ``asked`` is about.

    Raises LayoutError, and GpuDriverError if the pool has to be looked at and cannot be.
    """
    chosen = _flavours(flavours, asked.flavours)
    found = [
        Plan(
            model=model,
            gpus=count,
            profiles={f.name: f.slices[model.name] for f in chosen if model.name in f.slices},
            layouts=layouts,
        )
        for model, count in _models(gpus, asked)
        if (layouts := list(_layouts(model, flavours, chosen, asked)))
    ]
    if not found:
        wanted = ", ".join(flavour.name for flavour in chosen)
        raise LayoutError(f"No GPU that was asked for can be cut so that it serves {wanted}.")
    return found


def _flavours(flavours: Sequence[Flavour], names: Sequence[str]) -> Sequence[Flavour]:
    with_gpu = {flavour.name: flavour for flavour in flavours if flavour.needs_gpu}
    for name in names:
        if name not in with_gpu:
            raise LayoutError(
                f"--flavour {name}: there is no such flavour with a GPU; "
                f"there are {', '.join(with_gpu)}."
            )
    return [with_gpu[name] for name in names] or list(with_gpu.values())


def _models(gpus: Gpus, asked: Asked) -> list[tuple[Model, int]]:
    """The models to plan for, with the number of such GPUs in the pool."""
    if asked.model is not None and asked.gpu is not None:
        raise LayoutError("--gpu and --model exclude each other; name one of them.")
    if asked.model is not None:
        if asked.model not in models():
            raise LayoutError(
                f"--model {asked.model}: is no model of the geometry table; "
                f"there are {', '.join(models())}."
            )
        with suppress(GpuDriverError):  # a plan needs no driver
            in_pool = sum(gpu.model.name == asked.model for gpu in gpus.read().gpus)
            return [(models()[asked.model], in_pool)]
        return [(models()[asked.model], 0)]
    inventory = gpus.read(fresh=True)
    if asked.gpu is not None:
        if asked.gpu not in inventory.by_name:
            names = ", ".join(inventory.by_name) or "none"
            raise LayoutError(f"--gpu {asked.gpu}: is no GPU of this pool; there are {names}.")
        inventory = Inventory((inventory.by_name[asked.gpu],))
    counted: dict[str, tuple[Model, int]] = {}
    for gpu in inventory.gpus:
        # A GPU that is shared in time has shares for units; a layout is about its own.
        is_shared = any(gpu.shared_by(profile) > 1 for profile in gpu.model.profiles)
        model = models().get(gpu.model.name) if is_shared else gpu.model
        if model is not None:
            counted[model.name] = model, counted.get(model.name, (model, 0))[1] + 1
    if not counted:
        raise LayoutError("The pool has no GPU that can be cut; name a --model to plan for one.")
    return list(counted.values())


def _layouts(
    model: Model, flavours: Sequence[Flavour], chosen: Sequence[Flavour], asked: Asked
) -> Iterator[tuple[Yield, int]]:
    if asked.layout is not None:
        entries = [entry.strip() for entry in asked.layout.split(",") if entry.strip()]
        try:
            slices = [placed("", model, entry) for entry in entries]
        except ValueError as problem:
            raise LayoutError(f"--layout {asked.layout}: {problem}.") from None
        if reason := illegal(model, slices):
            raise LayoutError(f"--layout {asked.layout} cannot be on {model.name}: {reason}.")
        yield gives(model, slices, flavours), 1
        return
    profiles = {f.slices[model.name] for f in chosen if model.name in f.slices}
    known = sorted(name for name in profiles if name == WHOLE or name in model.profiles)
    every = [
        (gives(model, layout, flavours), count)
        for layout, count in arrangements(maximal(model, known))
        if layout
    ]
    wanted = [flavour.name for flavour in chosen if asked.flavours]
    serving = [(y, n) for y, n in every if all(y.flavours.get(name) for name in wanted)]
    yield from sorted(serving, key=lambda entry: _order(entry[0]))


def _order(found: Yield) -> tuple[object, ...]:
    """Little waste first, then few large slices before many small ones."""
    return len(found.unusable), len(found.slices), found.entries


def as_text(found: Sequence[Plan]) -> str:
    """Tables as people read them."""
    return "\n\n".join("\n".join(_table(plan)) for plan in found)


def _table(plan: Plan) -> Iterator[str]:
    served = ", ".join(f"{name} = {profile}" for name, profile in plan.profiles.items())
    in_pool = f"{plan.gpus} in the pool" if plan.gpus else "none in the pool"
    yield f"{plan.model.name}: {plan.model.units} units, {in_pool}; {served or 'serves no flavour'}"
    names = list(plan.layouts[0][0].flavours)
    rows = [[*names, "memory", "unusable", "ways", "layout"]]
    for found, ways in plan.layouts:
        memory = "unknown" if found.memory_mib is None else f"{found.memory_mib / 1024:.1f} GiB"
        counts = [str(found.flavours[name]) for name in names]
        rows.append([*counts, memory, _unusable(found), str(ways), ",".join(found.entries)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        yield "  ".join(["", *cells, row[-1]])
    unserved = {slice_.profile for found, _ in plan.layouts for slice_ in found.unserved}
    if unserved:
        yield f"  {', '.join(sorted(unserved))}: no flavour asks for this on {plan.model.name}."


def _unusable(found: Yield) -> str:
    units = ", ".join(map(str, found.unusable))
    return f"unit {units}" if len(found.unusable) == 1 else f"units {units}" if units else "none"


def as_json(found: Sequence[Plan]) -> str:
    """The same as one JSON object."""
    return json.dumps(
        {
            "models": [
                {
                    "model": plan.model.name,
                    "units": plan.model.units,
                    "gpus": plan.gpus,
                    "profiles": dict(plan.profiles),
                    "layouts": [
                        {
                            "layout": y.entries,
                            "flavours": dict(y.flavours),
                            "memory_mib": y.memory_mib,
                            "unusable_units": list(y.unusable),
                            "serving_no_flavour": [s.profile for s in y.unserved],
                            "ways": ways,
                        }
                        for y, ways in plan.layouts
                    ],
                }
                for plan in found
            ]
        },
        indent=1,
    )
