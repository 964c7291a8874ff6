"""One's own use, the record, and who pays on the start page; on a real ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup, Tag
from labwerk_hub.domain.admission import Request
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR
from labwerk_hub.domain.people import Person, Role
from labwerk_hub.domain.texts import LANGUAGES
from labwerk_hub.hub import use_handlers
from labwerk_hub.hub.amounts import AmountError, ticks_of
from labwerk_hub.hub.data_pages import Typed
from labwerk_hub.services import audit, budget_requests, request_pages, use_pages
from labwerk_hub.services.budget_requests import BudgetRequestError
from labwerk_hub.services.budget_rights import NotAllowedError
from support.hub_pages import Site, site_in, soup, untranslated, words
from support.settings import settings_text
from support.spent import days_ago, spend

HOUR = TICKS_PER_GPU_HOUR
LONG = "Wirtschaftsingenieurwesen" * 5
ROTOR = "project/rotor"
GROUPS = frozenset({"project-rotor"})


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    text = settings_text(tmp_path).replace(
        'institution = "iwe"\ngpu_hours = 60\n',
        'institution = "iwe"\ngpu_hours = 60\nover_use = true\n',
    )
    assert "over_use = true\nperson_gpu_hours = 20" in text
    with site_in(tmp_path, text) as made:
        made.at(datetime(2026, 11, 18, 9, tzinfo=UTC))
        yield made


def _busy(site: Site, name: str = "Anna Müller", locale: str = "de") -> Person:
    """Somebody who used two budgets lately, a part of it without doing anything."""
    anna = site.person(name, locale, groups=GROUPS)
    with site.workbench.database.writing() as tx:
        for days in (1, 2, 5):
            day = days_ago(site.workbench, days)
            spend(site.workbench, tx, anna, day, 2, idle=0.25)
            spend(site.workbench, tx, anna, day, 1, payer=ROTOR, rate=12, flavour="medium")
    return anna


async def _use(
    site: Site, viewer: Person, of: Person | None = None, typed: Typed | None = None
) -> str:
    page = await site.pages.open(viewer.name)
    spoken = page.language
    found = use_pages.of_person(site.workbench, viewer, (of or viewer).name, None, spoken)
    shown = use_handlers.shown_of(found, viewer, "/hub/", typed)
    if of is None:
        shown["requests"] = request_pages.own(site.workbench, viewer, spoken)
        seen = await site.pages.overview(viewer.name)
        assert seen is not None
        shown["storage"] = seen.storage
    return await site.page(use_handlers.TEMPLATE, viewer, **shown)


def _numbers(table: Tag) -> list[list[str]]:
    return [[cell.get_text(strip=True) for cell in row(["th", "td"])] for row in table("tr")]


# --------------------------------------------------------------------- my use


@pytest.mark.parametrize("spoken", [one for one in LANGUAGES if one != "en"])
async def test_all_of_it_is_in_the_readers_language(site: Site, spoken: str) -> None:
    anna = _busy(site, locale=spoken)
    budget_requests.ask(site.workbench, anna, ROTOR, 5 * HOUR, "…")
    assert untranslated(await _use(site, anna), spoken) == set()
    nina = site.person("Nina Neu", spoken)
    assert untranslated(await _use(site, nina), spoken) == set()


async def test_the_figures_of_a_month_add_up(site: Site) -> None:
    anna = _busy(site, locale="en")
    page = soup(await _use(site, anna))
    tables = {}
    for section in page.select("section[aria-labelledby]"):
        if section.table is not None:
            tables[section["aria-labelledby"]] = section.table
    month = use_pages.of_person(site.workbench, anna, anna.name)
    whole = Decimal(month.total.ticks) / HOUR
    for name in ("payers-heading", "flavours-heading"):
        rows = _numbers(tables[name])[1:]
        assert sum(Decimal(row[1]) for row in rows) == whole
    days = _numbers(tables["days-heading"])[1:]
    assert sum(Decimal(row[1]) for row in days) == whole
    assert all(Decimal(row[1]) == Decimal(row[2]) + Decimal(row[3]) for row in days)
    assert sum(Decimal(row[4]) for row in days) == Decimal(month.total.idle_ticks) / HOUR


async def test_a_share_of_which_others_left_less_says_so_and_lasts_as_long_as_that(
    site: Site,
) -> None:
    anna, noah = (site.person(name, "en", groups=GROUPS) for name in ("Anna Müller", "Noah Roth"))
    with site.workbench.database.writing() as tx:
        for days in range(1, 6):
            spend(site.workbench, tx, noah, days_ago(site.workbench, days), 10, payer=ROTOR)
    text = "All who are paid by it have 10 GPU-hours left together."
    page = soup(await _use(site, anna))
    (card,) = [
        one for one in page("section") if one.h3 and one.h3.text == "Rotor condition monitoring"
    ]
    assert text in words(str(card))
    assert "Left 10 GPU-hours" in words(str(card))
    assert "; 10 GPU-hours are unused" in words(str(card))
    assert words(str(page)).count(text) == 1
    assert text not in words(await _use(site, noah))


async def test_every_picture_has_words_and_a_table_beside_it(site: Site) -> None:
    page = soup(await _use(site, _busy(site)))
    pictures = page.select('svg[role="img"]')
    assert len(pictures) == 3
    for picture in pictures:
        named = str(picture["aria-labelledby"]).split()
        texts = [page.find(id=name) for name in named]
        assert all(text is not None and text.get_text(strip=True) for text in texts)
        figure = picture.find_parent("figure")
        assert figure is not None
        beside = figure.find_next_sibling("details")
        assert beside is not None
        assert beside.find("table") is not None
    assert all(svg.get("aria-hidden") for svg in page("svg") if svg.get("role") != "img")


async def test_ids_are_there_once_and_labels_lead_to_fields(site: Site) -> None:
    page = soup(await _use(site, _busy(site)))
    ids = [tag["id"] for tag in page.select("[id]")]
    assert len(ids) == len(set(ids))
    for label in page("label"):
        assert page.find(id=label["for"]) is not None
    levels = [int(heading.name[1]) for heading in page(["h1", "h2", "h3", "h4"])]
    assert levels[0] == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))


async def test_the_day_on_which_it_runs_out_is_said_and_marked(site: Site) -> None:
    anna = site.person(locale="en", groups=GROUPS)
    site.at(datetime(2026, 11, 12, 9, tzinfo=UTC))
    with site.workbench.database.writing() as tx:
        for number in range(1, 12):
            day = date(2026, 11, number)
            spend(site.workbench, tx, anna, day, 1.5, payer=ROTOR)
    found = use_pages.of_person(site.workbench, anna, anna.name)
    shown = use_handlers.shown_of(found, anna, "/hub/")
    page = soup(await site.page(use_handlers.TEMPLATE, anna, **shown))
    warning = page.select_one(".lw-lasts.lw-bad")
    assert warning is not None
    assert warning.get_text() == (
        "At 1.5 GPU-hours a day, as lately, it is used up on 14 Nov 2026."
    )
    mark = page.select_one(".lw-empty-day")
    assert mark is not None
    assert "used up" in mark.get_text()


async def test_a_click_asks_and_what_was_asked_can_be_withdrawn(site: Site) -> None:
    anna = _busy(site, locale="en")
    use_handlers.deed(site.workbench, anna, Typed("ask", ROTOR))()
    page = soup(await _use(site, anna))
    (request,) = page.select(".lw-requests > li")
    assert "more, amount left open" in words(str(request))
    withdrawn = request.select_one("input[name=about]")
    assert withdrawn is not None
    use_handlers.deed(site.workbench, anna, Typed("withdraw", str(withdrawn["value"])))()
    (request,) = soup(await _use(site, anna)).select(".lw-requests > li")
    assert "withdrawn" in words(str(request))
    assert request.form is None


async def test_what_was_typed_stays_beside_the_sentence_that_says_what_is_wrong(site: Site) -> None:
    anna = _busy(site, locale="en")
    typed = Typed("ask", ROTOR, amount="a lot", words="For a paper <b>")
    with pytest.raises(AmountError) as refused:
        use_handlers.deed(site.workbench, anna, typed)()
    page = soup(await _use(site, anna, typed=replace(typed, said=refused.value.said)))
    (problem,) = page.select("main [role=alert]")
    assert problem.get_text() == "Please give a number of GPU-hours, such as 20."
    form = problem.find_parent("form")
    assert form is not None
    field, text = form.select_one("input[name=amount]"), form.textarea
    assert field is not None
    assert text is not None
    assert (field["value"], text.get_text()) == ("a lot", "For a paper <b>")
    assert page.find(id=field["aria-describedby"]) == problem
    other = [f for f in page.select("input[name=amount]") if f is not field]
    assert [f["value"] for f in other] == [""]


async def test_only_what_pays_for_somebody_can_be_asked_for(site: Site) -> None:
    nina = site.person("Nina Neu", "en")
    with pytest.raises(BudgetRequestError):
        use_handlers.deed(site.workbench, nina, Typed("ask", ROTOR))()


async def test_an_administrator_sees_the_use_of_their_people_and_asks_for_nothing(
    site: Site,
) -> None:
    anna = _busy(site)
    mira = site.person("Mirjam Vogt", "en", Role.INSTITUTION_ADMIN)
    page = soup(await _use(site, mira, of=anna))
    assert page.h1 is not None
    assert page.h1.get_text() == "Anna Müller"
    assert page.select("main form[method=post]") == []
    with pytest.raises(NotAllowedError):
        use_pages.of_person(site.workbench, anna, mira.name)


async def test_without_any_use_the_page_says_so(site: Site) -> None:
    page = await _use(site, site.person("Nina Neu", "en"))
    assert "Nothing was used in this time." in words(page)
    assert "You have asked for nothing yet." in words(page)


async def test_names_are_shown_and_never_obeyed(site: Site) -> None:
    anna = _busy(site, "<script>alert(1)</script>", "en")
    olga = site.person("Olga", "en", Role.OPERATOR)
    html = await _use(site, olga, of=anna)
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html


@pytest.mark.parametrize(
    ("typed", "spoken", "hours"),
    [
        ("12", "en", 12),
        ("12.5", "en", 12.5),
        ("12,5", "de", 12.5),
        ("12.5", "de", 12.5),
        ("12,5", "en", 12.5),
        ("1.000", "de", 1000),
        ("1,000", "en", 1000),
        ("1\u202f000,25", "fr", 1000.25),
        (" 7 ", "it", 7),
        ("0", "en", 0),
    ],
)
def test_amounts_are_read_as_the_language_writes_them(
    typed: str, spoken: str, hours: float
) -> None:
    assert ticks_of(typed, spoken) == hours * HOUR


@pytest.mark.parametrize("typed", ["", "a lot", "-3", "1e9999", "NaN", "12..5", "9" * 40])
def test_what_is_no_amount_is_refused_in_a_sentence(typed: str) -> None:
    with pytest.raises(AmountError, match="Please give a number of GPU-hours"):
        ticks_of(typed, "de")


# ----------------------------------------------------------------- the record


async def test_the_record_tells_what_was_done_a_page_at_a_time(site: Site) -> None:
    anna = site.person(locale="en", groups=GROUPS)
    for _ in range(audit.PAGE + 1):
        audit.signed_in(site.workbench, anna.name)
    first = audit.of_person(site.workbench, anna.name, "en")
    shown: dict[str, object] = {"record": first, "before": None, "here": "use"}
    page = soup(await site.page(use_handlers.RECORD_TEMPLATE, anna, **shown))
    assert len(page.select("tbody tr")) == audit.PAGE
    older = page.find(id="older")
    assert older is not None
    assert older["href"] == f"/hub/labwerk/record?before={first.next_before}"
    rest = audit.of_person(site.workbench, anna.name, "en", before=first.next_before)
    shown = {"record": rest, "before": first.next_before, "here": "use"}
    page = soup(await site.page(use_handlers.RECORD_TEMPLATE, anna, **shown))
    assert page.find(id="older") is None
    assert len(page.select("tbody tr")) >= 1


# ------------------------------------------------------------------- who pays


async def _fields(site: Site, person: Person, wanted: Request | None = None) -> BeautifulSoup:
    await site.pages.open(person.name)
    environment = site.environment(is_async=True)
    return soup(await site.pages.start_fields(environment, person.name, "/hub/", wanted))


async def test_whoever_has_several_budgets_is_asked_who_pays(site: Site) -> None:
    anna = _busy(site, locale="en")
    page = await _fields(site, anna)
    payers = page.select("input[name=payer]")
    assert [payer["value"] for payer in payers] == ["institution/thr", ROTOR]
    assert [payer.has_attr("checked") for payer in payers] == [True, False]
    card = words(str(payers[1].find_parent(class_="lw-choice")))
    assert "18.5 GPU-hours left for you" in card
    assert "of 20 GPU-hours · until" in card.replace(" until", " · until")
    assert page.find("label", attrs={"for": payers[0]["id"]}) is not None


async def test_whoever_has_one_budget_is_not_asked(site: Site) -> None:
    page = await _fields(site, site.person(locale="en"))
    assert page.select("input[name=payer]") == []
    panel = page.find("section")
    assert panel is not None
    assert "Rhine Technical University" in panel.get_text()


async def test_what_may_be_started_depends_on_who_pays(site: Site) -> None:
    anna = site.person(locale="en", groups=GROUPS)
    with site.workbench.database.writing() as tx:
        spend(site.workbench, tx, anna, days_ago(site.workbench, 1), 20, payer=ROTOR)
    wanted = Request("small", "base", payer=ROTOR)
    page = await _fields(site, anna, wanted)
    chosen = [p["value"] for p in page.select("input[name=payer]") if p.has_attr("checked")]
    assert chosen == [ROTOR]
    card = words(str(page.find(id="flavour-small").find_parent(class_="lw-choice")))  # type: ignore[union-attr]
    assert "without budget" in card
    assert "It runs without budget, and ends when somebody waits for the slice." in card
    other = await _fields(site, anna, replace(wanted, payer="institution/thr"))
    card = words(str(other.find(id="flavour-small").find_parent(class_="lw-choice")))  # type: ignore[union-attr]
    assert "without budget" not in card
    assert "your budget lasts to the end of its period" in card, "60 hours are more than that"
    with site.workbench.database.writing() as tx:
        day = days_ago(site.workbench, 1)
        spend(site.workbench, tx, anna, day, 55, payer="institution/thr")
    other = await _fields(site, anna, replace(wanted, payer="institution/thr"))
    card = words(str(other.find(id="flavour-small").find_parent(class_="lw-choice")))  # type: ignore[union-attr]
    assert "your budget lasts 40 h" in card


async def test_a_share_that_the_budget_does_not_have_is_said_with_what_is_missing(
    site: Site,
) -> None:
    others = [site.person(f"Person {n}", "en", groups=GROUPS) for n in range(3)]
    anna = site.person(locale="en", groups=GROUPS)
    with site.workbench.database.writing() as tx:
        for person in others:
            day = days_ago(site.workbench, 1)
            spend(site.workbench, tx, person, day, 16, payer=ROTOR)
    page = await _fields(site, anna, Request("small", "base", payer=ROTOR))
    panel = page.find("section")
    assert panel is not None
    assert "8 GPU-hours of your share are missing" in words(str(panel))


async def test_home_says_of_a_session_without_budget_that_it_is_one(site: Site) -> None:
    anna = site.person(locale="en", groups=GROUPS)
    lease = site.hold(anna, "sim-h100", "1g.10gb@0")
    said = "Your session runs without budget: it goes on while nobody waits for its slice."
    server = SimpleNamespace(pending=None, active=True)
    for over_use in (False, True):
        with site.workbench.database.writing() as tx:
            tx.leases.set_payer(lease.session, ROTOR, "iwe", over_use=over_use)
        html = await site.page("home.html", anna, default_server=server, url="/user/anna")
        assert (said in words(html)) is over_use
        assert "You have no GPU-hours in it" not in words(html)
