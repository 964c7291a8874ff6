"""The crash harness: people come and go while hub and service are killed; then it is compared.

Several people start and stop sessions through the front door, mostly without waiting for
the Lab, on slices that are cut at start and on a fixed GPU. Meanwhile ``kill -9`` hits hub,
service or both, at a random moment or at a named one. After every point nothing may be
held twice; at the end, when everybody has gone home, nothing may be left, and what was
charged is what the engine says ran. Who judges shares no code with Labwerk: the referee,
the stand-in driver's own state, the engine's events, and the database's rows.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from support.books import Books
from support.engine import Engine
from support.engine_watch import Watch, watching
from support.install import Install
from support.nvml import Driver, Instance
from support.person import Person
from support.referee import Referee
from support.waiting import eventually

_TABLE = Path(__file__).parents[2] / "hub_config/labwerk_hub/adapters/mig_geometry.json"
#: What is started, and how often one is chosen: little room, so that much is refused, too.
FLAVOURS = {"cut": 3, "cut-half": 4, "cut-rtx": 3, "single": 2}
#: What a point kills.
TARGETS = (("hub",), ("hub",), ("service",), ("service",), ("hub", "service"))
#: Seconds to wait for a named moment; if none comes, the point is a random one.
_PATIENCE = 5.0
#: Seconds between two questions of a person's: the hub is to be killed, not to be flooded.
_AGAIN = 1.0
#: Seconds until nothing may be left: the longest that a lease is kept for a start, and more.
_DRAINED_WITHIN = 150.0
Moment = Callable[["Crashes", random.Random], None]


@dataclass
class Findings:
    """What a run came to. Everything that is wrong is a sentence in one of the lists."""

    seed: int
    points: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    alarms: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    wrong_charges: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        """All of it."""
        return self.alarms + self.violations + self.wrong_charges

    def __str__(self) -> str:
        told = ", ".join(f"{count} {name}" for name, count in sorted(self.points.items()))
        return f"seed {self.seed}: {self.points.total()} points ({told}), {self.runs} sessions ran"


class Crashes:
    """One run of the harness on an install whose pool has the tests' stand-in driver."""

    def __init__(
        self, install: Install, engine: Engine, driver: Driver, referee: Referee, seed: int
    ) -> None:
        self.install = install
        self.engine = engine
        self.driver = driver
        self.referee = referee
        self.books = Books(install)
        self.found = Findings(seed)
        self.watch: Watch = Watch()
        self._random = random.Random(seed)
        self._began = 0.0
        self._foreign: list[Instance] = []

    def run(self, logins: Sequence[str], points: int, seconds: float = float("inf")) -> Findings:
        """Let these people come and go over so many points (or seconds), then compare."""
        self._began = time.time()
        ends = time.monotonic() + seconds
        self._foreign = self.driver.instances()
        with ExitStack() as stack:
            self.watch = stack.enter_context(watching(self.engine))
            people = [stack.enter_context(self.install.person(login)) for login in logins]
            for person in people:
                person.sign_in()
            with self._coming_and_going(people):
                while self.found.points.total() < points and time.monotonic() < ends:
                    self._point()
                    self._compare()
            self._drain(people)
            self._compare()
            self._settle_accounts()
        return self.found

    # ------------------------------------------------------------------ people

    @contextmanager
    def _coming_and_going(self, people: Sequence[Person]) -> Iterator[None]:
        over = threading.Event()
        threads = [
            threading.Thread(
                target=_live, args=(person, random.Random(self._random.random()), over), daemon=True
            )
            for person in people
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join(timeout=60)

    # ------------------------------------------------------------------ points

    def _point(self) -> None:
        """Kill something at some moment, and wait until what was killed is back."""
        targets = self._random.choice(TARGETS)
        name, moment = self._random.choice(sorted(MOMENTS.items()))
        pids = {program: self.install.pid_of(program) for program in targets}
        moment(self, self._random)
        for pid in pids.values():
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
        self.found.points[f"{'+'.join(targets)} at {name}"] += 1
        for program, pid in pids.items():
            eventually(
                lambda program=program, pid=pid: self.install.pid_of(program) not in {None, pid},  # type: ignore[misc]
                60,
                f"{program}'s restart",
            )
        # Now and then the next one hits while this one's successor is only starting.
        if self._random.random() < 0.8:
            eventually(self.install.hub_answers, 60, "the hub's answer")
            self.watch.next("start", _PATIENCE)  # people have got going again

    # -------------------------------------------------------------- comparison

    def _compare(self) -> None:
        """Nothing is held twice, by whomever one asks."""
        told = set(self.found.alarms)
        for verdict in self.referee.verdicts():
            sentence = f"{verdict.container[:12]}: {verdict.refusal}"
            if verdict.time >= self._began and verdict.refusal and sentence not in told:
                self.found.alarms.append(sentence)
        held: dict[tuple[str, int], str] = {}
        for lease in self.books.unended():
            for unit in lease.units:
                if unit in held:
                    self._violated(f"{unit} is leased to {held[unit]} and {lease.session}")
                held[unit] = lease.session
        cut: dict[tuple[str, int], str] = {}
        instances = self.driver.instances()
        for instance in instances:
            if instance.start not in _STARTS.get(instance.profile, set()):
                self._violated(f"{instance.profile}@{instance.start} is no place on any model")
            for number in range(instance.start, instance.start + instance.size):
                if (instance.gpu, number) in cut:
                    self._violated(f"{instance.gpu} unit {number} is cut twice")
                cut[instance.gpu, number] = instance.uuid
        if lost := {i.uuid for i in self._foreign} - {i.uuid for i in instances}:
            self._violated(f"instances that others made are gone: {', '.join(lost)}")

    def _violated(self, sentence: str) -> None:
        if sentence not in self.found.violations:
            self.found.violations.append(sentence)

    # --------------------------------------------------------------------- end

    def _drain(self, people: Sequence[Person]) -> None:
        """Everybody goes home; whatever is left then stays a violation."""
        eventually(self.install.hub_answers, 60, "the hub's answer")
        for person in people:
            eventually(lambda person=person: _gone_home(person), 60, f"{person.name}'s end")  # type: ignore[misc]
        ends = time.monotonic() + _DRAINED_WITHIN
        while (left := self._left()) and time.monotonic() < ends:
            time.sleep(0.5)
        for sentence in left:
            self._violated(f"left over: {sentence}")

    def _left(self) -> list[str]:
        foreign = {instance.uuid for instance in self._foreign}
        left = [f"the lease of {lease.session}" for lease in self.books.unended()]
        left += [f"container {container.name}" for container in self.engine.sessions()]
        left += [
            f"instance {i.profile}@{i.start} of {i.gpu}"
            for i in self.driver.instances()
            if i.uuid not in foreign
        ]
        if not left and self.books.units_held():
            left.append(f"{self.books.units_held()} units are held for nobody")
        return left

    def _settle_accounts(self) -> None:
        runs = self.watch.runs()
        self.found.runs = len(runs)
        for run in runs:
            try:
                self.books.assert_charged_like(run)
            except (AssertionError, IndexError) as error:
                self.found.wrong_charges.append(f"{run.session}: {error}")
        if imbalance := self.books.imbalance():
            self.found.wrong_charges.append(f"the books are {imbalance} ticks out of balance")


# ----------------------------------------------------------------------- moments


def _at_random(_: Crashes, chance: random.Random) -> None:
    time.sleep(chance.uniform(0.0, 2.0))


def _when_the_engine_says(action: str) -> Moment:
    def wait(run: Crashes, chance: random.Random) -> None:
        run.watch.next(action, _PATIENCE)
        time.sleep(chance.choice([0.0, chance.uniform(0.0, 0.3)]))

    return wait


def _when_a_lease_is_taken(run: Crashes, _: random.Random) -> None:
    known = {lease.session for lease in run.books.unended()}
    _until(lambda: {lease.session for lease in run.books.unended()} - known)


def _when_an_instance_is_made(run: Crashes, _: random.Random) -> None:
    known = {instance.uuid for instance in run.driver.instances()}
    _until(lambda: {instance.uuid for instance in run.driver.instances()} - known)


def _when_an_instance_is_destroyed(run: Crashes, _: random.Random) -> None:
    known = {instance.uuid for instance in run.driver.instances()}
    _until(lambda: known - {instance.uuid for instance in run.driver.instances()})


def _until(come: Callable[[], object]) -> None:
    ends = time.monotonic() + _PATIENCE
    while not come() and time.monotonic() < ends:
        time.sleep(0.005)


MOMENTS: dict[str, Moment] = {
    "a random moment": _at_random,
    "a lease": _when_a_lease_is_taken,
    "a cut": _when_an_instance_is_made,
    "a container made": _when_the_engine_says("create"),
    "a container begun": _when_the_engine_says("start"),
    "a container's end": _when_the_engine_says("die"),
    "a container removed": _when_the_engine_says("destroy"),
    "a cut undone": _when_an_instance_is_destroyed,
}


# ------------------------------------------------------------------------ people


def _live(person: Person, chance: random.Random, over: threading.Event) -> None:
    """Start something, stay for a moment, stop it; again and again, whatever the hub does."""
    names, weights = list(FLAVOURS), list(FLAVOURS.values())
    url = f"/hub/api/users/{person.name}/server"
    while not over.is_set():
        try:
            (flavour,) = chance.choices(names, weights)
            choice = {"flavour": flavour, "image": "base", "wait": ""}
            person.http.post(url, json=choice, headers=person.hub_headers())
            over.wait(chance.choice([0.0, chance.uniform(0.0, 1.0), chance.uniform(1.0, 6.0)]))
            while not _gone_home(person) and not over.is_set():
                over.wait(_AGAIN)
        except httpx.HTTPError:  # the hub is away
            over.wait(_AGAIN)
        over.wait(chance.uniform(0.0, 0.5))


def _gone_home(person: Person) -> bool:
    """Ask for the stop; whether the hub has no server for the person any more."""
    try:
        url = f"/hub/api/users/{person.name}/server"
        answer = person.http.delete(url, headers=person.hub_headers())
        return answer.status_code in {204, 404} and not person.servers()
    except (httpx.HTTPError, json.JSONDecodeError):
        return False


def _starts() -> dict[str, set[int]]:
    """Where instances of a profile may begin, on any model: NVIDIA's table, read anew."""
    found: dict[str, set[int]] = {}
    for model in json.loads(_TABLE.read_text(encoding="utf-8"))["models"].values():
        for profile in model["profiles"]:
            found.setdefault(profile["name"], set()).update(profile["starts"])
    return found


_STARTS = _starts()
