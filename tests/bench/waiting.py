"""How honest the expected starts are, and how evenly the institutions wait.

Working days of a site are simulated through the functions that the product calls: `place` for
those who find something free, `fair_order` and `plan` for those who wait. What a ticket is
told uses only what the hub knows then: the leases with their ends, since when a session is
idle, and which sessions past days had (`History`). Error of a ticket: |told − actual| / actual
wait, an actual wait below a minute counting as one. Every ticket that was called counts, of six
days after two that only make history.

What is assumed of the site is told in `working_days`. The fewer stay until their end, the less
can be known: `error_if_fewer_stay` is the median error if three tenths do instead of half.
"""

from __future__ import annotations

import heapq
import random
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import count

from labwerk_hub.domain.expectation import History, Past, likely_ends
from labwerk_hub.domain.gpu import Slice
from labwerk_hub.domain.placement import place
from labwerk_hub.domain.waiting import Occupied, Ticket, TicketState, Turn, fair_order, lines, plan

from bench.report import Figure, Machine, Report
from bench.working_days import (
    DAY,
    HOUR,
    IDLE,
    KINDS,
    LONGEST,
    MINUTE,
    PROFILES,
    SESSION_MS,
    SHARES,
    Session,
    Visit,
    site,
    visits,
)

PATIENCE = 4 * HOUR
MEMORY = 7 * DAY
DAYS = 8
WARM_UP = 2
RETELL = 5 * MINUTE
SEEDS = (1, 2, 3, 4)
#: How many come on a day besides the class, and which share of them would stay for long:
#: chosen so that ten to forty wait at midday.
PER_DAY, STAY = 90.0, 0.5
PER_DAY_IF_FEWER_STAY, FEWER_STAY = 105.0, 0.3


@dataclass
class Told:
    """What was told to one ticket, when it was taken and later on, and what happened."""

    visit: Visit
    expected: list[tuple[int, int]] = field(default_factory=list)
    called_ms: int | None = None


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
        """Ticks lately; what lies as long back as the memory reaches counts half."""
        faded = 0.5 ** ((self.now - self.used_to) / MEMORY)
        for name in self.used:
            self.used[name] *= faded
        for session in self.sessions.values():
            rate = self.inventory.gpu(session.slice.gpu).ticks_per_second(session.slice)
            since = max(self.used_to, session.started_ms)
            self.used[session.visit.institution] += rate * (self.now - since) / 1000
        self.used_to = self.now
        return dict(self.used)

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
