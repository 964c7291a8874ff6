"""What the image rapids promises: each function runs inside it, and must not even warn.

The variant for machines without a GPU has no cuDF; the other one is honest where none answers.
"""


def test_dask_computes_on_several_workers() -> None:
    import dask.dataframe as dd
    import pandas
    from dask.distributed import Client, LocalCluster

    frame = pandas.DataFrame({"turbine": ["a", "b"] * 500, "power": range(1000)})
    with (
        LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None) as cluster,
        Client(cluster),
    ):
        mean = dd.from_pandas(frame, npartitions=4).groupby("turbine")["power"].mean().compute()
    assert mean.to_dict() == {"a": 499.0, "b": 500.0}


def test_dasks_dashboard_is_found_through_the_persons_server() -> None:
    import os

    os.environ["JUPYTERHUB_SERVICE_PREFIX"] = "/user/anna/"
    from distributed.utils import format_dashboard_link

    assert format_dashboard_link("10.0.0.1", 8787) == "/user/anna/proxy/8787/status"


def test_numba_compiles() -> None:
    import numba
    import numpy

    @numba.njit
    def energy(power: numpy.ndarray) -> float:
        total = 0.0
        for value in power:
            total += value / 6
        return total

    assert abs(energy(numpy.full(6, 2.0)) - 2.0) < 1e-9


def test_graphs_are_searched() -> None:
    import networkx

    graph = networkx.path_graph(5)
    assert networkx.shortest_path_length(graph, 0, 4) == 4


def test_what_needs_a_gpu_is_here_or_openly_is_not() -> None:
    import importlib.metadata
    import importlib.util

    from labwerk import gpu

    there = importlib.util.find_spec("cudf") is not None
    if there:
        assert importlib.metadata.version("cudf-cu12").startswith("26.10.")
        for module in ("cuml", "cugraph", "cupy", "dask_cuda", "cudf_polars"):
            assert importlib.util.find_spec(module), module
    if there and gpu.answers():
        import cudf

        assert cudf.Series([1, 2, 3]).sum() == 6
    if not gpu.answers():
        import labwerk.frames

        assert labwerk.frames.choose_engine(None) == "polars"


def test_cudf_pandas_falls_back_where_it_is_built_for_gpus_and_none_answers() -> None:
    import importlib.util
    import subprocess
    import sys

    if importlib.util.find_spec("cudf") is None:
        return
    code = "import pandas; print(pandas.DataFrame({'a': [1, 2]})['a'].sum())"
    said = subprocess.run(
        [sys.executable, "-m", "cudf.pandas", "-c", code], capture_output=True, text=True
    )
    assert said.stdout.strip() == "3", said.stderr
