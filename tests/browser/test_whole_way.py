"""The whole way as a person walks it, in Chromium, in two languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from support.browser import PATIENCE, choose, keep, overheard, page_in, sign_in
from support.install import Install
from support.waiting import eventually


@dataclass(frozen=True)
class Visit:
    """A person, their language, and words that they must meet on their way."""

    login: str
    language: str
    browser_language: str
    front_door: str
    start_page: str
    panel: str
    welcome: str


#: The place of "Run" in Lab's menu bar; its name is another in every language.
RUN_MENU = 3

VISITS = [
    Visit("anna", "de", "de-DE", "Anmelden", "Sitzung", "Budget", "Willkommen"),
    Visit("luca", "it", "it-IT", "Accedi", "sessione", "Budget", "Benvenut"),
]


@pytest.fixture(params=VISITS, ids=lambda visit: visit.language)
def visit(request: pytest.FixtureRequest) -> Visit:
    chosen: Visit = request.param
    return chosen


@pytest.fixture
def page(browser: Browser, visit: Visit, artifacts: Path) -> Iterator[Page]:
    with page_in(browser, visit.browser_language) as page:
        yield page
        # Where the visit ended; after a failure this is what to look at first.
        keep(page, artifacts, f"{visit.language}-last")


def test_sign_in_start_work_stop_sign_out(
    page: Page,
    visit: Visit,
    labwerk: Install,
    artifacts: Path,
) -> None:
    heard = overheard(page)

    def picture(name: str) -> None:
        keep(page, artifacts, f"{visit.language}-{name}")

    page.goto(labwerk.url)
    expect(page.locator("html")).to_have_attribute("lang", visit.language)
    picture("1-front-door")

    sign_in(page, labwerk.url, visit.login)
    choose(page, labwerk.url, "small")
    expect(page.locator("main, body").first).to_contain_text(visit.start_page)
    expect(page.locator("html")).to_have_attribute("lang", visit.language)
    picture("2-start-page")

    page.locator("#start").click()
    page.wait_for_selector("#labwerk-pending, .jp-LabShell")
    picture("3-pending")
    page.wait_for_selector(".jp-LabShell", state="visible")

    look_at_the_panel(page, visit)
    picture("4-panel")

    run_the_welcome_notebook(page, visit)
    picture("5-notebook")

    page.goto(f"{labwerk.url}/hub/home")
    picture("6-home")
    page.locator("#stop").click()
    page.wait_for_selector("#start")
    picture("7-stopped")

    page.goto(f"{labwerk.url}/hub/logout")
    page.wait_for_url(re.compile(rf"^{re.escape(labwerk.url)}/"))
    picture("8-signed-out")
    page.goto(f"{labwerk.url}/hub/spawn")
    assert f"{labwerk.url}/hub/spawn" != page.url, "still signed in after signing out"

    assert heard.strangers == [], "the browser was sent to other hosts"
    assert heard.complaints == [], "scripts complained"


def look_at_the_panel(page: Page, visit: Visit) -> None:
    panel = page.locator("#labwerk-lab-panel")
    if not panel.is_visible():
        page.locator("[data-id='labwerk-lab-panel']").first.click()
    expect(panel).to_be_visible()
    expect(panel).to_contain_text(visit.panel)
    expect(panel).to_contain_text("1g.")
    expect(panel.locator(".lw-Badge.lw-mod-warn").first).to_be_visible()
    expect(panel).to_contain_text("La Haute Borne")


def run_the_welcome_notebook(page: Page, visit: Visit) -> None:
    """Open it from the file browser, run all its cells by the menu, and read what came out."""
    page.locator("[data-id='filebrowser']").first.click()
    item = page.locator(".jp-DirListing-item[data-file-type='notebook']").first
    name = item.locator(".jp-DirListing-itemText").inner_text().strip()
    item.dblclick()
    notebook = page.locator(".jp-NotebookPanel:visible")
    expect(notebook).to_contain_text(visit.welcome)
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status='idle']")
    assert not any(cell["outputs"] for cell in code_cells(page, name)), "saved outputs"
    notebook.locator(".jp-Cell").first.click()
    page.locator("#jp-MainMenu .lm-MenuBar-item").nth(RUN_MENU).click()
    page.locator(".lm-Menu-item[data-command='runmenu:run-all']").click()

    def all_done() -> bool:
        page.keyboard.press("Control+S")
        page.wait_for_timeout(1000)
        return all(cell["execution_count"] for cell in code_cells(page, name))

    eventually(all_done, PATIENCE / 1000, "the run of every cell")
    outputs = [output for cell in code_cells(page, name) for output in cell["outputs"]]
    assert [o for o in outputs if o["output_type"] == "error"] == []
    assert any("image/png" in o.get("data", {}) for o in outputs), "no picture was drawn"


def code_cells(page: Page, name: str) -> list[dict[str, Any]]:
    """The code cells of a notebook as the server has it saved."""
    base = page.evaluate("JSON.parse(document.querySelector('#jupyter-config-data').text).baseUrl")
    content = page.request.get(f"{httpx.URL(page.url).join(base)}api/contents/{name}").json()
    return [cell for cell in content["content"]["cells"] if cell["cell_type"] == "code"]
