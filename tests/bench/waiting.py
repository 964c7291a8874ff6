"""How honest the expected starts are, and how evenly the institutions wait.

Working days of a site are simulated through the functions that the product calls: `place` for
those who find something free, `fair_order` and `plan` for those who wait. What a ticket is
told uses only what the hub knows then: the leases with their ends, since when a session is
idle, and which sessions past days had (`History`). Error of a ticket: |told − actual| / actual
wait, an actual wait below a minute counting as one. Every ticket that was called counts, of six
days after two that only make history.

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
  In one of three the work is interrupted once, for 15 to 55 minutes. The fewer stay, the less
  can be known: `error_if_fewer_stay` is the median error with three tenths who do.
- When they have done, four of ten stop their session; the others walk away, and the idle rule
  stops it an hour later. Who is still there at its end goes on for four hours if no ticket waits.
- A tenth of those who wait leave the line after an hour (median); a twentieth of those called
  do not come, and their slice is free again after five minutes.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import count

from labwerk_hub.adapters.declared import declared_gpu, models
from labwerk_hub.domain.expectation import History, Past, likely_ends
from labwerk_hub.domain.gpu import Gpu, Inventory, Slice
from labwerk_hub.domain.placement import place
from labwerk_hub.domain.waiting import Occupied, Ticket, TicketState, Turn, fair_order, lines, plan

from bench.report import Figure, Machine, Report

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
H100 = "H100-80GB"
SHARES = {"uni": 3.0, "institute": 2.0, "firm": 1.0}
PATIENCE = 4 * HOUR
LONGEST = 12 * HOUR
HOLD = 5 * MINUTE
IDLE = 1 * HOUR
MEMORY = 7 * DAY
DAYS = 8
WARM_UP = 2
RETELL = 5 * MINUTE
SEEDS = (1, 2, 3, 4)
#: How many come on a day besides the class, and which share of them would stay for long:
#: chosen so that ten to forty wait at midday.
PER_DAY, STAY = 90.0, 0.5
PER_DAY_IF_FEWER_STAY, FEWER_STAY = 105.0, 0.3


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


@dataclass
class Told:
    """What was told to one ticket, minute by minute, and what happened."""

    visit: Visit
    expected: list[tuple[int, int]] = field(default_factory=list)
    called_ms: int | None = None


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


class Simulation:
    """The site with its sessions and its waiting line, from event to event."""

    def __init__(self, per_day: float, stay: float, seed: int) -> None:
        self.inventory = site()
        self.now = 0
        self.sessions: dict[int, Session] = {}
        self.waiting: dict[str, Ticket] = {}
        self.told: dict[str, Told] = {}
        self.past: list[Past] = []
        self.history = History()
        self.history_of = 0
        self.used: dict[str, float] = dict.fromkeys(SHARES, 0.0)
        self.used_to = 0
        self.most_waiting = 0
        self.visits = visits(DAYS, per_day, stay, random.Random(seed))
        self._numbers = count()
        self._events: list[tuple[int, int, str, object]] = []
        for visit in self.visits:
            self._at(visit.at_ms, "comes", visit)
        for again in range(WARM_UP * DAY, DAYS * DAY, RETELL):
            self._at(again, "again", None)

    def _at(self, when: int, what: str, whom: object) -> None:
        heapq.heappush(self._events, (when, next(self._numbers), what, whom))

    def run(self) -> None:
        """Everything until nothing is left to happen."""
        while self._events:
            self.now, _, what, whom = heapq.heappop(self._events)
            getattr(self, f"_{what}")(whom)

    def _comes(self, visit: Visit) -> None:
        lasts = SESSION_MS[visit.flavour]
        claims = [claim for turn in self.turns() if (claim := turn.claim)]
        held = [session.slice for session in self.sessions.values()]
        found = place(
            self.inventory,
            PROFILES[visit.flavour],
            held,
            claims=claims,
            now_ms=self.now,
            wanted_ms=lasts,
        )
        if found and (found.until_ms is None or found.until_ms >= self.now + lasts):
            self._start(visit, found.slice)
            return
        name = f"tk-{next(self._numbers):012x}"
        self.waiting[name] = Ticket(
            name, name, visit.institution, visit.flavour, "", "en", TicketState.WAITING, self.now
        )
        self.told[name] = Told(visit)
        self.most_waiting = max(self.most_waiting, len(self.waiting))
        if visit.leaves_ms is not None:
            self._at(self.now + visit.leaves_ms, "leaves", name)
        self._tell(only=name)

    def _again(self, _: object) -> None:
        if self.waiting:
            self._tell()

    def _leaves(self, name: str) -> None:
        if self.waiting.pop(name, None):
            self._call()

    def _over(self, session: int) -> None:
        found = self.sessions[session]
        if self.now < found.over_ms:
            return  # it was extended meanwhile
        if found.over_ms == found.ends_ms and self._extended(found):
            self._at(found.over_ms, "over", session)
            return
        del self.sessions[session]
        visit, lasted_ms = found.visit, self.now - found.started_ms
        self.past.append(Past(visit.institution, visit.flavour, found.started_ms, lasted_ms))
        self._call()

    def _extended(self, session: Session) -> bool:
        """Whether the person goes on: only while nobody waits."""
        there = self.now < session.started_ms + session.visit.works_ms
        if not there or self.waiting or session.ends_ms >= session.started_ms + LONGEST:
            return False
        session.ends_ms = min(session.ends_ms + 4 * HOUR, session.started_ms + LONGEST)
        return True

    def _call(self) -> None:
        for turn in self.turns():
            if turn.slice is not None and turn.from_ms is not None and turn.from_ms <= self.now:
                told = self.told[turn.ticket.id]
                told.called_ms = self.now
                del self.waiting[turn.ticket.id]
                self._start(told.visit, turn.slice)

    def _start(self, visit: Visit, slice_: Slice) -> None:
        number = next(self._numbers)
        ends = self.now + SESSION_MS[visit.flavour]
        self.sessions[number] = Session(visit, slice_, self.now, ends)
        self._at(self.sessions[number].over_ms, "over", number)

    def turns(self, *, likely: bool = False) -> list[Turn]:
        """The plan as of now; with what is ``likely`` only where somebody is told of it."""
        if not self.waiting:
            return []
        used = self._used()
        line = fair_order(self.waiting.values(), used, SHARES, self.now, PATIENCE)
        sessions = self.sessions.values()
        if not likely:
            occupied = [Occupied(s.slice, s.ends_ms, s.ends_ms) for s in sessions]
            return plan(line, self.inventory, PROFILES, occupied, [], self.now, SESSION_MS)
        history = self._history()
        return plan(
            line,
            self.inventory,
            PROFILES,
            [self._occupied(number, session) for number, session in enumerate(sessions)],
            [],
            self.now,
            SESSION_MS,
            durations_ms={flavour: history.durations(flavour, self.now) for flavour in KINDS},
            futures=lines(line, history, used, SHARES, self.now, PATIENCE),
        )

    def _history(self) -> History:
        """What the hub remembers: renewed when a session has ended since."""
        if self.history_of != len(self.past):
            self.history, self.history_of = History(self.past), len(self.past)
        return self.history

    def _occupied(self, number: int, session: Session) -> Occupied:
        idle = session.idle_since(self.now)
        if idle is not None:
            stops = min(session.ends_ms, idle + IDLE)
            return Occupied(session.slice, session.ends_ms, stops)
        lasted = self._history().durations(session.visit.flavour, session.started_ms)
        ends = session.ends_ms
        futures = likely_ends(self.now, session.started_ms, ends, lasted, number)
        return Occupied(session.slice, ends, ends, futures)

    def _used(self) -> dict[str, float]:
        """Ticks lately, older ones fading, with what running sessions are promised."""
        faded = math.exp(-(self.now - self.used_to) / MEMORY)
        promised = dict.fromkeys(SHARES, 0.0)
        for name in self.used:
            self.used[name] *= faded
        for session in self.sessions.values():
            rate = self.inventory.gpu(session.slice.gpu).ticks_per_second(session.slice)
            since = max(self.used_to, session.started_ms)
            self.used[session.visit.institution] += rate * (self.now - since) / 1000
            promised[session.visit.institution] += rate * (session.ends_ms - self.now) / 1000
        self.used_to = self.now
        return {name: self.used[name] + promised[name] for name in SHARES}

    def _tell(self, only: str | None = None) -> None:
        for turn in self.turns(likely=True):
            if only in (None, turn.ticket.id) and turn.expected_ms is not None:
                self.told[turn.ticket.id].expected.append((self.now, turn.expected_ms))

    def called(self) -> list[Told]:
        """The tickets that count: taken after the first days, and called."""
        return [
            told
            for told in self.told.values()
            if told.called_ms is not None and told.visit.at_ms >= WARM_UP * DAY
        ]


def _error(told_ms: int, at_ms: int, called_ms: int) -> float:
    """By how much what was told at a moment missed, as a share of what was still to wait."""
    return abs(told_ms - called_ms) / max(called_ms - at_ms, MINUTE)


def _first_errors(simulation: Simulation) -> list[float]:
    return [
        _error(told.expected[0][1], told.visit.at_ms, told.called_ms)
        for told in simulation.called()
        if told.called_ms is not None
    ]


def _waits(simulation: Simulation) -> list[float]:
    return [
        (told.called_ms - told.visit.at_ms) / MINUTE
        for told in simulation.called()
        if told.called_ms is not None
    ]


def _minutes_off(simulation: Simulation, share: float) -> list[float]:
    """How many minutes off it was when a share of the wait had passed."""
    found = []
    for told in simulation.called():
        assert told.called_ms is not None
        at_ms = told.visit.at_ms + share * (told.called_ms - told.visit.at_ms)
        latest = [expected for when, expected in told.expected if when <= at_ms][-1]
        found.append(abs(latest - told.called_ms) / MINUTE)
    return found


def _longest(simulation: Simulation) -> list[float]:
    """The longest wait of each institution, in minutes."""
    waits: defaultdict[str, float] = defaultdict(float)
    for told in simulation.called():
        assert told.called_ms is not None
        wait = (told.called_ms - told.visit.at_ms) / MINUTE
        waits[told.visit.institution] = max(waits[told.visit.institution], wait)
    return list(waits.values())


def measure() -> Report:
    """The figures over several simulated weeks."""
    runs = [Simulation(PER_DAY, STAY, seed) for seed in SEEDS]
    fewer = [Simulation(PER_DAY_IF_FEWER_STAY, FEWER_STAY, seed) for seed in SEEDS]
    for simulation in (*runs, *fewer):
        simulation.run()
    errors = [error for simulation in runs for error in _first_errors(simulation)]
    longest = [_longest(simulation) for simulation in runs]
    figures = {
        "median_error_of_expected_start": Figure.of(errors),
        "longest_wait_ratio_between_institutions": Figure.of([max(m) / min(m) for m in longest]),
        "longest_wait_minutes": Figure.of([max(minutes) for minutes in longest]),
        "wait_minutes": Figure.of([wait for s in runs for wait in _waits(s)]),
        "most_waiting": Figure.of([float(s.most_waiting) for s in runs]),
        "error_if_fewer_stay": Figure.of([e for s in fewer for e in _first_errors(s)]),
    }
    for share in (0.0, 0.5, 0.9):
        key = f"minutes_off_after_{share:.0%}".replace("%", "_percent")
        figures[key] = Figure.of([m for s in runs for m in _minutes_off(s, share)])
    return Report(
        name="waiting",
        machine=Machine.this("none"),
        figures=figures,
        at_most={"median_error_of_expected_start": 0.30},
    )
