"""Whatever people, those who decide and the service do: the books balance and nobody pays twice."""

from __future__ import annotations

import shutil
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from labwerk_hub.adapters.sql import migrate
from labwerk_hub.domain.admission import Request
from labwerk_hub.domain.budgets import BudgetKind
from labwerk_hub.domain.catalogue import Project
from labwerk_hub.domain.leases import Lease
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR as HOUR
from labwerk_hub.domain.texts import Localized
from labwerk_hub.services import budget_requests, extension, payers, people, sessions
from labwerk_hub.services.budget_decisions import BudgetDecisionError, set_budget, set_share
from labwerk_hub.services.budgets import balance_in, budget_of
from labwerk_hub.services.offers import RefusedError
from labwerk_hub.services.reconcile import reconcile
from labwerk_hub.services.request_decisions import grant
from labwerk_hub.services.verification import verify
from support.workbench import bench_in, budget, budgets, dynamic_gpu

THR, IWE, ROTOR = "institution/thr", "institution/iwe", "project/rotor"
PEOPLE = st.sampled_from(["thr--anna", "thr--ben", "iwe--cem"])
PAYERS = st.sampled_from(["", THR, IWE, ROTOR])
BUDGETS = st.sampled_from([THR, ROTOR])
FLAVOURS = st.sampled_from(["small", "medium", "cpu"])
#: A small slice costs an eighth of a GPU-hour an hour.
AMOUNTS = st.sampled_from([None, 0, HOUR // 8, HOUR // 2, 2 * HOUR])
MINUTES = st.sampled_from([1, 10, 25, 61, 125, 420])


@cache
def _empty() -> TemporaryDirectory[str]:
    """A folder with a database with tables, made once; it goes away with this process."""
    folder = TemporaryDirectory(prefix="labwerk-")
    migrate(f"sqlite:///{folder.name}/labwerk.sqlite")
    return folder


class Books(RuleBasedStateMachine):
    """Three people, two institutions and a project, some hours before a month ends."""

    def __init__(self) -> None:
        super().__init__()
        self._ends = ExitStack()
        folder = Path(self._ends.enter_context(TemporaryDirectory()))
        shutil.copy(Path(_empty().name) / "labwerk.sqlite", folder)
        self.bench = self._ends.enter_context(bench_in(folder, [dynamic_gpu()]))
        self.bench.clock.now = datetime(2026, 11, 30, 18, 0, 0, 300_000, tzinfo=UTC)
        self.bench.with_catalogue(
            projects=(Project("rotor", Localized.same("Rotor"), "project-rotor"),),
            budgets=budgets(
                budget("thr", 2 * HOUR, HOUR // 3, carry_over=50),
                budget("iwe", HOUR, None, over_use=True),
                budget("rotor", HOUR, HOUR // 4, BudgetKind.PROJECT, "thr", over_use=True),
            ),
        )
        self.bench.storage.projects = {"rotor"}
        for name, institution in (("Anna", "thr"), ("Ben", "thr"), ("Cem", "iwe")):
            self.bench.person(name, institution, "project-rotor")
        #: When the engine ran what, by sessions.
        self.began: dict[str, int] = {}
        self.ended: dict[str, int] = {}

    def teardown(self) -> None:
        with self._ends:
            for lease in self.bench.leases():
                self._end(lease)
            self._are_as_the_engine_ran()

    @rule(person=PEOPLE, flavour=FLAVOURS, payer=PAYERS)
    def start(self, person: str, flavour: str, payer: str) -> None:
        if self.bench.leases(person):
            return
        with suppress(RefusedError):
            wanted = Request(flavour, "base", payer=payer)
            granted = sessions.admit(self.bench.workbench, person, wanted)
            self.bench.run(granted)
            self.began[granted.lease.session] = self.bench.clock.ms
            self._keeps_to_their_share(person, granted.lease)

    @rule(person=PEOPLE)
    def extend(self, person: str) -> None:
        with suppress(RefusedError):
            self._keeps_to_their_share(person, extension.extend(self.bench.workbench, person))

    @rule(person=PEOPLE, payer=PAYERS)
    def switch(self, person: str, payer: str) -> None:
        with suppress(RefusedError):
            self._keeps_to_their_share(person, payers.switch(self.bench.workbench, person, payer))

    @rule(person=PEOPLE)
    def stop(self, person: str) -> None:
        for lease in self.bench.leases(person):
            self._end(lease)

    @rule(person=PEOPLE)
    def break_down(self, person: str) -> None:
        for lease in self.bench.leases(person):
            self.bench.engine.kill(lease.session)
            self.ended.setdefault(lease.session, self.bench.clock.ms)

    @rule(minutes=MINUTES)
    def time_goes_by(self, minutes: int) -> None:
        self.bench.clock.step(minutes=minutes, milliseconds=137)

    @rule()
    def read(self) -> None:
        running = {lease.person for lease in self.bench.leases()}
        for lease in reconcile(self.bench.workbench, running).to_stop:
            self._end(lease)

    @rule(of=BUDGETS, ticks=AMOUNTS)
    def decide(self, of: str, ticks: int | None) -> None:
        with suppress(BudgetDecisionError):
            set_budget(self.bench.workbench, None, of, ticks)

    @rule(of=BUDGETS, person=PEOPLE, ticks=AMOUNTS)
    def share(self, of: str, person: str, ticks: int | None) -> None:
        with suppress(BudgetDecisionError):
            set_share(self.bench.workbench, None, of, person, ticks)

    @rule(of=BUDGETS, person=PEOPLE)
    def ask_and_be_granted(self, of: str, person: str) -> None:
        known = people.find(self.bench.workbench, person)
        assert known is not None
        with suppress(budget_requests.BudgetRequestError):
            asked = budget_requests.ask(self.bench.workbench, known, of)
            grant(self.bench.workbench, None, asked.id, HOUR // 4)

    @invariant()
    def accounts_add_up_to_zero(self) -> None:
        with self.bench.workbench.database.reading() as tx:
            for name in self.bench.workbench.catalogue.budgets:
                for period in tx.ledger.periods_of(name):
                    assert sum(tx.ledger.accounts(name, period).values()) == 0

    @invariant()
    def what_runs_is_held_by_its_payer_until_its_end(self) -> None:
        leases = self.bench.leases()
        with self.bench.workbench.database.reading() as tx:
            for name in self.bench.workbench.catalogue.budgets:
                for period in tx.ledger.periods_of(name):
                    held = {a for a in tx.ledger.accounts(name, period) if a.startswith("held:")}
                    assert held <= {f"held:{x.session}" for x in leases if x.payer == name}
            for lease in leases:
                held_ticks = sum(tx.ledger.held_for(lease.session).values())
                until = max(0, lease.ends_ms - (lease.metered_to_ms or lease.intended_ms))
                to_come = 0 if lease.over_use else lease.ticks_per_second * until // 1000
                assert abs(held_ticks - to_come) <= 3 * lease.ticks_per_second

    def _end(self, lease: Lease) -> None:
        self.bench.stop(lease.person)
        self.ended.setdefault(lease.session, self.bench.clock.ms)

    def _keeps_to_their_share(self, name: str, lease: Lease) -> None:
        """Nobody is promised more than they have; a part of a second is left to the charge."""
        assert lease.ends_ms <= lease.longest_ms
        if lease.over_use:
            return
        of = budget_of(self.bench.workbench, lease.payer)
        now = of.periods.at(self.bench.clock.ms)
        with self.bench.workbench.database.reading() as tx:
            person = tx.people.by_name(name)
            assert person is not None
            held = tx.ledger.held_for(lease.session)
            for period in (now, of.periods.at(now.end_ms)):
                if ticks := held.get((of.id, period.name)):
                    has = balance_in(tx, person, of, period)
                    assert has.used + ticks <= has.granted + 3 * lease.ticks_per_second

    def _are_as_the_engine_ran(self) -> None:
        """Each session's charges follow one another from its start to its end, and are right."""
        assert verify(self.bench.workbench).findings == ()
        with self.bench.workbench.database.reading() as tx:
            for session, began in self.began.items():
                lease = tx.leases.get(session)
                assert lease is not None
                charges = tx.ledger.charges_beyond(session, 0)
                at, ticks = began, 0
                for charge in charges:
                    assert charge.charged is not None
                    assert charge.charged.start_ms == at
                    at = charge.charged.end_ms
                    ticks += sum(e.ticks for e in charge.entries if e.account.startswith("used:"))
                assert at == self.ended[session]
                assert ticks == lease.ticks_per_second * (at - began) // 1000
                assert tx.ledger.held_for(session) == {}


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=30, stateful_step_count=50, deadline=None)
