"""Whether a ledger of a million entries answers as fast as one of a thousand.

Both hold the same month of the same people (support/long_ledger.py), with few or very many
sessions a day, so that pages and statements have as many rows to show. Questions are asked
of both in turn, through the services that pages and commands call.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from labwerk_hub.services import (
    budget_pages,
    budgets,
    metering,
    offers,
    openings,
    operator_page,
    sessions,
    statement,
    use_pages,
)
from labwerk_hub.services.workbench import Done
from support import environment, long_ledger
from support.workbench import Bench, bench_in

from bench.report import Figure

ENTRIES = (1_000, 1_000_000)
ROUNDS = 60


@dataclass(frozen=True)
class _Side:
    """A workbench with its ledger, and somebody who asks."""

    bench: Bench
    person: str

    def balance(self) -> None:
        """What admission goes by, read in a transaction of its own."""
        workbench = self.bench.workbench
        with workbench.database.reading() as tx:
            who = offers.entitled(workbench, tx, self.person)
            (budget,) = budgets.payers_of(workbench, who)
            assert budgets.purse_of(workbench, tx, who.person, budget).balance.left > 0

    def start_page(self) -> None:
        """All that the start page shows."""
        assert sessions.start_page(self.bench.workbench, self.person).offers

    def my_use(self) -> None:
        """A person's own page."""
        found = use_pages.of_person(self.bench.workbench, None, self.person)
        assert len(found.days) >= long_ledger.DAYS

    def institution(self) -> None:
        """The page of the institution's budget."""
        found = budget_pages.of_budget(self.bench.workbench, None, long_ledger.BUDGET)
        assert len(found.members) >= long_ledger.PEOPLE

    def everything(self) -> None:
        """The operator's page."""
        assert operator_page.of_operator(self.bench.workbench, None).institutions

    def opening(self) -> None:
        """Whether all budgets have what they are to have, as a process asks that has just begun."""
        openings.open_now(replace(self.bench.workbench, opened=Done()))

    def charge(self) -> None:
        """A running session's next interval."""
        self.bench.clock.step(seconds=30)
        (container,) = self.bench.engine.sessions()
        metering.meter(self.bench.workbench, container, self.bench.clock.ms)

    def statement(self) -> None:
        """The month so far of the institution."""
        made = statement.make(self.bench.workbench, "thr", long_ledger.MONTH)
        assert len(made.lines) >= long_ledger.PEOPLE


_QUESTIONS: Mapping[str, Callable[[_Side], None]] = {
    "balance": _Side.balance,
    "start_page": _Side.start_page,
    "my_use": _Side.my_use,
    "institution": _Side.institution,
    "everything": _Side.everything,
    "opening": _Side.opening,
    "charge": _Side.charge,
    "statement": _Side.statement,
}


def figures() -> Mapping[str, Figure]:
    """The worst ratio of medians, and each question's."""
    with ExitStack() as stack:
        small, large = (_side(stack, entries) for entries in ENTRIES)
        taken = {name: _asked(question, small, large) for name, question in _QUESTIONS.items()}
    ratios = {name: _ratio(*both) for name, both in taken.items()}
    worst = max(ratios.values(), key=lambda figure: figure.value)
    found = {"million_to_thousand": worst}
    for name, (of_small, of_large) in taken.items():
        found[f"{name}_ratio"] = ratios[name]
        found[f"{name}_thousand_ms"] = Figure.of([1000 * seconds for seconds in of_small])
        found[f"{name}_million_ms"] = Figure.of([1000 * seconds for seconds in of_large])
    return found


def _side(stack: ExitStack, entries: int) -> _Side:
    folder = tempfile.TemporaryDirectory(dir=environment.cache(), prefix="growth-")
    bench = stack.enter_context(bench_in(Path(stack.enter_context(folder))))
    of_a_day = long_ledger.PEOPLE * long_ledger.DAYS * long_ledger.ENTRIES_OF_A_SESSION
    people = long_ledger.fill(bench, math.ceil(entries / of_a_day))
    bench.start(people[-1])
    bench.workbench.database.checkpoint()
    return _Side(bench, people[0])


def _asked(
    question: Callable[[_Side], None], small: _Side, large: _Side
) -> tuple[list[float], list[float]]:
    for side in (small, large):
        question(side)  # what is made once, is made
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for side, seconds in zip((small, large), taken, strict=True):
            began = time.perf_counter()
            question(side)
            seconds.append(time.perf_counter() - began)
    return taken


def _ratio(small: Sequence[float], large: Sequence[float]) -> Figure:
    """Pair by pair, since each pair saw the same moment of the machine."""
    return Figure.of([upper / lower for lower, upper in zip(small, large, strict=True)])
