"""What a kill -9 or an engine that does not answer must not break."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from labwerk_hub.domain.texts import LANGUAGES
from support import pages
from support.books import Books
from support.engine import Engine
from support.install import Install
from support.person import Person
from support.waiting import eventually

SignIn = Callable[[str], Person]


class Working:
    """Somebody with a running server and a kernel that remembers a number."""

    def __init__(self, person: Person, flavour: str) -> None:
        self.person = person
        self.since = time.time()
        person.start(flavour)
        self.kernel = person.start_kernel()
        with person.kernel(self.kernel) as kernel:
            kernel.run("remembered = 41")

    def remembers(self) -> bool:
        """Whether the same kernel, through the proxy, still has its variable."""
        with self.person.kernel(self.kernel) as kernel:
            return kernel.run("remembered + 1") == "42"


def answers(person: Person) -> bool:
    return person.server("GET", "api/status").status_code == 200


def hub_knows(person: Person) -> bool:
    if person.http.get("/hub/health").status_code != 200:
        return False
    return bool(person.servers().get("", {}).get("ready"))


def assert_undisturbed(working: Working, books: Books, engine: Engine) -> None:
    """The server runs on, the lease stands, and after the stop the charge is complete."""
    person = working.person
    eventually(lambda: answers(person), 60, "an answer through the proxy")
    assert working.remembers()
    (lease,) = [lease for lease in books.leases(person.name) if lease.state != "ended"]
    assert lease.state == "live"
    assert len(engine.runs(person.name, working.since)) == 1

    eventually(lambda: hub_knows(person), 60, "the hub's knowledge of the server")
    person.stop()
    eventually(lambda: books.lease(lease.session).state == "ended", 30, "the lease's end")
    (run,) = engine.runs(person.name, working.since)
    books.assert_charged_like(run)


@pytest.mark.parametrize("program", ["hub", "service", "proxy"])
def test_a_server_survives_kill_9_of(
    program: str, signed_in: SignIn, labwerk: Install, books: Books, engine: Engine
) -> None:
    working = Working(signed_in("anna"), "small")
    labwerk.kill(program)
    assert_undisturbed(working, books, engine)


def test_a_server_survives_an_engine_that_does_not_answer_for_a_minute(
    signed_in: SignIn, books: Books, engine: Engine
) -> None:
    working = Working(signed_in("luca"), "medium")
    with engine.frozen():
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            assert working.remembers(), "the kernel was lost while the engine was away"
            time.sleep(10)
    assert_undisturbed(working, books, engine)


def test_a_server_survives_a_restart_of_the_workbench(
    signed_in: SignIn, labwerk: Install, books: Books, engine: Engine
) -> None:
    working = Working(signed_in("camille"), "small")
    with working.person.kernel(working.kernel) as open_notebook:
        labwerk.run("restart")
        assert open_notebook.run("remembered + 1") == "42", "its connection was never cut"
    home = working.person.http.get("/hub/home")
    assert home.url.path == "/hub/home", "who was signed in still is"
    assert_undisturbed(working, books, engine)


def test_a_page_asked_for_while_the_hub_is_away_says_so_and_sessions_go_on(
    signed_in: SignIn, labwerk: Install, books: Books, engine: Engine
) -> None:
    working = Working(signed_in("jonas"), "small")
    with labwerk.without("hub"):
        page = working.person.http.get("/hub/home")
        assert page.status_code == 503
        assert {str(part["lang"]) for part in pages.soup(page)("section")} == set(LANGUAGES)
        assert pages.soup(page).select('meta[http-equiv="refresh"]'), "it tries again"
        assert working.remembers()
    assert_undisturbed(working, books, engine)


def test_a_container_that_ends_by_itself_is_charged_to_its_end_and_gives_its_slice_back(
    signed_in: SignIn, books: Books, engine: Engine
) -> None:
    working = Working(signed_in("anna"), "single")
    name = working.person.name
    (lease,) = [lease for lease in books.leases(name) if lease.state == "live"]
    engine.session_of(name).kill()
    eventually(lambda: books.lease(lease.session).state == "ended", 60, "the lease's end")
    (run,) = engine.runs(name, working.since)
    books.assert_charged_like(run)
    eventually(lambda: not engine.has_container_of(name), 60, "the container's removal")


def test_up_while_everything_runs_changes_nothing_and_is_quick(labwerk: Install) -> None:
    # Once is enough: others may be busy on the machine.
    assert any(_seconds_of_up(labwerk) < 10 for _ in range(3))


def _seconds_of_up(labwerk: Install) -> float:
    began = time.monotonic()
    labwerk.run("up", "--detach")
    return time.monotonic() - began
