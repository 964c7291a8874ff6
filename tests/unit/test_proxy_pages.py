"""What the proxy shows by itself while nothing answers behind it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from labwerk_hub.domain.texts import LANGUAGES
from labwerk_hub.machine import reverse_proxy
from labwerk_hub.machine.places import Places
from labwerk_hub.machine.proxy_pages import install_proxy_pages
from labwerk_hub.settings import load_settings
from support.settings import SHIPPED

PAGES = ["503.html", "error.html"]


@pytest.fixture
def places(tmp_path: Path) -> Places:
    places = Places(tmp_path)
    places.run.mkdir()
    install_proxy_pages("de", places)
    return places


def _read(places: Places, page: str) -> BeautifulSoup:
    return BeautifulSoup((places.proxy_pages / page).read_text("utf-8"), "html.parser")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_the_same_in_every_language_and_the_sites_own_first(
    places: Places, page: str
) -> None:
    read = _read(places, page)
    parts = read("section")
    assert read.html is not None
    assert read.h1 is not None
    assert read.html["lang"] == parts[0]["lang"] == "de"
    assert sorted(str(part["lang"]) for part in parts) == sorted(LANGUAGES)
    assert len({part.get_text() for part in parts}) == len(LANGUAGES)
    assert len({len(part("p")) for part in parts}) == 1
    assert read.h1.parent == parts[0]
    assert str(read.title).startswith(f"<title>{read.h1.get_text()}")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_needs_nothing_from_elsewhere(places: Places, page: str) -> None:
    read = _read(places, page)
    loaded = [str(tag.get("src") or tag["href"]) for tag in read(["img", "link"])]
    assert not read.select("script[src]")
    assert all(address.startswith("data:image/svg+xml;") for address in loaded)
    assert not re.search(r"url\(|@import", (places.proxy_pages / page).read_text("utf-8"))


def test_only_the_page_of_what_comes_back_tries_again_also_without_scripts(
    places: Places,
) -> None:
    for way in ("script", 'noscript > meta[http-equiv="refresh"]'):
        assert [len(_read(places, page).select(way)) for page in PAGES] == [1, 0]


def test_the_proxy_is_told_where_its_pages_are(places: Places) -> None:
    options = reverse_proxy.options(load_settings(SHIPPED), places)
    named = Path(options[options.index("--error-path") + 1])
    assert {file.name for file in named.iterdir()} == set(PAGES)


def test_the_proxy_can_read_its_pages_as_another_user(places: Places) -> None:
    assert places.proxy_pages.stat().st_mode & 0o005 == 0o005
    assert all(file.stat().st_mode & 0o004 for file in places.proxy_pages.iterdir())
