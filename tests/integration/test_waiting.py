"""Standing in line for the one slice that everybody wants."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from support import pages
from support.books import Books, Lease
from support.engine import Engine
from support.hub_client import StartRefusedError
from support.install import Install
from support.person import Person
from support.referee import Referee
from support.settings import LAST_DEVICE
from support.waiting import eventually

SignIn = Callable[[str], Person]
#: Seconds from a stop until the next in line has the Lab before them.
TURN = 60


@pytest.fixture(autouse=True)
def nobody_waits(books: Books) -> None:
    eventually(lambda: not books.in_line(), 90, "an empty line")


def ticket_of(books: Books, person: Person) -> str:
    (ticket,) = [ticket for ticket in books.in_line() if ticket.person == person.name]
    return ticket.id


def is_next(person: Person) -> bool:
    return "als Nächste an der Reihe" in pages.text(person.pending_page())


def runs(books: Books, person: Person) -> bool:
    lease = books.held_by(person.name)
    return lease is not None and lease.state == "live"


def test_who_waits_sees_place_and_expected_start_and_is_in_the_lab_when_it_is_their_turn(
    signed_in: SignIn, books: Books
) -> None:
    olga, jonas, anna = signed_in("olga"), signed_in("jonas"), signed_in("anna")
    olga.start("single")
    first = anna.wait_in_line("single")
    assert "Sie sind als Nächste an der Reihe." in pages.text(first)
    second = jonas.wait_in_line("single")
    said = pages.text(second)
    for words in ("Nummer 2", "1 Person vor Ihnen", "Voraussichtlicher Beginn", "spätestens frei"):
        assert words in said, said
    assert [ticket.person for ticket in books.in_line()] == [anna.name, jonas.name]
    # The Lab of whoever is in the way says so, and its session cannot be made longer.
    assert olga.session()["waiting_behind"] == 2

    olga.stop()
    anna.lab_opens(TURN)
    assert runs(books, anna)
    eventually(
        lambda: "als Nächste an der Reihe" in pages.text(jonas.pending_page()), 60, "his new place"
    )
    anna.stop()
    jonas.lab_opens(TURN)
    assert books.in_line() == []


def test_a_place_in_line_survives_kill_9_of_the_hub_and_of_the_service(
    signed_in: SignIn, books: Books, labwerk: Install
) -> None:
    olga, luca = signed_in("olga"), signed_in("luca")
    olga.start("single")
    luca.wait_in_line("single")
    ticket = ticket_of(books, luca)
    for program in ("hub", "service"):
        labwerk.kill(program)
        assert ticket_of(books, luca) == ticket
        assert luca.line_state() == "waiting"
    assert pages.soup(luca.pending_page()).select_one("#labwerk-waiting")
    eventually(lambda: olga.servers().get("", {}).get("ready"), 60, "the hub's knowledge of it")
    olga.stop()
    luca.lab_opens(TURN)


def test_nobody_jumps_the_line(signed_in: SignIn, books: Books) -> None:
    olga, luca, jonas = signed_in("olga"), signed_in("luca"), signed_in("jonas")
    olga.start("single")
    luca.wait_in_line("single")
    olga.stop()
    # Asked again and again while the slice changes hands, from the very moment it is free.
    with pytest.raises(StartRefusedError):
        jonas.start("single")
    jonas.click_start("single", wait=True)
    luca.lab_opens(TURN)
    assert books.held_by(jonas.name) is None
    assert [ticket.person for ticket in books.in_line()] == [jonas.name]


def test_who_leaves_the_line_gets_nothing_and_may_start_something_else(
    signed_in: SignIn, books: Books
) -> None:
    olga, luca = signed_in("olga"), signed_in("luca")
    olga.start("single")
    luca.wait_in_line("single")
    luca.leave_line()
    assert books.in_line() == []
    assert luca.line_state() == "gone"
    olga.stop()
    time.sleep(3)
    assert not luca.servers()
    luca.start("cpu-small")


def test_who_starts_something_else_gives_the_place_up(signed_in: SignIn, books: Books) -> None:
    olga, luca = signed_in("olga"), signed_in("luca")
    olga.start("single")
    luca.wait_in_line("single")
    luca.start("cpu-small")
    assert books.in_line() == []


def test_a_start_that_fails_when_the_turn_has_come_costs_nobody_their_place(
    signed_in: SignIn, books: Books, referee: Referee, engine: Engine
) -> None:
    olga, luca = signed_in("olga"), signed_in("luca")
    olga.start("single")
    luca.wait_in_line("single")
    ticket = ticket_of(books, luca)
    before = books.leases(luca.name)
    with referee.misgive({"*": "MIG-5d1f9c1e-0000-4000-8000-000000000001"}):
        olga.stop()
        eventually(lambda: _failed_since(before, books, luca), 60, "a start that fails")
        assert ticket_of(books, luca) == ticket
    luca.lab_opens(TURN)
    container = engine.session_of(luca.name)
    assert any(LAST_DEVICE in v.devices for v in referee.verdicts() if v.container == container.id)


def _failed_since(before: list[Lease], books: Books, person: Person) -> bool:
    since = books.leases(person.name)[len(before) :]
    return any(lease.end_reason == "failed" for lease in since) and bool(books.in_line())


def test_who_never_comes_is_stopped_after_the_hold_and_the_next_one_gets_the_slice(
    signed_in: SignIn, books: Books
) -> None:
    olga, luca, jonas = signed_in("olga"), signed_in("luca"), signed_in("jonas")
    olga.start("single")
    luca.wait_in_line("single")  # and closes the page, and forgets
    jonas.wait_in_line("single")
    olga.stop()
    eventually(lambda: runs(books, luca), TURN, "a server for who is away")
    jonas.lab_opens(150)
    assert books.leases(luca.name)[-1].end_reason == "not-collected"
    assert "ma nessuno è arrivato" in pages.text(luca.http.get("/hub/home"))
