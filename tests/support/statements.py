"""A bench on which people of two institutions work, for the statements about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from labwerk_hub.domain.admission import Request
from labwerk_hub.domain.budgets import BudgetKind
from labwerk_hub.domain.catalogue import Project
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR
from labwerk_hub.domain.periods import Term, Terms
from labwerk_hub.domain.statement import AsOf, Statement
from labwerk_hub.domain.texts import Localized
from labwerk_hub.services import leavers, sessions, statement
from labwerk_hub.services.statement import Names

from support.workbench import Bench, bench_in, budget, budgets, fixed_gpu

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = TICKS_PER_GPU_HOUR
#: What an hour of the small flavour costs, an eighth of a GPU.
SMALL_HOUR = 3 * 3600
TERM = Terms(BERLIN, (Term("winter", date(2026, 10, 12), date(2027, 2, 5)),))
ROTOR = budget("rotor", 60 * HOUR, None, BudgetKind.PROJECT, "thr", carry_over=50)
NETZ = budget("netz", 50 * HOUR, None, BudgetKind.PROJECT, "thr", periods=TERM)


class Site(Bench):
    """A bench with what statements' tests do on it."""

    def at(self, year: int, month: int, day: int, hour: int, minute: int = 0) -> None:
        """It is now this time in Berlin."""
        then = datetime(year, month, day, hour, minute, tzinfo=BERLIN)
        self.clock.now = then.astimezone(UTC)

    def begin(self, person: str, payer: str = "", flavour: str = "small") -> str:
        """Start a session that ``payer`` pays for; its name."""
        granted = sessions.admit(self.workbench, person, Request(flavour, "base", payer=payer))
        self.run(granted)
        return granted.lease.session

    def used(self, person: str, hours: float, payer: str = "", flavour: str = "small") -> None:
        """Have somebody work for so long from now on."""
        self.begin(person, payer, flavour)
        self.clock.step(hours=hours)
        self.stop(person)

    def statement(
        self, month: str | None = None, institution: str = "thr", as_of: AsOf | None = None
    ) -> Statement:
        """The statement as it can be made now, or as it was made then."""
        return statement.make(self.workbench, institution, month, as_of)

    def names(self, of: Statement, language: str = "en") -> Names:
        """What everything in it is called now."""
        return statement.names_for(self.workbench, of, language)

    def erase(self, person: str) -> None:
        """Nothing is kept of somebody any more but what the ledger has."""
        leavers.erase(self.workbench, person)

    def pseudonym(self, person: str) -> str:
        """Who somebody is in the ledger."""
        with self.workbench.database.reading() as tx:
            found = tx.people.by_name(person)
        assert found is not None
        return found.pseudonym


@contextmanager
def site_in(folder: Path) -> Iterator[Site]:
    """A site of two institutions and two projects, on the first of November 2026."""
    gpus = [fixed_gpu("fixed", *(f"1g.10gb@{start}" for start in range(7)))]
    with bench_in(folder, gpus) as bench:
        site = Site(bench.workbench, bench.clock, bench.engine, bench.gpus, bench.storage)
        site.with_catalogue(
            budgets=budgets(budget("thr"), budget("iwe"), ROTOR, NETZ),
            projects=(
                Project("rotor", Localized("Rotors", "Rotoren", "Rotori", "Rotors"), "p-rotor"),
                Project("netz", Localized.same("Netz"), "p-netz"),
            ),
        )
        site.storage.projects |= {"rotor", "netz"}
        site.at(2026, 11, 1, 8)
        yield site
