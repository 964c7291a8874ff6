"""A pool that lives through anything, in any order, by the product's planner.

Two dynamic GPUs, one with a fixed layout, a whole one and one shared in time, all of one
model. What a hub does with their slices is played in single steps, so that it can be ended
between any two of them: a lease is written, the instance made, the container run; and back.
Only leases and boards outlive a crash. Time is an integer that passes by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from labwerk_hub.adapters.declared import models
from labwerk_hub.domain.gpu import WHOLE, Gpu, Inventory, Slice, shared_model
from labwerk_hub.domain.placement import Claim, Mix, Placement, place, room

from support.pool import Board, Cut, Place, Rules, plain, rules

SHARES = 4
LONGEST_MS = 1000
MOST_CLAIMS = 4


@dataclass(frozen=True)
class Lease:
    """What a session holds, until when, and by which reservation."""

    slice: Slice
    ends_ms: int
    claim: Claim | None

    @property
    def place(self) -> Place:
        return self.slice.profile, self.slice.start


class RandomPool:
    """The pool of one model; ``step`` does one random thing and checks what must hold.

    RefusedError: the planner asked a board for something illegal or held. AssertionError:
    it overlooked a place, or did not keep a promise.
    """

    def __init__(self, model: str, seed: object) -> None:
        self.chance = Random(f"{model} {seed}")
        self.seen: Counter[str] = Counter()
        self._now_ms = 0
        self._leases: dict[str, Lease] = {}
        self._claims: list[Claim] = []
        self._foreign: set[Slice] = set()
        self._model, self._rules = models()[model], rules()[model]
        self._boards, self._gpus = self._opened()
        self._inventory = Inventory(tuple(self._gpus.values()))
        self._held: set[Slice] = set()
        self._mix: Mix = ()
        self._wants = [*self._rules.cuts, *plain(self._rules.cuts), WHOLE, f"shared-{SHARES}"]

    def _opened(self) -> tuple[dict[str, Board], dict[str, Gpu]]:
        layouts = sorted(map(sorted, self._rules.full_layouts()))
        shares = shared_model(self._model, SHARES)
        whole = Rules(self._rules.units, {WHOLE: Cut(self._rules.units, (0,), 1, None, {})}, {})
        share = Cut(1, tuple(range(SHARES)), SHARES, None, {})
        shared = Rules(SHARES, {f"shared-{SHARES}": share}, {})
        boards = {"dyn-a": Board(self._rules), "dyn-b": Board(self._rules)}
        gpus = {name: Gpu(name, self._model, simulated=True, dynamic=True) for name in boards}
        for name, its_rules, layout in (
            ("fixed", self._rules, self.chance.choice(layouts)),
            ("whole", whole, whole.places()),
            ("shared", shared, shared.places()),
        ):
            boards[name] = Board(its_rules, True, instances=dict.fromkeys(layout))
            slices = tuple(Slice(name, p, start, its_rules.cuts[p].size) for p, start in layout)
            model = shares if name == "shared" else self._model
            gpus[name] = Gpu(name, model, simulated=True, slices=slices)
        return boards, gpus

    def step(self) -> None:
        """One operation."""
        kind, *_ = self.chance.choices(list(_OPERATIONS), list(_OPERATIONS.values()))
        self.seen[kind] += 1
        getattr(self, f"_{kind}")()

    # What people do

    def _start(self) -> None:
        list(self._starting(self.chance.choice(self._wants), None))

    def _stop(self) -> None:
        if self._leases:
            list(self._stopping(self.chance.choice(list(self._leases))))

    def _member(self) -> None:
        """Somebody for whom slices are kept comes: the promise is kept."""
        active = [claim for claim in self._claims if claim.from_ms <= self._now_ms]
        if not active:
            return
        claim = self.chance.choice(active)
        usable = self._boards[claim.slice.gpu].alive and claim.slice not in self._held
        steps = list(self._starting(claim.slice.profile, claim))
        if usable:
            assert steps, f"{claim} was not kept"
            assert steps[0].slice == claim.slice, f"{steps[0].slice} for {claim}"
            self.seen["promises kept"] += 1

    def _reserve(self) -> None:
        """Promise units that no lease has then, beside whatever is promised at that time."""
        gpu = self._gpus[self.chance.choice(list(self._gpus))]
        if len(self._claims) >= MOST_CLAIMS or any(f.gpu == gpu.name for f in self._foreign):
            return
        board = self._boards[gpu.name]
        places = list(board.instances) if board.fixed else board.rules.places()
        slice_ = self._slice(gpu.name, self.chance.choice(places))
        from_ms = self._now_ms + self.chance.randrange(LONGEST_MS)
        until_ms = from_ms + 1 + self.chance.randrange(LONGEST_MS)
        beside = {lease.slice for lease in self._leases.values() if lease.ends_ms > from_ms}
        beside |= {c.slice for c in self._claims if c.from_ms < until_ms and c.until_ms > from_ms}
        if self._fits(slice_, beside):
            self._claims.append(Claim(slice_, from_ms, until_ms))
            self.seen["promises"] += 1

    def _mix_changes(self) -> None:
        names = self.chance.sample(self._wants, 3)
        self._mix = [({self._model.name: name}, self.chance.random()) for name in names]

    # What happens to them

    def _pass(self) -> None:
        """Time passes, but not beyond the next promise: then it must be possible to keep it."""
        later = self._now_ms + 1 + self.chance.randrange(LONGEST_MS // 4)
        ahead = [claim.from_ms for claim in self._claims if claim.from_ms > self._now_ms]
        self._now_ms = min([later, *ahead])
        for session in [s for s, lease in self._leases.items() if lease.ends_ms <= self._now_ms]:
            list(self._stopping(session))
        self._claims = [claim for claim in self._claims if claim.until_ms > self._now_ms]
        for claim in self._claims:
            if claim.from_ms == self._now_ms:
                others = {lease.slice for lease in self._leases.values() if lease.claim != claim}
                assert self._fits(claim.slice, others), f"{claim} is due, and there is {others}"

    def _crash(self) -> None:
        """The process ends between two steps; its successor knows leases and boards only."""
        session = self.chance.choice(list(self._leases)) if self._leases else ""
        steps = (
            self._stopping(session)
            if session and self.chance.random() < 0.5
            else self._starting(self.chance.choice(self._wants), None)
        )
        for _ in range(self.chance.randrange(4)):
            next(steps, None)
        self._recover()

    def _reboot(self) -> None:
        for board in self._boards.values():
            board.reset()
        self._foreign.clear()
        self._recover()

    def _lose(self) -> None:
        """An instance vanishes; nobody is told before the next look at it."""
        name = self.chance.choice(list(self._boards))
        if places := list(self._boards[name].instances):
            place_ = self.chance.choice(places)
            self._boards[name].lose(place_)
            self._without_strangers({self._slice(name, place_)})
            if self.chance.random() < 0.5:
                self._recover()

    def _fall_off(self) -> None:
        """A GPU falls off the bus, or one that has comes back, empty."""
        name = self.chance.choice(list(self._boards))
        board = self._boards[name]
        board.alive = not board.alive
        board.reset()
        self._without_strangers({slice_ for slice_ in self._foreign if slice_.gpu == name})
        fault = None if board.alive else "has fallen off the bus"
        self._gpus[name] = replace(self._gpus[name], fault=fault)
        self._inventory = Inventory(tuple(self._gpus.values()))
        if board.alive:
            self._recover()

    def _stranger(self) -> None:
        """Somebody makes an instance by hand, or removes one they made."""
        if self._foreign:
            slice_ = self._foreign.pop()
            self._boards[slice_.gpu].destroy((slice_.profile, slice_.start))
            self._held.discard(slice_)
            return
        name = self.chance.choice(["dyn-a", "dyn-b"])
        slice_ = self._slice(name, self.chance.choice(self._rules.places()))
        promised = any(claim.slice.gpu == name for claim in self._claims)
        if self._boards[name].alive and not promised and self._fits(slice_, self._held):
            self._boards[name].make((slice_.profile, slice_.start))
            self._foreign.add(slice_)
            self._held.add(slice_)

    def _without_strangers(self, gone: set[Slice]) -> None:
        """Of what is no lease the driver is asked each time: it knows at once what is gone."""
        self._held -= gone & self._foreign
        self._foreign -= gone

    # What the hub does

    def _starting(self, profile: str, claim: Claim | None) -> Iterator[Placement]:
        wanted_ms = 1 + self.chance.randrange(LONGEST_MS)
        claims = [other for other in self._claims if other != claim]
        preferred = (claim.slice,) if claim else ()
        profiles = {self._model.name: profile}
        placement = place(
            self._inventory,
            profiles,
            self._held,
            mix=self._mix,
            claims=claims,
            now_ms=self._now_ms,
            wanted_ms=wanted_ms,
            preferred=preferred,
        )
        if self.chance.random() < 0.05:
            self._check_completeness(profile, claims, placement)
        if placement is None:
            self.seen["full"] += 1
            return
        self.seen["placed"] += 1
        slice_, ends_ms = placement.slice, self._now_ms + wanted_ms
        if placement.until_ms is not None:
            ends_ms = min(ends_ms, placement.until_ms)
        session = f"session-{self.seen['placed']}"
        self._leases[session] = Lease(slice_, ends_ms, claim)
        self._held.add(slice_)
        yield placement
        board, at = self._boards[slice_.gpu], (slice_.profile, slice_.start)
        if not board.fixed:
            board.make(at)
        yield placement
        board.run(at, session)
        yield placement

    def _stopping(self, session: str) -> Iterator[None]:
        lease = self._leases[session]
        board = self._boards[lease.slice.gpu]
        board.end(lease.place, session)
        yield
        if not board.fixed and lease.place in board.instances:
            board.destroy(lease.place)
        yield
        del self._leases[session]
        self._held.discard(lease.slice)
        yield

    def _recover(self) -> None:
        """What a start of the hub does: adopt what runs, give back what nobody uses."""
        running = {
            session: self._slice(name, at)
            for name, board in self._boards.items()
            for at, session in board.running()
        }
        for session, slice_ in running.items():
            assert self._leases[session].slice == slice_, f"{session} runs in {slice_}"
        self._leases = {s: lease for s, lease in self._leases.items() if s in running}
        self._held = {lease.slice for lease in self._leases.values()} | self._foreign
        for name, board in self._boards.items():
            for at in list(board.instances):
                if not board.fixed and board.alive and self._slice(name, at) not in self._held:
                    board.destroy(at)

    # What is checked

    def _check_completeness(
        self, profile: str, claims: list[Claim], placement: Placement | None
    ) -> None:
        """Something is found exactly if the rules leave a place that is not promised now."""
        active = {c.slice for c in claims if c.from_ms <= self._now_ms < c.until_ms}
        possible = any(
            self._fits(self._slice(name, at), self._held | active)
            for name, board in self._boards.items()
            if board.alive and profile in board.rules.cuts
            for at in (board.instances if board.fixed else board.rules.places([profile]))
            if at[0] == profile
        )
        assert possible == (placement is not None), f"{profile}: {placement}, {self._held}"
        free = room(self._inventory, {self._model.name: profile}, self._held, claims, self._now_ms)
        assert (free > 0) == possible, f"{profile}: room for {free}"

    def _fits(self, slice_: Slice, beside: set[Slice]) -> bool:
        board = self._boards[slice_.gpu]
        there = [(other.profile, other.start) for other in beside if other.gpu == slice_.gpu]
        return board.rules.objection(there, (slice_.profile, slice_.start)) is None

    def _slice(self, gpu: str, at: Place) -> Slice:
        return Slice(gpu, *at, self._boards[gpu].rules.cuts[at[0]].size)


#: How often each operation comes, of a thousand.
_OPERATIONS = {
    "start": 470,
    "stop": 370,
    "pass": 30,
    "member": 30,
    "reserve": 30,
    "crash": 30,
    "lose": 20,
    "stranger": 10,
    "mix_changes": 4,
    "fall_off": 4,
    "reboot": 2,
}
