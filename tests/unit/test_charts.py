"""Pictures: where bars, lines and marks lie, whatever the figures are."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labwerk_hub import formats
from labwerk_hub.hub import charts
from labwerk_hub.hub.pictures import SERIES, burn_down_picture, use_picture
from labwerk_hub.services.use_views import Amount, BurnDownView, DayUse, LeftOn

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)
HOUR = 86_400


def _points(text: str) -> list[tuple[float, float]]:
    pairs = (point.split(",") for point in text.split())
    return [(float(x), float(y)) for x, y in pairs]


@pytest.mark.parametrize(
    ("most", "marks"),
    [
        (0, (0, 1)),
        (1, (0, 0.5, 1)),
        (3.2, (0, 1, 2, 3, 4)),
        (0.37, (0, 0.1, 0.2, 0.3, 0.4)),
        (100, (0, 50, 100)),
        (401, (0, 200, 400, 600)),
        (0.0025, (0, 0.001, 0.002, 0.003)),
        (0.0004, (0, 0.001)),
    ],
)
def test_the_axis_has_round_numbers(most: float, marks: tuple[float, ...]) -> None:
    assert charts.axis(most) == marks


@given(st.floats(min_value=1e-6, max_value=1e12))
def test_the_axis_reaches_what_is_shown_in_a_few_steps(most: float) -> None:
    marks = charts.axis(most)
    assert marks[0] == 0
    assert marks[-1] >= most * 0.999999
    assert 2 <= len(marks) <= 6
    assert len({formats.number(mark, "en", 3) for mark in marks}) == len(marks)


#: GPU-hours of whole ticks, as all that is shown is.
_HOURS = st.integers(0, 10**11).map(lambda ticks: ticks / HOUR)


@given(
    st.dictionaries(
        st.dates(FIRST, LAST),
        st.lists(_HOURS, min_size=3, max_size=3),
    )
)
def test_bars_stand_on_each_other_and_never_leave_the_picture(
    stacks: dict[date, list[float]],
) -> None:
    picture = charts.bars(FIRST, LAST, stacks)
    assert {bar.day for bar in picture.bars} == {d for d, stack in stacks.items() if sum(stack) > 0}
    for bar in picture.bars:
        foot = float(charts.bottom())
        for piece in bar.pieces:
            assert charts.left() <= piece.x <= piece.x + piece.width <= charts.right()
            assert piece.y + piece.height == pytest.approx(foot, abs=0.01)
            assert piece.y >= -0.01
            foot = piece.y


@pytest.mark.parametrize("days", [1, 8, 31, 118, 366])
def test_days_are_written_where_there_is_room_for_them(days: int) -> None:
    picture = charts.bars(FIRST, FIRST + timedelta(days=days - 1), {})
    assert 1 <= len(picture.days) <= 10
    gaps = {b.day - a.day for a, b in zip(picture.days, picture.days[1:], strict=False)}
    assert len(gaps) <= 1


def test_what_is_left_goes_down_in_steps_and_on_as_expected() -> None:
    days = [(FIRST, 80.0), (FIRST + timedelta(days=1), 80.0), (FIRST + timedelta(days=2), 40.0)]
    empty = date(2026, 11, 6)
    picture = charts.burn_down(FIRST, LAST, 100, days, (empty, 0.0), empty)
    line = _points(picture.line)
    assert line[0][0] == charts.left()
    heights = [y for _, y in line]
    assert heights == sorted(heights), "SVG counts from the top: less is further down"
    assert line[-1][0] == pytest.approx(picture.now_x, abs=0.1)
    ahead = _points(picture.forecast)
    assert ahead[0] == line[-1]
    assert ahead[-1][1] == charts.bottom()
    assert picture.empty_x == pytest.approx(ahead[-1][0], abs=0.1)


def test_a_period_that_has_not_begun_is_a_picture_without_a_line_to_speak_of() -> None:
    picture = charts.burn_down(FIRST, LAST, 100, [], None, None)
    assert len(_points(picture.line)) == 1
    assert picture.forecast == ""
    assert picture.empty_x is None


def test_a_strip_is_as_wide_as_it_is_whole_and_leaves_out_what_is_nothing() -> None:
    pieces = charts.strip([30, 0, 10, 60], 720)
    assert [piece.series for piece in pieces] == [0, 2, 3]
    assert [piece.width for piece in pieces] == [216, 72, 432]
    assert charts.strip([0, 0], 720) == ()


def _day(number: int, **by: int) -> DayUse:
    parts = tuple(Amount(id=name, ticks=ticks * HOUR) for name, ticks in by.items())
    whole = sum(part.ticks for part in parts)
    day = FIRST + timedelta(days=number - 1)
    return DayUse(day=day, ticks=whole, over_ticks=0, idle_ticks=0, by=parts)


def test_the_largest_budgets_have_colours_of_their_own_and_the_rest_share_one() -> None:
    by = {f"p{number:02}": 40 - number for number in range(40)}
    picture = use_picture([_day(3, **by)], {"p00": "Rotor"}, FIRST, LAST)
    assert len(picture.series) == SERIES
    assert (picture.series[0].title, picture.series[1].title) == ("Rotor", "p01")
    assert picture.series[-1].title is None
    assert sum(one.ticks for one in picture.series) == sum(by.values()) * HOUR
    (row,) = picture.rows
    assert sum(row.parts) == row.ticks
    assert len(picture.chart.bars[0].pieces) == SERIES


def test_the_busiest_day_is_told_in_words() -> None:
    days = [_day(3, a=2), _day(9, a=4, b=1), _day(10, b=3)]
    picture = use_picture(days, {}, FIRST, LAST)
    assert picture.busiest is not None
    assert picture.busiest.day == date(2026, 11, 9)
    assert use_picture([], {}, FIRST, LAST).busiest is None


def test_a_budget_that_was_used_up_is_marked_and_not_expected_to_be_so() -> None:
    points = (LeftOn(day=FIRST, left_ticks=HOUR), LeftOn(day=date(2026, 11, 2), left_ticks=0))
    view = BurnDownView(
        period="2026-11",
        first_day=FIRST,
        last_day=LAST,
        total_ticks=2 * HOUR,
        points=points,
        per_day_ticks=HOUR,
        empty_on=date(2026, 11, 2),
        spare_ticks=None,
    )
    picture = burn_down_picture(view)
    assert picture.forecast == ""
    assert picture.empty_x == picture.now_x
