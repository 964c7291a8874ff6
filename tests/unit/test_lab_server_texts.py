"""The extensions speak English, German, Italian and French, and leave nothing out."""

from __future__ import annotations

import re

import pytest
from support.environment import REPOSITORY
from support.scripts import module_of

catalogues = module_of(REPOSITORY / "extensions" / "catalogues.py")
PAIRS = [(domain, locale) for domain in catalogues.DOMAINS for locale in domain.locales]
EVERY = pytest.mark.parametrize(
    ("domain", "locale"), PAIRS, ids=[f"{domain.name}-{locale}" for domain, locale in PAIRS]
)
PLACEHOLDER = re.compile(r"%\d|%\(\w+\)[sd]|%%")


@EVERY
def test_every_text_is_translated(domain: object, locale: str) -> None:
    assert catalogues.missing(domain, locale) == []


@EVERY
def test_no_translation_is_of_a_text_that_is_gone(domain: object, locale: str) -> None:
    assert catalogues.left_over(domain, locale) == []


@EVERY
def test_a_translation_has_the_placeholders_of_its_text(domain: object, locale: str) -> None:
    for message in catalogues.load(domain, locale):
        if message.id and isinstance(message.id, str):
            wanted = sorted(PLACEHOLDER.findall(message.id))
            assert sorted(PLACEHOLDER.findall(message.string)) == wanted, message.id


@pytest.mark.parametrize("locale", catalogues.LAB.locales)
def test_what_jupyterlab_reads_is_what_the_translator_wrote(locale: str) -> None:
    compiled = catalogues.LAB.catalogue(locale).with_suffix(".json").read_text("utf-8")
    assert compiled == catalogues.compiled(catalogues.LAB, locale), (
        "run `python3 extensions/catalogues.py`"
    )


def test_the_texts_of_the_panel_are_found_by_the_extraction() -> None:
    """The guard of the other tests: an extraction that finds nothing misses nothing."""
    calls = 0
    for path, method in catalogues.LAB.sources():
        if method == "javascript":
            calls += len(re.findall(r"\btrans\.(?:__|_n)\(", path.read_text("utf-8")))
    found = [message for message in catalogues.collect(catalogues.LAB) if message.id]
    places = sum(
        1 for message in found for place, _ in message.locations if place.endswith((".ts", ".tsx"))
    )
    assert calls > 50
    # A text said twice in one file is one place.
    assert calls - 6 <= places <= calls
