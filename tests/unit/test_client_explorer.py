"""The explorer: what it says about columns, and that it stays lazy and safe."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from labwerk.dataset import Dataset, File
from labwerk.explorer.plot import plot
from labwerk.explorer.profile import BINS, COMMON
from labwerk.explorer.source import Source
from labwerk.explorer.widget import Explorer
from support.environment import REPOSITORY

WIND = REPOSITORY / "hub_config" / "datasets" / "windpark_scada_2014_2015.parquet"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABWERK_LANGUAGE", "en")


def source_of(tmp_path: Path, **columns: object) -> Source:
    path = tmp_path / "table.parquet"
    pl.DataFrame(columns, strict=False).write_parquet(path)
    return Source(path, "parquet")


def test_a_quantity_is_counted_in_ranges_that_hold_every_value() -> None:
    profile = Source(WIND, "parquet").profile("Ws_avg")
    assert (profile.rows, profile.missing) == (420480, 2569)
    assert len(profile.bars) == BINS
    assert sum(bar.count for bar in profile.bars) == profile.rows - profile.missing
    assert profile.statistics is not None
    assert profile.statistics.median == pytest.approx(5.45)


def test_a_failed_measurement_is_missing_not_a_number(tmp_path: Path) -> None:
    profile = source_of(tmp_path, x=[1.0, math.nan, 3.0, None]).profile("x")
    assert profile.missing == 2
    assert profile.statistics is not None
    assert (profile.statistics.mean, profile.statistics.largest) == (2.0, 3.0)


def test_infinities_do_not_stretch_the_distribution(tmp_path: Path) -> None:
    profile = source_of(tmp_path, x=[1.0, 2.0, math.inf]).profile("x")
    assert sum(bar.count for bar in profile.bars) == 2
    assert profile.bars[-1].high == pytest.approx(2.0)


def test_a_quantity_that_never_changes_is_one_bar(tmp_path: Path) -> None:
    (bar,) = source_of(tmp_path, x=[7, 7, 7]).profile("x").bars
    assert (bar.low, bar.count) == (7, 3)


@pytest.mark.parametrize(
    "values",
    [
        [date(2026, 1, 1), date(2026, 12, 31)],
        [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)],
    ],
)
def test_times_are_counted_in_ranges_and_shown_as_times(tmp_path: Path, values: list[date]) -> None:
    bars = source_of(tmp_path, t=values).profile("t").bars
    assert (bars[0].low, bars[0].count, bars[-1].count) == (values[0], 1, 1)


def test_words_are_counted_most_frequent_first(tmp_path: Path) -> None:
    words = [f"w{i}" for i in range(30)] + ["often"] * 3 + [None]
    profile = source_of(tmp_path, word=words).profile("word")
    assert (profile.distinct, profile.missing, profile.rows) == (31, 1, 34)
    assert (profile.bars[0].low, profile.bars[0].count) == ("often", 3)
    assert len(profile.bars) == COMMON


def test_a_column_without_values_is_said_to_have_none(tmp_path: Path) -> None:
    profile = source_of(tmp_path, x=pl.Series([None, None], dtype=pl.Float64)).profile("x")
    assert (profile.rows, profile.missing, profile.bars) == (2, 2, ())
    assert "no values" in plot(profile)


def test_a_picture_carries_its_description_and_no_foreign_markup(tmp_path: Path) -> None:
    picture = plot(source_of(tmp_path, word=["<script>", "b"]).profile("word"))
    assert 'role="img" aria-label="Distribution of word"' in picture
    assert "<script>" not in picture
    assert "&lt;script&gt;" in picture


def test_a_csv_file_is_explored_like_a_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("day,value\n2026-01-01,1.5\n2026-01-02,2.5\n")
    source = Source(path, "csv")
    assert [(column.name, column.type) for column in source.columns] == [
        ("day", "Date"),
        ("value", "Float64"),
    ]
    assert source.rows == 2
    assert source.head(1).rows() == [(date(2026, 1, 1), 1.5)]


def explorer(path: Path, *files: str) -> Explorer:
    described = Dataset(
        id="iwe/windpark",
        title="Wind <farm>",
        description="",
        institution="Institute",
        version="1",
        nature="measured",
        publisher="",
        origin="",
        licence="MIT License (MIT)",
        steward="",
        path=path.parent,
        files=tuple(File(name, path.suffix[1:], 1) for name in files or (path.name,)),
    )
    return Explorer(described, path.name, Source(path, path.suffix[1:]))


def test_the_widget_shows_columns_rows_a_distribution_and_code() -> None:
    widget = explorer(WIND)
    heading, tabs = widget.children
    assert "Wind &lt;farm&gt;" in heading.value
    assert "420,480 rows, 9 columns" in heading.value
    assert tabs.titles == ("Columns", "First rows", "Distribution", "Code")
    columns, rows, distribution, code = tabs.children
    assert "Wa_avg" in columns.value
    assert "max-height:320px;overflow:auto" in columns.value
    assert rows.value.count("<tr>") == 21
    widget.column.value = "P_avg"
    assert "Distribution of P_avg" in distribution.children[1].value
    assert "Standard deviation" in distribution.children[1].value
    assert "labwerk.open(&quot;iwe/windpark&quot;)" in code.children[1].value
    code.children[0].value = "duckdb"
    assert "engine=&#x27;duckdb&#x27;" in code.children[1].value


def test_the_widget_speaks_the_sessions_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABWERK_LANGUAGE", "fr")
    _, tabs = explorer(WIND).children
    assert tabs.titles == ("Colonnes", "Premières lignes", "Distribution", "Code")
