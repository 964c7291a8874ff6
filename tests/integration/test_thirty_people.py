"""A class begins: thirty people start at once, and there are slices for twenty-eight."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from support import pages
from support.books import Books
from support.install import Install
from support.person import Person, go_home
from support.settings import SEATS, STUDENTS
from support.waiting import eventually

#: Within so many seconds everybody has clicked and has an answer: a slice, or a place in line.
ANSWERED = 60
#: Thirty servers on two cores take their time; no one may fail of it.
READY = 180


@pytest.fixture
def students(labwerk: Install) -> Iterator[list[Person]]:
    with ExitStack() as stack:
        people = [stack.enter_context(labwerk.person(login)) for login in STUDENTS]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(Person.sign_in, people))
        try:
            yield people
        finally:
            go_home(people)


def test_twenty_eight_run_two_wait_in_order_and_the_first_of_them_is_next(
    students: list[Person], books: Books
) -> None:
    known = {lease.session for person in students for lease in books.leases(person.name)}
    began = time.monotonic()
    with ThreadPoolExecutor(len(students)) as pool:
        list(pool.map(lambda person: person.click_start("seat", wait=True), students))
        eventually(lambda: _all_answered(students, books), 120, "an answer for everybody")
        answered = time.monotonic() - began
    eventually(lambda: len(_running(students, books)) == SEATS, READY, "28 running servers")
    ready = time.monotonic() - began
    print(f"30 people: answered after {answered:.1f} s, {SEATS} run after {ready:.1f} s")

    assert answered <= ANSWERED
    line = [ticket.person for ticket in books.in_line()]
    assert len(line) == len(students) - SEATS
    running = _running(students, books)
    assert {person.name for person in students} == running | set(line)
    units = [unit for lease in books.unended() for unit in lease.units]
    assert len(units) == len(set(units)) == SEATS
    taken = {lease.session for person in students for lease in books.leases(person.name)} - known
    assert len(taken) == SEATS, "somebody's start failed and was made again"

    by_name = {person.name: person for person in students}
    first, second = (by_name[name] for name in line)
    assert (_place(first), _place(second)) == ("next", "2")
    by_name[min(running)].stop()
    first.lab_opens(60)
    assert [ticket.person for ticket in books.in_line()] == [second.name]
    eventually(lambda: _place(second) == "next", 60, "a new place for the second")


def _all_answered(students: Sequence[Person], books: Books) -> bool:
    answered = {ticket.person for ticket in books.in_line()}
    answered |= {person.name for person in students if books.held_by(person.name)}
    return len(answered) == len(students)


def _running(students: Sequence[Person], books: Books) -> set[str]:
    leases = {person.name: books.held_by(person.name) for person in students}
    return {name for name, lease in leases.items() if lease and lease.state == "live"}


def _place(person: Person) -> str:
    """What the waiting room says: "next", or a number."""
    said = pages.text(person.pending_page())
    if "You are the next in line" in said:
        return "next"
    return said.partition("You are number ")[2].partition(" ")[0]
