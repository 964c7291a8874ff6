"""What can be wrong with a pool of GPUs as the settings declare it.

Clauses and sentences only; nothing here changes anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from labwerk_hub.adapters.declared import MOST_SHARES, declared_gpu, models
from labwerk_hub.domain.gpu import WHOLE, Gpu, Inventory

_SHARE = re.compile(r"shared-([1-9]\d?)")


class PoolFault(NamedTuple):
    """An entry's place in its section, the key at fault, its value, and what would be right."""

    entry: int
    key: str
    value: object
    remedy: str


def declared(entries: Sequence[Mapping[str, Any]]) -> tuple[list[Gpu], list[PoolFault]]:
    """The GPUs of ``[[gpus]]`` as read from the file, and what is wrong with the others."""
    gpus: list[Gpu] = []
    faults: list[PoolFault] = []
    owner: dict[str, str] = {}
    for index, entry in enumerate(entries):
        layout, devices = entry.get("layout", []), entry.get("devices", [])
        shares = entry.get("shares", 1)
        if not (isinstance(layout, list) and isinstance(devices, list) and isinstance(shares, int)):
            continue  # a fault of shape, told elsewhere
        try:
            gpu = declared_gpu(
                str(entry.get("name")),
                str(entry.get("model")),
                [str(item) for item in layout],
                simulated=entry.get("simulated", False) is True,
                dynamic=entry.get("dynamic", False) is True,
                shares=min(shares, MOST_SHARES),
                devices=[str(device) for device in devices],
                mps=str(entry.get("mps", "")),
            )
        except ValueError as problem:
            faults.append(PoolFault(index, "", layout, str(problem)))
            continue
        for device in dict.fromkeys(gpu.devices.values()):
            if device in owner:
                remedy = f"belongs to {owner[device]} already; one device stands in one GPU"
                faults.append(PoolFault(index, "devices", device, remedy))
            owner.setdefault(device, gpu.name)
        gpus.append(gpu)
    return gpus, faults


def flavour_faults(
    entries: Sequence[Mapping[str, Any]], *, driver_knows_more: bool
) -> Iterator[PoolFault]:
    """Models and profiles of ``[[flavours]]`` that the geometry table does not have.

    With ``driver_knows_more`` only what the table can tell is told: a driver may name
    models and profiles that are not in it.
    """
    for index, entry in enumerate(entries):
        slices = entry.get("slices", {})
        for model, profile in slices.items() if isinstance(slices, Mapping) else ():
            share = _SHARE.fullmatch(str(profile))
            if share is not None and not 2 <= int(share[1]) <= MOST_SHARES:
                remedy = f"must be shared-2 to shared-{MOST_SHARES}"
                yield PoolFault(index, "slices", profile, remedy)
            if driver_knows_more:
                continue
            if model not in models():
                remedy = f"is no model of the geometry table ({', '.join(models())})"
                yield PoolFault(index, "slices", model, remedy)
            elif share is None and profile != WHOLE and profile not in models()[model].profiles:
                known = ", ".join([WHOLE, *models()[model].profiles])
                yield PoolFault(index, "slices", profile, f"is no profile of {model} ({known})")


def unserved(slices: Mapping[str, str], inventory: Inventory) -> str | None:
    """Why no GPU of the pool can serve a flavour of ``slices``; None if one can.

    Whether a GPU is well now does not matter: it will be mended.
    """
    if not slices or any(
        (profile := slices.get(gpu.model.name)) and gpu.candidates(profile)
        for gpu in inventory.gpus
    ):
        return None
    asked = " or ".join(f"{profile} of {model}" for model, profile in slices.items())
    return f"no GPU of this pool can be cut into {asked}; it has {_what_it_has(inventory)}"


def _what_it_has(inventory: Inventory) -> str:
    found: dict[str, dict[str, None]] = {}
    for gpu in inventory.gpus:
        names = gpu.model.profiles if gpu.dynamic else [slice_.profile for slice_ in gpu.slices]
        found.setdefault(gpu.model.name, {}).update(dict.fromkeys(names))
    return "; ".join(f"{', '.join(names)} of {model}" for model, names in found.items()) or "no GPU"
