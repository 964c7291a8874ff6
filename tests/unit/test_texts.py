"""Every text people see is there in every language, and nothing else is."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import labwerk_hub
import pytest
from babel.messages.catalog import Catalog
from babel.messages.catalog import Message as Entry
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po
from labwerk_hub import texts
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR
from labwerk_hub.domain.texts import LANGUAGES, Message

PACKAGE = Path(labwerk_hub.__file__).parent
TRANSLATED = [language for language in LANGUAGES if language != "en"]
#: N_("…") marks a text that is looked up later, Message("…") carries one.
KEYWORDS = {**DEFAULT_KEYWORDS, "N_": None, "Message": (1,)}
HOW_TO = "See labwerk_hub/locale/babel.toml for how to bring the catalogues up to date."


@pytest.fixture(scope="module")
def in_the_code() -> Catalog:
    """The texts that stand in the package's Python and templates."""
    mappings = tomllib.loads((PACKAGE / "locale" / "babel.toml").read_text("utf-8"))["mappings"]
    methods = [(mapping["pattern"], mapping["method"]) for mapping in mappings]
    options = {mapping["pattern"]: mapping for mapping in mappings}
    found = Catalog()
    for file, line, text, comments, context in extract_from_dir(
        PACKAGE, methods, options, KEYWORDS
    ):
        found.add(text, None, [(file, line)], auto_comments=comments, context=context)
    return found


def _catalogue(language: str) -> Catalog:
    path = PACKAGE / "locale" / language / "LC_MESSAGES" / "labwerk.po"
    with path.open("rb") as source:
        return read_po(source, locale=language)


def _entries(catalogue: Catalog) -> dict[object, Entry]:
    return {_key(entry.id): entry for entry in catalogue if entry.id}


def _key(msgid: object) -> object:
    return tuple(msgid) if isinstance(msgid, list | tuple) else msgid


def _strings(entry: Entry) -> tuple[str, ...]:
    return (entry.string,) if isinstance(entry.string, str) else tuple(entry.string or ())


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_in_the_code_is_translated(language: str, in_the_code: Catalog) -> None:
    entries = _entries(_catalogue(language))
    missing = [
        key
        for key in _entries(in_the_code)
        if key not in entries or not all(_strings(entries[key])) or entries[key].fuzzy
    ]
    assert not missing, f"{language} lacks {missing}. {HOW_TO}"


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_translation_outlives_its_text(language: str, in_the_code: Catalog) -> None:
    catalogue = _catalogue(language)
    left_over = set(_entries(catalogue)) - set(_entries(in_the_code))
    assert not left_over, f"{language} still has {left_over}. {HOW_TO}"
    assert not catalogue.obsolete


@pytest.mark.parametrize("language", TRANSLATED)
def test_translations_have_the_places_of_their_texts(language: str) -> None:
    for key, entry in _entries(_catalogue(language)).items():
        ids = key if isinstance(key, tuple) else (key,)
        wanted = {place for text in ids for place in _places(str(text))}
        for string in _strings(entry):
            assert _places(string) == wanted, string


def _places(text: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)s", text))


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Your budget lasts 1,200 until 06:00 CET."),
        ("de", "Your budget lasts 1.200 until 06:00 MEZ."),
        ("it", "Your budget lasts 1.200 until 06:00 CET."),
        ("fr", "Your budget lasts 1\u202f200 until 06:00 CET."),
    ],
)
def test_numbers_and_moments_in_a_sentence_follow_its_language(
    language: str, sentence: str
) -> None:
    today = datetime.now(UTC).replace(month=1, day=1, hour=5, minute=0)
    message = Message("Your budget lasts %(n)s until %(until)s.", {"n": 1200, "until": today})
    shown = texts.render(message, language, ZoneInfo("Europe/Berlin"))
    assert shown.split(" until")[0] == sentence.split(" until")[0]
    assert shown.endswith(sentence.partition("until ")[2].replace(" ", "\xa0"))


def test_a_message_of_the_domain_is_shown_in_the_readers_language() -> None:
    message = Message("You have a session already. Stop it before you start another.")
    assert texts.render(message, "de").startswith("Sie haben schon eine Sitzung.")
    assert texts.render(message, "en") == message.msgid
    assert texts.render(message, "tlh") == message.msgid


def test_french_punctuation_never_begins_a_line() -> None:
    with (PACKAGE / "locale/fr/LC_MESSAGES/labwerk.po").open("rb") as source:
        found = [entry.string for entry in read_po(source, locale="fr")]
    said = [one for text in found for one in ([text] if isinstance(text, str) else text)]
    assert [one for one in said if re.search(" [:;?!»]|« ", one)] == []


@pytest.mark.parametrize(
    ("hours", "language", "shown"),
    [
        (1, "en", "1 GPU-hour"),
        (0, "en", "0 GPU-hours"),
        (0, "fr", "0 heure GPU"),
        (1.5, "fr", "1,5 heure GPU"),
        (2, "fr", "2 heures GPU"),
        (1, "de", "1 GPU-Stunde"),
        (12.56, "de", "12,6 GPU-Stunden"),
        (0.04, "it", "0,04 ore GPU"),
        (0.0099, "en", "<\xa00.01 GPU-hours"),
        (0.001, "de", "<\xa00,01 GPU-Stunden"),
    ],
)
def test_gpu_hours_have_their_noun_and_keep_small_amounts(
    hours: float, language: str, shown: str
) -> None:
    assert texts.gpu_hours(round(hours * TICKS_PER_GPU_HOUR), language) == shown


def test_languages_are_called_what_they_call_themselves() -> None:
    assert [texts.native_name(x) for x in LANGUAGES] == [
        "English",
        "Deutsch",
        "Italiano",
        "Français",
    ]
