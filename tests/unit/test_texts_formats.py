"""Durations, moments and months as each language writes them."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from labwerk_hub.formats import alternatives, day, duration, moment, month, span

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 21, 11, 0, tzinfo=UTC)
HOUR, DAY = 3600, 86400


@pytest.mark.parametrize(
    ("seconds", "language", "shown"),
    [
        (45, "en", "45 s"),
        (20 * 60 + 59, "en", "20 min"),
        (3 * HOUR + 20 * 60, "it", "3 h 20 min"),
        (8 * HOUR, "de", "8 h"),
        (47 * HOUR, "fr", "47 h"),
        (5 * DAY + 3 * HOUR, "en", "5 days 3 h"),
        (5 * DAY + 3 * HOUR, "it", "5 giorni 3 h"),
        (20 * DAY + 3 * HOUR, "de", "20 Tage"),
        (400 * DAY, "fr", "400 jours"),
    ],
)
def test_a_duration_is_rounded_down_to_what_matters(
    seconds: int, language: str, shown: str
) -> None:
    assert duration(seconds, language).replace("\xa0", " ") == shown


@pytest.mark.parametrize(
    ("when", "language", "shown"),
    [
        (NOON, "de", "12:00 MEZ"),
        (NOON, "en", "12:00 CET"),
        (NOON.replace(day=22), "en", "Sun 22 Nov, 12:00 CET"),
        (NOON.replace(day=22), "fr", "dim. 22 nov., 12:00 CET"),
        (NOON.replace(year=2027), "de", "21.11.2027, 12:00 MEZ"),
        (datetime(2026, 11, 21, 23, 30, tzinfo=UTC), "it", "dom 22 nov, 00:30 CET"),
    ],
)
def test_a_moment_names_its_zone_and_its_day_unless_it_is_today(
    when: datetime, language: str, shown: str
) -> None:
    assert moment(when, language, BERLIN, now=NOON).replace("\xa0", " ") == shown


def test_a_budget_period_is_a_month() -> None:
    assert month("2026-11", "it") == "novembre 2026"


def test_days_are_written_as_people_write_them() -> None:
    first, last = date(2026, 11, 1), date(2026, 11, 30)
    assert day(date(2027, 2, 5), "it") == "5 feb 2027"
    assert day(date(2027, 2, 5), "de") == "05.02.2027"
    assert span(first, last, "it") == "1–30 nov 2026"
    assert span(first, last, "en").replace("\u2009", "") == "1–30 Nov 2026"


def test_alternatives_are_joined_as_the_language_does() -> None:
    assert alternatives(["H100", "A100", "L40"], "de") == "H100, A100 oder L40"
    assert alternatives(["H100"], "en") == "H100"
