"""What the tests tell the referee, and read from it (see nvidia-container-runtime-hook)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Verdict:
    """One start that the referee judged; ``refusal`` is empty when it agreed."""

    time: float
    container: str
    devices: tuple[str, ...]
    refusal: str


@dataclass(frozen=True)
class Device:
    """A device as the tests declare it: memory units of a GPU."""

    gpu: str
    units: tuple[int, ...]


class Referee:
    """The folder that the stand-in hook of the tests' engine works in."""

    def __init__(self) -> None:
        self._folder = Path(os.environ["LABWERK_TESTS_REFEREE"])

    def declare(self, devices: Mapping[str, Device]) -> None:
        """Say which devices the machine has."""
        table = {name: {"gpu": d.gpu, "units": list(d.units)} for name, d in devices.items()}
        (self._folder / "devices.json").write_text(json.dumps(table))

    def verdicts(self) -> list[Verdict]:
        """Every verdict of this run, oldest first."""
        file = self._folder / "verdicts.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        rows = [json.loads(line) for line in lines]
        return [
            Verdict(row["time"], row["container"], tuple(row["devices"]), row["refusal"])
            for row in rows
        ]
