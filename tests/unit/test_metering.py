"""Charges: intervals, periods and sums, in integers."""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from labwerk_hub.domain.ledger import entries_of, period_end, period_of
from labwerk_hub.domain.metering import Calendar, Usage, ticks_between, to_ms, usages

BERLIN = ZoneInfo("Europe/Berlin")
CALENDAR = Calendar(lambda m: period_of(m, BERLIN), lambda m: period_end(m, BERLIN))


@given(
    rate=st.integers(0, 24_000),
    cuts=st.lists(st.integers(0, 10**9), min_size=2, max_size=30),
)
def test_cutting_a_session_into_intervals_changes_nothing_of_the_sum(
    rate: int, cuts: list[int]
) -> None:
    ordered = sorted(cuts)
    whole = ticks_between(rate, ordered[0], ordered[0], ordered[-1])
    assert whole == sum(ticks_between(rate, ordered[0], a, b) for a, b in pairwise(ordered))
    assert whole == rate * (ordered[-1] - ordered[0]) // 1000


def test_an_interval_over_the_end_of_a_month_is_charged_to_both_months() -> None:
    # Midnight in Berlin on 1 December is 23:00 UTC the day before.
    start = to_ms(datetime(2026, 11, 30, 22, 59, 50, tzinfo=UTC))
    closed = list(usages("s", 3, start, start, start + 30_000, CALENDAR))
    assert [(u.period, u.ticks) for u in closed] == [("2026-11", 30), ("2026-12", 60)]


def test_a_clock_that_was_set_back_charges_nothing() -> None:
    assert list(usages("s", 3, 1_000, 60_000, 50_000, CALENDAR)) == []


def test_a_month_with_a_change_of_the_clocks_ends_at_local_midnight() -> None:
    # Summer time ends on 25 October 2026, so October has one hour more.
    october = datetime(2026, 10, 1, 12, tzinfo=BERLIN)
    begin = datetime(2026, 10, 1, tzinfo=BERLIN)
    seconds = period_end(october, BERLIN).timestamp() - begin.timestamp()
    assert seconds == 31 * 86_400 + 3_600


def test_december_is_followed_by_january_and_february_may_have_29_days() -> None:
    assert period_end(datetime(2026, 12, 31, tzinfo=BERLIN), BERLIN).year == 2027
    leap = period_end(datetime(2028, 2, 29, tzinfo=BERLIN), BERLIN)
    assert (leap.month, leap.day) == (3, 1)


@given(ticks=st.integers(0, 10**12))
def test_the_two_entries_of_a_charge_add_up_to_zero(ticks: int) -> None:
    entries = entries_of(Usage("s", 0, 1, ticks, "2026-11"), "thr", "thr--anna")
    assert sum(entry.ticks for entry in entries) == 0
    assert {entry.account for entry in entries} == {"budget/thr", "use/thr--anna"}
