"""Tell numerical libraries how many cores the session has.

They count the machine's cores, of which a container sees all and may use few: on a host
with 128 cores every one of them would start 128 threads, most of them waiting.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
#: What OpenMP, OpenBLAS, MKL, NumExpr, Polars and Arrow look at.
_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "POLARS_MAX_THREADS",
)


def use_only_our_cores() -> None:
    """Set the libraries' variables for this process and its kernels, where not set already."""
    cores = allowed_cores()
    if cores is None:
        return
    for name in _VARIABLES:
        os.environ.setdefault(name, str(cores))


def allowed_cores(cgroup: Path = _CGROUP) -> int | None:
    """How many cores the container's limit amounts to, rounded up; None without a limit."""
    for quota, period in (_second_version(cgroup), _first_version(cgroup)):
        if quota > 0 and period > 0:
            return max(1, math.ceil(quota / period))
    return None


def _second_version(cgroup: Path) -> tuple[int, int]:
    quota, _, period = _read(cgroup / "cpu.max").partition(" ")
    return _number(quota), _number(period)


def _first_version(cgroup: Path) -> tuple[int, int]:
    folder = cgroup / "cpu"
    return _number(_read(folder / "cpu.cfs_quota_us")), _number(_read(folder / "cpu.cfs_period_us"))


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""


def _number(text: str) -> int:
    return int(text) if text.lstrip("-").isdigit() else 0
