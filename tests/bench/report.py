"""A benchmark's result: figures with their spread, goals, and the machine."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median, quantiles


@dataclass(frozen=True)
class Figure:
    """A median of repeated measurements, and the least and greatest of them."""

    value: float
    least: float
    greatest: float
    count: int

    @classmethod
    def of(cls, measured: Sequence[float]) -> Figure:
        """The median and spread of what was measured."""
        return cls(median(measured), min(measured), max(measured), len(measured))

    @classmethod
    def of_p95(cls, measured: Sequence[float]) -> Figure:
        """The 95th percentile, interpolated, in place of the median."""
        p95 = quantiles(measured, n=20, method="inclusive")[-1]
        return cls(p95, min(measured), max(measured), len(measured))


@dataclass(frozen=True)
class Machine:
    """Where it was measured; figures of two machines must not be compared."""

    cores: int
    processor: str
    memory_gib: float
    system: str
    engine: str
    python: str

    @classmethod
    def this(cls, engine: str) -> Machine:
        """The machine this runs on."""
        cpu = Path("/proc/cpuinfo").read_text()
        names = [line.split(":")[1].strip() for line in cpu.splitlines() if "model name" in line]
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return cls(
            cores=os.cpu_count() or 1,
            processor=names[0] if names else platform.machine(),
            memory_gib=round(pages / 2**30, 1),
            system=platform.platform(),
            engine=engine,
            python=sys.version.split()[0],
        )


@dataclass(frozen=True)
class Report:
    """Figures by their key, and the greatest value that a goal allows one of them."""

    name: str
    machine: Machine
    figures: dict[str, Figure]
    at_most: dict[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every goal is met."""
        return all(self.figures[key].value <= limit for key, limit in self.at_most.items())

    def as_json(self) -> str:
        """One object: name, machine, figures, spread, goals, ok."""
        goals = {
            key: {"at_most": limit, "ok": self.figures[key].value <= limit}
            for key, limit in self.at_most.items()
        }
        spread = {
            key: {"least": round(f.least, 4), "greatest": round(f.greatest, 4), "count": f.count}
            for key, f in self.figures.items()
        }
        return json.dumps(
            {
                "name": self.name,
                "machine": asdict(self.machine),
                "figures": {key: round(f.value, 4) for key, f in self.figures.items()},
                "spread": spread,
                "goals": goals,
                "ok": self.ok,
            }
        )

    def as_table(self) -> str:
        """The same for reading."""
        machine = self.machine
        lines = [
            f"{self.name} on {machine.cores} cores of {machine.processor}, engine {machine.engine}",
            f"{'figure':24} {'value':>9} {'least':>9} {'greatest':>9} {'n':>4}  goal",
        ]
        for key, figure in self.figures.items():
            limit = self.at_most.get(key)
            goal = ""
            if limit is not None:
                goal = f"at most {limit}: {'met' if figure.value <= limit else 'MISSED'}"
            lines.append(
                f"{key:24} {figure.value:9.3f} {figure.least:9.3f} {figure.greatest:9.3f}"
                f" {figure.count:4d}  {goal}"
            )
        return "\n".join(lines)
