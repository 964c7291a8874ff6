"""All that is kept of one person, row by row, for whoever asks what that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Record:
    """A row that is about a person; ``values`` are its columns, whatever the table has."""

    table: str
    values: Mapping[str, str | int | float | bool | None]
