"""The people of the crash harness: they start, stay, extend and stop, whatever the hub does."""

from __future__ import annotations

import json
import random
import threading
import time
from dataclasses import dataclass, field

import httpx

from support import pages
from support.books import Books
from support.person import Person

#: What is started, and how often one is chosen: little room, so that much is refused, too.
FLAVOURS = {"cut": 3, "cut-half": 4, "cut-rtx": 3, "single": 2}
#: Seconds between two questions of a person's: the hub is to be killed, not to be flooded.
_AGAIN = 1.0
_MINUTE_MS = 60_000
#: Of all stays, those that end before the Lab is there, or soon after.
_SHORT = 0.6


@dataclass
class Life:
    """What one person does until it is over.

    ``extended`` counts the times that more time was granted, ``switched`` those that another
    budget was chosen while the session ran.
    """

    person: Person
    books: Books
    chance: random.Random
    over: threading.Event
    extended: int = 0
    switched: int = 0
    payers: list[str] = field(default_factory=list)

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
            choices = pages.form_offering(self.person.start_page(), "flavour").choices
        except AssertionError:
            return ""
        self.payers = sorted(value for name, value in choices if name == "payer")
        return self.chance.choice(self.payers) if self.payers else ""

    def _stay(self) -> None:
        """Not at all, for seconds, or for long, and then do something in the Lab."""
        if self.chance.random() < _SHORT:
            seconds = (0.0, self.chance.uniform(0.0, 1.0), self.chance.uniform(1.0, 6.0))
            self.over.wait(self.chance.choice(seconds))
            return
        leaves = time.monotonic() + self.chance.uniform(15.0, 60.0)
        while not self._is_ready() and time.monotonic() < leaves and not self.over.is_set():
            self.over.wait(_AGAIN)
        lease = self.books.held_by(self.person.name)
        if lease is not None and lease.state == "live":
            self._act(lease.session)
        self.over.wait(max(0.0, leaves - time.monotonic()))

    def _act(self, session: str) -> None:
        """Ask for more time, have another budget pay, or let the time run out."""
        self.person.http.get(f"/user/{self.person.name}/lab")  # it signs in there
        now_ms = int(time.time() * 1000)
        what = self.chance.choice(["extend", "pay", "run out"])
        if what == "extend":
            self.books.end_at(session, now_ms + 10 * _MINUTE_MS)  # as if it had run for long
            self.extended += self.person.ask("extend").status_code == httpx.codes.OK
        elif what == "pay" and self.payers:
            chosen = {"budget": self.chance.choice(self.payers)}
            path = "labwerk/api/session/payer"
            answer = self.person.server("POST", path, params={"lang": "en"}, json=chosen)
            self.switched += answer.status_code == httpx.codes.OK
        else:
            self.books.end_at(session, now_ms + 3_000)

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
