"""A university that gives budget to a project and a course, and what its people do with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from labwerk_hub.domain.admission import Refusal, Request
from labwerk_hub.domain.budgets import BudgetKind
from labwerk_hub.domain.catalogue import Course, Project
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR
from labwerk_hub.domain.periods import Term, Terms
from labwerk_hub.domain.texts import Localized
from labwerk_hub.services import sessions
from labwerk_hub.services.offers import RefusedError
from labwerk_hub.services.reconcile import reconcile

from support.workbench import Bench, bench_in, budget, budgets, dynamic_gpu, fixed_gpu

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = TICKS_PER_GPU_HOUR
SMALL = 3  # ticks a second of the small slice
ROTOR, COURSE, THR = "project/rotor", "course/ml", "institution/thr"
WINTER = Terms(BERLIN, (Term("ws2026", date(2026, 10, 1), date(2027, 3, 31)),))


@contextmanager
def budget_bench(folder: Path) -> Iterator[Bench]:
    """Two institutions; thr gives to the project rotor and to a course."""
    with bench_in(folder, [dynamic_gpu("one"), fixed_gpu()]) as found:
        found.with_catalogue(
            projects=(Project("rotor", Localized.same("Rotor"), "project-rotor"),),
            courses=(
                Course(
                    "ml",
                    Localized.same("ML"),
                    "thr",
                    "ml-staff",
                    "ml",
                    date(2026, 10, 12),
                    date(2027, 2, 5),
                ),
            ),
            budgets=budgets(
                budget("thr", 100 * HOUR, 10 * HOUR),
                budget("iwe", 50 * HOUR, 10 * HOUR),
                budget("rotor", 20 * HOUR, 5 * HOUR, BudgetKind.PROJECT, "thr"),
                budget("ml", 8 * HOUR, 1 * HOUR, BudgetKind.COURSE, "thr", periods=WINTER),
            ),
        )
        found.storage.projects = {"rotor"}
        yield found


def refusal(bench: Bench, person: str, payer: str = "", flavour: str = "small") -> Refusal:
    """Why a person gets no session."""
    with pytest.raises(RefusedError) as refused:
        sessions.admit(bench.workbench, person, Request(flavour, "base", payer=payer))
    return refused.value.refusal


def start(bench: Bench, person: str, payer: str = "", flavour: str = "small") -> str:
    """Have a session run that ``payer`` pays for, else who paid last; its name."""
    granted = sessions.admit(bench.workbench, person, Request(flavour, "base", payer=payer))
    bench.run(granted)
    return granted.lease.session


def read(bench: Bench, *served: str) -> None:
    """Read the engine and charge; the hub serves these people."""
    reconcile(bench.workbench, served)


def balanced(bench: Bench) -> None:
    """In each budget and period the accounts add up to zero, and they are their entries' sums."""
    with bench.workbench.database.reading() as tx:
        for name in bench.workbench.catalogue.budgets:
            for period in tx.ledger.periods_of(name):
                assert sum(tx.ledger.accounts(name, period).values()) == 0, (name, period)
        assert list(tx.chains.wrong_balances()) == []
