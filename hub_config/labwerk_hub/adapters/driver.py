"""The port for GPUs, spoken over a socket to the root helper, and several ports as one.

NVIDIA's driver wants root for what is cut from a GPU, and a call into it may hang; so it
is the helper that speaks with it (see :mod:`labwerk_hub.adapters.nvml`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError

from labwerk_hub.adapters.helper_socket import Answer, HelperCall, ask
from labwerk_hub.domain.gpu import Gpu, Inventory, Model, Slice
from labwerk_hub.errors import GpuBusyError, GpuDriverError, GpuFaultError, LabwerkError
from labwerk_hub.services.ports import Gpus, SliceUse

GpuName = Annotated[str, StringConstraints(pattern=r"^gpu-[0-9a-f]+(-[0-9a-f]+)?$", max_length=64)]
ProfileName = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-z]+([.+-][0-9a-z]+)*$", max_length=64)
]

#: The fault of a GPU that was seen before.
ABSENT = "is not found by the driver any more; see the machine"
#: Seconds for which an answer serves again.
_FRESH_S = 1.0
#: Seconds the helper may take to read, and to make or destroy an instance.
_READ_TIMEOUT_S = 8
#: Seconds for which a driver that did not answer is not asked how busy slices are.
_SILENCE_S = 30.0
_CHANGE_TIMEOUT_S = 20
_ERRORS: Mapping[str, type[LabwerkError]] = {
    error.code: error for error in (GpuDriverError, GpuBusyError, GpuFaultError)
}


class ReadGpus(HelperCall):
    """The GPUs that the driver finds."""

    call: Literal["gpus_read"] = "gpus_read"
    fresh: bool = False


class _SliceCall(HelperCall):
    gpu: GpuName
    profile: ProfileName
    start: Annotated[int, Field(ge=0, le=255)]
    size: Annotated[int, Field(ge=1, le=256)]

    @property
    def slice(self) -> Slice:
        """The slice it is about."""
        return Slice(self.gpu, self.profile, self.start, self.size)


class PrepareGpu(_SliceCall):
    """Make a slice's instance if its GPU is dynamic; its device."""

    call: Literal["gpu_prepare"] = "gpu_prepare"


class ReleaseGpu(_SliceCall):
    """Destroy a slice's instance, unless a process lives in it."""

    call: Literal["gpu_release"] = "gpu_release"


class UseOfGpu(_SliceCall):
    """How busy a slice is."""

    call: Literal["gpu_use"] = "gpu_use"


GpuCall = ReadGpus | PrepareGpu | ReleaseGpu | UseOfGpu


class HelperGpus:
    """The port Gpus over the root helper of the installation in ``state``; thread-safe."""

    def __init__(self, state: Path) -> None:
        self._socket = state / "run" / "helper.sock"
        self._lock = threading.Lock()
        self._last: Inventory | None = None
        self._read_at = float("-inf")
        self._silent_until = float("-inf")

    def read(self, fresh: bool = False) -> Inventory:
        """The GPUs of the driver, at most a second old.

        While the helper does not answer, those last seen are shown with a fault; with
        ``fresh``, and before any were seen, GpuDriverError is raised.
        """
        with self._lock:
            last = self._last
            if last and not fresh and time.monotonic() - self._read_at < _FRESH_S:
                return last
        try:
            answer = self._ask(ReadGpus(fresh=fresh), _READ_TIMEOUT_S)
        except GpuDriverError as error:
            if fresh or last is None:
                raise
            fault = f"cannot be read: {error.message}".rstrip(".")
            return Inventory(tuple(replace(gpu, fault=fault) for gpu in last.gpus))
        assert answer.gpus is not None
        with self._lock:
            self._last = _kept(answer.gpus, self._last)
            self._read_at = time.monotonic()
            return self._last

    def prepare(self, slice_: Slice) -> str | None:
        """The device of a slice, its instance made if the GPU is dynamic."""
        return self._changed(PrepareGpu, slice_).device

    def release(self, slice_: Slice) -> None:
        """Destroy the slice's instance on a dynamic GPU, if no process lives in it."""
        try:
            _about(ReleaseGpu, slice_)
        except GpuFaultError:
            return  # no name that a driver's GPU could have: one that left the settings
        self._changed(ReleaseGpu, slice_)

    def use(self, slice_: Slice) -> SliceUse:
        """What the slice uses, where it can be measured.

        Many are asked one after the other: for a while after one was not answered, none are.
        """
        if time.monotonic() < self._silent_until:
            raise GpuDriverError("The driver did not answer a moment ago; asked again soon.")
        try:
            return self._ask(_about(UseOfGpu, slice_), _READ_TIMEOUT_S).use or SliceUse()
        except GpuDriverError:
            self._silent_until = time.monotonic() + _SILENCE_S
            raise

    def _changed(self, kind: type[_SliceCall], slice_: Slice) -> Answer:
        try:
            return self._ask(_about(kind, slice_), _CHANGE_TIMEOUT_S)
        finally:
            with self._lock:
                self._read_at = float("-inf")

    def _ask(self, call: HelperCall, timeout_s: float) -> Answer:
        answer = ask(self._socket, call, timeout_s, GpuDriverError)
        if answer.problem:
            raise _ERRORS.get(answer.code, GpuDriverError)(answer.problem)
        return answer


def _about(kind: type[_SliceCall], slice_: Slice) -> HelperCall:
    try:
        return kind(gpu=slice_.gpu, profile=slice_.profile, start=slice_.start, size=slice_.size)
    except ValidationError:
        raise GpuFaultError(f"{slice_.label} is no slice of a GPU that the driver found.") from None


def _kept(read: Inventory, last: Inventory | None) -> Inventory:
    """``read``, and what was seen before and is missing, say after a restart of the helper.

    Equal models stay the very same objects: comparing those is quick, and what is computed
    for a model is kept with it.
    """
    if last is None:
        return read
    known: dict[Model, Model] = {gpu.model: gpu.model for gpu in last.gpus}
    gpus = [replace(gpu, model=known.setdefault(gpu.model, gpu.model)) for gpu in read.gpus]
    gpus += [replace(gpu, fault=ABSENT) for gpu in last.gpus if gpu.name not in read.by_name]
    return last if last.gpus == tuple(gpus) else Inventory(tuple(gpus))


class PoolOfBoth:
    """The port Gpus over declared GPUs and those of a driver: one pool."""

    def __init__(self, declared: Gpus, found: Gpus) -> None:
        self._declared = declared
        self._found = found
        self._last = Inventory(())

    def read(self, fresh: bool = False) -> Inventory:
        """The declared GPUs, then those found.

        A GPU that is both declared and found would be handed out twice: the one found is
        shown with a fault until the settings leave it out.
        """
        declared = self._declared.read(fresh).gpus
        owner = {device: gpu.name for gpu in declared for device in gpu.devices.values()}
        found = [_found_once(gpu, owner) for gpu in self._found.read(fresh).gpus]
        taken = {gpu.name for gpu in declared}
        gpus = (*declared, *(_renamed(g) if g.name in taken else g for g in found))
        if gpus != self._last.gpus:
            self._last = Inventory(gpus)
        return self._last  # the very same while nothing changes: much is kept with it

    def prepare(self, slice_: Slice) -> str | None:
        """The engine's device for a slice, from where its GPU comes from."""
        return self._of(slice_).prepare(slice_)

    def release(self, slice_: Slice) -> None:
        """Give the slice back to where its GPU comes from."""
        self._of(slice_).release(slice_)

    def use(self, slice_: Slice) -> SliceUse:
        """How busy the slice is, as far as where it comes from can tell."""
        return self._of(slice_).use(slice_)

    def _of(self, slice_: Slice) -> Gpus:
        declared = {gpu.name for gpu in self._declared.read().gpus}
        return self._declared if slice_.gpu in declared else self._found


def _found_once(gpu: Gpu, owner: Mapping[str, str]) -> Gpu:
    devices = set(gpu.devices.values())
    for device, name in owner.items():
        if device in devices or device.lower().startswith(f"{gpu.name}-"):
            return replace(
                gpu, fault=f"is declared in the settings too, as {name}; remove one of them"
            )
    return gpu


def _renamed(gpu: Gpu) -> Gpu:
    fault = f"was found as {gpu.name}, which the settings name another GPU; rename that one"
    return replace(gpu, name=f"{gpu.name}-found", slices=(), instances=(), devices={}, fault=fault)
