"""The map of the pool in a terminal: each GPU a bar of its units, and what is to be said of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from zoneinfo import ZoneInfo

import click

from labwerk_hub import formats
from labwerk_hub.domain.board import PlaceState
from labwerk_hub.services.gpu_map import GpuMap, GpuOnMap, Holder, Kept, PlaceOnMap

#: Columns that a unit has on a bar.
_WIDTH = 2
#: What a unit looks like, and in which colour where there are colours.
_LOOKS = {
    "held": ("█", "yellow"),
    "foreign": ("▓", "magenta"),
    "kept": ("▒", "blue"),
    "free": ("░", "green"),
    "uncut": ("·", None),
    "fault": ("×", "red"),
}
_LEGEND = {
    "held": "in use",
    "foreign": "somebody else's",
    "kept": "reserved now",
    "free": "free",
    "uncut": "in no slice",
    "fault": "fault",
}
_WORDS = {
    PlaceState.STARTING: "starting",
    PlaceState.HELD: "in use",
    PlaceState.ENDING: "ending",
    PlaceState.FOREIGN: "made by somebody else; Labwerk leaves it alone",
}


def as_text(pool: GpuMap, zone: ZoneInfo) -> str:
    """The map as people read it, with the escape codes of its colours."""
    seen = _Seen(pool.at, zone)
    lines = [line for gpu in pool.gpus for line in seen.gpu(gpu)]
    lines += [
        f"{lost.slice} is in use, but there is no such GPU any more: {seen.holder(lost.holder)}"
        for lost in pool.lost
    ]
    if not pool.gpus:
        lines.append("The pool has no GPU.")
    legend = "  ".join(f"{_look(state)} {_LEGEND[state]}" for state in _LOOKS if state in seen.used)
    return "\n".join([*lines, *([legend] if legend else [])])


def _look(state: str, columns: int = 1) -> str:
    sign, colour = _LOOKS[state]
    return click.style(sign * columns, fg=colour)


class _Seen:
    """One look at the pool: times are told as of then; ``used`` are the looks that occurred."""

    def __init__(self, at: datetime, zone: ZoneInfo) -> None:
        self._at, self._zone = at, zone
        self.used: set[str] = set()

    def gpu(self, gpu: GpuOnMap) -> Iterator[str]:
        """A GPU's lines."""
        ways = {"simulated": gpu.simulated, "cut at start": gpu.dynamic, "shared": gpu.shared}
        about = ", ".join([gpu.model, *(word for word, is_so in ways.items() if is_so)])
        yield f"{click.style(gpu.name, bold=True)}  {about}"
        if gpu.fault is not None:
            yield "  " + click.style(f"{gpu.name} {gpu.fault}", fg="red")
        yield "  " + self._bar(gpu)
        for place in gpu.places:
            if word := _WORDS.get(PlaceState(place.state)):
                whose = f": {self.holder(place.holder)}" if place.holder is not None else ""
                yield f"  {place.profile}@{place.start} {word}{whose}"
        for _, group in groupby(gpu.kept, key=lambda kept: kept.reservation):
            together = list(group)
            slices = ", ".join(f"{kept.profile}@{kept.start}" for kept in together)
            yield f"  {slices} {self._reserved(together[0])}"
        yield ""

    def holder(self, holder: Holder) -> str:
        """Who holds something, and until when."""
        until = self._moment(holder.until)
        return f"{holder.person}, {holder.flavour}, until {until} ({holder.session})"

    def _bar(self, gpu: GpuOnMap) -> str:
        now = [kept for kept in gpu.kept if kept.from_at <= self._at < kept.released_at]
        cells = (self._cells(gpu, place, now) for place in gpu.places)
        return "│" + "│".join(cells) + "│"

    def _cells(self, gpu: GpuOnMap, place: PlaceOnMap, now: Sequence[Kept]) -> str:
        states = [_state(gpu, place, unit, now) for unit in range(place.start, _end(place))]
        self.used |= set(states)
        return "".join(_look(state, _WIDTH * len(list(run))) for state, run in groupby(states))

    def _reserved(self, kept: Kept) -> str:
        span = f"{self._moment(kept.from_at)} to {self._moment(kept.to_at)}"
        return f"reserved {span}: {kept.title}, for {kept.group} ({kept.reservation})"

    def _moment(self, when: datetime) -> str:
        return formats.moment(when, "en", self._zone, self._at)


def _end(place: PlaceOnMap | Kept) -> int:
    return place.start + place.size


def _state(gpu: GpuOnMap, place: PlaceOnMap, unit: int, now: Sequence[Kept]) -> str:
    if place.state == PlaceState.FOREIGN:
        return "foreign"
    if place.holder is not None:
        return "held"
    if gpu.fault is not None:
        return "fault"
    if any(kept.start <= unit < _end(kept) for kept in now):
        return "kept"
    return "uncut" if place.state == PlaceState.UNCUT else "free"
