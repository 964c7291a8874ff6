"""The people of the crash harness: they start, stay, extend and stop, whatever the hub does."""

from __future__ import annotations

import json
import random
import threading
import time
from dataclasses import dataclass

import httpx

from support import pages
from support.books import Books
from support.person import Person

#: What is started, and how often one is chosen: little room, so that much is refused, too.
FLAVOURS = {"cut": 3, "cut-half": 4, "cut-rtx": 3, "single": 2}
#: Seconds between two questions of a person's: the hub is to be killed, not to be flooded.
_AGAIN = 1.0
_MINUTE_MS = 60_000


@dataclass
class Life:
    """What one person does until it is over; ``extended`` counts the hub's "yes" to more time."""

    person: Person
    books: Books
    chance: random.Random
    over: threading.Event
    extended: int = 0

    def live(self) -> None:
        """Start something, stay for a while, stop it or have it stopped; again and again."""
        names, weights = list(FLAVOURS), list(FLAVOURS.values())
        url = f"/hub/api/users/{self.person.name}/server"
        while not self.over.is_set():
            try:
                (flavour,) = self.chance.choices(names, weights)
                choice = {"flavour": flavour, "image": "base", "wait": "", "payer": self._payer()}
                self.person.http.post(url, json=choice, headers=self.person.hub_headers())
                self._stay()
                while not gone_home(self.person) and not self.over.is_set():
                    self.over.wait(_AGAIN)
            except (httpx.HTTPError, json.JSONDecodeError):  # the hub is away
                self.over.wait(_AGAIN)
            self.over.wait(self.chance.uniform(0.0, 0.5))

    def _payer(self) -> str:
        """One of those that the start page offers; the usual one while it cannot be read."""
        try:
            offered = pages.form_offering(self.person.start_page(), "flavour").choices
        except AssertionError:
            return ""
        return self.chance.choice(
            sorted(value for name, value in offered if name == "payer") or [""]
        )

    def _stay(self) -> None:
        """Not at all, for seconds, or for long: then more time is asked for, or runs out."""
        how = self.chance.random()
        if how < 0.6:
            seconds = (0.0, self.chance.uniform(0.0, 1.0), self.chance.uniform(1.0, 6.0))
            self.over.wait(self.chance.choice(seconds))
            return
        leaves = time.monotonic() + self.chance.uniform(15.0, 60.0)
        while not self._is_ready() and time.monotonic() < leaves and not self.over.is_set():
            self.over.wait(_AGAIN)
        lease = self.books.held_by(self.person.name)
        if lease is None or lease.state != "live":
            return
        now_ms = int(time.time() * 1000)
        if how < 0.8:
            self.books.end_at(lease.session, now_ms + 10 * _MINUTE_MS)  # as if it had run for long
            self.extended += self.person.ask("extend").status_code == httpx.codes.OK
        else:
            self.books.end_at(lease.session, now_ms + 3_000)
        self.over.wait(max(0.0, leaves - time.monotonic()))

    def _is_ready(self) -> bool:
        return any(server.get("ready") for server in self.person.servers().values())


def gone_home(person: Person) -> bool:
    """Ask for the stop; whether the hub has no server for the person any more."""
    try:
        url = f"/hub/api/users/{person.name}/server"
        answer = person.http.delete(url, headers=person.hub_headers())
        return answer.status_code in {204, 404} and not person.servers()
    except (httpx.HTTPError, json.JSONDecodeError):
        return False
