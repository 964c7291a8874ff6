"""The pages of those who decide about budgets, on a real ledger."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR
from labwerk_hub.domain.people import Person, Role
from labwerk_hub.domain.texts import LANGUAGES
from labwerk_hub.hub import budget_handlers
from labwerk_hub.hub.amounts import AmountError
from labwerk_hub.hub.context import Pages
from labwerk_hub.hub.data_pages import SAID, Typed
from labwerk_hub.hub.member_lists import PAGE, Order, Query, listed, query_of
from labwerk_hub.services import (
    budget_pages,
    budget_requests,
    operator_page,
    request_pages,
    use_pages,
    use_tables,
)
from labwerk_hub.services.budget_decisions import BudgetDecisionError
from labwerk_hub.services.budget_rights import NotAllowedError
from labwerk_hub.services.use_views import BudgetPage, MemberView
from labwerk_hub.services.workbench import MailPolicy
from labwerk_hub.texts import gpu_hours
from support.hub_pages import Site, site_in, soup, untranslated, words
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
        self, viewer: Person, name: str, query: Query | None = None, typed: Typed | None = None
    ) -> str:
        """Its page."""
        found = self.page(viewer, name)
        shown = budget_handlers.shown_of(found, viewer, query or Query(), "/hub/", typed)
        return await self.site.page(budget_handlers.TEMPLATE, viewer, **shown)

    def do(self, viewer: Person, name: str, typed: Typed) -> None:
        """What a click on a button of the page does."""
        page = self.page(viewer, name)
        budget_handlers.deed(self.site.workbench, viewer, typed, page)()


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with site_in(tmp_path) as site:
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


def _rows(page: BeautifulSoup, heading: str) -> list[list[str]]:
    section = page.select_one(f'[aria-labelledby="{heading}"]')
    assert isinstance(section, Tag)
    return [[words(str(cell)) for cell in row(["th", "td"])] for row in section.select("tbody tr")]


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
    anna, lea = _rows(page, "people")
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


async def test_who_decides_nothing_about_themselves_is_told_so(town: Town) -> None:
    anna, lea = _rows(soup(await town.html(town.lea, ROTOR)), "people")
    assert anna[-1].startswith("Change")
    assert lea[-1] == "others decide about yours"


async def test_a_list_of_budgets_adds_up(town: Town) -> None:
    rows = budget_pages.seen_by(town.site.workbench, town.olga, "en")
    shown = {"rows": rows, "requests": (), "typed": None, "done": None, "address": "/"}
    page = soup(await town.site.page(budget_handlers.LIST_TEMPLATE, town.olga, **shown))
    for row in _rows(page, "rows-heading"):
        granted, *parts = (Decimal(cell) for cell in row[2:7] if cell != "–")
        assert granted == sum(parts), row[0]


async def test_a_lead_grants_with_an_amount_and_it_counts_at_once(town: Town) -> None:
    page = soup(await town.html(town.lea, ROTOR))
    (request,) = page.select(".lw-requests > li")
    assert "For a paper" in request.get_text()
    now = "Has now: 20 GPU-hours, of it 6 GPU-hours used and 14 GPU-hours left."
    assert now in words(str(request)), "what they have is there to decide by"
    amount, about = request.select_one("input[name=amount]"), request.select_one("[name=about]")
    assert amount is not None
    assert about is not None
    assert amount["value"] == "5"
    town.do(town.lea, ROTOR, Typed("grant", str(about["value"]), amount="7.5", words="Good luck"))
    page = soup(await town.html(town.lea, ROTOR))
    assert page.select(".lw-requests") == []
    assert _rows(page, "people")[0][1].startswith("27.50")
    (decision,) = _rows(page, "decisions-heading")
    assert decision[1:] == ["You", "Anna Müller", "27.50", "November 2026"]


async def test_a_request_is_declined_with_words(town: Town) -> None:
    (request,) = town.page(town.lea, ROTOR).requests
    town.do(town.lea, ROTOR, Typed("decline", request.id, words="Next month"))
    (mine,) = request_pages.own(town.site.workbench, town.anna, "en")
    assert (mine.state, mine.answer, mine.decided_by) == ("declined", "Next month", "Lea Rossi")


@pytest.mark.parametrize(
    ("lasts", "held"), [("period", "November 2026"), ("always", "from then on")]
)
async def test_a_share_is_changed_for_this_period_or_for_good(
    town: Town, lasts: str, held: str
) -> None:
    town.do(town.lea, ROTOR, Typed("share", town.anna.name, amount="30", lasts=lasts))
    page = soup(await town.html(town.lea, ROTOR))
    assert _rows(page, "people")[0][1] == "30.00 decided"
    assert _rows(page, "decisions-heading")[0][-1] == held
    town.do(town.lea, ROTOR, Typed("share", town.anna.name, lasts=lasts, from_settings=True))
    page = soup(await town.html(town.lea, ROTOR))
    assert _rows(page, "people")[0][1] == "20.00"


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("lots", "Please give a number of GPU-hours, such as 20."),
        ("61", "“Rotor condition monitoring” has 60 GPU-hours in all; a share of it cannot"),
    ],
)
async def test_a_refused_amount_stays_in_its_field_with_a_sentence(
    town: Town, amount: str, said: str
) -> None:
    typed = Typed("share", town.anna.name, amount=amount, lasts="always", field="amount")
    with pytest.raises(SAID) as refused:
        town.do(town.lea, ROTOR, typed)
    problem = refused.value.said  # type: ignore[attr-defined]
    page = soup(await town.html(town.lea, ROTOR, typed=replace(typed, said=problem)))
    (alert,) = page.select("main [role=alert]")
    assert alert.get_text().startswith(said)
    (field,) = page.select("[aria-invalid=true]")
    assert (field["value"], field["aria-describedby"]) == (amount, alert["id"])
    details = alert.find_parent("details")
    assert details is not None
    assert details.has_attr("open")
    chosen = details.select_one("option[selected]")
    assert chosen is not None
    assert chosen["value"] == "always"


def test_how_large_a_budget_is_an_administrator_decides_and_no_lead(town: Town) -> None:
    with pytest.raises(NotAllowedError):
        town.do(town.lea, ROTOR, Typed("size", ROTOR, amount="90"))
    town.do(town.mira, ROTOR, Typed("size", ROTOR, amount="90"))
    assert town.page(town.lea, ROTOR).figures.granted_ticks == 90 * HOUR
    with pytest.raises(BudgetDecisionError, match="has only"):
        town.do(town.mira, ROTOR, Typed("size", ROTOR, amount="5000"))
    with pytest.raises(AmountError):
        town.do(town.mira, ROTOR, Typed("size", ROTOR, amount=""))


async def test_a_budget_that_has_to_keep_more_for_now_says_how_much(town: Town) -> None:
    work = town.site.workbench
    town.do(town.olga, IWE, Typed("size", IWE, amount="1", lasts="always"))
    page = town.page(town.olga, IWE)
    shown = budget_handlers.shown_of(page, town.olga, Query(), "/hub/") | {"done": "resized"}
    read = words(await town.site.page(budget_handlers.TEMPLATE, town.olga, **shown))
    kept = gpu_hours(page.figures.granted_ticks, "en")
    assert page.figures.granted_ticks > HOUR
    assert f"Changed to 1 GPU-hour, but in this period the budget keeps {kept}" in read
    town.do(town.olga, IWE, Typed("size", IWE, amount="500", lasts="always"))
    page = budget_pages.of_budget(work, town.olga, IWE, None, "en")
    shown = budget_handlers.shown_of(page, town.olga, Query(), "/hub/") | {"done": "resized"}
    read = words(await town.site.page(budget_handlers.TEMPLATE, town.olga, **shown))
    assert "Changed. It counts at once." in read


async def test_after_a_change_of_a_share_it_is_said_beside_the_people(town: Town) -> None:
    page = town.page(town.lea, ROTOR)
    shown = budget_handlers.shown_of(page, town.lea, Query(), "/hub/") | {"done": "changed"}
    html = soup(await town.site.page(budget_handlers.TEMPLATE, town.lea, **shown))
    (said,) = html.select(".alert-success")
    assert said.find_parent("section", attrs={"aria-labelledby": "people"}) is not None


async def test_forms_are_there_for_those_alone_who_may_decide(town: Town) -> None:
    def buttons(html: str) -> set[str]:
        forms = soup(html).select("main form[method=post] input[name=action]")
        return {str(form["value"]) for form in forms}

    assert buttons(await town.html(town.lea, ROTOR)) == {"share", "ask-whole"}
    assert buttons(await town.html(town.mira, ROTOR)) == {"share", "size"}
    assert buttons(await town.html(town.mira, IWE)) == {"share", "ask-whole"}
    assert buttons(await town.html(town.olga, IWE)) == {"share", "size"}
    for html in (await town.html(town.lea, ROTOR), await town.html(town.olga, IWE)):
        assert all(form.select_one("[name=_xsrf]") for form in soup(html).select("[method=post]"))


async def test_a_lead_asks_the_institution_for_more_for_the_whole(town: Town) -> None:
    town.do(town.lea, ROTOR, Typed("ask-whole", ROTOR, amount="40", words="It grew"))
    page = soup(await town.html(town.lea, ROTOR))
    assert "These decide: Mira Conti." in page.get_text()
    (whole,) = (one for one in town.page(town.mira, IWE).requests if one.whole)
    town.do(town.mira, IWE, Typed("grant", whole.id, amount="40"))
    assert town.page(town.lea, ROTOR).figures.granted_ticks == 100 * HOUR


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


async def test_what_waits_for_ones_decision_is_counted_in_the_navigation(town: Town) -> None:
    def counted(html: str) -> list[str]:
        return [words(str(badge)) for badge in soup(html).select("header .lw-badge")]

    assert counted(await town.html(town.lea, ROTOR)) == ["Requests to be decided: 1"]
    assert counted(await town.html(town.mira, IWE)) == ["Requests to be decided: 1"]
    (request,) = town.page(town.lea, ROTOR).requests
    town.do(town.lea, ROTOR, Typed("decline", request.id))
    assert counted(await town.html(town.lea, ROTOR)) == []


async def test_an_institutions_page_has_projects_people_leavers_and_statements(town: Town) -> None:
    page = soup(await town.html(town.mira, IWE))
    (project,) = _rows(page, "children-heading")
    assert project[0] == "Rotor condition monitoring Project"
    assert project[2:6] == ["60.00", "6.00", "0.00", "54.00"]
    people = _rows(page, "people")
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
    rows = _rows(page, "institutions-heading")
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


# ------------------------------------------------------------- many people


def _many(town: Town, count: int) -> tuple[MemberView, ...]:
    (lea, *_) = (m for m in town.page(town.mira, IWE).members if m.name == town.lea.name)
    return tuple(
        lea.model_copy(
            update={
                "name": f"iwe--p{number}",
                "display_name": f"Person {number:03}" if number else "Zoë Müller",
                "left_ticks": number * HOUR,
                "used": lea.used.model_copy(update={"ticks": (count - number) * HOUR}),
                "is_leaver": number % 100 == 7,
            }
        )
        for number in range(count)
    )


def test_people_come_fifty_to_a_page(town: Town) -> None:
    people = _many(town, 503)
    first = listed(people, Query())
    assert (len(first.members), first.matching, first.pages) == (PAGE, 503, 11)
    assert first.members[0].display_name == "Zoë Müller"
    last = listed(people, Query(page=99))
    assert (last.page, len(last.members)) == (11, 3)
    every = [m.name for page in range(1, 12) for m in listed(people, Query(page=page)).members]
    assert len(set(every)) == 503


@pytest.mark.parametrize("search", ["muller", "MÜLLER", "zoe", " iwe--p0 "])
def test_people_are_found_without_accents_and_by_their_user_name(town: Town, search: str) -> None:
    found = listed(_many(town, 60), query_of({"search": search}))
    assert [m.display_name for m in found.members] == ["Zoë Müller"]


def test_those_who_have_not_been_here_for_long_can_be_listed_alone(town: Town) -> None:
    found = listed(_many(town, 300), Query(leavers=True, order=Order.NAME))
    assert [m.display_name for m in found.members] == ["Person 007", "Person 107", "Person 207"]
    assert (found.leavers, found.total) == (3, 300)


@pytest.mark.parametrize(
    ("arguments", "query"),
    [
        ({}, Query()),
        ({"order": "left", "page": "3", "search": " a  b "}, Query("a b", Order.LEFT, page=3)),
        ({"order": "<b>", "page": "-1", "leavers": "yes"}, Query()),
        ({"page": "1e9"}, Query()),
    ],
)
def test_a_query_that_makes_no_sense_counts_as_not_given(
    arguments: dict[str, str], query: Query
) -> None:
    assert query_of(arguments) == query


def test_the_links_of_the_pages_keep_what_was_asked() -> None:
    query = Query("Zoë & Co", Order.LEFT, leavers=True, page=2)
    assert query.address(page=3) == "search=Zo%C3%AB+%26+Co&order=left&leavers=1&page=3"


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


@pytest.mark.parametrize(("mails", "said"), [(True, "is told"), (False, "No mail is sent here")])
async def test_where_no_mail_is_sent_the_page_says_so(town: Town, mails: bool, said: str) -> None:
    policy = replace(town.site.workbench.policy, mail=MailPolicy(enabled=mails))
    town.site.workbench = replace(town.site.workbench, policy=policy)
    town.site.pages = Pages(town.site.settings, town.site.workbench)
    shown = budget_handlers.shown_of(town.page(town.lea, ROTOR), town.lea, Query(), "/hub/")
    page = soup(
        await town.site.page(budget_handlers.TEMPLATE, town.lea, **shown | {"done": "granted"})
    )
    status = page.select_one(".alert-success")
    assert status is not None
    assert said in status.get_text()
