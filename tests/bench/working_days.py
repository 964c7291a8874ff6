"""Working days of a site: who comes, for what, and for how long.

What is assumed of the site:

- 8 × H100: six cut at start (dynamic MIG), two with a fixed layout; flavours of 1/7, 2/7, half
  a GPU and a whole one (4, 4, 4 and 6 hours at first, at most 12; stopped when idle for 1 hour).
- Three institutions with shares 3 : 2 : 1 and work in proportion to them, so that whoever waits
  longest waits because of the order and not because of the load.
- People come as a Poisson process whose rate follows the working day (peaks at 10 and 14
  o'clock); besides, a class of 24 comes unannounced at 10:15 within some minutes.
- What they do: a tenth looks briefly (median 10 minutes), four tenths work (log-normal, median
  75 minutes, σ 0.9: heavy-tailed), half would stay for 6 to 24 hours and so run into their ends
  (in Adobe's trace of June 2021 the median session lasts 21 hours). A class lasts 95 minutes.
  In one of three the work is interrupted once, for 15 to 55 minutes.
- When they have done, four of ten stop their session; the others walk away, and the idle rule
  stops it an hour later. Who is still there at its end goes on for four hours if no ticket waits.
- A tenth of those who wait leave the line after an hour (median); a twentieth of those called
  do not come, and their slice is free again after five minutes.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from labwerk_hub.adapters.declared import declared_gpu, models
from labwerk_hub.domain.gpu import Gpu, Inventory, Slice

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
H100 = "H100-80GB"
SHARES = {"uni": 3.0, "institute": 2.0, "firm": 1.0}
LONGEST = 12 * HOUR
HOLD = 5 * MINUTE
IDLE = 1 * HOUR


@dataclass(frozen=True)
class Kind:
    """A flavour: its profile, its first end, and how often it is asked for."""

    profile: str
    session_ms: int
    weight: float


KINDS = {
    "small": Kind("1g.10gb", 4 * HOUR, 0.5),
    "medium": Kind("2g.20gb", 4 * HOUR, 0.27),
    "large": Kind("3g.40gb", 4 * HOUR, 0.17),
    "whole": Kind("7g.80gb", 6 * HOUR, 0.06),
}
PROFILES = {name: {H100: kind.profile} for name, kind in KINDS.items()}
SESSION_MS = {name: kind.session_ms for name, kind in KINDS.items()}
#: People an hour on a working day, as a multiple of the mean, by the hour.
DAY_SHAPE = [0.1] * 7 + [0.4, 1.2, 2.4, 2.8, 2.2, 1.4, 2.0, 2.6, 2.2, 1.7, 1.2, 0.8, 0.7, 0.6, 0.4]
DAY_SHAPE += [0.3, 0.2]


@dataclass(frozen=True)
class Visit:
    """Somebody who comes, what for, and how long it takes: times from the session's start.

    Without ``stops`` the person walks away when it is done. ``leaves_ms`` is when they give
    up waiting (None: never); who does not ``come`` is called in vain.
    """

    at_ms: int
    institution: str
    flavour: str
    works_ms: int
    stops: bool
    pause_from_ms: int = 0
    pause_ms: int = 0
    leaves_ms: int | None = None
    comes: bool = True


@dataclass
class Session:
    """A lease of the simulation."""

    visit: Visit
    slice: Slice
    started_ms: int
    ends_ms: int

    @property
    def over_ms(self) -> int:
        """When it will in fact be over; nobody in the simulation knows but the clock."""
        visit = self.visit
        lasts = visit.works_ms + (0 if visit.stops else IDLE) if visit.comes else HOLD
        return min(self.ends_ms, self.started_ms + lasts)

    def idle_since(self, now_ms: int) -> int | None:
        """Since when the hub sees nothing run in it; None if something does."""
        visit, age = self.visit, now_ms - self.started_ms
        if age >= visit.works_ms:
            return self.started_ms + visit.works_ms
        if 0 <= age - visit.pause_from_ms < visit.pause_ms:
            return self.started_ms + visit.pause_from_ms
        return None


def site() -> Inventory:
    """Six GPUs cut at start and two with a fixed layout."""
    model = models()[H100]
    dynamic = [Gpu(f"gpu{n}", model, simulated=True, dynamic=True) for n in range(6)]
    layouts = (
        ["1g.10gb@0", "1g.10gb@1", "1g.10gb@2", "1g.10gb@3", "3g.40gb@4"],
        ["2g.20gb@0", "2g.20gb@2", "3g.40gb@4"],
    )
    fixed = [
        declared_gpu(f"gpu{n}", H100, layout, simulated=True) for n, layout in enumerate(layouts, 6)
    ]
    return Inventory((*dynamic, *fixed))


def visits(days: int, per_day: float, stay: float, chance: random.Random) -> list[Visit]:
    """Everybody who comes in ``days`` days, in order."""
    found = []
    for day in range(days):
        for hour, shape in enumerate(DAY_SHAPE):
            rate = per_day * shape / sum(DAY_SHAPE)
            at = day * DAY + hour * HOUR + chance.expovariate(rate) * HOUR
            while at < day * DAY + (hour + 1) * HOUR:
                found.append(_visit(int(at), stay, chance))
                at += chance.expovariate(rate) * HOUR
        institution = chance.choices(list(SHARES), list(SHARES.values()))[0]
        for _ in range(24):
            at = day * DAY + 10 * HOUR + 15 * MINUTE + chance.expovariate(1 / (4 * MINUTE))
            lasts = int(chance.gauss(95, 8) * MINUTE)
            found.append(Visit(int(at), institution, "small", lasts, chance.random() < 0.4))
    return sorted(found, key=lambda visit: visit.at_ms)


def _visit(at_ms: int, stay: float, chance: random.Random) -> Visit:
    institution = chance.choices(list(SHARES), list(SHARES.values()))[0]
    flavour = chance.choices(list(KINDS), [kind.weight for kind in KINDS.values()])[0]
    sort = chance.random()
    if sort < 0.1:
        works = chance.lognormvariate(math.log(10), 0.5) * MINUTE
    elif sort < 1 - stay:
        works = chance.lognormvariate(math.log(75), 0.9) * MINUTE
    else:
        works = chance.uniform(6, 24) * HOUR
    pauses = chance.random() < 1 / 3
    leaves = chance.random() < 0.1
    return Visit(
        at_ms,
        institution,
        flavour,
        int(works),
        stops=chance.random() < 0.4,
        pause_from_ms=int(chance.uniform(0, works)),
        pause_ms=int(chance.uniform(15, 55) * MINUTE) if pauses else 0,
        leaves_ms=int(chance.lognormvariate(math.log(60), 0.5) * MINUTE) if leaves else None,
        comes=chance.random() > 0.05,
    )
