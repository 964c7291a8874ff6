"""The waiting room and the places that tell of it, on a real waiting list."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup, Tag
from jupyterhub.spawner import SpawnException
from labwerk_hub.domain.admission import Request
from labwerk_hub.domain.leases import EndReason
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.texts import LANGUAGES
from labwerk_hub.hub.waiting_handlers import failure_of
from labwerk_hub.services import line, waiting
from labwerk_hub.services.waiting import WaitingView
from support.hub_pages import Site, site_in, soup, untranslated, user_of, words

FOREIGN = [language for language in LANGUAGES if language != "en"]
SPAWN = "/hub/spawn/x"
NOW = "labwerk/waiting_now.html"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with site_in(tmp_path) as made:
        yield made


def _line(site: Site, locale: str = "en") -> tuple[Person, Person]:
    """Anna and, behind her, Mira wait for the one slice that Luca holds for an hour."""
    luca = site.person("Luca Bianchi", "it")
    anna = site.person(locale=locale)
    mira = site.person("Mira Conti", locale, institution="iwe")
    site.hold(luca, "real-a30", "2g.12gb@0", flavour="single", minutes=60)
    for person in (anna, mira):
        with site.workbench.database.writing() as tx:
            inventory = site.pool.read()
            request = Request("single", "base")
            waiting.take(site.workbench, tx, inventory, person, request, locale)
    for ticket in line.advance(site.workbench):
        line.offered(site.workbench, ticket)
    return anna, mira


def _view(site: Site, person: Person) -> WaitingView:
    view = waiting.view_of(site.workbench, person.name)
    assert view is not None
    return view


def _called(site: Site, person: Person) -> WaitingView:
    until = datetime.now(UTC) + timedelta(minutes=5)
    return replace(_view(site, person), called=True, held_until=until)


async def _room(site: Site, person: Person, error: BaseException | None = None) -> str:
    """The hub's page for a person without a server."""
    return await site.page(
        "not_running.html",
        person,
        failed=error is not None,
        failed_message=None,
        exception=error,
        spawn_url=SPAWN,
    )


async def _now(site: Site, person: Person, **given: object) -> BeautifulSoup:
    """The fragment that the page asks for."""
    await site.pages.open(person.name)
    values = {"starting": False, "view": None, "failure": None} | given
    return soup(await site.page(NOW, person, **values))


def _root(fragment: BeautifulSoup) -> Tag:
    root = fragment.select_one("[data-state]")
    assert root is not None
    return root


# -------------------------------------------------------------------- the room


async def test_whoever_waits_finds_place_reason_and_expected_start(site: Site) -> None:
    anna, mira = _line(site)
    first, second = words(await _room(site, anna)), words(await _room(site, mira))
    assert "You are the next in line." in first
    assert "You are number 2 in line. 1 person before you waits for such a slice, too." in second
    for read in (first, second):
        assert "You wait for “The one slice” with “Base”." in read
        assert "is due back" in read
        assert "You would start about" in read
        assert "In line since" in read
        assert "This is an estimate" in read


@pytest.mark.parametrize("spoken", FOREIGN)
async def test_every_state_of_the_room_is_in_the_readers_language(site: Site, spoken: str) -> None:
    anna, mira = _line(site, spoken)
    error = TimeoutError("English words from inside")
    states: list[dict[str, object]] = [
        {"starting": True},
        {},
        {"view": _called(site, anna)},
        {"view": _called(site, anna), "failure": error},
        {"view": replace(_view(site, anna), expected=None, due_back=None)},
        {"view": replace(_view(site, mira), expected=datetime(2020, 1, 1, tzinfo=UTC))},
    ]
    pages = [str(await _now(site, anna, **given)) for given in states]
    pages += [await _room(site, anna), await _room(site, mira)]
    for page in pages:
        assert untranslated(page, spoken) == set()
        assert "English words" not in page


async def test_the_first_start_that_led_into_the_line_is_no_failure(site: Site) -> None:
    anna, _ = _line(site)
    waits = SpawnException("You stand in line.", reason="waiting", status_code=503)
    page = soup(await _room(site, anna, waits))
    assert page.h1 is not None
    assert page.h1.get_text() == "You are in line"
    assert page.select(".alert-danger") == []


async def test_the_room_works_without_javascript(site: Site) -> None:
    anna, _ = _line(site)
    page = soup(await _room(site, anna))
    refresh = page.select_one("noscript meta[http-equiv=refresh]")
    assert refresh is not None
    assert refresh["content"] == "5"
    form = page.select_one("#labwerk-waiting form")
    assert form is not None
    assert (form["method"], form["action"]) == ("post", f"/hub/labwerk/leave/{anna.name}")
    assert form.select_one("input[name=_xsrf]") is not None
    assert page.find(id="labwerk-notify", hidden=True) is not None
    assert page.find("a", href=SPAWN) is not None
    assert page.find(id="spawn_form") is None


async def test_the_page_knows_where_to_ask_and_where_to_go(site: Site) -> None:
    anna, _ = _line(site)
    page = soup(await _room(site, anna))
    room = page.find(id="labwerk-waiting")
    assert isinstance(room, Tag)
    assert room["data-refresh"] == f"/hub/labwerk/waiting/{anna.name}"
    assert room["data-pending"] == f"/hub/spawn-pending/{anna.name}"
    scripts = [str(script["src"]) for script in page("script", src=True)]
    assert any("waiting.js" in script for script in scripts)
    assert not any("start.js" in script for script in scripts)


async def test_only_what_changes_the_place_is_read_out(site: Site) -> None:
    anna, mira = _line(site)
    page = soup(await _room(site, anna))
    regions = page.select("#labwerk-waiting [role=status]")
    assert [region["id"] for region in regions] == ["labwerk-said", "labwerk-notified"]
    assert page.select("#labwerk-waiting-now [role], #labwerk-waiting-now [aria-live]") == []
    later = replace(_view(site, mira), expected=datetime.now(UTC) + timedelta(hours=3))
    said = [
        _root(await _now(site, mira, view=view))["data-said"] for view in (_view(site, mira), later)
    ]
    assert said == ["You are number 2 in line."] * 2


# ------------------------------------------------------------------- the states


async def test_the_fragment_says_how_things_stand(site: Site) -> None:
    anna, _ = _line(site)
    view = _view(site, anna)
    states = [
        _root(await _now(site, anna, **given))["data-state"]
        for given in (
            {"view": view},
            {"view": _called(site, anna)},
            {"view": view, "starting": True},
            {},
        )
    ]
    assert states == ["waiting", "called", "starting", "gone"]


async def test_whoever_is_called_can_start_what_they_waited_for(site: Site) -> None:
    anna, _ = _line(site)
    fragment = await _now(site, anna, view=_called(site, anna))
    form = fragment.find("form")
    assert isinstance(form, Tag)
    assert (form["method"], form["action"]) == ("post", f"/hub/spawn/{anna.name}")
    sent = {field["name"]: field["value"] for field in form("input")}
    assert sent == {"_xsrf": "token", "flavour": "single", "image": "base", "wait": "1"}
    assert "is kept for you until" in words(str(fragment))
    assert fragment.select(".alert-danger") == []


async def test_a_called_start_that_failed_says_why_and_until_when_to_try_again(site: Site) -> None:
    anna, _ = _line(site)
    ended = SpawnException("Your server ended before it answered.", reason="server-ended")
    for error, told in (
        (ended, "Your server ended before it answered."),
        (TimeoutError("inner words"), "The start did not work."),
    ):
        fragment = await _now(site, anna, view=_called(site, anna), failure=error)
        alert = fragment.select_one(".alert-danger")
        assert alert is not None
        assert alert.get_text(strip=True) == told
        assert fragment.find(id="start-now") is not None


async def _spawner(outcome: BaseException | str | None) -> SimpleNamespace:
    """A spawner whose latest start came to this; None: there was none since the hub began."""
    if outcome is None:
        return SimpleNamespace(_spawn_future=None)
    start: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    if outcome == "cancelled":
        start.cancel()
    elif isinstance(outcome, BaseException):
        start.set_exception(outcome)
        start.exception()
    elif outcome == "done":
        start.set_result(None)
    return SimpleNamespace(_spawn_future=start)


@pytest.mark.parametrize("outcome", [None, "running", "done", "cancelled"])
async def test_no_failure_is_told_where_there_was_none(outcome: str | None) -> None:
    assert failure_of(await _spawner(outcome)) is None


async def test_standing_in_line_is_no_failure_and_everything_else_is() -> None:
    waits = SpawnException("You stand in line.", reason="waiting")
    broken = RuntimeError("no engine")
    assert failure_of(await _spawner(waits)) is None
    assert failure_of(await _spawner(broken)) is broken


# --------------------------------------------------------------------- elsewhere


def _idle() -> SimpleNamespace:
    return SimpleNamespace(pending=None, active=False)


async def test_home_tells_of_the_place_in_line(site: Site) -> None:
    anna, _ = _line(site)
    page = soup(await site.page("home.html", anna, default_server=_idle(), url=SPAWN))
    assert page.find(id="labwerk-waiting") is not None
    assert page.select_one("noscript meta[http-equiv=refresh]") is not None
    assert page.find(id="start") is None


async def test_home_without_a_place_in_line_asks_for_nothing(site: Site) -> None:
    html = await site.page("home.html", site.person(), default_server=_idle(), url=SPAWN)
    assert soup(html).find(id="labwerk-waiting") is None
    assert "waiting.js" not in html


async def test_the_start_page_warns_that_another_start_gives_the_place_up(site: Site) -> None:
    anna, _ = _line(site)
    page = soup(await site.page("spawn.html", anna, for_user=user_of(anna)))
    panel = page.find(id="labwerk-waiting")
    assert isinstance(panel, Tag)
    assert panel.find_parent("form") is None
    assert "you give this place up" in words(str(page))


async def test_the_start_page_says_what_waiting_would_mean(site: Site) -> None:
    _line(site)
    other = site.person("Jonas Müller", "en")
    await site.pages.open(other.name)
    environment = site.environment(is_async=True)
    page = soup(await site.pages.start_fields(environment, other.name, "/hub/"))
    choice = page.find(id="flavour-single")
    assert isinstance(choice, Tag)
    card = words(str(choice.find_parent(class_="lw-choice")))
    assert "2 people wait for such a slice. If you wait, you would start about" in card


async def test_whether_to_wait_is_kept_when_the_start_page_renews_itself(site: Site) -> None:
    anna = site.person()
    await site.pages.open(anna.name)
    environment = site.environment(is_async=True)
    for wait in (True, False):
        page = soup(await site.pages.start_fields(environment, anna.name, "/hub/", wait=wait))
        box = page.find("input", id="wait")
        assert isinstance(box, Tag)
        assert box.has_attr("checked") is wait


async def test_after_an_end_that_was_not_theirs_people_read_why(site: Site) -> None:
    anna = site.person(locale="de")
    lease = site.hold(anna, "sim-h100", "1g.10gb@0")
    with site.workbench.database.writing() as tx:
        tx.leases.set_ended(lease.session, lease.ends_ms, EndReason.IDLE)
        tx.leases.give_back(lease.session)
    html = await site.page("home.html", anna, default_server=_idle(), url=SPAWN)
    assert "weil nichts in ihr lief" in words(html)
