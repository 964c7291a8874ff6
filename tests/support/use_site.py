"""A university with a project that has a lead, and an institute with an operator; in use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from labwerk_hub.domain.admission import Request
from labwerk_hub.domain.budgets import BudgetKind
from labwerk_hub.domain.catalogue import Project
from labwerk_hub.domain.leases import EndReason
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR
from labwerk_hub.domain.people import Person, Role
from labwerk_hub.domain.periods import Months
from labwerk_hub.domain.texts import Localized
from labwerk_hub.services import budget_pages, sessions, use_pages
from labwerk_hub.services.openings import open_now
from labwerk_hub.services.use_views import BudgetPage, MemberView, MyUse

from support.mailing import somebody
from support.workbench import Bench, bench_in, budget, budgets, dynamic_gpu

HOUR = TICKS_PER_GPU_HOUR
BERLIN = ZoneInfo("Europe/Berlin")
ROTOR, THR, IWE = "project/rotor", "institution/thr", "institution/iwe"
#: A small slice is an eighth of its GPU: so many GPU-hours cost eight hours of it.
SMALL = HOUR // 8


@dataclass
class UseSite:
    """Its people: who uses, leads, administers and operates; and somebody of elsewhere."""

    bench: Bench
    anna: Person
    lea: Person
    mira: Person
    olga: Person
    bo: Person

    def use(self, person: Person, hours: float, payer: str = "", flavour: str = "small") -> None:
        """Have somebody work for so many hours."""
        work = self.bench.workbench
        granted = sessions.admit(work, person.name, Request(flavour, "base", payer=payer))
        self.bench.run(granted)
        self.bench.clock.step(hours=hours)
        sessions.ended(work, granted.lease.session, EndReason.STOPPED)


@contextmanager
def use_site(folder: Path) -> Iterator[UseSite]:
    """The site at noon on 16 November 2026: thr has 100 hours and gives 40 to the project."""
    with bench_in(folder, [dynamic_gpu("one"), dynamic_gpu("two")]) as bench:
        title = Localized("Rotor condition", "Rotorzustand", "Stato dei rotori", "État des rotors")
        project = budget(
            "rotor", 40 * HOUR, 10 * HOUR, BudgetKind.PROJECT, "thr", leads="rotor-leads",
            periods=Months(BERLIN),
        )  # fmt: skip
        bench.with_catalogue(
            budgets=budgets(
                budget("thr", 100 * HOUR, 20 * HOUR),
                budget("iwe", 50 * HOUR, None),
                replace(project, title=title),
            ),
            projects=(Project("rotor", title, "project-rotor"),),
        )
        bench.storage.projects = {"rotor"}
        open_now(bench.workbench)
        work = bench.workbench
        yield UseSite(
            bench,
            anna=somebody(work, "Anna Müller", "project-rotor", locale="de"),
            lea=somebody(work, "Lea Rossi", "project-rotor", "rotor-leads", locale="it"),
            mira=somebody(work, "Mira Conti", roles=frozenset({Role.INSTITUTION_ADMIN})),
            olga=somebody(work, "Olga Brandt", institution="iwe", roles=frozenset({Role.OPERATOR})),
            bo=somebody(work, "Bo Li", "project-rotor", institution="iwe"),
        )


def own(site: UseSite, person: Person, month: str | None = None) -> MyUse:
    """A person's own page of use."""
    return use_pages.of_person(site.bench.workbench, person, person.name, month)


def page(site: UseSite, viewer: Person | None, name: str, period: str | None = None) -> BudgetPage:
    """A budget's page as ``viewer`` may see it."""
    return budget_pages.of_budget(site.bench.workbench, viewer, name, period)


def member(of: BudgetPage, person: Person) -> MemberView:
    """A person's line on a budget's page."""
    return next(one for one in of.members if one.name == person.name)
