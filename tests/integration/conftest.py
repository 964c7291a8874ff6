"""Fixtures of the integration tests: the books, and people who are signed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from support.books import Books
from support.install import Install
from support.person import Person


@pytest.fixture
def books(labwerk: Install) -> Books:
    return Books(labwerk)


@pytest.fixture
def signed_in(labwerk: Install) -> Iterator[Callable[[str], Person]]:
    """Sign somebody in; whoever still has a server at the end stops it."""
    with ExitStack() as stack:

        def sign_in(login: str) -> Person:
            person = stack.enter_context(labwerk.person(login))
            person.sign_in()
            stack.callback(lambda: person.servers() and person.stop())
            return person

        yield sign_in
