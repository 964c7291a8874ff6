"""A person at a browser without JavaScript: signs in, starts, works, stops, signs out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx

from support import pages
from support.hub_client import HubClient, Started
from support.waiting import eventually


class Person(HubClient):
    """Somebody with an account at the demo's provider."""

    def __init__(self, url: str, login: str) -> None:
        super().__init__(url)
        self.login = login

    def sign_in(self) -> httpx.Response:
        """Sign in at the provider; the page that the workbench then shows."""
        door = self.http.get("/hub/login")
        way_in = pages.soup(door).select_one("a[href*=oauth_login]")
        assert way_in, f"no way to sign in at {door.url}: {pages.text(door)}"
        page = self._choose_myself(self.http.get(door.url.join(str(way_in["href"]))))
        if page.status_code == httpx.codes.OK:
            self.name = self.who_am_i()
        return page

    def _choose_myself(self, page: httpx.Response) -> httpx.Response:
        form = pages.form_offering(page, "login")
        assert ("login", self.login) in form.choices, f"no {self.login} at {page.url}"
        return pages.submit(self.http, form.with_values(login=self.login))

    def sign_out(self) -> httpx.Response:
        """Sign out here and at the provider; the last page."""
        page = self.http.get("/hub/logout")
        if not str(page.url).startswith(f"{self.url}/") and pages.forms(page):
            form = pages.forms(page)[0]
            page = pages.submit(self.http, form.with_values(**dict(form.choices)))
        return page

    def start_page(self) -> httpx.Response:
        """The start page as it is now."""
        return self.http.get("/hub/spawn")

    def start(self, flavour: str, image: str = "base", *, wait: bool = False) -> Started:
        """Choose on the start page and follow the pending page to the Lab.

        Raises :class:`support.hub_client.StartRefusedError` if no server comes.
        """
        clicked = time.monotonic()
        return self.follow_to_lab(clicked, self.click_start(flavour, image, wait=wait))

    def click_start(
        self, flavour: str, image: str = "base", *, wait: bool = False
    ) -> httpx.Response:
        """Choose on the start page; the page that comes of it at once."""
        form = pages.form_offering(self.start_page(), "flavour")
        values = {**form.values, "flavour": flavour, "image": image, "wait": "1"}
        if not wait:
            del values["wait"]  # the box is not ticked
        return pages.submit(self.http, replace(form, values=values))

    # ------------------------------------------------------------- in the line

    def wait_in_line(self, flavour: str) -> httpx.Response:
        """Ask for what is not free, ready to wait; the waiting room."""
        self.click_start(flavour, wait=True)
        return eventually(self._waiting_room, 60, "the waiting room")

    def _waiting_room(self) -> httpx.Response | None:
        page = self.pending_page()
        return page if pages.soup(page).select_one("#labwerk-waiting") else None

    def pending_page(self) -> httpx.Response:
        """The page of a start, which is also the waiting room, as it is now."""
        return self.http.get(f"/hub/spawn-pending/{self.name}")

    def line_state(self) -> str:
        """What the waiting room learns when it asks again: waiting, called, starting, gone.

        Empty for somebody who has signed out.
        """
        part = pages.soup(self.http.get(f"/hub/labwerk/waiting/{self.name}"))
        told = part.select_one("[data-state]")
        return str(told["data-state"]) if told else ""

    def leave_line(self) -> None:
        """The button in the waiting room."""
        forms = pages.forms(self.pending_page())
        (leave,) = [form for form in forms if "/labwerk/leave/" in form.action]
        pages.submit(self.http, leave)

    def lab_opens(self, seconds: float) -> None:
        """Sit before the waiting room until it has become the Lab; nothing is clicked."""

        def is_lab() -> bool:
            page = self.pending_page()
            return page.status_code == httpx.codes.OK and page.url.path.endswith("/lab")

        eventually(is_lab, seconds, f"the Lab of {self.login}", every=1)

    # ------------------------------------------------------- what the Lab tells

    def overview(self) -> dict[str, Any]:
        """What the Lab's panel shows, asked of the person's own server."""
        answer = self.server("GET", "labwerk/api/overview", params={"lang": "en"})
        assert answer.status_code == httpx.codes.OK, f"overview: {answer.text}"
        return dict(answer.json())

    def session(self) -> dict[str, Any]:
        """The session's part of the overview."""
        return dict(self.overview()["session"])

    def ask(self, change: str) -> httpx.Response:
        """The panel's buttons: ``extend`` or ``still-working``."""
        return self.server("POST", f"labwerk/api/session/{change}", params={"lang": "en"})


def go_home(people: Sequence[Person]) -> None:
    """All of them leave the line, and only then stop what they have: it is nobody's turn."""
    known = [person for person in people if person.name]
    for person in known:
        if person.line_state() in {"waiting", "called"}:
            person.leave_line()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(_stop_if_running, known))


def _stop_if_running(person: Person) -> None:
    if person.servers():
        person.stop()
