"""What the image base promises: each function runs inside it, and must not even warn."""


def test_has_the_tables_and_they_agree() -> None:
    import duckdb
    import pandas
    import polars
    import pyarrow

    frame = polars.DataFrame({"wind": [3.0, 7.0, 12.0], "power": [10.0, 420.0, 1900.0]})
    total = duckdb.sql("select sum(power) from frame").fetchall()[0][0]
    table = pyarrow.table({"power": frame["power"].to_list()})
    assert total == table.to_pandas()["power"].sum() == frame["power"].sum() == 2330.0
    assert frame.to_pandas().groupby("wind")["power"].sum().iloc[-1] == 1900.0
    assert pandas.__version__.startswith("3.0.")
    assert polars.__version__.startswith("1.44.")


def test_learns_from_data() -> None:
    from sklearn.datasets import load_diabetes
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.model_selection import cross_val_score

    features, target = load_diabetes(return_X_y=True)
    scores = cross_val_score(HistGradientBoostingRegressor(max_iter=20), features, target, cv=3)
    assert scores.mean() > 0.2


def test_plots_with_matplotlib() -> None:
    from pathlib import Path

    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    axes.plot([3, 7, 12], [10, 420, 1900])
    axes.set_title("Drehmoment, coppia, couple – µ Ω ≤")
    figure.savefig("/tmp/plot.png")
    assert Path("/tmp/plot.png").read_bytes()[:4] == b"\x89PNG"


def test_plots_with_plotly_and_asks_nothing_of_the_outside() -> None:
    import plotly.graph_objects as go
    import plotly.io

    figure = go.Figure(go.Scatter(x=[3, 7, 12], y=[10, 420, 1900]))
    assert "plotly_mimetype" in plotly.io.renderers
    page = figure.to_html(include_plotlyjs=True)
    assert "Plotly.newPlot" in page
    assert '<script src="http' not in page


def test_has_widgets() -> None:
    import ipywidgets

    slider = ipywidgets.FloatSlider(value=7.0)
    assert slider.value == 7.0


def test_has_our_client() -> None:
    import labwerk

    assert labwerk.need("polars", "duckdb") is None


def test_makes_environments() -> None:
    import subprocess

    import uv

    said = subprocess.run([uv.find_uv_bin(), "--version"], capture_output=True, text=True)
    assert said.stdout.startswith("uv ")


def test_has_git_and_editors() -> None:
    import shutil

    for program in ("git", "nano", "vim.tiny", "less", "ssh", "curl"):
        assert shutil.which(program), program
