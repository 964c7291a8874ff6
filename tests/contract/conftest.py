"""The stand-in driver with one H100, and the adapter that cuts it at start."""

from __future__ import annotations

import pytest
from labwerk_hub.adapters.nvml import NvmlGpus
from labwerk_hub.adapters.nvml_board import Sharing
from support.nvml import Driver, in_process


@pytest.fixture
def driver() -> Driver:
    driver = in_process()
    driver.boards(["H100-80GB"])
    return driver


@pytest.fixture
def port(driver: Driver) -> NvmlGpus:
    return NvmlGpus(library=str(driver.library), sharing=Sharing(mig="dynamic"))
