"""Labwerk inside notebooks.

>>> import labwerk
>>> labwerk.session()                     # slice, image, until when
>>> labwerk.session.extend()              # as long as it may run, if nobody waits
>>> labwerk.budget()                      # GPU-hours: granted, used, left
>>> labwerk.budget.pay_with("project/rotor")  # let another budget pay
>>> labwerk.budget.ask_for_more("why")    # ask those who decide
>>> labwerk.use()                         # what was used, by day
>>> labwerk.datasets()                    # what this session may read
>>> frame = labwerk.open("iwe/windpark")  # cudf on a GPU, else polars or pandas
>>> labwerk.explore("iwe/windpark")       # look at columns and values first
>>> labwerk.need("torch", "polars")       # or a sentence that says which image has them

Everything speaks the language in ``LABWERK_LANGUAGE``. What goes wrong is a
`LabwerkError` with a code and one sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labwerk.access import BudgetAccess, SessionAccess
from labwerk.budgets import Asked, Budget, Payer
from labwerk.dataset import Dataset, Datasets, File
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
from labwerk.service import fetch_overview, fetch_use
from labwerk.sessions import Session, Slice, Use
from labwerk.usage import DayUse, MonthUse

if TYPE_CHECKING:
    from labwerk.explorer.widget import Explorer

__version__ = "0.1.0"

__all__ = [
    "Asked",
    "Budget",
    "Dataset",
    "Datasets",
    "DayUse",
    "Engine",
    "File",
    "LabwerkError",
    "MissingLibraryError",
    "MonthUse",
    "NoSessionError",
    "NotInLabwerkError",
    "Payer",
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
    "use",
]


def datasets() -> Datasets:
    """The datasets that this session may read, as the workbench says now."""
    return fetch_overview().datasets


session = SessionAccess()
budget = BudgetAccess()


def use(month: str | None = None) -> MonthUse:
    """What you used in a month such as ``"2026-11"`` (without one: this month), by day."""
    return fetch_use(month)


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
