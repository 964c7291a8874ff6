"""A project of two institutions with somebody in every office, and its budgets' pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bs4 import BeautifulSoup, Tag
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR
from labwerk_hub.domain.people import Person, Role
from labwerk_hub.hub import budget_handlers
from labwerk_hub.hub.data_pages import Typed
from labwerk_hub.hub.member_lists import Query
from labwerk_hub.services import budget_pages, budget_requests
from labwerk_hub.services.use_views import BudgetPage

from support.hub_pages import Site, site_in, words
from support.spent import days_ago, spend

HOUR = TICKS_PER_GPU_HOUR
IWE, ROTOR, COURSE = "institution/iwe", "project/rotor", "course/ml4wind"
MEMBER, LEAD = frozenset({"project-rotor"}), frozenset({"project-rotor", "project-rotor-leads"})


@dataclass
class Town:
    """A project of two institutions with somebody in every office, in November."""

    site: Site
    anna: Person
    lea: Person
    mira: Person
    olga: Person

    def page(self, viewer: Person, name: str, period: str | None = None) -> BudgetPage:
        """A budget as ``viewer`` may see it."""
        spoken = viewer.locale or "en"
        return budget_pages.of_budget(self.site.workbench, viewer, name, period, spoken)

    async def html(
        self, viewer: Person, name: str, typed: Typed | None = None, done: str | None = None
    ) -> str:
        """Its page, after something was refused that was ``typed``, or was ``done``."""
        found = self.page(viewer, name)
        shown = budget_handlers.shown_of(found, viewer, Query(), "/hub/", typed)
        return await self.site.page(budget_handlers.TEMPLATE, viewer, **shown | {"done": done})

    def do(self, viewer: Person, name: str, typed: Typed) -> None:
        """What a click on a button of the page does."""
        page = self.page(viewer, name)
        budget_handlers.deed(self.site.workbench, viewer, typed, page)()


@contextmanager
def town_in(folder: Path) -> Iterator[Town]:
    """The town on 18 November 2026: Anna and Lea have worked lately, and Anna asks for more."""
    with site_in(folder) as site:
        site.at(datetime(2026, 11, 18, 9, tzinfo=UTC))
        made = Town(
            site,
            anna=site.person("Anna Müller", "de", groups=MEMBER),
            lea=site.person("Lea Rossi", "en", institution="iwe", groups=LEAD),
            mira=site.person("Mira Conti", "en", Role.INSTITUTION_ADMIN, institution="iwe"),
            olga=site.person("Olga Brandt", "en", Role.OPERATOR),
        )
        with site.workbench.database.writing() as tx:
            for number in (1, 2, 5):
                day = days_ago(site.workbench, number)
                spend(site.workbench, tx, made.anna, day, 2, payer=ROTOR, idle=0.5)
                spend(site.workbench, tx, made.lea, day, 1, payer=IWE, flavour="large")
        budget_requests.ask(site.workbench, made.anna, ROTOR, 5 * HOUR, "For a paper")
        yield made


def rows_below(page: BeautifulSoup, heading: str) -> list[list[str]]:
    """The words in each cell of the table below a heading, which is named by its id."""
    section = page.select_one(f'[aria-labelledby="{heading}"]')
    assert isinstance(section, Tag)
    return [[words(str(cell)) for cell in row(["th", "td"])] for row in section.select("tbody tr")]
