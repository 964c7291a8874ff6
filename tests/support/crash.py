"""The crash harness: people come and go while Labwerk is killed; then it is compared.

Several people start and stop sessions through the front door (see crash_people.py), on
slices that are cut at start and on a fixed GPU, paid by their institution or a project.
Meanwhile ``kill -9`` hits hub, service or both, the root helper, or a command that is ending
all sessions as `down` does, at a random moment or at a named one. After every point nothing
may be held twice; at the end, when everybody has gone home, nothing may be left, and the
ledger is what the engine says ran. Who judges shares no code with Labwerk: the referee, the
stand-in driver's own state, the engine's events, and the database's rows.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support import crash_people
from support.books import Books
from support.engine import Engine
from support.engine_watch import Watch, watching
from support.install import Install
from support.nvml import Driver, Instance
from support.person import Person
from support.referee import Referee
from support.settlement import Settlement, settled
from support.waiting import eventually

_TABLE = Path(__file__).parents[2] / "hub_config/labwerk_hub/adapters/mig_geometry.json"
#: What a point kills: programs of the supervisor's, or (``settle``) a command of its own.
TARGETS = (
    *(("hub",), ("hub",), ("hub",), ("service",), ("service",), ("service",)),
    *(("hub", "service"), ("hub", "service"), ("helper",), ("settle",)),
)
#: Seconds to wait for a named moment; if none comes, the point is a random one.
_PATIENCE = 5.0
#: Seconds until nothing may be left: the longest that a lease is kept for a start, and more.
_DRAINED_WITHIN = 150.0
Moment = Callable[["Crashes", random.Random], None]


@dataclass
class Findings:
    """What a run came to. Everything that is wrong is a sentence in one of the lists."""

    seed: int
    points: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    extended: int = 0
    switched: int = 0
    payers: Counter[str] = field(default_factory=Counter)
    settlement: Settlement = field(default_factory=Settlement)
    alarms: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    wrong_charges: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        """All of it."""
        return self.alarms + self.violations + self.wrong_charges + self.settlement.wrong

    def __str__(self) -> str:
        told = ", ".join(f"{count} {name}" for name, count in sorted(self.points.items()))
        paid = ", ".join(f"{name} {count}" for name, count in sorted(self.payers.items()))
        return (
            f"seed {self.seed}: {self.points.total()} points ({told}); {self.runs} sessions ran, "
            f"{self.extended} were extended, {self.switched} had another payer, "
            f"paid by {paid}; {self.settlement}"
        )


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
        lives = [
            crash_people.Life(person, self.books, random.Random(self._random.random()), over)
            for person in people
        ]
        with ThreadPoolExecutor(len(lives)) as pool:
            living = [pool.submit(life.live) for life in lives]
            try:
                yield
            finally:
                over.set()
            for life, future in zip(lives, living, strict=True):
                if error := future.exception(timeout=180):
                    self._violated(f"{life.person.name} gave up: {error!r}")
            self.found.extended = sum(life.extended for life in lives)
            self.found.switched = sum(life.switched for life in lives)

    # ------------------------------------------------------------------ points

    def _point(self) -> None:
        """Kill something at some moment, and wait until what was killed is back."""
        targets = self._random.choice(TARGETS)
        name, moment = self._random.choice(sorted(MOMENTS.items()))
        if targets == ("settle",):
            self._interrupt_settling(name, moment)
            return
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

    def _interrupt_settling(self, name: str, moment: Moment) -> None:
        """Kill a command that stops everybody's session and closes the charges, as `down`."""
        user = tomllib.loads(self.install.settings.read_text())["machine"]["user"]
        command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--"]
        command += [str(self.install.state / "env" / "bin" / "labwerk"), "run", "settle"]
        variables = {
            "LABWERK_SETTINGS": str(self.install.state / "settings.toml"),
            "DOCKER_HOST": os.environ["DOCKER_HOST"],
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
        }
        with subprocess.Popen(
            command,
            env=variables,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as settling:
            time.sleep(self._random.uniform(0.5, 1.5))  # it takes as long to begin
            moment(self, self._random)
            if settling.poll() is None:
                settling.kill()
                self.found.points[f"settle at {name}"] += 1

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
            eventually(
                lambda person=person: crash_people.gone_home(person),  # type: ignore[misc]
                60,
                f"{person.name}'s end",
            )
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
        leases = self.books.leases_since(int(self._began * 1000))
        self.found.payers = Counter(lease.payer for lease in leases)
        self.found.settlement = settled(self.books, runs, {lease.session for lease in leases})
        verified = self.install.command("audit", "verify")
        if verified.returncode:
            self.found.wrong_charges.append(f"audit verify: {verified.stdout}{verified.stderr}")


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


def _starts() -> dict[str, set[int]]:
    """Where instances of a profile may begin, on any model: NVIDIA's table, read anew."""
    found: dict[str, set[int]] = {}
    for model in json.loads(_TABLE.read_text(encoding="utf-8"))["models"].values():
        for profile in model["profiles"]:
            found.setdefault(profile["name"], set()).update(profile["starts"])
    return found


_STARTS = _starts()
