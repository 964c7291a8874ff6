"""Say in words which libraries a notebook needs, before it fails at an import."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.machinery import PathFinder
from importlib.util import find_spec

from labwerk.errors import MissingLibraryError
from labwerk.texts import say

_IMAGES: Mapping[str, frozenset[str]] = {
    "pytorch": frozenset({"lightning", "safetensors", "tensorboard", "torch", "torchmetrics"}),
    "pytorch-gpu": frozenset({"torchvision", "triton"}),
    "rapids": frozenset({"dask", "distributed", "networkx", "numba"}),
    "rapids-gpu": frozenset(
        {"cudf", "cudf_polars", "cugraph", "cuml", "cupy", "dask_cuda", "dask_cudf", "nx_cugraph"}
    ),
    "simulation": frozenset(
        {"ezdxf", "gmsh", "laspy", "meshio", "mujoco", "pyvista", "skfem", "trame", "trimesh"}
        | {"warp"}
    ),
}
"""What an image has beside what all of them have, by the names that are imported."""


def need(*modules: str) -> None:
    """Make sure that modules are there, and import none of them.

    Args:
        modules: the names that are imported, such as ``"torch"`` or ``"sklearn.svm"``.

    Raises:
        MissingLibraryError: names those that are not there, and, where one of Labwerk's
            images has them all, which image to choose.
    """
    missing = [module for module in modules if not _present(module)]
    if not missing:
        return
    holders = {_holder(module) for module in missing}
    for image in ("pytorch", "rapids"):
        if holders <= {image, f"{image}-gpu"} and f"{image}-gpu" in holders:
            raise MissingLibraryError.needed_with_gpu(missing, _title(image))
    if len(holders) == 1 and (holder := holders.pop()) is not None:
        raise MissingLibraryError.needed(missing, _title(holder))
    raise MissingLibraryError.needed(missing, None)


def _present(module: str) -> bool:
    """Whether an import would find it; unlike `find_spec`, packages above it stay unimported."""
    first, *inner = module.split(".")
    spec = find_spec(first)
    for part in inner:
        if spec is None or spec.submodule_search_locations is None:
            return False
        spec = PathFinder.find_spec(f"{spec.name}.{part}", spec.submodule_search_locations)
    return spec is not None


def _holder(module: str) -> str | None:
    package = module.partition(".")[0]
    return next((image for image, modules in _IMAGES.items() if package in modules), None)


def _title(image: str) -> str:
    """What the start page calls an image."""
    return {"pytorch": "PyTorch", "rapids": "RAPIDS", "simulation": say("Simulation")}[image]
