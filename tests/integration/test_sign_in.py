"""The way in and out: a real hub, a real provider, and a browser without JavaScript."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from support import pages
from support.install import Install
from support.settings import STUDENTS
from support.waiting import eventually


class Browser:
    """Somebody who is not signed in, with cookies of their own."""

    def __init__(self, url: str, language: str = "en") -> None:
        self.url = url
        headers = {"Accept-Language": language, "Accept": "text/html"}
        self.http = httpx.Client(base_url=url, headers=headers, follow_redirects=True, timeout=30)

    def choose(self, login: str, at: str = "/hub/home") -> httpx.Response:
        """Ask for the page ``at``, and on the way be ``login`` at the provider."""
        return self.answer(self.to_the_provider(at), login)

    def to_the_provider(self, at: str = "/hub/home") -> httpx.Response:
        """Ask for a page and click on the sign-in button; the provider's page."""
        page = self.http.get(at)
        button = pages.soup(page).select_one("a#login")
        assert button, f"there is no sign-in button on {page.url}: {pages.text(page)}"
        return self.http.get(str(page.url.join(str(button["href"]))))

    def answer(self, page: httpx.Response, login: str) -> httpx.Response:
        """Choose a person on the provider's page."""
        form = pages.form_offering(page, "login")
        assert ("login", login) in form.choices
        return pages.submit(self.http, form.with_values(login=login))

    def sign_out(self) -> httpx.Response:
        """Sign out at the hub, and press the provider's button."""
        page = self.http.get("/hub/logout")
        form = pages.form_offering(page, "logout")
        return pages.submit(self.http, form.with_values(logout="yes"))

    def account(self) -> dict[str, Any]:
        """What the hub's API says of who is signed in; empty for nobody."""
        answer = self.http.get("/hub/api/user")
        return dict(answer.json()) if answer.status_code == 200 else {}


@contextmanager
def browser(labwerk: Install, language: str = "en") -> Iterator[Browser]:
    made = Browser(labwerk.url, language)
    with made.http:
        yield made


@pytest.fixture
def somebody(labwerk: Install) -> Iterator[Browser]:
    with browser(labwerk) as made:
        yield made


def on_the_hub(page: httpx.Response, labwerk: Install) -> bool:
    return str(page.url).startswith(f"{labwerk.url}/hub/")


# -------------------------------------------------------------------- the way in


def test_nobody_is_sent_to_the_provider_unasked(somebody: Browser) -> None:
    page = somebody.http.get("/hub/home")
    assert page.url.path == "/hub/login"
    assert not page.history[0].headers["location"].startswith("http")


def test_who_signs_in_gets_to_the_page_that_was_asked_for(somebody: Browser) -> None:
    page = somebody.choose("anna", at="/hub/token?what=now")
    assert (page.status_code, page.url.path, page.url.query) == (200, "/hub/token", b"what=now")


def test_a_person_has_the_groups_and_the_name_that_the_claims_say(somebody: Browser) -> None:
    somebody.choose("anna")
    account = somebody.account()
    assert account["name"] == "thr--anna-mueller"
    assert set(account["groups"]) == {"institution:thr", "project:rotor", "course:ml4wind"}
    assert account["user_info"]["display_name"] == "Anna Müller"
    assert account["roles"] == ["user"]
    assert account["admin"] is False


def test_the_same_name_at_another_institution_is_another_person(
    somebody: Browser, labwerk: Install
) -> None:
    somebody.choose("anna")
    with browser(labwerk) as other:
        other.choose("anna-keller")
        assert other.account()["name"] == "keller--anna-mueller"
        assert "institution:keller" in other.account()["groups"]
    assert somebody.account()["name"] == "thr--anna-mueller"


def test_a_name_is_kept_from_one_sign_in_to_the_next(labwerk: Install) -> None:
    names = set()
    for _ in range(2):
        with browser(labwerk) as anew:
            anew.choose("jonas")
            names.add(anew.account()["name"])
    assert names == {"thr--jonas-mueller"}


def test_a_student_is_known_by_an_affiliation_alone(somebody: Browser) -> None:
    somebody.choose("luca")
    assert somebody.account()["name"] == "thr--luca-bianchi"


def test_an_instructor_is_in_the_group_of_the_courses_instructors(somebody: Browser) -> None:
    somebody.choose("jonas")
    assert "course-instructors:ml4wind" in somebody.account()["groups"]


def test_an_operator_is_the_hubs_administrator_and_keeps_the_user_role(somebody: Browser) -> None:
    somebody.choose("olga")
    account = somebody.account()
    assert account["admin"] is True
    assert set(account["roles"]) == {"admin", "user"}


def test_what_roles_allow_is_there_after_signing_in(somebody: Browser) -> None:
    somebody.choose("anna")
    scopes = somebody.account()["scopes"]
    assert "access:services!service=labwerk" in scopes
    assert "servers!user=thr--anna-mueller" in scopes
    assert not [scope for scope in scopes if scope.startswith("admin")]


def test_localhost_is_led_to_the_address_that_cookies_and_provider_know(
    somebody: Browser, labwerk: Install
) -> None:
    local = labwerk.url.replace("127.0.0.1", "localhost")
    page = somebody.choose("anna", at=f"{local}/hub/home")
    assert (page.status_code, on_the_hub(page, labwerk)) == (200, True)


# ------------------------------------------------------------------- who may not


@pytest.mark.parametrize(
    ("language", "heading", "why"),
    [
        ("en", "You could not be signed in", "Your account belongs to no institution"),
        ("de", "Sie konnten nicht angemeldet werden", "Ihr Konto gehört zu keiner Einrichtung"),
    ],
)
def test_an_account_without_an_institution_is_told_what_was_missing(
    labwerk: Install, language: str, heading: str, why: str
) -> None:
    with browser(labwerk, language) as noah:
        page = noah.choose("noah")
        words = pages.text(page)
        assert page.status_code == 403
        assert heading in words
        assert why in words
        for said in (
            "schac_home_organization",
            "eduperson_scoped_affiliation",
            "noah@mail.example",
        ):
            assert said in words
        assert noah.account() == {}


def test_who_was_refused_can_sign_in_with_another_account(somebody: Browser) -> None:
    refused = somebody.choose("noah")
    way_out = pages.soup(refused).find("a", string="Sign in with another account")
    assert way_out
    page = somebody.http.get(str(refused.url.join(str(way_out["href"]))))
    form = pages.form_offering(page, "logout")
    pages.submit(somebody.http, form.with_values(logout="yes"))
    somebody.choose("anna")
    assert somebody.account()["name"] == "thr--anna-mueller"


# ------------------------------------------------------------------- the way out


def test_signing_out_ends_the_session_here_and_at_the_provider(
    somebody: Browser, labwerk: Install
) -> None:
    somebody.choose("anna")
    page = somebody.sign_out()
    assert page.url == f"{labwerk.url}/hub/signed-out"
    assert "You are signed out" in pages.text(page)
    assert somebody.account() == {}
    # The provider asks anew who it is, so its session is over, too.
    assert ("login", "anna") in pages.form_offering(somebody.to_the_provider(), "login").choices


def test_without_signing_out_the_provider_knows_who_comes_back(
    somebody: Browser, labwerk: Install
) -> None:
    somebody.choose("anna")
    for cookie in [c for c in somebody.http.cookies.jar if "hub" in c.name]:
        somebody.http.cookies.delete(cookie.name, cookie.domain, cookie.path)
    assert somebody.account() == {}
    page = somebody.to_the_provider("/hub/token")
    assert (page.url.path, on_the_hub(page, labwerk)) == ("/hub/token", True)


def test_the_next_person_at_the_same_browser_is_the_next_person(somebody: Browser) -> None:
    somebody.choose("anna")
    somebody.sign_out()
    somebody.choose("camille")
    assert somebody.account()["name"] == "iwe--camille-lefevre"


def test_nobody_can_be_sent_elsewhere_by_a_link_to_sign_in(
    somebody: Browser, labwerk: Install
) -> None:
    page = somebody.http.get("/hub/oauth_login?next=https://evil.example/there")
    assert on_the_hub(somebody.answer(page, "anna"), labwerk)


# ---------------------------------------------------------------------- forgeries


def callback_of(page: httpx.Response) -> httpx.URL:
    """The address at which the provider sent the browser back to the hub."""
    return next(r.url for r in page.history if r.url.path == "/hub/oauth_callback")


def test_the_browser_asks_with_pkce_state_and_nonce(somebody: Browser) -> None:
    page = somebody.to_the_provider()
    asked = next(r.url for r in page.history if r.url.path == "/oidc/auth")
    query = parse_qs(urlsplit(str(asked)).query)
    assert query["code_challenge_method"] == ["S256"]
    assert query["response_type"] == ["code"]
    assert all(query[name] for name in ("code_challenge", "state", "nonce"))


def test_a_code_of_another_browser_signs_nobody_in(somebody: Browser, labwerk: Install) -> None:
    stolen = callback_of(somebody.choose("anna"))
    with browser(labwerk) as thief:
        page = thief.http.get(stolen)
        assert page.status_code == 400
        assert "Sign in again" in pages.text(page)
        assert thief.account() == {}


def test_a_code_under_a_state_of_ones_own_signs_nobody_in(
    somebody: Browser, labwerk: Install
) -> None:
    stolen = callback_of(somebody.choose("anna"))
    with browser(labwerk) as thief:
        asked = next(r.url for r in thief.to_the_provider().history if r.url.path == "/oidc/auth")
        forged = stolen.copy_set_param("state", asked.params["state"])
        page = thief.http.get(forged)
        assert page.status_code == 403
        assert "could not be completed" in pages.text(page)
        assert thief.account() == {}


def test_a_code_is_good_once(somebody: Browser, labwerk: Install) -> None:
    page = somebody.to_the_provider()
    # What the browser holds of its state, until the hub takes it together with the code.
    kept = [cookie for cookie in somebody.http.cookies.jar if "state" in cookie.name]
    used = callback_of(somebody.answer(page, "anna"))
    with browser(labwerk) as again:
        for cookie in kept:
            again.http.cookies.jar.set_cookie(cookie)
        assert again.http.get(used).status_code == 403
        assert again.account() == {}


def test_an_error_of_the_provider_is_told_without_its_own_words(somebody: Browser) -> None:
    page = somebody.http.get(
        "/hub/oauth_callback", params={"error": "access_denied", "error_description": "<b>Hello"}
    )
    assert page.status_code == 403
    assert "access_denied" in pages.text(page)
    assert "Hello" not in pages.text(page)


def test_going_back_in_the_browser_signs_nobody_out(somebody: Browser) -> None:
    page = somebody.choose("anna")
    again = somebody.http.get(callback_of(page))
    assert (again.status_code, again.url.path) == (200, "/hub/home")
    assert somebody.account()["name"] == "thr--anna-mueller"


# ------------------------------------------------------------ the provider's pages


@pytest.mark.parametrize(
    ("language", "university"),
    [
        ("en", "Rhine Technical University"),
        ("de", "Technische Hochschule Rhein"),
        ("it", "Università Tecnica del Reno"),
        ("fr", "Université technique du Rhin"),
    ],
)
def test_the_provider_shows_everybody_in_the_readers_language(
    labwerk: Install, language: str, university: str
) -> None:
    with browser(labwerk, language) as reader:
        page = reader.to_the_provider()
        soup = pages.soup(page)
        assert soup.html is not None
        assert soup.html["lang"] == language
        cards = soup.select("li.card")
        assert len(cards) == 8 + len(STUDENTS)
        assert university in cards[0].get_text()


def test_the_provider_loads_nothing_from_elsewhere(somebody: Browser) -> None:
    page = somebody.to_the_provider()
    assert "default-src 'none'" in page.headers["content-security-policy"]
    origin = f"http://{page.url.netloc.decode()}"
    for address in re.findall(r"(?:src|href|action)=\"([^\"]+)\"", page.text):
        assert address.startswith(("/", "data:", origin)), address


def test_hub_and_provider_do_not_share_cookies(somebody: Browser) -> None:
    somebody.choose("anna")
    provider = [c for c in somebody.http.cookies.jar if c.name.startswith("labwerk-demo-")]
    assert provider
    assert all(cookie.path.startswith("/oidc") for cookie in provider)


def test_a_sign_in_that_has_expired_says_so_and_leads_back(
    somebody: Browser, labwerk: Install
) -> None:
    page = somebody.to_the_provider()
    with browser(labwerk) as stranger:
        expired = stranger.http.get(str(page.url))
    assert expired.status_code == 400
    assert "This sign-in has expired" in pages.text(expired)
    assert f'href="{labwerk.url}/"' in expired.text


# ---------------------------------------------------------- when something restarts


def test_a_silent_provider_signs_nobody_out(somebody: Browser, labwerk: Install) -> None:
    somebody.choose("anna")
    # A hub that was restarted asks the provider about everybody who comes.
    restart(labwerk, "hub")
    provider = labwerk.pid_of("provider")
    assert provider
    os.kill(provider, signal.SIGSTOP)
    try:
        page = somebody.http.get("/hub/home")
    finally:
        os.kill(provider, signal.SIGCONT)
    assert (page.status_code, page.url.path) == (200, "/hub/home")


def test_an_expired_sign_in_leads_back_to_where_the_person_was(
    somebody: Browser, labwerk: Install
) -> None:
    somebody.choose("anna")
    # A provider that was restarted has forgotten its tokens.
    restart(labwerk, "provider")
    restart(labwerk, "hub")
    page = somebody.choose("anna", at="/hub/token?what=now")
    assert (page.status_code, page.url.path, page.url.query) == (200, "/hub/token", b"what=now")
    assert somebody.account()["name"] == "thr--anna-mueller"


def restart(labwerk: Install, program: str) -> None:
    """kill -9 and wait until the supervisor's next one answers."""
    labwerk.kill(program)
    hub = f"{labwerk.url}/hub/login"
    eventually(lambda: answers(hub), 60, "the hub")
    if program == "provider":
        way = httpx.get(f"{labwerk.url}/hub/oauth_login", timeout=60).headers["location"]
        eventually(lambda: answers(str(httpx.URL(way).join("/"))), 60, "the provider")


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False
