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
from typing import Any


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
    engine: str | None
    python: str

    @classmethod
    def this(cls, engine: str | None = None) -> Machine:
        """The machine this runs on; ``engine`` is None where no container was started."""
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
    """Figures by their key, and between which values the goals want some of them.

    A dot in a key is a nested object in the JSON: ``uniform.ours`` is one of ``uniform``.
    """

    name: str
    machine: Machine
    figures: dict[str, Figure]
    at_most: dict[str, float] = field(default_factory=dict)
    at_least: dict[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every goal is met."""
        return all(self._is_met(key) for key in (*self.at_most, *self.at_least))

    def as_json(self) -> str:
        """One object: name, machine, figures, spread, goals (by their whole keys), ok."""
        goals: dict[str, dict[str, float | bool]] = {}
        for word, limits in (("at_most", self.at_most), ("at_least", self.at_least)):
            for key, limit in limits.items():
                goals.setdefault(key, {"ok": self._is_met(key)})[word] = limit
        return json.dumps(
            {
                "name": self.name,
                "machine": asdict(self.machine),
                "figures": _nested({key: round(f.value, 4) for key, f in self.figures.items()}),
                "spread": _nested(
                    {
                        key: {
                            "least": round(f.least, 4),
                            "greatest": round(f.greatest, 4),
                            "count": f.count,
                        }
                        for key, f in self.figures.items()
                    }
                ),
                "goals": goals,
                "ok": self.ok,
            }
        )

    def as_table(self) -> str:
        """The same for reading."""
        machine = self.machine
        engine = f", engine {machine.engine}" if machine.engine else ""
        lines = [
            f"{self.name} on {machine.cores} cores of {machine.processor}{engine}",
            f"{'figure':32} {'value':>9} {'least':>9} {'greatest':>9} {'n':>4}  goal",
        ]
        for key, figure in self.figures.items():
            limits = [f"at most {self.at_most[key]}"] if key in self.at_most else []
            limits += [f"at least {self.at_least[key]}"] if key in self.at_least else []
            goal = f"{', '.join(limits)}: {'met' if self._is_met(key) else 'MISSED'}"
            lines.append(
                f"{key:32} {figure.value:9.3f} {figure.least:9.3f} {figure.greatest:9.3f}"
                f" {figure.count:4d}  {goal if limits else ''}"
            )
        return "\n".join(lines)

    def _is_met(self, key: str) -> bool:
        value = self.figures[key].value
        return self.at_least.get(key, value) <= value <= self.at_most.get(key, value)


def _nested(flat: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in flat.items():
        *folders, name = key.split(".")
        place = result
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = value
    return result
