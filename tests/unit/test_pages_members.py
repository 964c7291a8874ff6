"""The list of a budget's people: in pages, searched, ordered, and of leavers alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from labwerk_hub.hub.member_lists import PAGE, Order, Query, listed, query_of
from labwerk_hub.services.use_views import MemberView
from support.town import HOUR, IWE, Town, town_in


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with town_in(tmp_path) as found:
        yield found


def _many(town: Town, count: int) -> tuple[MemberView, ...]:
    (lea, *_) = (m for m in town.page(town.mira, IWE).members if m.name == town.lea.name)
    return tuple(
        lea.model_copy(
            update={
                "name": f"iwe--p{number}",
                "display_name": f"Person {number:03}" if number else "Zoë Müller",
                "left_ticks": number * HOUR,
                "used": lea.used.model_copy(update={"ticks": (count - number) * HOUR}),
                "is_leaver": number % 100 == 7,
            }
        )
        for number in range(count)
    )


def test_people_come_fifty_to_a_page(town: Town) -> None:
    people = _many(town, 503)
    first = listed(people, Query())
    assert (len(first.members), first.matching, first.pages) == (PAGE, 503, 11)
    assert first.members[0].display_name == "Zoë Müller"
    last = listed(people, Query(page=99))
    assert (last.page, len(last.members)) == (11, 3)
    every = [m.name for page in range(1, 12) for m in listed(people, Query(page=page)).members]
    assert len(set(every)) == 503


@pytest.mark.parametrize("search", ["muller", "MÜLLER", "zoe", " iwe--p0 "])
def test_people_are_found_without_accents_and_by_their_user_name(town: Town, search: str) -> None:
    found = listed(_many(town, 60), query_of({"search": search}))
    assert [m.display_name for m in found.members] == ["Zoë Müller"]


def test_those_who_have_not_been_here_for_long_can_be_listed_alone(town: Town) -> None:
    found = listed(_many(town, 300), Query(leavers=True, order=Order.NAME))
    assert [m.display_name for m in found.members] == ["Person 007", "Person 107", "Person 207"]
    assert (found.leavers, found.total) == (3, 300)


@pytest.mark.parametrize(
    ("arguments", "query"),
    [
        ({}, Query()),
        ({"order": "left", "page": "3", "search": " a  b "}, Query("a b", Order.LEFT, page=3)),
        ({"order": "<b>", "page": "-1", "leavers": "yes"}, Query()),
        ({"page": "1e9"}, Query()),
    ],
)
def test_a_query_that_makes_no_sense_counts_as_not_given(
    arguments: dict[str, str], query: Query
) -> None:
    assert query_of(arguments) == query


def test_the_links_of_the_pages_keep_what_was_asked() -> None:
    query = Query("Zoë & Co", Order.LEFT, leavers=True, page=2)
    assert query.address(page=3) == "search=Zo%C3%AB+%26+Co&order=left&leavers=1&page=3"
