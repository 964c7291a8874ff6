"""Whether a GPU really answers in this session.

A label says what was reserved; only the driver says what is there. A simulated
slice has a label and no device, and an image may have cudf without either.
"""

from __future__ import annotations

import ctypes
import os

CUDA_SUCCESS = 0


def answers() -> bool:
    """True if the CUDA driver is there and sees at least one device."""
    if os.environ.get("LABWERK_SIMULATED") == "1":
        return False
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return bool(
        driver.cuInit(0) == CUDA_SUCCESS
        and driver.cuDeviceGetCount(ctypes.byref(count)) == CUDA_SUCCESS
        and count.value > 0
    )
