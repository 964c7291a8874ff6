"""The notebook client: datasets, and frames that open from them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import labwerk
import pandas as pd
import polars as pl
import pytest
from support.environment import REPOSITORY
from support.overview_service import OverviewService, notebooks_service

DATA = REPOSITORY / "hub_config" / "datasets"


@pytest.fixture(autouse=True)
def service(tmp_path: Path) -> Iterator[OverviewService]:
    with notebooks_service(tmp_path) as found:
        yield found


def test_datasets_are_a_sequence_and_a_table() -> None:
    found = labwerk.datasets()
    assert [one.id for one in found][:2] == ["iwe/windpark", "thr/beton"]
    assert found["thr/beton"].files[0].format == "csv"
    assert len(found[1:]) == 3
    head, first, *_ = repr(found).splitlines()
    assert head.split() == ["Name", "Title", "Institution", "Nature", "Licence", "Size"]
    assert "iwe/windpark" in first
    assert "7.4 MB" in first
    assert "Concrete &lt;strength&gt;" in found._repr_html_()


def test_a_dataset_shows_its_descriptor() -> None:
    shown = repr(labwerk.datasets()["iwe/windpark"])
    for said in ("Wind farm", "MIT License (MIT)", "mira.conti@iwe.example", str(DATA)):
        assert said in shown


def test_no_dataset_is_said_not_shown_as_an_empty_table(service: OverviewService) -> None:
    service.body["datasets"] = []
    assert repr(labwerk.datasets()) == "No dataset is shared with your institution yet."


@pytest.mark.parametrize(
    ("engine", "frame"),
    [("polars", pl.DataFrame), ("pandas", pd.DataFrame), ("duckdb", duckdb.DuckDBPyRelation)],
)
@pytest.mark.parametrize(("name", "rows"), [("iwe/windpark", 420480), ("thr/beton", 1030)])
def test_a_dataset_opens_with_each_library(
    engine: labwerk.Engine, frame: type, name: str, rows: int
) -> None:
    opened = labwerk.open(name, engine=engine)
    assert isinstance(opened, frame)
    assert opened.shape == (rows, 9)


def test_without_an_engine_and_without_a_gpu_a_dataset_opens_with_polars(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LABWERK_SIMULATED", "1")
    assert isinstance(labwerk.open(labwerk.datasets()["thr/beton"]), pl.DataFrame)


def test_an_unknown_dataset_is_told_the_ones_there_are() -> None:
    with pytest.raises(labwerk.UnknownDatasetError) as refused:
        labwerk.open("iwe/windparc")
    assert refused.value.code == "unknown-dataset"
    assert "iwe/windpark, thr/beton, thr/two, thr/mesh" in str(refused.value)


def test_one_of_several_files_must_be_named(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("a,b\n1,2\n")
    with pytest.raises(labwerk.UnknownFileError, match=r"file=….*a\.csv, b\.csv"):
        labwerk.open("thr/two")
    with pytest.raises(labwerk.UnknownFileError, match=r"no file “c\.csv”"):
        labwerk.open("thr/two", file="c.csv")
    assert labwerk.open("thr/two", file="b.csv", engine="polars").rows() == [(1, 2)]


def test_a_file_that_is_not_mounted_or_no_table_is_refused_in_a_sentence() -> None:
    with pytest.raises(labwerk.UnreadableFileError, match="is not in this session"):
        labwerk.open("thr/two", file="a.csv")
    with pytest.raises(labwerk.UnreadableFileError, match="format “vtu”"):
        labwerk.open("thr/mesh")


def test_an_engine_must_be_known_and_in_the_image() -> None:
    with pytest.raises(labwerk.UnknownEngineError, match="polars, pandas, cudf, duckdb"):
        labwerk.open("thr/beton", engine="dask")  # type: ignore[call-overload]
    with pytest.raises(
        labwerk.MissingLibraryError, match=r": cudf\. .* “RAPIDS” and a GPU\."
    ) as refused:
        labwerk.open("thr/beton", engine="cudf")
    assert "pip" not in str(refused.value)
