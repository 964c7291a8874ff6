"""The pages of use and budgets in Chromium: axe finds nothing, and they work without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from labwerk_hub import bootstrap
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.texts import LANGUAGES
from labwerk_hub.services.workbench import Workbench
from labwerk_hub.settings import load_settings
from playwright.sync_api import Browser, Page, expect
from support.axe import axe_script, judge
from support.browser import PATIENCE, keep, overheard, page_in, sign_in
from support.install import Install
from support.spent import days_ago, spend

ROTOR = "project/rotor"


@dataclass(frozen=True)
class Office:
    """Who looks, and at which pages below the hub's address."""

    login: str
    pages: tuple[str, ...]


OFFICES = [
    Office("anna", ("spawn", "home", "labwerk/use", "labwerk/record", "labwerk/board")),
    Office(
        "mira", ("labwerk/budgets", "labwerk/budget/institution/iwe", f"labwerk/budget/{ROTOR}")
    ),
    Office("olga", ("labwerk/operator", "labwerk/budget/course/ml4wind", "labwerk/budgets")),
]


@pytest.fixture(scope="module")
def axe() -> str:
    return axe_script()


@pytest.fixture(scope="module")
def spent(labwerk: Install) -> None:
    """Ten days of use in the ledger, after everybody has signed in once."""
    workbench = bootstrap.workbench(load_settings(labwerk.settings))
    for office in OFFICES:
        with labwerk.person(office.login) as person:
            person.sign_in()
    anna, mira = _person(workbench, "thr--anna-mueller"), _person(workbench, "iwe--mira-conti")
    with workbench.database.writing() as tx:
        for ago in range(1, 11):
            day = days_ago(workbench, ago)
            spend(workbench, tx, anna, day, 1, rate=6, idle=0.2)
            spend(workbench, tx, anna, day, 1, payer=ROTOR, rate=12, flavour="medium")
            spend(workbench, tx, mira, day, 2, payer="institution/iwe", rate=3)


@pytest.mark.usefixtures("spent")
@pytest.mark.parametrize("office", OFFICES, ids=lambda office: office.login)
def test_every_page_in_every_language_keeps_the_rules_of_accessibility(
    office: Office, browser: Browser, labwerk: Install, axe: str, artifacts: Path
) -> None:
    with page_in(browser, "en") as page:
        heard = overheard(page)
        sign_in(page, labwerk.url, office.login)
        for spoken in LANGUAGES:
            page.goto(f"{labwerk.url}/hub/labwerk/language?to={spoken}&next=/hub/home")
            for address in office.pages:
                page.goto(f"{labwerk.url}/hub/{address}")
                expect(page.locator("html")).to_have_attribute("lang", spoken)
                _open_all(page)
                found = judge(page, axe)
                assert found.broken == (), f"{address} in {spoken}"
                assert found.passed > 10, "axe had something to look at"
                name = f"{spoken}-{office.login}-{address.replace('/', '-')}"
                keep(page, artifacts, name, whole=True)
                assert not _is_wider_than_its_window(page), f"{address} in {spoken}"
        page.set_viewport_size({"width": 390, "height": 800})
        for address in office.pages:
            page.goto(f"{labwerk.url}/hub/{address}")
            assert not _is_wider_than_its_window(page), address
            keep(page, artifacts, f"narrow-{office.login}-{address.replace('/', '-')}", whole=True)
        assert heard.strangers == [], "the browser was sent to other hosts"
        assert heard.complaints == [], "scripts complained"


@pytest.mark.usefixtures("spent")
def test_without_scripts_more_is_asked_for_and_granted(browser: Browser, labwerk: Install) -> None:
    with _plain_page(browser, "de") as anna, _plain_page(browser, "it") as mira:
        sign_in(anna, labwerk.url, "anna")
        anna.goto(f"{labwerk.url}/hub/labwerk/use")
        panel = anna.locator("section", has=anna.locator(f"input[name=about][value='{ROTOR}']"))
        panel.locator("form summary").click()
        panel.locator("input[name=amount]").fill("viel")
        panel.locator("textarea").fill("Für die Abschlussarbeit")
        panel.locator("button[type=submit]").click()
        expect(anna.locator("main [role=alert]")).to_have_count(1)
        expect(panel.locator("input[name=amount]")).to_have_value("viel")
        expect(panel.locator("input[name=amount]")).to_be_focused()
        expect(panel.locator("textarea")).to_have_value("Für die Abschlussarbeit")
        panel.locator("input[name=amount]").fill("2,5")
        panel.locator("button[type=submit]").click()
        expect(anna.locator("main .alert-success")).to_have_count(1)
        asked = anna.locator(".lw-requests > li", has_text="Für die Abschlussarbeit")
        expect(asked).to_contain_text("2,5 GPU-Stunden")

        sign_in(mira, labwerk.url, "mira")
        mira.goto(f"{labwerk.url}/hub/labwerk/budget/{ROTOR}")
        request = mira.locator(".lw-requests > li", has_text="Für die Abschlussarbeit")
        expect(request.locator("input[name=amount]")).to_have_value("2,5")
        request.locator("button[value=grant]").click()
        expect(mira.locator("main .alert-success")).to_have_count(1)
        expect(request).to_have_count(0)

        anna.goto(f"{labwerk.url}/hub/labwerk/use")
        expect(panel).to_contain_text("22,5 GPU-Stunden")


@pytest.mark.usefixtures("spent")
def test_the_start_page_follows_who_pays(browser: Browser, labwerk: Install) -> None:
    with page_in(browser, "en") as page:
        sign_in(page, labwerk.url, "anna")
        page.goto(f"{labwerk.url}/hub/spawn")
        budget = page.locator(".lw-aside section")
        page.locator("input[name=payer][value='institution/thr']").check()
        expect(budget).to_contain_text("Rhein")
        page.locator(f"input[name=payer][value='{ROTOR}']").check()
        expect(budget).to_contain_text("Rotor")
        expect(page.locator(f"input[name=payer][value='{ROTOR}']")).to_be_checked()
        expect(page.locator(f"input[name=payer][value='{ROTOR}']")).to_be_focused()


def test_what_is_not_theirs_is_refused_in_words(browser: Browser, labwerk: Install) -> None:
    with page_in(browser, "fr") as page:
        sign_in(page, labwerk.url, "camille")
        for address in ("budgets", "operator", f"budget/{ROTOR}", "statement/iwe/2026-11/csv"):
            answer = page.goto(f"{labwerk.url}/hub/labwerk/{address}")
            assert answer is not None
            assert answer.status == 403, address
            expect(page.locator("main [role=alert]")).to_have_count(1)
        missing = page.goto(f"{labwerk.url}/hub/labwerk/use?month=yesterday")
        assert missing is not None
        assert missing.status == 404


@pytest.mark.usefixtures("spent")
def test_downloads_are_files_with_the_pages_figures(browser: Browser, labwerk: Install) -> None:
    with page_in(browser, "it") as page:
        sign_in(page, labwerk.url, "mira")
        page.goto(f"{labwerk.url}/hub/labwerk/budget/institution/iwe")
        links = page.locator("main a[download]")
        expect(links).not_to_have_count(0)
        for link in links.all():
            address = f"{labwerk.url}{link.get_attribute('href')}"
            answer = page.request.get(address)
            assert answer.status == 200, address
            assert "attachment" in answer.headers["content-disposition"]
            assert len(answer.body()) > 100
            if address.endswith("/pdf"):
                assert answer.body().startswith(b"%PDF-")


def _person(workbench: Workbench, name: str) -> Person:
    with workbench.database.reading() as tx:
        found = tx.people.by_name(name)
    assert found is not None
    return found


def _open_all(page: Page) -> None:
    """Everything that is folded away is judged, too."""
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")


def _is_wider_than_its_window(page: Page) -> bool:
    root = "document.documentElement"
    return bool(page.evaluate(f"{root}.scrollWidth > {root}.clientWidth"))


@contextmanager
def _plain_page(browser: Browser, language: str) -> Iterator[Page]:
    """A page of a browser that runs no scripts."""
    context = browser.new_context(locale=language, java_script_enabled=False)
    context.set_default_timeout(PATIENCE)
    try:
        yield context.new_page()
    finally:
        context.close()
