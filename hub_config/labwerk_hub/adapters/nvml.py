"""The port for GPUs over NVIDIA's own driver; runs as root, in the root helper.

A GPU in MIG mode has the instances that are found (``fixed``), or gets exactly the one
that was planned, at its explicit start, when a session begins, and loses it afterwards
(``dynamic``). The driver's default placement is not what a planner wants. MIG mode is
never changed, and no instance is touched but the one that is asked for. What cannot be
read is not changed either.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from labwerk_hub.adapters import nvml_calls as nvml
from labwerk_hub.adapters.driver import ABSENT
from labwerk_hub.adapters.nvml_board import LOST, Board, Instance, Sharing, identify, names
from labwerk_hub.domain.gpu import Gpu, Inventory, Slice
from labwerk_hub.errors import GpuBusyError, GpuDriverError, GpuFaultError
from labwerk_hub.services.ports import SliceUse

_T = TypeVar("_T", int, float)
_log = logging.getLogger(__name__)
#: Seconds for which an answer serves again.
_FRESH_S = 1.0
#: Seconds to wait for another call on the driver, and on one GPU, to end.
_PATIENCE_S = 5.0
_PATIENCE_WITH_CHANGES_S = 10.0


class NvmlGpus:
    """The port :class:`~labwerk_hub.services.ports.Gpus` over NVML; thread-safe."""

    def __init__(self, *, library: str = "", sharing: Sharing | None = None) -> None:
        self._library = library
        self._sharing = sharing or Sharing()
        self._boards: dict[str, Board] = {}  # by UUID; a GPU that was seen once stays
        self._absent: set[str] = set()
        self._open = False
        self._reading = threading.Lock()
        self._inventory: Inventory | None = None
        self._read_at = 0.0

    def read(self, fresh: bool = False) -> Inventory:
        """The GPUs by their place on the bus; geometry is read once, the rest anew.

        A GPU that is lost stays, with its fault, and so do all when the driver goes away.
        """
        with self._in_turn(self._reading, "The GPU driver"):
            recent = time.monotonic() - self._read_at < _FRESH_S
            if self._inventory is None or fresh or not recent:
                self._inventory = self._read()
                self._read_at = time.monotonic()
            return self._inventory

    def prepare(self, slice_: Slice) -> str | None:
        """The device of a slice, its instance made if the GPU is dynamic."""
        try:
            return self._prepare(slice_)
        except GpuBusyError as error:  # somebody else computes there: it cannot be handed out
            raise GpuDriverError(error.message) from None

    def _prepare(self, slice_: Slice) -> str:
        with self._changing(slice_) as (board, gpu):
            if not gpu.dynamic:
                if slice_.label in gpu.devices:
                    return gpu.devices[slice_.label]
                raise GpuDriverError(f"{slice_.label} is not there any more: the GPU was cut anew.")
            there = [i for i in board.instances() if i.slice.mask & slice_.mask]
            if [instance.slice for instance in there] == [slice_]:
                return self._adopt(board, there[0])
            if there:
                others = ", ".join(f"{i.slice.profile}@{i.slice.start}" for i in there)
                raise GpuDriverError(f"{slice_.label} cannot be made: {others} stands there.")
            return self._make(board, slice_)

    def release(self, slice_: Slice) -> None:
        """Destroy the slice's instance on a dynamic GPU, if no process lives in it."""
        with suppress(_UnknownGpuError), self._changing(slice_) as (board, gpu):
            if not gpu.dynamic:
                return
            for instance in board.instances():
                if instance.slice == slice_:
                    self._refuse_busy(instance)
                    self._destroy(instance.found.handle)

    def use(self, slice_: Slice) -> SliceUse:
        """What the slice uses of its memory, by how many processes; of a shared GPU nothing.

        What a MIG slice computes NVML does not tell, and nothing keeps sharers apart.
        """
        board = self._board(slice_)
        with self._in_turn(board.lock, slice_.gpu), _told(slice_):
            gpu = board.observe(self._sharing)
            if gpu.fault is not None or gpu.shared_by(slice_.profile) > 1:
                return SliceUse()
            if gpu.devices.get(slice_.label) == board.identity.uuid:
                return _use_of(board.handle)
            for instance in board.instances() if slice_.label in gpu.devices else ():
                if instance.slice == slice_:
                    return _use_of(instance.devices[0].handle)
            return SliceUse()

    def close(self) -> None:
        """Let go of the driver, so that it may be reloaded or a GPU be reset."""
        with self._in_turn(self._reading, "The GPU driver"):
            self._close()

    # ---------------------------------------------------------------- reading

    def _read(self) -> Inventory:
        for attempt in (1, 2):
            try:
                self._ensure_open()
                return Inventory(tuple(self._seen(board) for board in self._in_order()))
            except nvml.NvmlError as error:
                self._close()
                if attempt == 2 or error.code != nvml.UNINITIALIZED:
                    return self._without_driver(error)
        raise AssertionError

    def _in_order(self) -> list[Board]:
        return sorted(self._boards.values(), key=lambda board: board.identity.bus)

    def _seen(self, board: Board) -> Gpu:
        if board.identity.uuid in self._absent:
            return board.gone(self._sharing, ABSENT)
        # A GPU on which another call hangs is shown as it was, and does not stop the others.
        if not board.lock.acquire(timeout=_PATIENCE_S / 2):
            return board.gone(self._sharing, "does not answer: its driver is busy or hangs")
        try:
            return board.observe(self._sharing)
        finally:
            board.lock.release()

    def _without_driver(self, error: nvml.NvmlError) -> Inventory:
        if not self._boards:
            remedy = "see whether `nvidia-smi` works, or set pool.nvml_library or pool.source"
            if error.code == nvml.NO_PERMISSION:
                remedy = "how a GPU can be cut is told to root only"
            raise GpuDriverError(f"NVIDIA's driver cannot be read: {error}; {remedy}.")
        fault = f"cannot be read: {error}; see whether nvidia-smi works"
        return Inventory(tuple(board.gone(self._sharing, fault) for board in self._in_order()))

    def _ensure_open(self) -> None:
        """Open the driver and find its GPUs, if that is not so; again after it came back."""
        if self._open:
            return
        if self._library:
            try:
                nvml.preload(self._library)
            except OSError as error:
                raise GpuDriverError(f"pool.nvml_library cannot be loaded: {error}.") from None
        nvml.initialise()
        self._open = True
        found: dict[str, nvml.Device] = {}
        for index in range(nvml.count()):
            with self._each(f"GPU {index} of the driver, which one cannot be told,"):
                handle = nvml.device(index)
                found[nvml.uuid(handle)] = handle
        named = names([*self._boards, *(uuid for uuid in found if uuid not in self._boards)])
        self._absent = set(self._boards)
        for uuid, handle in found.items():
            with self._each(named[uuid]):
                board = Board(identify(handle, named[uuid]), handle)
                board.last = self._boards[uuid].last if uuid in self._boards else None
                self._boards[uuid] = board
                self._absent.discard(uuid)

    @staticmethod
    @contextmanager
    def _each(who: str) -> Iterator[None]:
        """One GPU that does not answer as it should does not stop the others."""
        try:
            yield
        except nvml.NvmlError as error:
            if error.code in (nvml.UNINITIALIZED, nvml.DRIVER_NOT_LOADED, nvml.NO_PERMISSION):
                raise
            _log.error("%s cannot be used: %s.", who, error)

    def _close(self) -> None:
        if self._open:
            self._open = False
            for board in self._boards.values():
                with suppress(nvml.NvmlError):
                    board.close()
            with suppress(nvml.NvmlError):
                nvml.shut_down()

    # --------------------------------------------------------------- changing

    def _board(self, slice_: Slice) -> Board:
        try:
            nvml.count()
            self.read()
        except nvml.NvmlError:  # it was reloaded, or not open yet
            self.read(fresh=True)
        for uuid, board in self._boards.items():
            if board.identity.name == slice_.gpu:
                if uuid in self._absent:  # its handle is of another time
                    raise _UnknownGpuError(f"{slice_.gpu} {ABSENT}.")
                return board
        raise _UnknownGpuError(f"{slice_.gpu} is not known to NVIDIA's driver; see `nvidia-smi`.")

    @contextmanager
    def _changing(self, slice_: Slice) -> Iterator[tuple[Board, Gpu]]:
        """The GPU as it is now, for one at a time; refused if it is not well."""
        board = self._board(slice_)
        with (
            self._in_turn(board.lock, slice_.gpu, _PATIENCE_WITH_CHANGES_S),
            _told(slice_),
        ):
            gpu = board.observe(self._sharing)
            if gpu.fault is not None:
                raise GpuFaultError(f"{gpu.name} {gpu.fault}.")
            try:
                yield board, gpu
            finally:
                self._read_at = 0.0

    def _make(self, board: Board, slice_: Slice) -> str:
        """Exactly this instance, whole; half-made ones are taken away again."""
        number = board.identity.ids.get(slice_.profile)
        profile = board.identity.model.profiles.get(slice_.profile)
        if number is None or profile is None or slice_.start not in profile.starts:
            raise GpuDriverError(f"{slice_.label} is no place that {slice_.gpu} can be cut at.")
        instance = nvml.create_instance(board.handle, number, slice_.start, profile.size)
        try:
            made = nvml.instance_info(instance)
            if (made.profile, made.start, made.size) != (number, slice_.start, slice_.size):
                raise GpuDriverError(
                    f"{slice_.label} was asked for, and the driver made {made.size} units "
                    f"from {made.start}; they are given back."
                )
            return self._complete(board, slice_, instance)
        except BaseException:
            with suppress(nvml.NvmlError):
                self._destroy(instance)
            raise

    def _complete(self, board: Board, slice_: Slice, instance: nvml.InstanceHandle) -> str:
        """The one compute instance that is all of it, and its device."""
        whole = board.identity.model.profiles[slice_.profile].compute_slices
        fitting = [number for number, size in nvml.compute_profiles(instance) if size == whole]
        if not fitting:
            raise GpuDriverError(f"{slice_.label} has no compute instance of its size.")
        nvml.create_compute(instance, fitting[0])
        for found in board.instances():
            if found.slice == slice_ and found.device is not None:
                return found.device
        raise GpuDriverError(f"{slice_.label} was made, but the driver shows no device for it.")

    def _adopt(self, board: Board, instance: Instance) -> str:
        """An instance that is there already: left by an end that was cut short."""
        self._refuse_busy(instance)
        if instance.device is not None:
            return instance.device
        if not instance.devices:
            return self._complete(board, instance.slice, instance.found.handle)
        raise GpuDriverError(
            f"{instance.slice.label} is cut further, into {len(instance.devices)} compute "
            "instances that are not ours; destroy them with `nvidia-smi mig -dci`."
        )

    @staticmethod
    def _refuse_busy(instance: Instance) -> None:
        living = [pid for device in instance.devices for pid in nvml.processes(device.handle)]
        if living:
            numbers = ", ".join(map(str, living))
            raise GpuBusyError(f"{instance.slice.label} is still used by process {numbers}.")

    @staticmethod
    def _destroy(instance: nvml.InstanceHandle) -> None:
        """An instance and what is in it, inner ones first; the driver spares what is in use."""
        for profile, _ in nvml.compute_profiles(instance):
            for compute in nvml.computes(instance, profile):
                nvml.destroy_compute(compute)
        nvml.destroy_instance(instance)

    @staticmethod
    @contextmanager
    def _in_turn(
        lock: threading.Lock | threading.RLock, who: str, patience: float = _PATIENCE_S
    ) -> Iterator[None]:
        if not lock.acquire(timeout=patience):
            raise GpuDriverError(f"{who} has not answered another call for {patience:.0f} s.")
        try:
            yield
        finally:
            lock.release()


class _UnknownGpuError(GpuFaultError):
    """The driver does not have this GPU, and so nothing that was cut from it."""


def _use_of(handle: nvml.Device) -> SliceUse:
    return SliceUse(
        memory_used_mib=_measured(lambda: nvml.memory_mib(handle)[1]),
        processes=_measured(lambda: len(nvml.processes(handle))),
        utilisation=_measured(lambda: nvml.utilisation(handle)),
    )


def _measured(figure: Callable[[], _T]) -> _T | None:
    try:
        return figure()
    except nvml.NvmlError as error:
        if error.code in (nvml.NOT_SUPPORTED, nvml.NOT_FOUND):
            return None  # not measurable here
        raise


@contextmanager
def _told(slice_: Slice) -> Iterator[None]:
    """NVML's errors as ours, in a sentence."""
    try:
        yield
    except nvml.NvmlError as error:
        if error.code == nvml.GPU_IS_LOST:
            raise GpuFaultError(f"{slice_.gpu} {LOST}.") from None
        if error.code == nvml.IN_USE:
            raise GpuBusyError(f"{slice_.label} is still in use: {error}.") from None
        raise GpuDriverError(f"{slice_.label}: NVIDIA's driver refuses: {error}.") from None
