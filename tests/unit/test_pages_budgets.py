"""The pages of those who decide about budgets, on a real ledger."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from labwerk_hub.domain.people import Role
from labwerk_hub.domain.texts import LANGUAGES
from labwerk_hub.hub import budget_handlers
from labwerk_hub.hub.member_lists import Query
from labwerk_hub.services import budget_pages, operator_page, use_pages, use_tables
from labwerk_hub.services.budget_rights import NotAllowedError
from support.hub_pages import site_in, soup, untranslated, words
from support.town import COURSE, HOUR, IWE, ROTOR, Town, rows_below, town_in


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with town_in(tmp_path) as found:
        yield found


@pytest.mark.parametrize("spoken", [one for one in LANGUAGES if one != "en"])
async def test_all_of_it_is_in_the_readers_language(town: Town, spoken: str) -> None:
    mira, olga = replace(town.mira, locale=spoken), replace(town.olga, locale=spoken)
    with town.site.workbench.database.writing() as tx:
        tx.people.update(mira)
        tx.people.update(olga)
    for name in (IWE, ROTOR):
        assert untranslated(await town.html(mira, name), spoken) == set()
    assert untranslated(await town.html(olga, COURSE), spoken) == set()
    everything = operator_page.of_operator(town.site.workbench, olga, None, spoken)
    titles = budget_handlers.titles_in(town.site.workbench, spoken)
    shown = budget_handlers.shown_to_operator(everything, titles, "/hub/")
    html = await town.site.page(budget_handlers.OPERATOR_TEMPLATE, olga, **shown)
    assert untranslated(html, spoken) == set()


async def test_a_lead_sees_members_with_their_shares_and_what_they_used(town: Town) -> None:
    page = soup(await town.html(town.lea, ROTOR))
    anna, lea = rows_below(page, "people")
    assert anna[0].startswith("Anna Müller")
    assert anna[1:6] == ["20.00", "6.00", "3.00", "0.00", "14.00"]
    assert lea[1:3] == ["20.00", "0.00"]
    assert page.select("table a") == [], "whose use of everything it is, is none of the lead's"


async def test_an_administrator_is_led_to_the_use_of_their_own_people_alone(town: Town) -> None:
    page = soup(await town.html(town.mira, ROTOR))
    (link,) = page.select("[aria-labelledby=people] th a")
    assert link.get_text() == "Lea Rossi"
    with pytest.raises(NotAllowedError, match="of your institution's people"):
        use_pages.of_person(town.site.workbench, town.mira, town.anna.name)


async def test_a_list_of_budgets_adds_up(town: Town) -> None:
    rows = budget_pages.seen_by(town.site.workbench, town.olga, "en")
    shown = {"rows": rows, "requests": (), "typed": None, "done": None, "address": "/"}
    page = soup(await town.site.page(budget_handlers.LIST_TEMPLATE, town.olga, **shown))
    for row in rows_below(page, "rows-heading"):
        granted, *parts = (Decimal(cell) for cell in row[2:7] if cell != "–")
        assert granted == sum(parts), row[0]


@pytest.mark.parametrize(
    ("who", "name"), [("anna", ROTOR), ("lea", IWE), ("mira", "institution/thr"), ("anna", "x/y")]
)
def test_who_may_not_see_a_budget_is_not_told_whether_there_is_one(
    town: Town, who: str, name: str
) -> None:
    with pytest.raises(NotAllowedError, match="that you may see"):
        town.page(getattr(town, who), name)


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        ("anna", ["/hub/labwerk/use"]),
        ("lea", ["/hub/labwerk/use", "/hub/labwerk/budgets"]),
        ("mira", ["/hub/labwerk/use", "/hub/labwerk/budgets"]),
        ("olga", ["/hub/labwerk/use", "/hub/labwerk/budgets", "/hub/labwerk/operator"]),
    ],
)
async def test_the_navigation_shows_what_one_may_see(town: Town, who: str, seen: list[str]) -> None:
    page = soup(await town.site.page("stop_pending.html", getattr(town, who)))
    links = [str(link["href"]) for link in page.select("header nav a[href*=labwerk]")]
    ours = ("use", "budgets", "operator")
    assert [link for link in links if link.rpartition("/")[2] in ours] == seen


async def test_an_institutions_page_has_projects_people_leavers_and_statements(town: Town) -> None:
    page = soup(await town.html(town.mira, IWE))
    (project,) = rows_below(page, "children-heading")
    assert project[0] == "Rotor condition monitoring Project"
    assert project[2:6] == ["60.00", "6.00", "0.00", "54.00"]
    people = rows_below(page, "people")
    assert [row[0] for row in people] == ["Lea Rossi", "Mira Conti"]
    assert people[0][1:4] == ["80.00", "3.00", "0.00"]
    files = [link["href"] for link in page.select("[aria-labelledby=statements-heading] table a")]
    assert "/hub/labwerk/statement/iwe/2026-11/pdf" in files
    assert len(files) % 4 == 0


async def test_the_operators_page_adds_up_over_all_institutions(town: Town) -> None:
    everything = operator_page.of_operator(town.site.workbench, town.olga, None, "en")
    titles = budget_handlers.titles_in(town.site.workbench, "en")
    shown = budget_handlers.shown_to_operator(everything, titles, "/hub/")
    page = soup(await town.site.page(budget_handlers.OPERATOR_TEMPLATE, town.olga, **shown))
    rows = rows_below(page, "institutions-heading")
    assert sum(float(row[1]) for row in rows) == everything.total.ticks / HOUR == 9
    assert "9 GPU-hours" in words(str(page.select_one(".lw-tiles")))
    with pytest.raises(NotAllowedError):
        operator_page.of_operator(town.site.workbench, town.mira)


async def test_every_table_and_picture_can_be_read_without_eyes(town: Town) -> None:
    for viewer, name in ((town.lea, ROTOR), (town.mira, IWE), (town.olga, COURSE)):
        page = soup(await town.html(viewer, name))
        ids = [tag["id"] for tag in page.select("[id]")]
        assert len(ids) == len(set(ids))
        for table in page("table"):
            heads = table.select("thead th")
            assert all(head["scope"] == "col" for head in heads)
            for row in table.select("tbody tr"):
                assert len(row.select("[scope=row]")) == 1
                assert len(row(["th", "td"], recursive=False)) == len(heads)
        for label in page("label"):
            assert page.find(id=label["for"]) is not None
        for picture in page.select('svg[role="img"]'):
            title = picture.find("title")
            assert title is not None
            assert title.get_text(strip=True)
        levels = [int(heading.name[1]) for heading in page(["h1", "h2", "h3", "h4"])]
        assert levels.count(1) == 1
        assert all(below - above <= 1 for above, below in pairwise(levels))


async def test_a_page_is_as_good_as_empty_before_anybody_came(tmp_path: Path) -> None:
    with site_in(tmp_path) as site:
        olga = site.person("Olga Brandt", "en", Role.OPERATOR, institution="keller")
        for name in site.workbench.catalogue.budgets:
            found = budget_pages.of_budget(site.workbench, olga, name, None, "en")
            shown = budget_handlers.shown_of(found, olga, Query(), "/hub/")
            read = words(await site.page(budget_handlers.TEMPLATE, olga, **shown))
            assert "Nothing was used in this time." in read
            assert "Nothing was decided beside what the settings say." in read


async def test_what_is_downloaded_is_what_the_page_shows(town: Town) -> None:
    table = use_tables.as_csv(use_tables.of_members(town.page(town.lea, ROTOR)))
    rows = list(csv.DictReader(io.StringIO(table)))
    assert {row["name"]: row["gpu_hours"] for row in rows} == {
        "Anna Müller": "6.000000",
        "Lea Rossi": "0.000000",
    }
    page = soup(await town.html(town.lea, ROTOR))
    links = [str(link["href"]) for link in page.select(".lw-files a")]
    assert links == [
        f"/hub/labwerk/budget/project/rotor/{file}?period=2026-11"
        for file in ("days.csv", "people.csv", "all.json")
    ]
