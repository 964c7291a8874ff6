"""Boards of the stand-in driver, from the geometry table."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TABLE = Path(__file__).parents[3] / "hub_config/labwerk_hub/adapters/mig_geometry.json"
#: NVML_GPU_INSTANCE_PROFILE_…, by nvml.h.
_CODES = {
    "1_SLICE": 0, "2_SLICE": 1, "3_SLICE": 2, "4_SLICE": 3, "7_SLICE": 4, "8_SLICE": 5,
    "6_SLICE": 6, "1_SLICE_REV1": 7, "2_SLICE_REV1": 8, "1_SLICE_REV2": 9, "1_SLICE_GFX": 10,
    "2_SLICE_GFX": 11, "4_SLICE_GFX": 12, "1_SLICE_NO_ME": 13, "2_SLICE_NO_ME": 14,
    "1_SLICE_ALL_ME": 15, "2_SLICE_ALL_ME": 16,
}  # fmt: skip
_ENGINES = ("nvdec", "nvenc", "jpeg", "ofa")


@dataclass(frozen=True)
class Board:
    """A card in the machine.

    ``model`` is a name of the geometry table, or "" for a card without MIG. ``layout``
    are instances that are there at first (``profile@start``). ``pci`` and ``name``
    override what the table knows, as a card would that it does not.
    """

    model: str
    mig: bool = True
    layout: tuple[str, ...] = ()
    name: str = ""
    pci: str = ""
    memory_mib: int = 0
    busy_percent: int = 0


def board_rows(number: int, board: Board) -> list[list[str]]:
    """The rows of driver.txt that describe a board (see driver.c)."""
    entry: dict[str, Any] = {"memory_units": 0, "profiles": []}
    if board.model:
        entry = json.loads(_TABLE.read_text(encoding="utf-8"))["models"][board.model]
    totals = entry.get("engine_totals")
    name = board.name or f"NVIDIA {board.model}"
    memory = board.memory_mib or max((_memory(p, entry) for p in entry["profiles"]), default=24576)
    rows = [
        [
            "board",
            f"GPU-{uuid.uuid5(uuid.NAMESPACE_OID, f'{number} {name}')}",
            f"{number:08X}:{0x10 + number:02X}:00.0",
            (board.pci or entry["pci_device_ids"][0]).removeprefix("0x"),
            str(int(board.mig and bool(board.model))),
            "0",
            str(entry["memory_units"]),
            str(memory),
            str(board.busy_percent),
            ",".join(str(totals.get(e, 0)) for e in _ENGINES) if totals else "-",
            name,
        ]
    ]
    for profile in entry["profiles"]:
        code = _CODES[profile["nvml_enum"]]
        engines = profile.get("engines", {})
        known = profile["gi_profile_id"]
        rows.append(
            [
                *("profile", str(number), str(code), str(100 + code if known is None else known)),
                *(str(profile["compute_slices"]), str(profile["size"])),
                *(str(profile["max_instances"]), str(_memory(profile, entry))),
                str(profile.get("multiprocessors", 0)),
                *(str(engines.get(engine, 0)) for engine in _ENGINES),
                profile.get("exclusive", "-"),
                ",".join(map(str, profile["starts"])),
                profile["name"],
            ]
        )
    return rows


def _memory(profile: dict[str, Any], entry: dict[str, Any]) -> int:
    if profile.get("memory_mib") is not None:
        return int(str(profile["memory_mib"]))
    if profile.get("memory_gib_lgip") is not None:
        return round(float(profile["memory_gib_lgip"]) * 1024)
    # No listing gives it: its part of the largest name, as good as the name is.
    whole = max(float(p["name"].partition(".")[2].partition("gb")[0]) for p in entry["profiles"])
    return round(whole * 1024 * int(profile["size"]) / int(entry["memory_units"]))
