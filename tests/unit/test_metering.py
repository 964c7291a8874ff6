"""Charges: intervals, days, periods and sums, in integers."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labwerk_hub.domain.ledger import Entry, Posting, PostingKind, charge_entries
from labwerk_hub.domain.metering import Usage, ticks_between, to_ms, usages
from labwerk_hub.domain.periods import OUTSIDE, Months, Period, Term, Terms, day_end_ms, midnight_ms

BERLIN = ZoneInfo("Europe/Berlin")
MONTHS = Months(BERLIN)
TERMS = Terms(
    BERLIN,
    (
        Term("ws2026", date(2026, 10, 1), date(2027, 3, 31)),
        Term("ss2026", date(2026, 4, 1), date(2026, 7, 31)),
    ),
)
HOUR_MS = 3_600_000


def _ms(*of: int) -> int:
    return to_ms(datetime(*of, tzinfo=BERLIN))  # type: ignore[misc]


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
    closed = list(usages("s", 3, start, start, start + 30_000, MONTHS, BERLIN))
    assert [(u.period, u.day, u.ticks) for u in closed] == [
        ("2026-11", "2026-11-30", 30),
        ("2026-12", "2026-12-01", 60),
    ]


def test_what_ran_while_nobody_metered_is_charged_to_each_day_as_the_clocks_count_it() -> None:
    # From Saturday noon over the end of summer time (25 October 2026) to Monday noon.
    start, end = _ms(2026, 10, 24, 12), _ms(2026, 10, 26, 12)
    closed = list(usages("s", 1, start, start, end, MONTHS, BERLIN))
    assert [(u.day, u.ticks // 3600) for u in closed] == [
        ("2026-10-24", 12),
        ("2026-10-25", 25),
        ("2026-10-26", 12),
    ]
    assert all(before.end_ms == after.start_ms for before, after in pairwise(closed))


def test_a_clock_that_was_set_back_charges_nothing() -> None:
    assert list(usages("s", 3, 1_000, 60_000, 50_000, MONTHS, BERLIN)) == []


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        (date(2026, 10, 25), 25),
        (date(2026, 3, 29), 23),
        (date(2028, 2, 29), 24),
        (date(2026, 12, 31), 24),
    ],
)
def test_a_day_ends_at_local_midnight(day: date, hours: int) -> None:
    begins = midnight_ms(day, BERLIN)
    assert day_end_ms(begins, BERLIN) - begins == hours * HOUR_MS
    assert day_end_ms(begins + hours * HOUR_MS - 1, BERLIN) == begins + hours * HOUR_MS


def test_a_day_whose_midnight_the_clocks_skip_begins_with_its_first_hour() -> None:
    beirut = ZoneInfo("Asia/Beirut")  # 29 March 2026: 0:00 becomes 1:00
    begins = midnight_ms(date(2026, 3, 29), beirut)
    assert day_end_ms(begins, beirut) - begins == 23 * HOUR_MS


def test_months_have_their_days_and_their_changes_of_the_clocks() -> None:
    october = MONTHS.at(_ms(2026, 10, 12))
    assert october.end_ms - october.start_ms == (31 * 24 + 1) * HOUR_MS
    february = MONTHS.at(_ms(2028, 2, 29, 23, 59))
    assert (february.name, february.end_ms) == ("2028-02", _ms(2028, 3, 1))
    assert MONTHS.at(_ms(2026, 12, 31)).end_ms == _ms(2027, 1, 1)
    before = MONTHS.before(MONTHS.at(_ms(2027, 1, 5)))
    assert before is not None
    assert before.name == "2026-12"


@pytest.mark.parametrize("zone", ["Pacific/Apia", "America/St_Johns", "UTC", "Asia/Kolkata"])
@given(moment=st.integers(0, 4_000_000_000_000))
def test_every_moment_is_in_the_period_that_is_named_for_it(zone: str, moment: int) -> None:
    rules = Months(ZoneInfo(zone))
    period = rules.at(moment)
    assert period.start_ms <= moment < period.end_ms
    assert rules.at(period.end_ms).start_ms == period.end_ms
    local = datetime.fromtimestamp(moment / 1000, ZoneInfo(zone))
    assert period.name == f"{local:%Y-%m}"


def test_terms_include_their_last_day_and_between_them_is_no_period() -> None:
    assert TERMS.at(_ms(2026, 7, 31, 23, 59)).name == "ss2026"
    gap = TERMS.at(_ms(2026, 8, 15))
    assert (gap.name, gap.is_open) == (OUTSIDE, False)
    assert (gap.start_ms, gap.end_ms) == (_ms(2026, 8, 1), _ms(2026, 10, 1))
    winter = TERMS.at(gap.end_ms)
    before = TERMS.before(winter)
    assert (winter.name, before.name if before else None) == ("ws2026", "ss2026")
    assert not TERMS.at(_ms(2040, 1, 1)).is_open
    assert not TERMS.at(_ms(2000, 1, 1)).is_open
    assert TERMS.before(TERMS.at(_ms(2026, 5, 1))) is None


def test_a_session_over_a_terms_end_is_cut_there() -> None:
    start = _ms(2026, 7, 31, 23, 30)
    closed = list(usages("s", 1, start, start, start + HOUR_MS, TERMS, BERLIN))
    assert [(u.period, u.ticks) for u in closed] == [("ss2026", 1800), (OUTSIDE, 1800)]


@given(
    ticks=st.integers(0, 10**12),
    held=st.integers(0, 10**12),
    free=st.integers(0, 10**12),
)
def test_a_charge_takes_what_is_held_then_what_is_free_and_the_rest_without_budget(
    ticks: int, held: int, free: int
) -> None:
    usage = Usage("lw-1", 0, 1, ticks, "2026-11", "2026-11-01")
    entries = charge_entries(
        "institution/thr", usage, "lw-1", "p-1", held_ticks=held, free_ticks=free
    )
    moved: dict[str, int] = {}
    for entry in entries:
        moved[entry.account] = moved.get(entry.account, 0) + entry.ticks
    assert sum(moved.values()) == 0
    assert moved.get("used:p-1", 0) == ticks
    assert -moved.get("held:lw-1", 0) == min(ticks, held)
    assert -moved.get("free", 0) == min(ticks - min(ticks, held), free)
    assert -moved.get("over:p-1", 0) == max(0, ticks - held - free)


def test_what_does_not_add_up_is_no_posting() -> None:
    entry = Entry("institution/thr", "2026-11", "free", 1)
    with pytest.raises(ValueError, match="add up"):
        Posting(PostingKind.GRANT, "k", 0, "labwerk", (entry,))


def test_the_hash_of_a_posting_depends_on_all_that_it_says_and_on_the_one_before() -> None:
    entries = (Entry("b", "p", "granted", -1), Entry("b", "p", "free", 1))
    one = Posting(PostingKind.GRANT, "k", 5, "labwerk", entries)
    told = {
        one.linked(1, "0" * 64),
        one.linked(2, "0" * 64),
        one.linked(1, "1" * 64),
        Posting(PostingKind.GRANT, "k", 6, "labwerk", entries).linked(1, "0" * 64),
        Posting(PostingKind.CARRY, "k", 5, "labwerk", entries).linked(1, "0" * 64),
        Posting(PostingKind.GRANT, "k", 5, "labwerk", entries[::-1]).linked(1, "0" * 64),
        replace(one, opens=Period("p", 7, 9)).linked(1, "0" * 64),
    }
    assert len(told) == 7


def test_a_day_is_never_longer_than_what_is_left_of_it() -> None:
    moment = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)  # the first of two
    again = moment.replace(fold=1)
    ends = day_end_ms(to_ms(moment), BERLIN)
    assert ends - to_ms(moment) == 22.5 * HOUR_MS
    assert ends - to_ms(again) == 21.5 * HOUR_MS
    assert timedelta(milliseconds=to_ms(again) - to_ms(moment)) == timedelta(hours=1)
