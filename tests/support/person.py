"""A person at a browser without JavaScript: signs in, starts, works, stops, signs out."""

from __future__ import annotations

import time

import httpx

from support import pages
from support.hub_client import HubClient, Started


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

    def start(self, flavour: str, image: str = "base") -> Started:
        """Choose on the start page and follow the pending page to the Lab.

        Raises :class:`support.hub_client.StartRefusedError` if no server comes.
        """
        form = pages.form_offering(self.start_page(), "flavour")
        chosen = form.with_values(flavour=flavour, image=image)
        clicked = time.monotonic()
        return self.follow_to_lab(clicked, pages.submit(self.http, chosen))
