"""Waiting in Chromium: the page of whoever is next becomes the Lab by itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from support.books import Books
from support.browser import SHELL, choose, keep, overheard, page_in, sign_in
from support.install import Install
from support.person import Person, go_home
from support.waiting import eventually


@dataclass(frozen=True)
class Wait:
    """Somebody who waits, and words they meet."""

    login: str
    name: str
    language: str
    browser_language: str
    wait_button: str
    room: str
    is_next: str
    board: str
    institute: str


WAITS = [
    Wait(
        *(
            "anna",
            "Anna Müller",
            "de",
            "de-DE",
            "In die Warteschlange",
            "Sie sind in der Warteschlange",
        ),
        *("Sie sind als Nächste an der Reihe.", "Belegung", "Institut für Windenergie"),
    ),
    Wait(
        *("luca", "Luca Bianchi", "it", "it-IT", "Mettiti in coda", "È in coda"),
        *("Il prossimo turno è il Suo.", "Occupazione", "Istituto per l'energia eolica"),
    ),
]


@pytest.mark.parametrize("wait", WAITS, ids=lambda wait: wait.language)
def test_the_waiting_room_becomes_the_lab_when_the_first_stops(
    wait: Wait, browser: Browser, labwerk: Install, artifacts: Path
) -> None:
    with (
        labwerk.person("camille") as camille,
        labwerk.person(wait.login) as same,  # cleans up behind the browser
        page_in(browser, wait.browser_language) as page,
    ):
        camille.sign_in()
        same.sign_in()
        try:
            camille.start("single")
            _wait_until_it_is_the_lab(page, wait, camille, labwerk, artifacts)
            _look_at_the_board_as_an_operator(browser, wait, labwerk, artifacts)
        finally:
            go_home([camille, same])
    eventually(lambda: not Books(labwerk).unended(), 60, "the end of all sessions")


def _wait_until_it_is_the_lab(
    page: Page, wait: Wait, camille: Person, labwerk: Install, artifacts: Path
) -> None:
    def picture(name: str) -> None:
        keep(page, artifacts, f"{wait.language}-wait-{name}", whole="board" in name)

    heard = overheard(page)
    sign_in(page, labwerk.url, wait.login)
    choose(page, labwerk.url, "single")
    expect(page.locator("#start")).to_have_text(wait.wait_button)
    picture("1-full")

    page.locator("#start").click()
    expect(page.locator("h1")).to_have_text(wait.room)
    expect(page.locator("#labwerk-waiting")).to_contain_text(wait.is_next)
    expect(page.locator("html")).to_have_attribute("lang", wait.language)
    room = page.url
    picture("2-waiting-room")

    page.goto(f"{labwerk.url}/hub/labwerk/board")
    expect(page.locator("h1")).to_have_text(wait.board)
    expect(page.locator("#board-gpus")).to_contain_text(wait.institute)
    expect(page.locator("#board-gpus")).not_to_contain_text("Camille")
    picture("3-board-of-a-member")

    page.goto(room)
    expect(page.locator("#labwerk-waiting")).to_contain_text(wait.is_next)
    camille.stop()
    page.wait_for_selector(SHELL, state="visible")  # nothing was clicked
    picture("4-the-lab")
    assert heard.strangers == [], "the browser was sent to other hosts"
    assert heard.complaints == [], "scripts complained"


def _look_at_the_board_as_an_operator(
    browser: Browser, wait: Wait, labwerk: Install, artifacts: Path
) -> None:
    with page_in(browser, "en") as page:
        sign_in(page, labwerk.url, "olga")
        page.goto(f"{labwerk.url}/hub/labwerk/board")
        expect(page.locator("#board-gpus")).to_contain_text(wait.name)
        keep(page, artifacts, f"{wait.language}-wait-5-board-of-an-operator", whole=True)
