"""Starts that are cancelled or cut off leave no lease and no container behind."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from support.books import Books
from support.engine import Engine
from support.install import Install
from support.person import Person
from support.waiting import eventually

SignIn = Callable[[str], Person]


def holds_nothing(person: Person, books: Books, engine: Engine) -> bool:
    return books.held_by(person.name) is None and not engine.has_container_of(person.name)


@pytest.mark.parametrize("after", [0.0, 0.1, 0.3, 0.6, 1.0])
def test_a_start_that_is_cancelled_leaves_nothing_behind(
    after: float, signed_in: SignIn, books: Books, engine: Engine
) -> None:
    anna = signed_in("anna")
    anna.click_start("single")
    time.sleep(after)
    anna.stop()
    eventually(lambda: holds_nothing(anna, books, engine), 60, "an end without leftovers")
    anna.start("single")


@pytest.mark.parametrize("after", [0.1, 0.4, 0.8])
def test_a_hub_that_is_killed_during_a_start_ends_it_when_it_is_back(
    after: float, signed_in: SignIn, labwerk: Install, books: Books, engine: Engine
) -> None:
    anna = signed_in("anna")
    anna.click_start("single")
    time.sleep(after)
    labwerk.kill("hub")
    eventually(lambda: anna.http.get("/hub/health").status_code == 200, 60, "the hub's return")
    # Ended at once by the hub, or, if the server was up by then, by its owner.
    if anna.servers():
        anna.stop()
    eventually(lambda: holds_nothing(anna, books, engine), 60, "an end without leftovers")
    assert books.imbalance() == 0


def test_what_was_started_last_is_started_again_by_the_api_without_a_choice(
    signed_in: SignIn, books: Books
) -> None:
    anna = signed_in("anna")
    anna.start("single")
    anna.stop()
    answer = anna.http.post(f"/hub/api/users/{anna.name}/server", headers=anna.hub_headers())
    assert answer.status_code in {201, 202}, answer.text
    eventually(lambda: anna.servers().get("", {}).get("ready"), 100, "a server")
    lease = books.held_by(anna.name)
    assert lease is not None
    assert lease.state == "live"
