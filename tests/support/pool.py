"""GPUs that exist in this process only,.

The boards judge what is asked of them by NVIDIA's rules, which are written down here once
more, from the geometry file and not through `labwerk_hub`: an instance stands at one of its
profile's starts; no two share a memory unit; of a profile there are at most so many, of a
group that excludes itself at most one; and the engines suffice. Like a driver they refuse
what is illegal, and everything that is refused here is a fault of the planner.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import labwerk_hub

_GEOMETRY = Path(labwerk_hub.__file__).parent / "adapters" / "mig_geometry.json"

#: A profile's name and the first of the memory units that its instance has.
Place = tuple[str, int]


class RefusedError(Exception):
    """What was asked for is illegal, taken, in use or gone."""


@dataclass(frozen=True)
class Cut:
    """A profile by NVIDIA's table."""

    size: int
    starts: tuple[int, ...]
    most: int
    group: str | None
    engines: Mapping[str, int]


@dataclass(frozen=True)
class Rules:
    """What a model's boards allow."""

    units: int
    cuts: Mapping[str, Cut]
    engines: Mapping[str, int]

    def places(self, names: Iterable[str] | None = None) -> list[Place]:
        """Every place there is, of these profiles or of all."""
        return [(name, start) for name in names or self.cuts for start in self.cuts[name].starts]

    def objection(self, there: Iterable[Place], place: Place) -> str | None:
        """Why ``place`` cannot be had beside what is there; None if it can."""
        name, start = place
        cut = self.cuts.get(name)
        if cut is None or start not in cut.starts:
            return f"{name} cannot start at {start}"
        alike, need = 1, dict(cut.engines)
        for other, at in there:
            beside = self.cuts[other]
            if start < at + beside.size and at < start + cut.size:
                return f"{name}@{start} and {other}@{at} share memory units"
            if other == name:
                alike += 1
            if cut.group is not None and beside.group == cut.group:
                return f"{name} and {other} exclude each other"
            for engine in need:
                need[engine] += beside.engines.get(engine, 0)
        if alike > cut.most:
            return f"there are {cut.most} × {name} already"
        for engine, total in self.engines.items():
            if need.get(engine, 0) > total:
                return f"{name} needs more {engine} than is left"
        return None

    def full_layouts(self, names: Iterable[str] | None = None) -> set[frozenset[Place]]:
        """Every set of places that is legal and to which nothing of ``names`` can be added."""
        places = self.places(names)
        full: set[frozenset[Place]] = set()
        seen: set[frozenset[Place]] = set()
        ahead = [frozenset[Place]()]
        while ahead:
            layout = ahead.pop()
            more = [layout | {p} for p in places if self.objection(layout, p) is None]
            if not more:
                full.add(layout)
            ahead += (larger for larger in more if larger not in seen)
            seen.update(more)
        return full


@cache
def rules() -> Mapping[str, Rules]:
    """The rules of every model of the geometry file."""
    table = json.loads(_GEOMETRY.read_text(encoding="utf-8"))["models"]
    return {name: _rules(entry) for name, entry in table.items()}


def _rules(entry: Mapping[str, object]) -> Rules:
    rows = entry["profiles"]
    assert isinstance(rows, list)
    # Where engines are shared out instead of owned, their numbers do not add up.
    additive = entry.get("engines_additive", True)
    totals = entry.get("engine_totals", {}) if additive else {}
    assert isinstance(totals, dict)
    cuts = {
        row["name"]: Cut(
            size=row["size"],
            starts=tuple(row["starts"]),
            most=row["max_instances"],
            group=row.get("exclusive"),
            engines={name: n for name, n in (row.get("engines") or {}).items() if name in totals},
        )
        for row in rows
    }
    return Rules(int(str(entry["memory_units"])), cuts, totals)


def plain(names: Iterable[str]) -> list[str]:
    """The profiles without the variants that differ in their engines only."""
    return [name for name in names if "+" not in name and "-" not in name]


@dataclass
class Board:
    """A GPU: its instances, and which session's container runs in each of them.

    A ``fixed`` board keeps its instances through everything, as a time-shared one its shares.
    """

    rules: Rules
    fixed: bool = False
    alive: bool = True
    instances: dict[Place, str | None] = field(default_factory=dict)

    def make(self, place: Place) -> None:
        """Make an instance; RefusedError if the rules forbid it."""
        self._must_be_alive()
        if reason := self.rules.objection(self.instances, place):
            raise RefusedError(reason)
        self.instances[place] = None

    def destroy(self, place: Place) -> None:
        """Remove an instance in which nothing runs."""
        self._must_be_alive()
        if self.instances.get(place, "") is not None:
            raise RefusedError(f"{place} is in use or gone")
        del self.instances[place]

    def run(self, place: Place, session: str) -> None:
        """Start a session's container in an instance; RefusedError if one runs there."""
        self._must_be_alive()
        if self.instances.get(place, "") is not None:
            raise RefusedError(f"{place} is held by {self.instances.get(place, 'nobody: gone')}")
        self.instances[place] = session

    def end(self, place: Place, session: str) -> None:
        """The session's container ends, if it still runs."""
        if self.instances.get(place) == session:
            self.instances[place] = None

    def lose(self, place: Place) -> None:
        """The instance is gone, and so is what ran in it."""
        if self.fixed:
            self.instances[place] = None
        else:
            del self.instances[place]

    def reset(self) -> None:
        """As after a reboot: nothing runs, and no instance is left but those that are fixed."""
        for place in list(self.instances):
            self.lose(place)

    def running(self) -> Iterator[tuple[Place, str]]:
        """The places in which a container runs, and whose it is."""
        return ((place, session) for place, session in self.instances.items() if session)

    def _must_be_alive(self) -> None:
        if not self.alive:
            raise RefusedError("the GPU has fallen off the bus")
