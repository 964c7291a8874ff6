"""The root helper's part that speaks with NVIDIA's driver, where the settings ask for it."""

from __future__ import annotations

import logging
import time

from labwerk_hub.adapters.driver import GpuCall, PoolOfBoth, PrepareGpu, ReadGpus, ReleaseGpu
from labwerk_hub.adapters.helper_socket import Answer
from labwerk_hub.adapters.nvml import NvmlGpus
from labwerk_hub.adapters.nvml_board import Sharing
from labwerk_hub.bootstrap import declared_gpus
from labwerk_hub.errors import GpuDriverError, LabwerkError
from labwerk_hub.services.ports import Gpus
from labwerk_hub.settings import PoolSettings, Settings

_log = logging.getLogger(__name__)
#: Seconds between two looks at the driver by itself: errors are taken in while nobody asks.
_PERIOD_S = 5


def driver_gpus(pool: PoolSettings) -> NvmlGpus:
    """The driver's GPUs as [pool] wants them handed out; needs root to read their geometry."""
    sharing = Sharing(mig=pool.mig, shares=pool.shares, mps=pool.mps, weights=pool.weights)
    return NvmlGpus(library=pool.nvml_library, sharing=sharing)


def gpus_here(settings: Settings) -> Gpus:
    """The pool without asking the helper, for commands that run before it does; needs root."""
    declared = declared_gpus(settings)
    if settings.pool.source == "declared":
        return declared
    return PoolOfBoth(declared, driver_gpus(settings.pool))


class GpuKeeper:
    """Carries out the calls about GPUs, and takes in what the driver reports meanwhile."""

    def __init__(self, pool: PoolSettings) -> None:
        self._gpus = driver_gpus(pool) if pool.source == "nvml" else None
        self._told: dict[str, str | None] = {}

    def carry_out(self, call: GpuCall) -> Answer:
        """Do what is asked. Raises GpuDriverError, GpuBusyError or GpuFaultError."""
        if self._gpus is None:
            raise GpuDriverError("pool.source is “declared”: no driver is asked for GPUs.")
        if isinstance(call, ReadGpus):
            return Answer(gpus=self._gpus.read(call.fresh))
        if isinstance(call, PrepareGpu):
            return Answer(device=self._gpus.prepare(call.slice))
        if isinstance(call, ReleaseGpu):
            self._gpus.release(call.slice)
            return Answer()
        return Answer(use=self._gpus.use(call.slice))

    def keep(self) -> None:
        """Look again and again, and log what has changed; for a thread of its own."""
        while self._gpus is not None:
            self.look()
            time.sleep(_PERIOD_S)

    def look(self) -> None:
        """One look: what has changed is logged."""
        if self._gpus is None:
            return
        try:
            now = {gpu.name: gpu.fault for gpu in self._gpus.read().gpus}
        except LabwerkError as error:
            now = {"The driver": f"fails: {error.message}".rstrip(".")}
        for name, fault in now.items():
            if fault != self._told.get(name):
                level = logging.ERROR if fault else logging.INFO
                _log.log(level, "%s %s.", name, fault or "is well")
        self._told = now
