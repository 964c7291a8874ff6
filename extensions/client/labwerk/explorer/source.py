"""One file of a dataset, read lazily: never more than the question needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from labwerk.explorer.profile import Profile, profile_column


@dataclass(frozen=True)
class Column:
    """A column's name and type, as polars calls it."""

    name: str
    type: str


class Source:
    """A Parquet or CSV file that is scanned, not loaded.

    The schema comes from the file's footer or first lines, the first rows from
    its first pages; a profile reads the one column that it is of.
    """

    def __init__(self, path: Path, file_format: str) -> None:
        self.path = path
        self._frame = (
            pl.scan_csv(path, try_parse_dates=True)
            if file_format == "csv"
            else pl.scan_parquet(path)
        )

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns in the file's order."""
        schema = self._frame.collect_schema()
        return tuple(Column(name, str(dtype)) for name, dtype in schema.items())

    @cached_property
    def rows(self) -> int:
        """How many rows there are; Parquet says it in its footer."""
        return int(self._frame.select(pl.len()).collect().item())

    def head(self, count: int) -> pl.DataFrame:
        """The first rows."""
        return self._frame.head(count).collect()

    def profile(self, column: str) -> Profile:
        """Statistics and the distribution of one column."""
        return profile_column(self._frame.select(column), column)
