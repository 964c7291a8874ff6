"""The notebook client: libraries that a notebook needs, and those that nobody asked for."""

from __future__ import annotations

from pathlib import Path

import labwerk
import pytest
from support.environment import REPOSITORY
from support.scripts import output_of


def test_what_a_notebook_needs_and_has_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "never_imported").mkdir()
    for name in ("__init__.py", "part.py"):
        (tmp_path / "never_imported" / name).write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    labwerk.need("json", "sys", "polars", "never_imported.part", "importlib.metadata")
    with pytest.raises(labwerk.MissingLibraryError, match=r"never_imported\.other"):
        labwerk.need("never_imported.other")
    with pytest.raises(labwerk.MissingLibraryError, match=r"json\.decoder\.deeper"):
        labwerk.need("json.decoder.deeper")


@pytest.mark.parametrize(
    ("modules", "said"),
    [
        (["torch", "lightning", "json"], r": torch, lightning\. .* the image “PyTorch”\."),
        (["dask"], r": dask\. .* the image “RAPIDS”\."),
        (
            ["dask.dataframe", "cudf"],
            r": dask\.dataframe, cudf\. .* the image “RAPIDS” and a GPU\.",
        ),
        (["torchvision"], r": torchvision\. .* the image “PyTorch” and a GPU\."),
        (["torch", "triton"], r": torch, triton\. .* the image “PyTorch” and a GPU\."),
        (["torchvision", "cudf"], r": torchvision, cudf\. Choose an image that has all of this"),
        (["mujoco", "warp"], r": mujoco, warp\. .* the image “Simulation”\."),
        (["torch", "mujoco"], r": torch, mujoco\. Choose an image that has all of this"),
        (["no_such_thing"], r": no_such_thing\. .* “%pip install”"),
    ],
)
def test_what_a_notebook_needs_and_has_not_is_said_with_the_image_that_has_it(
    modules: list[str], said: str
) -> None:
    with pytest.raises(labwerk.MissingLibraryError, match=said) as refused:
        labwerk.need(*modules)
    assert refused.value.code == "missing-library"
    assert "json" not in str(refused.value)


def test_importing_labwerk_loads_no_data_library() -> None:
    code = (
        "import sys, labwerk; heavy = {'polars', 'pandas', 'duckdb', 'ipywidgets', 'babel'};"
        "heavy |= {'packaging', 'jupyter_core', 'argparse', 'labwerk.envs', 'labwerk.command'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert output_of(code, REPOSITORY / "extensions" / "client") == "[]"
