"""The pages themselves, rendered as JupyterHub renders them, on a real database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from http.client import responses
from pathlib import Path
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup
from jupyterhub.spawner import SpawnException
from labwerk_hub.domain.people import Person, Role
from labwerk_hub.domain.texts import LANGUAGES, Message
from labwerk_hub.hub.stages import Stage, Stages
from support.hub_pages import Site, site_in, soup, user_of, words
from tornado import web

STATUSES = [400, 401, 403, 404, 405, 422, 429, 500, 502, 503, 504]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with site_in(tmp_path) as made:
        yield made


# ------------------------------------------------------------------ the frame


@pytest.mark.parametrize("spoken", LANGUAGES)
async def test_a_page_is_in_the_persons_language_and_says_so(site: Site, spoken: str) -> None:
    html = await site.page("logout.html", site.person(locale=spoken))
    page = soup(html)
    assert page.html is not None
    assert page.html["lang"] == spoken
    current = page.select_one(".lw-languages [aria-current]")
    assert current is not None
    assert current["lang"] == spoken


async def test_the_frame_names_the_person_and_their_institution(site: Site) -> None:
    read = words(await site.page("stop_pending.html", site.person()))
    assert "Anna Müller" in read
    assert "Technische Hochschule Rhein" in read


async def test_names_are_shown_and_never_obeyed(site: Site) -> None:
    html = await site.page("stop_pending.html", site.person("<script>alert(1)</script>"))
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html


async def test_every_page_of_the_demo_says_that_it_is_one(site: Site) -> None:
    html = await site.page("login.html", authenticator_login_url="/hub/oauth_login")
    assert soup(html).select_one(".lw-demo") is not None


async def test_a_real_installation_has_no_demo_banner(site: Site) -> None:
    real = site.settings.sign_in.model_copy(update={"issuer": "https://sso.example"})
    other = replace(site, settings=site.settings.model_copy(update={"sign_in": real}))
    html = await other.page("login.html", authenticator_login_url="/hub/oauth_login")
    assert soup(html).select_one(".lw-demo") is None


@pytest.mark.parametrize(
    "template", ["login.html", "logout.html", "spawn.html", "stop_pending.html"]
)
async def test_a_page_loads_nothing_from_elsewhere_and_no_script_it_does_not_use(
    site: Site, template: str
) -> None:
    person = site.person()
    html = await site.page(template, person, for_user=user_of(person))
    sources = [tag.get("src") or tag.get("href") for tag in soup(html)(["script", "link", "img"])]
    assert all(str(source).startswith("/hub/") for source in sources if source)
    assert not re.search(r"jquery|require\.js|bootstrap\.bundle", html)


async def test_the_operators_link_says_that_the_page_behind_it_is_english(site: Site) -> None:
    html = await site.page("stop_pending.html", site.person("Olga", "fr", Role.OPERATOR))
    link = soup(html).find("a", href="/hub/admin")
    assert link is not None
    assert "(en anglais)" in link.get_text()


@pytest.mark.parametrize("spoken", LANGUAGES)
async def test_the_pages_of_tokens_and_permissions_are_translated_too(
    site: Site, spoken: str
) -> None:
    person, scope = site.person(locale=spoken), {"description": "Do it", "filter": ""}
    token = SimpleNamespace(
        api_id="a1", note="x", scopes=["self"], last_activity=None, created=None, expires_at=None
    )
    application = SimpleNamespace(description="An app", redirect_uri="/x", identifier="app")
    owner = SimpleNamespace(name="thr--jonas-mueller")
    pages = [
        await site.page("token.html", person, api_tokens=[token], oauth_clients=[]),
        await site.page("oauth.html", person, oauth_client=application, scope_descriptions=[scope]),
        await site.page(
            "accept-share.html", person, owner=owner, code="c", scope_descriptions=[scope]
        ),
    ]
    english = {"Access tokens", "Give access", "An invitation"}
    headings = {heading.get_text() for page in pages for heading in soup(page)("h1")}
    assert len(headings) == len(english)
    assert headings.isdisjoint(english) is (spoken != "en")
    for page in pages[1:]:
        described = soup(page).find("ul", attrs={"lang": "en"})
        assert described is not None
        assert described.get_text(strip=True) == "Do it"


async def test_whoever_enters_anothers_server_is_told_whose_it_is_and_that_they_see_it(
    site: Site,
) -> None:
    anna, olga = site.person("Anna Müller"), site.person("Olga Brandt", "en", Role.OPERATOR)
    spawner = SimpleNamespace(user=SimpleNamespace(name=anna.name))
    server = SimpleNamespace(description="", redirect_uri="/x", identifier="app", spawner=spawner)
    shown = {"oauth_client": server, "scope_descriptions": []}
    read = words(await site.page("oauth.html", olga, **shown))
    assert "You are about to enter the server of Anna Müller." in read
    assert "Anna Müller sees in their own record that you did" in read
    assert soup(await site.page("oauth.html", anna, **shown)).select(".alert") == []


# ----------------------------------------------------------------- start page


async def _fields(site: Site, person: Person) -> BeautifulSoup:
    await site.pages.open(person.name)
    return soup(
        await site.pages.start_fields(site.environment(is_async=True), person.name, "/hub/")
    )


async def test_the_start_page_shows_what_is_free_what_it_costs_and_how_long_it_lasts(
    site: Site,
) -> None:
    page = await _fields(site, site.person(locale="en"))
    small = page.find(id="flavour-small")
    assert small is not None
    assert small.has_attr("checked")
    card = words(str(small.find_parent(class_="lw-choice")))
    for fact in (
        "free now",
        "0.125 GPU-hours an hour",
        "your budget lasts",
        "4\xa0h, extendable to 8\xa0h",
    ):
        assert fact.replace("\xa0", " ") in card
    assert "simulated" in card


async def test_what_is_full_can_be_chosen_to_wait_for_and_says_what_that_means(
    site: Site,
) -> None:
    luca, anna = site.person("Luca Bianchi", "it"), site.person()
    site.hold(luca, "real-a30", "2g.12gb@0", flavour="single")
    page = await _fields(site, anna)
    choice = page.find(id="flavour-single")
    assert choice is not None
    assert not choice.has_attr("disabled")
    assert not choice.has_attr("checked")
    assert choice.has_attr("data-waits")
    card = words(str(choice.find_parent(class_="lw-choice")))
    assert "Spätestens zurück" in card
    wait = page.find("input", id="wait")
    assert wait is not None
    assert wait.has_attr("checked")
    assert wait["value"] == "1"
    button = page.find(id="start")
    assert button is not None
    assert (button["data-start"], button["data-wait"]) == ("Starten", "In die Warteschlange")


async def test_what_no_gpu_can_serve_is_disabled_and_says_why(site: Site) -> None:
    broken = replace(site.workbench.inventory.read().gpu("real-a30"), fault="it fell off the bus")
    site.pool.replace(broken)
    page = await _fields(site, site.person(locale="en"))
    choice = page.find(id="flavour-single")
    assert choice is not None
    assert choice.has_attr("disabled")
    card = choice.find_parent(class_="lw-choice")
    assert card is not None
    assert "have failed" in card.get_text()


async def test_every_choice_has_a_label_and_belongs_to_a_question(site: Site) -> None:
    page = await _fields(site, site.person())
    for choice in page.select("input[type=radio]"):
        assert page.find("label", attrs={"for": choice["id"]})
        assert page.find(id=choice["aria-describedby"])
        fieldset = choice.find_parent("fieldset")
        assert fieldset is not None
        assert fieldset.find("legend")


async def test_somebody_unknown_reads_why_nothing_is_offered(site: Site) -> None:
    await site.pages.open(None)
    html = await site.pages.start_fields(site.environment(is_async=True), "thr--nobody", "/hub/")
    page = soup(html)
    assert page.find(role="alert") is not None
    assert "thr--nobody" in page.get_text()
    assert not page.select("input")


# --------------------------------------------------------------- pending, home


async def test_the_pending_page_shows_the_stage_and_follows_without_javascript(
    site: Site,
) -> None:
    stages = Stages()
    stages.reach(Stage.CONTAINER, "en")
    spawner = SimpleNamespace(
        stages=stages, default_url="/lab", orm_spawner=SimpleNamespace(started=None)
    )
    page = soup(
        await site.page(
            "spawn_pending.html", site.person(), spawner=spawner, progress_url="/hub/api/progress"
        )
    )
    assert [item["data-stage"] for item in page.select("[data-stage]")] == list(Stage)
    now = page.select_one("[aria-current=step]")
    assert now is not None
    assert now["data-stage"] == Stage.CONTAINER
    assert page.select_one("noscript meta[http-equiv=refresh]") is not None
    holder = page.find(id="labwerk-pending")
    assert holder is not None
    assert holder["data-lab"] == "/user/thr--anna-mueller/lab"
    form = page.select_one("form[method=post]")
    assert form is not None
    assert form["action"] == "/hub/labwerk/stop/thr--anna-mueller"


async def test_home_shows_the_budget_and_the_way_to_start(site: Site) -> None:
    html = await site.page(
        "home.html",
        site.person(locale="it"),
        default_server=SimpleNamespace(pending=None, active=False),
        url="/hub/spawn/thr--anna-mueller",
    )
    assert "60 ore GPU" in words(html)
    start = soup(html).find(id="start")
    assert start is not None
    assert start["href"] == "/hub/spawn/thr--anna-mueller"


# -------------------------------------------------------------------- failures


def _refused(sentence: str) -> SpawnException:
    return SpawnException(sentence, reason="no-slice-free", status_code=503)


async def test_after_a_refusal_the_sentence_and_the_offers_are_there(site: Site) -> None:
    html = await site.page(
        "not_running.html",
        site.person(),
        failed=True,
        failed_message=None,
        exception=_refused("Alle sind belegt."),
        spawn_url="/hub/spawn/thr--anna-mueller",
    )
    alert = soup(html).find(role="alert")
    assert alert is not None
    assert alert.get_text(strip=True) == "Alle sind belegt."
    assert soup(html).find(id="flavour-small") is not None
    assert "the end of the log" not in html


@pytest.mark.parametrize(("roles", "seen"), [((Role.OPERATOR,), True), ((), False)])
async def test_only_operators_see_the_end_of_the_log(
    site: Site, roles: tuple[Role, ...], seen: bool
) -> None:
    html = await site.page(
        "not_running.html",
        site.person("Olga", "en", *roles),
        failed=True,
        failed_message=None,
        exception=TimeoutError("secret detail"),
        spawn_url="/hub/spawn/x",
    )
    assert ("the end of the log" in html) is seen
    assert "secret detail" not in html
    assert "Something went wrong on this machine" in html


@pytest.mark.parametrize("spoken", LANGUAGES)
def test_every_error_is_told_in_words_of_the_readers_language(site: Site, spoken: str) -> None:
    site.pages.default_language = spoken
    headings = set()
    for status in STATUSES:
        page = soup(site.error(status, exception=web.HTTPError(status, "inner words")))
        assert page.html is not None
        assert page.html["lang"] == spoken
        assert page.h1 is not None
        assert responses[status] not in page.h1.get_text()
        headings.add(page.h1.get_text())
    english = {"There is no such page", "Something went wrong here", "Too many people at once"}
    assert len(headings) == 7
    assert headings.isdisjoint(english) is (spoken != "en")


def test_an_error_of_the_proxy_has_no_exception_and_a_page_all_the_same(site: Site) -> None:
    assert "This does not answer just now" in site.error(503)


def test_an_error_in_our_own_sentences_is_shown_whole(site: Site) -> None:
    fault = web.HTTPError(403)
    fault.sentences = (  # type: ignore[attr-defined]
        Message("Your account belongs to no institution that takes part here."),
        Message("Your provider did not say your affiliation (claim %(claim)s).", {"claim": "<x>"}),
    )
    html = site.error(403, exception=fault, extra_error_html='<a href="/hub/logout">Other</a>')
    alert = soup(html).find(role="alert")
    assert alert is not None
    assert [p.get_text() for p in alert("p")][1].endswith("(claim <x>).")
    assert soup(html).find("a", href="/hub/logout") is not None


def test_what_jupyterhub_adds_in_english_is_left_out(site: Site) -> None:
    extra = "You can try restarting your server from the <a href='/hub/home'>home page</a>."
    html = site.error(500, exception=web.HTTPError(500), extra_error_html=extra)
    assert "You can try restarting" not in html
