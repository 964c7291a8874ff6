"""Statistics and the distribution of one column, in two passes at most."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import polars as pl
from polars import selectors

BINS = 40
"""Bars of a histogram."""

COMMON = 15
"""Most frequent values shown of a column that is not a quantity."""


@dataclass(frozen=True)
class Bar:
    """One bar of a distribution: a value, or the range [low, high), and how often."""

    low: Any
    high: Any
    count: int


@dataclass(frozen=True)
class Statistics:
    """What a quantity's values are like; None where there are no values."""

    mean: Any
    deviation: Any
    smallest: Any
    quarter: Any
    median: Any
    three_quarters: Any
    largest: Any


@dataclass(frozen=True)
class Profile:
    """One column: how many values, how they are spread."""

    column: str
    rows: int
    missing: int
    distinct: int | None
    """How many different values; not counted for quantities."""
    statistics: Statistics | None
    bars: tuple[Bar, ...]


def profile_column(frame: pl.LazyFrame, column: str) -> Profile:
    """Profile a column: quantities and times by ranges, all else by frequent values."""
    quantities = selectors.numeric() | selectors.temporal()
    is_quantity = column in frame.select(quantities).collect_schema().names()
    return _quantity(frame, column) if is_quantity else _category(frame, column)


def _quantity(frame: pl.LazyFrame, column: str) -> Profile:
    dtype = frame.collect_schema()[column]
    value = pl.col(column)
    # NaN is a measurement that failed: to a reader it is missing, like null.
    present = value.fill_nan(None) if dtype.is_float() else value
    summary = (
        frame.select(present)
        .select(
            rows=pl.len(),
            missing=value.null_count(),
            mean=value.mean(),
            deviation=value.std() if dtype.is_numeric() else pl.lit(None),
            smallest=value.min(),
            quarter=value.quantile(0.25, "nearest"),
            median=value.quantile(0.5, "nearest"),
            three_quarters=value.quantile(0.75, "nearest"),
            largest=value.max(),
        )
        .collect()
        .row(0, named=True)
    )
    rows, missing = int(summary.pop("rows")), int(summary.pop("missing"))
    if rows == missing:
        return Profile(column, rows, missing, None, None, ())
    bars = _histogram(frame.select(present), column, dtype)
    return Profile(column, rows, missing, None, Statistics(**summary), bars)


def _histogram(frame: pl.LazyFrame, column: str, dtype: pl.DataType) -> tuple[Bar, ...]:
    """Count in equal ranges; times are counted by their integer representation."""
    number = pl.col(column).to_physical().cast(pl.Float64)
    finite = frame.select(value=number).filter(pl.col("value").is_finite())
    low, high = finite.select(low=pl.min("value"), high=pl.max("value")).collect().row(0)
    if low is None:
        return ()
    width = (high - low) / BINS or 1.0
    count = BINS if high > low else 1
    index = ((pl.col("value") - low) / width).floor().clip(0, count - 1).cast(pl.Int32)
    found = dict(finite.group_by(index.alias("bin")).len().collect().iter_rows())
    edges = [low + width * step for step in range(count + 1)] if count > 1 else [low, high]
    shown = edges if dtype.is_numeric() else _as_times(edges, dtype)
    return tuple(Bar(shown[i], shown[i + 1], int(found.get(i, 0))) for i in range(count))


def _as_times(edges: list[float], dtype: pl.DataType) -> list[Any]:
    integers = pl.Series([math.floor(edge) for edge in edges], dtype=pl.Int64)
    physical = pl.Series([], dtype=dtype).to_physical().dtype
    return integers.cast(physical).cast(dtype).to_list()


def _category(frame: pl.LazyFrame, column: str) -> Profile:
    counts = frame.group_by(column).len().collect()
    missing = int(counts.filter(pl.col(column).is_null())["len"].sum())
    values = counts.drop_nulls(column).sort("len", column, descending=[True, False])
    bars = tuple(Bar(value, value, int(count)) for value, count in values.head(COMMON).iter_rows())
    return Profile(column, int(counts["len"].sum()), missing, values.height, None, bars)
