"""The day on which a budget runs out: a mean of the last seven whole days, carried on."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from labwerk_hub.domain.burndown import BurnDown, burn_down, first_needed, forecast
from labwerk_hub.domain.periods import Months, Period, Term, Terms

BERLIN = ZoneInfo("Europe/Berlin")
MONTHS = Months(BERLIN)


def at(day: str, hour: int = 0, zone: ZoneInfo = BERLIN) -> int:
    """A moment of a day in ``zone``, in milliseconds."""
    moment = datetime.combine(date.fromisoformat(day), datetime.min.time(), zone)
    return int((moment + timedelta(hours=hour)).timestamp() * 1000)


def each_day(first: str, count: int, ticks: int) -> dict[date, int]:
    """The same use on each of some days."""
    start = date.fromisoformat(first)
    return {start + timedelta(days=number): ticks for number in range(count)}


def november(total: int, used: dict[date, int], now_ms: int) -> BurnDown:
    return burn_down(total, used, MONTHS.at(at("2026-11-15")), now_ms, BERLIN)


def test_each_day_from_the_first_to_today_has_what_was_left_when_it_ended() -> None:
    used = {date(2026, 11, 1): 10, date(2026, 11, 3): 30}
    found = november(100, used, at("2026-11-04", 12))
    assert found.points == (
        (date(2026, 11, 1), 90),
        (date(2026, 11, 2), 90),
        (date(2026, 11, 3), 60),
        (date(2026, 11, 4), 60),
    )
    assert (found.first_day, found.last_day) == (date(2026, 11, 1), date(2026, 11, 30))


def test_what_was_used_a_day_lately_goes_on_until_nothing_is_left() -> None:
    used = each_day("2026-11-08", 7, 10)  # 70 of 120; 10 a day
    found = november(120, used, at("2026-11-15"))
    assert found.forecast.per_day == 10
    # 50 are left when the 15th begins: five days, the 15th to the 19th.
    assert found.forecast.empty_on == date(2026, 11, 19)
    found = november(121, used, at("2026-11-15"))
    assert found.forecast.empty_on == date(2026, 11, 20)


def test_days_without_use_count_so_that_a_weekend_does_not_mislead() -> None:
    working_days = {date(2026, 11, day): 14 for day in (9, 10, 11, 12, 13)}
    on_sunday = november(200, working_days, at("2026-11-15", 12)).forecast
    on_monday = november(200, working_days, at("2026-11-16")).forecast
    assert (on_sunday.per_day, on_monday.per_day) == (10, 10)


def test_today_counts_neither_as_a_whole_day_nor_twice() -> None:
    used = each_day("2026-11-08", 7, 24) | {date(2026, 11, 15): 1000}
    found = november(1192, used, at("2026-11-15", 12)).forecast
    assert found.per_day == 24
    # 24 are left at noon: half of today's share, and half of tomorrow's.
    assert found.empty_on == date(2026, 11, 16)


def test_what_lasts_longer_than_the_period_says_how_much_will_be_left() -> None:
    used = each_day("2026-11-08", 7, 10)
    found = november(1000, used, at("2026-11-15")).forecast
    assert (found.empty_on, found.spare) == (None, 1000 - 70 - 16 * 10)


def test_what_runs_out_within_the_period_leaves_nothing() -> None:
    found = november(100, each_day("2026-11-08", 7, 10), at("2026-11-15")).forecast
    assert found.spare == 0


def test_without_any_use_nothing_is_foretold_but_what_is_left() -> None:
    found = november(100, {}, at("2026-11-15")).forecast
    assert (found.per_day, found.empty_on, found.spare) == (0, None, 100)


def test_a_budget_that_is_used_up_names_the_day_on_which_it_was() -> None:
    used = {date(2026, 11, 2): 60, date(2026, 11, 5): 50}
    found = november(100, used, at("2026-11-15"))
    assert found.forecast.empty_on == date(2026, 11, 5)
    assert found.points[-1] == (date(2026, 11, 15), 0)


def test_a_budget_without_hours_never_runs_out() -> None:
    found = november(0, {}, at("2026-11-15"))
    assert found.forecast.empty_on is None


def test_on_a_periods_first_days_the_last_ones_of_the_period_before_count() -> None:
    period, now = MONTHS.at(at("2026-11-02")), at("2026-11-02")
    used = each_day("2026-10-26", 7, 7)
    found = burn_down(100, used, period, now, BERLIN)
    assert found.forecast.per_day == 7
    assert found.points[0] == (date(2026, 11, 1), 93)  # October's are not of this period
    assert first_needed(period, now, BERLIN) == date(2026, 10, 26)


def test_a_budget_that_began_with_the_period_is_not_slowed_down_by_the_time_before() -> None:
    period = MONTHS.at(at("2026-11-03"))
    used = each_day("2026-11-01", 2, 10)
    assert burn_down(100, used, period, at("2026-11-03"), BERLIN).forecast.per_day == 10


def test_on_the_very_first_day_nothing_can_be_told_yet() -> None:
    period = MONTHS.at(at("2026-11-01"))
    found = burn_down(100, {date(2026, 11, 1): 40}, period, at("2026-11-01", 20), BERLIN)
    assert (found.forecast.per_day, found.forecast.empty_on) == (0, None)
    assert found.forecast.spare == 60


@pytest.mark.parametrize(
    ("night", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)], ids=["spring", "autumn"]
)
def test_a_day_of_23_or_25_hours_is_one_day(night: str, hours: int) -> None:
    day = date.fromisoformat(night)
    used = {day - timedelta(days=number): 24 for number in range(1, 8)}
    period, noon = MONTHS.at(at(night)), at(night) + hours * 1_800_000
    # Half of the day has passed, however long it is: 12 are still to come of it.
    assert forecast(12, used, period, noon, BERLIN).empty_on == day
    assert forecast(13, used, period, noon, BERLIN).empty_on == day + timedelta(days=1)


def test_the_29th_of_february_is_a_day_like_others() -> None:
    period = MONTHS.at(at("2028-02-15"))
    used = each_day("2028-02-18", 7, 10)
    found = burn_down(1000, used, period, at("2028-02-25"), BERLIN)
    assert found.last_day == date(2028, 2, 29)
    assert found.forecast.spare == 1000 - 70 - 5 * 10


def test_a_period_that_is_over_is_shown_to_its_end_and_foretells_nothing() -> None:
    used = each_day("2026-11-01", 30, 1)
    found = november(100, used, at("2026-12-24"))
    assert found.points[-1] == (date(2026, 11, 30), 70)
    assert (found.forecast.empty_on, found.forecast.spare) == (None, None)


def test_a_period_that_has_not_begun_has_no_day_yet() -> None:
    term = Terms(BERLIN, (Term("summer", date(2027, 4, 1), date(2027, 9, 30)),))
    period = term.at(at("2027-05-01"))
    found = burn_down(100, {}, period, at("2026-11-15"), BERLIN)
    assert found.points == ()
    assert found.forecast.spare is None


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles", "Asia/Kathmandu"])
def test_days_are_those_of_the_sites_zone(zone: str) -> None:
    site = ZoneInfo(zone)
    period, now = Months(site).at(at("2026-11-15", zone=site)), at("2026-11-15", 1, site)
    found = burn_down(100, {date(2026, 11, 15): 5}, period, now, site)
    assert found.points[-1] == (date(2026, 11, 15), 95)
    assert found.first_day == date(2026, 11, 1)


def test_amounts_of_a_large_site_are_exact() -> None:
    period = Period("2026-11", at("2026-11-01"), at("2026-12-01"))
    used = each_day("2026-11-08", 7, 10**12 + 1)
    found = forecast(10**15, used, period, at("2026-11-15"), BERLIN)
    assert found.spare == 10**15 - 16 * (10**12 + 1)
