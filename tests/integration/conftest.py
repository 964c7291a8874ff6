"""Fixtures of the integration tests: the books, and people who are signed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from support.books import Books
from support.install import Install
from support.person import Person, go_home


@pytest.fixture
def books(labwerk: Install) -> Books:
    return Books(labwerk)


@pytest.fixture
def signed_in(labwerk: Install) -> Iterator[Callable[[str], Person]]:
    """Sign somebody in; at the end everybody leaves the line, then stops what they have."""
    with ExitStack() as stack:
        people: list[Person] = []

        def sign_in(login: str) -> Person:
            person = stack.enter_context(labwerk.person(login))
            person.sign_in()
            people.append(person)
            return person

        try:
            yield sign_in
        finally:
            go_home(people)
