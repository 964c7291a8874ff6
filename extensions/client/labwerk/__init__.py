"""Labwerk inside notebooks.

>>> import labwerk
>>> labwerk.session()                     # slice, image, until when
>>> labwerk.session.extend()              # as long as it may run, if nobody waits
>>> labwerk.budget()                      # GPU-hours: granted, used, left
>>> labwerk.datasets()                    # what this session may read
>>> frame = labwerk.open("iwe/windpark")  # cudf on a GPU, else polars or pandas
>>> labwerk.explore("iwe/windpark")       # look at columns and values first
>>> labwerk.need("torch", "polars")       # or a sentence that says which image has them

Everything speaks the language in ``LABWERK_LANGUAGE``. What goes wrong is a
`LabwerkError` with a code and one sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labwerk.access import SessionAccess
from labwerk.errors import (
    LabwerkError,
    MissingLibraryError,
    NoSessionError,
    NotInLabwerkError,
    RefusedError,
    ServiceUnreachableError,
    UnknownDatasetError,
    UnknownEngineError,
    UnknownFileError,
    UnreadableFileError,
)
from labwerk.frames import Engine
from labwerk.frames import open_dataset as open  # noqa: A004  read as labwerk.open
from labwerk.libraries import need
from labwerk.model import Budget, Dataset, Datasets, File, Session, Slice, Use
from labwerk.service import fetch_overview

if TYPE_CHECKING:
    from labwerk.explorer.widget import Explorer

__version__ = "0.1.0"

__all__ = [
    "Budget",
    "Dataset",
    "Datasets",
    "Engine",
    "File",
    "LabwerkError",
    "MissingLibraryError",
    "NoSessionError",
    "NotInLabwerkError",
    "RefusedError",
    "ServiceUnreachableError",
    "Session",
    "Slice",
    "UnknownDatasetError",
    "UnknownEngineError",
    "UnknownFileError",
    "UnreadableFileError",
    "Use",
    "budget",
    "datasets",
    "explore",
    "need",
    "open",
    "session",
]


def datasets() -> Datasets:
    """The datasets that this session may read, as the workbench says now."""
    return fetch_overview().datasets


def budget() -> Budget:
    """The budget that this session is charged to, in GPU-hours."""
    return fetch_overview().budget


session = SessionAccess()


def explore(dataset: str | Dataset, *, file: str | None = None) -> Explorer:
    """A widget that shows one file of a dataset: columns, rows, distributions, code.

    Args:
        dataset: its id such as ``"iwe/windpark"``, or a `Dataset`.
        file: which file, needed only where a dataset has several.

    Raises:
        MissingLibraryError: ipywidgets or polars is not in this image.
        UnknownDatasetError: no such dataset is open to this session.
    """
    from labwerk.explorer import make_explorer

    return make_explorer(dataset, file)
