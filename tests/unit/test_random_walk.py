"""A long day at a small pool: whatever people do, in whatever order, the promises hold."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
from labwerk_hub.adapters.sql.tables import tickets
from labwerk_hub.domain.admission import Request
from labwerk_hub.domain.leases import Lease, LeaseState
from labwerk_hub.domain.waiting import Ticket, TicketState
from labwerk_hub.services import extension, sessions, waiting
from labwerk_hub.services.offers import RefusedError
from labwerk_hub.services.reconcile import reconcile
from sqlalchemy import select
from support.pool import rules
from support.workbench import H100, HOUR_MS, Bench, bench_in, dynamic_gpu, fixed_gpu

STEPS = 1500
FLAVOURS = ("small", "medium", "large", "large", "cpu")
PEOPLE = 24
PATIENCE_MS = 4 * HOUR_MS
#: The longest that a session may last, in which all that is held is back.
LONGEST_MS = 8 * HOUR_MS


class Walk:
    """People, a hub and a hub service that do something at random, and notes of what came."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench = bench
        self.random = random.Random(seed)
        self.people = [
            bench.person(f"Person {n}", "iwe" if n % 3 == 0 else "thr") for n in range(PEOPLE)
        ]
        self.called: set[str] = set()
        self.done: dict[str, int] = {}
        #: Tickets that somebody gave up by what they did.
        self.given_up: set[str] = set()

    def step(self) -> None:
        """One thing happens."""
        happens: list[tuple[int, Callable[[], str]]] = [
            (34, self.ask),
            (8, self.stop),
            (14, self.extend),
            (5, self.leave),
            (20, self.advance),
            (12, self.time_goes_by),
            (6, self.crash),
            (10, self.reading),
        ]
        weights, steps = zip(*happens, strict=True)
        (chosen,) = self.random.choices(steps, weights)
        what = chosen()
        self.done[what] = self.done.get(what, 0) + 1

    def ask(self) -> str:
        """The hub starts a server for somebody who has none."""
        person = self.random.choice(self.people)
        if self._live(person):
            return "runs already"
        flavour, wait = self.random.choice(FLAVOURS), self.random.random() < 0.8
        ticket = self.bench.ticket(person)
        try:
            self.bench.start(person, flavour, wait=wait)
        except sessions.WaitingError as waits:
            self._gives_up(ticket, unless=waits.ticket.id)
            return "waits"
        except RefusedError as error:
            if ticket is not None and ticket.state is TicketState.CALLED:
                self._gives_up(ticket)  # for something else, which is not to be had
            return error.refusal.reason.value
        self._gives_up(ticket)
        return "starts"

    def stop(self) -> str:
        """Somebody stops their server."""
        if (person := self._somebody_at_work()) is None:
            return "nothing runs"
        self.bench.stop(person)
        return "stops"

    def extend(self) -> str:
        """Somebody wants to stay."""
        if (person := self._somebody_at_work()) is None:
            return "nothing runs"
        try:
            extension.extend(self.bench.workbench, person)
        except RefusedError as error:
            return f"not extended: {error.refusal.reason.value}"
        return "extended"

    def leave(self) -> str:
        """Somebody in line has had enough."""
        person = self.random.choice(self.people)
        ticket = self.bench.ticket(person)
        waiting.leave(self.bench.workbench, person)
        self._gives_up(ticket)
        return "leaves" if ticket else "was not in line"

    def advance(self) -> str:
        """The service calls people, and the hub starts most of them."""
        started = "nobody called"
        for ticket in self.bench.called():
            self.called.add(ticket.id)
            started = "called"
            if self.random.random() < 0.8:
                lease = self.bench.start(ticket.person, ticket.flavour, ticket.image)
                assert lease.session == ticket.session
                started = "called and started"
        return started

    def time_goes_by(self) -> str:
        """Up to half an hour."""
        self.bench.clock.step(seconds=self.random.choice([1, 10, 60, 400, 1800]))
        return "time goes by"

    def crash(self) -> str:
        """The hub is killed somewhere in a start and comes back; it looks after the person."""
        person = self.random.choice(self.people)
        if self._live(person):
            return "runs already"
        ticket = self.bench.ticket(person)
        wanted = Request(self.random.choice(FLAVOURS), "base")
        if ticket is not None:
            wanted = Request(ticket.flavour, ticket.image, wait=True)
        try:
            granted = sessions.admit(self.bench.workbench, person, wanted)
        except (RefusedError, sessions.WaitingError):
            return "crash before anything"
        far = self.random.random()
        if far > 0.3:
            self.bench.engine.create(granted.spec.name, granted.spec.labels)
        if far > 0.6:
            self.bench.engine.start(granted.spec.name)
        sessions.clear_leftovers(self.bench.workbench, person)
        was_called = ticket is not None and ticket.state is TicketState.CALLED
        if ticket is not None and not was_called:
            self._gives_up(ticket)  # they were served past the line and the start failed
        return "crash in a start"

    def reading(self) -> str:
        """The service reads the engine, and the hub stops what is due."""
        served = {lease.person for lease in self.bench.leases()}
        for lease in reconcile(self.bench.workbench, served).to_stop:
            self.bench.stop(lease.person)
        return "reading"

    def check(self) -> None:
        """What must never break, from the database's own rows."""
        with self.bench.workbench.database.reading() as tx:
            holding = tx.leases.holding()
            in_line = tx.tickets.open()
        units = [(x.slice.gpu, u) for x in holding if x.slice for u in x.slice.units]
        assert len(units) == len(set(units)), "a unit has two holders"
        self._check_geometry(holding)
        people = [ticket.person for ticket in in_line]
        assert len(people) == len(set(people))
        kept = {t.session for t in in_line if t.state is TicketState.CALLED}
        assert kept <= {x.session for x in holding if x.state is LeaseState.INTENDED}

    def _check_geometry(self, holding: list[Lease]) -> None:
        there: list[tuple[str, int]] = []
        for lease in holding:
            if lease.slice is not None and lease.slice.gpu == "dynamic":
                place = (lease.slice.profile, lease.slice.start)
                assert rules()[H100].objection(there, place) is None
                there.append(place)

    def _somebody_at_work(self) -> str | None:
        running = [lease for lease in self.bench.leases() if lease.state is LeaseState.LIVE]
        return self.random.choice(running).person if running else None

    def _live(self, person: str) -> bool:
        return any(lease.state is LeaseState.LIVE for lease in self.bench.leases(person))

    def _gives_up(self, ticket: Ticket | None, unless: str = "") -> None:
        if ticket is not None and ticket.id != unless:
            self.given_up.add(ticket.id)


def _all_tickets(bench: Bench) -> dict[str, TicketState]:
    """Every ticket there ever was, straight from the table."""
    with bench.workbench.database.reading() as tx:
        rows = tx.connection.execute(select(tickets.c.id, tickets.c.state))  # type: ignore[attr-defined]
        return {identifier: TicketState(state) for identifier, state in rows}


@pytest.mark.parametrize("seed", [1, 2])
def test_no_unit_has_two_holders_no_ticket_is_lost_and_nobody_starves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    # Names decide between equals: with the seed's own, every run is the same.
    names = random.Random(seed)
    monkeypatch.setattr(secrets, "token_hex", lambda n: names.randbytes(n).hex())
    gpus = [fixed_gpu("fixed", "1g.10gb@0", "2g.20gb@2"), dynamic_gpu()]
    with bench_in(tmp_path, gpus) as bench:
        walk = Walk(bench, seed)
        for _ in range(STEPS):
            walk.step()
            walk.check()
        for what in ("starts", "waits", "stops", "called and started", "reading"):
            assert walk.done.get(what, 0) >= 10, (what, walk.done)
        for what in ("extended", "leaves", "crash in a start", "not extended: others-wait"):
            assert walk.done.get(what, 0) >= 3, (what, walk.done)

        # Nobody new comes; sessions end when their time is up, and everybody has their turn.
        in_line = [t for p in walk.people if (t := bench.ticket(p)) is not None]
        ahead = {t.id for t in in_line if t.held_until_ms is None}  # who was called may miss it
        assert ahead, "somebody is still in line after such a day"
        until = bench.clock.ms + PATIENCE_MS + 2 * LONGEST_MS
        while any(bench.ticket(person) for person in walk.people) and bench.clock.ms < until:
            for ticket in bench.called():
                walk.called.add(ticket.id)
                bench.start(ticket.person, ticket.flavour, ticket.image)
            walk.reading()
            walk.check()
            bench.clock.step(minutes=10)
        assert not any(bench.ticket(person) for person in walk.people)
        ends = _all_tickets(bench)
        assert {ends[identifier] for identifier in ahead} == {TicketState.STARTED}
        for identifier, state in ends.items():
            match state:
                case TicketState.STARTED | TicketState.MISSED:
                    assert identifier in walk.called
                case TicketState.LEFT:
                    assert identifier in walk.given_up
                case _:
                    raise AssertionError(f"{identifier} ended as {state}")

        # And when all is over nothing is held, on no account is a tick too many.
        for person in walk.people:
            bench.stop(person)
        reconcile(bench.workbench, None)
        assert bench.holding() == []
        assert bench.engine.sessions() == []
        of = ("institution/thr", "institution/iwe")
        used = sum(bench.used_by(person, name) for person in walk.people for name in of)
        assert used == sum(bench.figures(name).used for name in of) > 0
