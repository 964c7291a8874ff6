"""NVML's calls with types: nvidia-ml-py wrapped once, and nothing decided.

Signatures and structures are those of nvidia-ml-py 13; the meaning of each call is in
NVIDIA's nvml.h. Memory is in MiB. Every call may raise :class:`NvmlError`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pynvml

#: What a call answers, as nvml.h numbers it.
UNINITIALIZED = 1
NOT_SUPPORTED = 3
NO_PERMISSION = 4
NOT_FOUND = 6
DRIVER_NOT_LOADED = 9
TIMEOUT = 10
GPU_IS_LOST = 15
IN_USE = 19
_INVALID_ARGUMENT = 2

XID, DOUBLE_BIT_ECC = 0x8, 0x2
#: More instances or compute instances than any board has.
_MANY = 64
_MIB = 2**20

#: Handles of NVML; only NVML knows what is behind them.
Device = Any
InstanceHandle = Any
ComputeHandle = Any
EventSet = Any


class NvmlError(Exception):
    """A call failed: its number in nvml.h, in NVML's words, and which call it was."""

    def __init__(self, code: int, text: str, call: str) -> None:
        super().__init__(f"{text} ({call})")
        self.code = code
        self.text = text
        self.call = call


@dataclass(frozen=True)
class ProfileInfo:
    """A GPU instance profile as the driver offers it; ``name`` such as ``1g.10gb+me``."""

    id: int
    name: str
    compute_slices: int
    max_instances: int
    memory_mib: int
    engines: Mapping[str, int]


@dataclass(frozen=True)
class InstanceInfo:
    """A GPU instance that is there; start and size are memory units."""

    handle: InstanceHandle
    id: int
    profile: int
    start: int
    size: int


@dataclass(frozen=True)
class MigDevice:
    """What can be computed on: a compute instance in a GPU instance. ``full``: all of it."""

    handle: Device
    instance: int
    uuid: str
    full: bool


def _call(function: Callable[..., Any], *arguments: object) -> Any:
    try:
        return function(*arguments)
    except pynvml.NVMLError as error:
        raise NvmlError(int(error.value), str(error), function.__name__) from None


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def preload(library: str) -> None:
    """Load the driver's library by its file, so that NVML's own loading finds it; OSError."""
    # nvidia-ml-py asks the loader for the soname, which is then known already.
    ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)


def initialise() -> None:
    """Begin to speak with the driver."""
    _call(pynvml.nvmlInit)


def shut_down() -> None:
    """Speak no more with the driver; it may be reloaded."""
    _call(pynvml.nvmlShutdown)


def count() -> int:
    """How many GPUs there are, lost ones included."""
    return int(_call(pynvml.nvmlDeviceGetCount))


def device(index: int) -> Device:
    """A GPU by its number, which a reboot may change."""
    return _call(pynvml.nvmlDeviceGetHandleByIndex, index)


def uuid(handle: Device) -> str:
    """``GPU-…`` or ``MIG-…``."""
    return _text(_call(pynvml.nvmlDeviceGetUUID, handle))


def product(handle: Device) -> str:
    """The name that NVIDIA sells it by."""
    return _text(_call(pynvml.nvmlDeviceGetName, handle))


def pci(handle: Device) -> tuple[str, str]:
    """The bus id, and the device id as the geometry table writes it (``0x233010DE``)."""
    info = _call(pynvml.nvmlDeviceGetPciInfo, handle)
    return _text(info.busId).lower(), f"0x{info.pciDeviceId:08X}"


def memory_mib(handle: Device) -> tuple[int, int]:
    """Memory in all and in use; of a MIG device its own."""
    info = _call(pynvml.nvmlDeviceGetMemoryInfo, handle)
    return info.total // _MIB, info.used // _MIB


def processes(handle: Device) -> tuple[int, ...]:
    """The processes that compute on it, as the host numbers them."""
    found = _call(pynvml.nvmlDeviceGetComputeRunningProcesses, handle)
    return tuple(int(process.pid) for process in found)


def utilisation(handle: Device) -> float:
    """How busy the GPU was lately, of one; not supported while it is in MIG mode."""
    return int(_call(pynvml.nvmlDeviceGetUtilizationRates, handle).gpu) / 100


def in_mig_mode(handle: Device) -> bool:
    """Whether the GPU is in MIG mode now; one that cannot be is not."""
    try:
        return bool(_call(pynvml.nvmlDeviceGetMigMode, handle)[0])
    except NvmlError as error:
        if error.code == NOT_SUPPORTED:
            return False
        raise


def profiles(handle: Device) -> Iterator[ProfileInfo]:
    """The GPU instance profiles that the driver offers; needs root."""
    for number in range(pynvml.NVML_GPU_INSTANCE_PROFILE_COUNT):
        try:
            info = _call(pynvml.nvmlDeviceGetGpuInstanceProfileInfo, handle, number)
        except NvmlError as error:
            if error.code in (NOT_SUPPORTED, _INVALID_ARGUMENT):
                continue  # not a profile of this model, or newer than the driver
            raise
        yield ProfileInfo(
            id=info.id,
            name=_text(info.name).removeprefix("MIG "),
            compute_slices=info.sliceCount,
            max_instances=info.instanceCount,
            memory_mib=info.memorySizeMB,
            engines={
                "nvdec": info.decoderCount,
                "nvenc": info.encoderCount,
                "jpeg": info.jpegCount,
                "ofa": info.ofaCount,
            },
        )


def placements(handle: Device, profile: int) -> list[tuple[int, int]]:
    """Where a profile can stand: (start, size) in memory units; needs root."""
    number = ctypes.c_uint(0)
    ask = pynvml.nvmlDeviceGetGpuInstancePossiblePlacements
    _call(ask, handle, profile, None, ctypes.byref(number))
    found = (pynvml.c_nvmlGpuInstancePlacement_t * max(number.value, 1))()
    _call(ask, handle, profile, found, ctypes.byref(number))
    return [(place.start, place.size) for place in found[: number.value]]


def instances(handle: Device, profile: int) -> Iterator[InstanceInfo]:
    """The GPU instances of a profile that are there; needs root."""
    number = ctypes.c_uint(_MANY)
    found = (pynvml.c_nvmlGpuInstance_t * _MANY)()
    _call(pynvml.nvmlDeviceGetGpuInstances, handle, profile, found, ctypes.byref(number))
    for instance in found[: number.value]:
        yield instance_info(instance)


def instance_info(instance: InstanceHandle) -> InstanceInfo:
    """What a GPU instance is, and where it stands."""
    info = _call(pynvml.nvmlGpuInstanceGetInfo, instance)
    place = info.placement
    return InstanceInfo(instance, info.id, info.profileId, place.start, place.size)


def mig_devices(handle: Device) -> Iterator[MigDevice]:
    """What can be computed on in a GPU that is in MIG mode."""
    for index in range(int(_call(pynvml.nvmlDeviceGetMaxMigDeviceCount, handle))):
        try:
            found = _call(pynvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, index)
        except NvmlError as error:
            if error.code == NOT_FOUND:
                continue  # numbers may have gaps
            raise
        attributes = _call(pynvml.nvmlDeviceGetAttributes, found)
        yield MigDevice(
            handle=found,
            instance=_call(pynvml.nvmlDeviceGetGpuInstanceId, found),
            uuid=uuid(found),
            full=attributes.computeInstanceSliceCount == attributes.gpuInstanceSliceCount,
        )


def create_instance(handle: Device, profile: int, start: int, size: int) -> InstanceHandle:
    """Make a GPU instance just there; needs root."""
    place = pynvml.c_nvmlGpuInstancePlacement_t(start, size)
    make = pynvml.nvmlDeviceCreateGpuInstanceWithPlacement
    return _call(make, handle, profile, ctypes.byref(place))


def destroy_instance(instance: InstanceHandle) -> None:
    """Destroy a GPU instance without compute instances; IN_USE otherwise."""
    _call(pynvml.nvmlGpuInstanceDestroy, instance)


def compute_profiles(instance: InstanceHandle) -> Iterator[tuple[int, int]]:
    """(id, compute slices) of the compute instances that a GPU instance can have."""
    shared = pynvml.NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_SHARED
    for number in range(pynvml.NVML_COMPUTE_INSTANCE_PROFILE_COUNT):
        ask = pynvml.nvmlGpuInstanceGetComputeInstanceProfileInfo
        try:
            info = _call(ask, instance, number, shared)
        except NvmlError as error:
            if error.code in (NOT_SUPPORTED, _INVALID_ARGUMENT):
                continue
            raise
        yield info.id, info.sliceCount


def create_compute(instance: InstanceHandle, profile: int) -> ComputeHandle:
    """Make a compute instance in a GPU instance."""
    return _call(pynvml.nvmlGpuInstanceCreateComputeInstance, instance, profile)


def computes(instance: InstanceHandle, profile: int) -> list[ComputeHandle]:
    """The compute instances of a profile in a GPU instance."""
    number = ctypes.c_uint(_MANY)
    found = (pynvml.c_nvmlComputeInstance_t * _MANY)()
    ask = pynvml.nvmlGpuInstanceGetComputeInstances
    _call(ask, instance, profile, found, ctypes.byref(number))
    return list(found[: number.value])


def destroy_compute(compute: ComputeHandle) -> None:
    """Destroy a compute instance; IN_USE while a process lives in it."""
    _call(pynvml.nvmlComputeInstanceDestroy, compute)


def watch(handle: Device) -> EventSet | None:
    """A set that collects the GPU's critical errors from now on; None if it tells none."""
    try:
        told = _call(pynvml.nvmlDeviceGetSupportedEventTypes, handle) & (XID | DOUBLE_BIT_ECC)
        if not told:
            return None
        events = _call(pynvml.nvmlEventSetCreate)
        _call(pynvml.nvmlDeviceRegisterEvents, handle, told, events)
    except NvmlError as error:
        if error.code == NOT_SUPPORTED:
            return None
        raise
    return events


def unwatch(events: EventSet) -> None:
    """Collect no more."""
    _call(pynvml.nvmlEventSetFree, events)


def told(events: EventSet) -> Iterator[tuple[int, int]]:
    """The errors since the last call: (type, data), data being the XID's number."""
    while True:
        try:
            event = _call(pynvml.nvmlEventSetWait, events, 0)
        except NvmlError as error:
            if error.code == TIMEOUT:
                return
            raise
        yield int(event.eventType), int(event.eventData)
