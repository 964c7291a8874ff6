"""Look at a dataset before working with it: columns, rows, distributions, code."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from labwerk.dataset import Dataset
from labwerk.errors import MissingLibraryError
from labwerk.frames import locate
from labwerk.service import fetch_overview

if TYPE_CHECKING:
    from labwerk.explorer.widget import Explorer


def make_explorer(dataset: str | Dataset, file: str | None) -> Explorer:
    """The widget behind `labwerk.explore`; see there."""
    for library in ("ipywidgets", "polars"):
        if find_spec(library) is None:
            raise MissingLibraryError.asked(library)
    from labwerk.explorer.source import Source
    from labwerk.explorer.widget import Explorer

    if isinstance(dataset, str):
        dataset = fetch_overview().datasets[dataset]
    path, found = locate(dataset, file)
    return Explorer(dataset, path.name, Source(path, found))
