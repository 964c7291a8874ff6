"""The geometry of the pages' pictures: where bars, lines and marks lie. No text, no colour.

Lengths are the units of an SVG's view box, from its upper left corner; values are whatever
is measured. What a picture says in words and colours is the template's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

WIDTH, HEIGHT = 720, 220
#: Room for the numbers at the left and the days below.
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 14, 28
_STEPS = (1, 2, 5, 10)
#: Marks on the axis of values, and at most so many days are written below it.
_MARKS, _DAYS = 4, 8
#: The least step of the axis: what three places, which marks are written with, can show.
_LEAST_STEP = 0.001
#: Of a day's width, what its bar takes.
_BAR = 0.72


@dataclass(frozen=True)
class Mark:
    """A line across the picture at a height, and the value that it is for."""

    y: float
    value: float


@dataclass(frozen=True)
class DayMark:
    """A day that is written below the picture, in its middle or at its beginning."""

    x: float
    day: date


@dataclass(frozen=True)
class Piece:
    """A part of a bar: a rectangle in the manner of its series."""

    series: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Bar:
    """A day's bar; the lowest piece comes first."""

    day: date
    value: float
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Bars:
    """A picture of stacked bars, one a day."""

    marks: tuple[Mark, ...]
    days: tuple[DayMark, ...]
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class BurnDown:
    """A picture of what is left: a line of steps, and where it will likely go.

    ``line`` and ``forecast`` are the points of SVG polylines (``forecast`` empty: there is
    none), ``now_x`` is the end of today, ``empty_x`` that of the day on which nothing is left.
    """

    marks: tuple[Mark, ...]
    days: tuple[DayMark, ...]
    line: str
    area: str
    forecast: str
    now_x: float
    empty_x: float | None


def left() -> int:
    """Where the pictures' field begins."""
    return _LEFT


def right() -> int:
    """Where it ends."""
    return WIDTH - _RIGHT


def bottom() -> int:
    """Where its lowest line is."""
    return HEIGHT - _BOTTOM


def axis(most: float) -> tuple[float, ...]:
    """Round values from 0 to ``most`` or a little above, about four steps apart."""
    if most <= 0:
        return (0.0, 1.0)
    rough = max(most / _MARKS, _LEAST_STEP)
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(s for s in _STEPS if s * unit >= rough * 0.999999) * unit
    count = math.ceil(most / step - 1e-9)
    # Of decimal steps, sums have digits that nobody wrote: 3 * 0.1.
    return tuple(round(step * number, 10) for number in range(count + 1))


def bars(first: date, last: date, stacks: Mapping[date, Sequence[float]]) -> Bars:
    """Stacked bars for the days from ``first`` to ``last``, both included.

    A stack has the values of each series, the lowest first; a day without one has no bar.
    """
    count = (last - first).days + 1
    values = axis(max((sum(stack) for stack in stacks.values()), default=0.0))
    each = (right() - _LEFT) / count
    made = []
    for number in range(count):
        day = first + timedelta(days=number)
        if sum(stacks.get(day, ())) > 0:
            x = _LEFT + each * (number + (1 - _BAR) / 2)
            made.append(_bar(day, stacks[day], x, each * _BAR, values[-1]))
    return Bars(_marks(values), _day_marks(first, count, each, middle=True), tuple(made))


def burn_down(
    first: date,
    last: date,
    total: float,
    points: Sequence[tuple[date, float]],
    end: tuple[date, float] | None,
    empty_on: date | None,
) -> BurnDown:
    """What was left as each day ended, from ``total`` on; ``end`` is what is expected.

    Its day is the one on which nothing is left, or ``last`` with what will be left then.
    ``empty_on`` is the day on which nothing is or was left.
    """
    count = (last - first).days + 1
    values = axis(max(total, *(left_over for _, left_over in points), 0.0))
    each = (right() - _LEFT) / count

    def at(day_number: float, value: float) -> str:
        return f"{_LEFT + each * day_number:.1f},{_y(value, values[-1]):.1f}"

    steps, level, reached = [at(0, total)], total, 0
    for day, left_over in points:
        reached = (day - first).days + 1
        steps += [at(reached, level), at(reached, left_over)]
        level = left_over
    forecast = ""
    if end is not None:
        until = (end[0] - first).days + 1
        forecast = f"{at(reached, level)} {at(until, end[1])}"
    area = [*steps, at(reached, 0), at(0, 0)]
    return BurnDown(
        marks=_marks(values),
        days=_day_marks(first, count, each, middle=False),
        line=" ".join(steps),
        area=" ".join(area),
        forecast=forecast,
        now_x=_LEFT + each * reached,
        empty_x=_LEFT + each * ((empty_on - first).days + 1) if empty_on is not None else None,
    )


def strip(values: Sequence[float], width: float) -> tuple[Piece, ...]:
    """Values side by side, together as wide as ``width``; what is nothing is left out."""
    whole = sum(value for value in values if value > 0)
    pieces, x = [], 0.0
    for series, value in enumerate(values):
        if value > 0:
            share = value / whole * width
            pieces.append(Piece(series, x, 0, share, 0))
            x += share
    return tuple(pieces)


def _bar(day: date, stack: Sequence[float], x: float, width: float, most: float) -> Bar:
    pieces, below = [], 0.0
    for series, value in enumerate(stack):
        if value > 0:
            top, foot = _y(below + value, most), _y(below, most)
            pieces.append(Piece(series, x, top, width, foot - top))
            below += value
    return Bar(day, below, tuple(pieces))


def _y(value: float, most: float) -> float:
    return bottom() - (bottom() - _TOP) * max(0.0, value) / most


def _marks(values: Sequence[float]) -> tuple[Mark, ...]:
    return tuple(Mark(_y(value, values[-1]), value) for value in values)


def _day_marks(first: date, count: int, each: float, *, middle: bool) -> tuple[DayMark, ...]:
    """Every day, every week, or as many weeks apart as there is room for."""
    apart = 1 if count <= _DAYS else 7 * math.ceil(count / 7 / _DAYS)
    shift = 0.5 if middle else 0.0
    return tuple(
        DayMark(_LEFT + each * (number + shift), first + timedelta(days=number))
        for number in range(0, count, apart)
    )
