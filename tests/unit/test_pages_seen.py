"""What the hub keeps in memory of who looked at a page goes when they are erased, or soon."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from labwerk_hub.hub.reading import Pages
from labwerk_hub.services import leavers
from support.hub_pages import Site, site_in
from support.workbench import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def site(tmp_path: Path, clock: Clock) -> Iterator[Site]:
    with site_in(tmp_path) as made:
        made.workbench = replace(made.workbench, clock=clock)
        made.pages = Pages(made.settings, made.workbench)
        yield made


async def test_a_page_that_cannot_read_the_database_goes_by_what_was_read_last(
    site: Site, clock: Clock
) -> None:
    anna = site.person("Anna Müller")
    await site.pages.open(anna.name)
    clock.step(minutes=59)
    await site.pages.open(site.person("Ben").name)
    assert site.pages.open_now(anna.name).person == anna


async def test_nothing_is_kept_of_who_was_erased_once_they_are_asked_for_again(site: Site) -> None:
    anna = site.person("Anna Müller")
    await site.pages.open(anna.name)
    leavers.erase(site.workbench, anna.name)
    await site.pages.open(anna.name)
    assert site.pages.open_now(anna.name).person is None


async def test_nothing_is_kept_for_long_of_who_looks_at_no_page_any_more(
    site: Site, clock: Clock
) -> None:
    anna = site.person("Anna Müller")
    await site.pages.open(anna.name)
    leavers.erase(site.workbench, anna.name)
    clock.step(hours=1)
    await site.pages.open(site.person("Ben").name)
    assert site.pages.open_now(anna.name).person is None


async def test_what_was_read_long_ago_is_not_shown_even_if_nobody_looked_since(
    site: Site, clock: Clock
) -> None:
    anna = site.person("Anna Müller")
    await site.pages.open(anna.name)
    clock.step(hours=1)
    assert site.pages.open_now(anna.name).person is None
