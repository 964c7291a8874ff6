"""Open a dataset as a frame, with the library that fits this session."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, overload

from labwerk import gpu
from labwerk.dataset import Dataset
from labwerk.errors import MissingLibraryError, UnknownEngineError, UnreadableFileError
from labwerk.service import fetch_overview

if TYPE_CHECKING:
    import duckdb
    import pandas
    import polars

Engine = Literal["polars", "pandas", "cudf", "duckdb"]

FORMATS = ("parquet", "csv")
"""The formats of tables that every engine reads."""


@overload
def open_dataset(
    dataset: str | Dataset, *, file: str | None = None, engine: Literal["polars"]
) -> polars.DataFrame: ...
@overload
def open_dataset(
    dataset: str | Dataset, *, file: str | None = None, engine: Literal["pandas"]
) -> pandas.DataFrame: ...
@overload
def open_dataset(
    dataset: str | Dataset, *, file: str | None = None, engine: Literal["duckdb"]
) -> duckdb.DuckDBPyRelation: ...
@overload
def open_dataset(
    dataset: str | Dataset, *, file: str | None = None, engine: Engine | None = None
) -> Any: ...
def open_dataset(
    dataset: str | Dataset, *, file: str | None = None, engine: Engine | None = None
) -> Any:
    """Open one file of a dataset as a frame.

    Args:
        dataset: its id such as ``"iwe/windpark"``, or a `Dataset`.
        file: which file, needed only where a dataset has several.
        engine: the library; without it cudf where a GPU really answers, else
            polars, else pandas, whichever this image has.

    Raises:
        UnknownDatasetError: no such dataset is open to this session.
        UnknownFileError: no such file, or several and none was named.
        UnknownEngineError: no such engine.
        MissingLibraryError: the engine is not in this image.
        UnreadableFileError: not a table, or not mounted in this session.
    """
    chosen = choose_engine(engine)
    path, found = locate(dataset, file)
    return _read(chosen, path, found)


def locate(dataset: str | Dataset, file: str | None) -> tuple[Path, str]:
    """Where one file of a dataset lies in this session, and its format.

    Raises the same errors as `open_dataset`.
    """
    if isinstance(dataset, str):
        dataset = fetch_overview().datasets[dataset]
    found = dataset.file(file)
    path = dataset.path / found.name
    if found.format not in FORMATS:
        raise UnreadableFileError.format(str(path), found.format)
    if not path.is_file():
        raise UnreadableFileError.absent(str(path))
    return path, found.format


def choose_engine(engine: str | None) -> Engine:
    """The engine asked for, or the best that this session has."""
    known: tuple[Engine, ...] = get_args(Engine)
    if engine is None:
        usable: list[Engine] = ["polars", "pandas"]
        if find_spec("cudf") and gpu.answers():
            return "cudf"
        return next((name for name in usable if find_spec(name)), "polars")
    for name in known:
        if name == engine:
            return name
    raise UnknownEngineError(engine, known)


def _read(engine: Engine, path: Path, found: str) -> Any:
    try:
        library = import_module(engine)
    except ModuleNotFoundError as error:
        if engine == "cudf":  # it comes with an image and a GPU, and not with %pip install
            raise MissingLibraryError.needed_with_gpu([engine], "RAPIDS") from error
        raise MissingLibraryError.asked(error.name or engine) from error
    reader = getattr(library, f"read_{found}")
    if engine == "polars" and found == "csv":
        return reader(path, try_parse_dates=True)
    return reader(str(path))
