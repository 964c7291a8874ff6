"""One GPU as NVIDIA's driver tells it: what it is, how it is cut, whether it is well."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from labwerk_hub.adapters import nvml_calls as nvml
from labwerk_hub.adapters.declared import models_by_pci, with_mps_checked
from labwerk_hub.domain.gpu import WHOLE, Gpu, Model, Profile, Slice, shared_model

#: XIDs that a program causes by its own fault; the GPU is well. Those that NVIDIA's
#: device plugin for Kubernetes passes over.
_OF_PROGRAMS = {13, 31, 43, 45, 68, 109}
_OFF_THE_BUS = 79
_MEND = "reset it or reboot the machine"
LOST = "has fallen off the bus; reset or reboot the machine"


@dataclass(frozen=True)
class Sharing:
    """How GPUs that are found are handed out (the settings' [pool])."""

    mig: Literal["fixed", "dynamic"] = "fixed"
    shares: int = 1
    mps: str = ""
    weights: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Instance:
    """A GPU instance that is there, with what can be computed on in it."""

    found: nvml.InstanceInfo
    slice: Slice
    devices: tuple[nvml.MigDevice, ...]

    @property
    def device(self) -> str | None:
        """The one device that is all of it; None if there is none, or it is cut further."""
        if len(self.devices) == 1 and self.devices[0].full:
            return self.devices[0].uuid
        return None


@dataclass(frozen=True)
class Identity:
    """What stays of a GPU, whatever becomes of it. ``ids`` are profile names → NVML's ids."""

    name: str
    uuid: str
    bus: str
    model: Model
    ids: Mapping[str, int]


class Board:
    """A GPU that the driver has found. Its handle holds until the driver is opened anew."""

    def __init__(self, identity: Identity, handle: nvml.Device) -> None:
        self.identity = identity
        self.handle = handle
        #: Held by who looks at it or changes it; NVML's own locks do not span two calls.
        self.lock = threading.RLock()
        self.last: Gpu | None = None
        self._events = nvml.watch(handle)
        self._reported: str | None = None
        self._lost = False

    def observe(self, sharing: Sharing) -> Gpu:
        """The GPU as it is now; a loss or an error becomes its fault. Needs the lock.

        Raises NvmlError if the driver itself has gone.
        """
        try:
            self._take_in_events()
            seen = self._look(sharing)
            if self._lost:  # it is back on the bus
                self._lost, self._reported = False, None
            self.last = with_mps_checked(replace(seen, fault=self._reported))
        except nvml.NvmlError as error:
            if error.code in (nvml.UNINITIALIZED, nvml.DRIVER_NOT_LOADED):
                raise
            self._lost = error.code == nvml.GPU_IS_LOST
            fault = (self._reported or LOST) if self._lost else f"cannot be read: {error}"
            self.last = replace(self.last or self._plain(sharing), fault=fault)
        return self.last

    def instances(self) -> list[Instance]:
        """The GPU instances that are there, by where they stand."""
        devices: dict[int, list[nvml.MigDevice]] = {}
        for device in nvml.mig_devices(self.handle):
            devices.setdefault(device.instance, []).append(device)
        found = [
            Instance(
                found=info,
                slice=Slice(self.identity.name, profile, info.start, info.size),
                devices=tuple(devices.get(info.id, ())),
            )
            for profile, number in self.identity.ids.items()
            for info in nvml.instances(self.handle, number)
        ]
        return sorted(found, key=lambda instance: instance.slice.start)

    def close(self) -> None:
        """Collect errors no more; what was the handle is none from now on."""
        events, self._events = self._events, None
        if events is not None:
            nvml.unwatch(events)

    def gone(self, sharing: Sharing, fault: str) -> Gpu:
        """As it was last seen, with a fault."""
        return replace(self.last or self._plain(sharing), fault=fault)

    def _look(self, sharing: Sharing) -> Gpu:
        plain = self._plain(sharing)
        if not nvml.in_mig_mode(self.handle):
            return plain
        cut = replace(plain, model=self.identity.model, slices=(), devices={}, mps="")
        there = self.instances()
        devices = {i.slice.label: i.device for i in there if i.device is not None}
        if sharing.mig == "dynamic":
            instances = tuple(instance.slice for instance in there)
            return replace(cut, dynamic=True, instances=instances, devices=devices)
        slices = tuple(i.slice for i in there if i.device is not None)
        return replace(cut, slices=slices, devices=devices)

    def _plain(self, sharing: Sharing) -> Gpu:
        """The GPU undivided, or shared in time."""
        name, model = self.identity.name, self.identity.model
        places = [(WHOLE, 0, model.units)]
        if sharing.shares > 1:
            model = shared_model(model, sharing.shares, limited=bool(sharing.mps))
            places = [(p.name, start, 1) for p in model.profiles.values() for start in p.starts]
        slices = tuple(Slice(name, *place) for place in places)
        return Gpu(
            name=name,
            model=model,
            simulated=False,
            slices=slices,
            weight=sharing.weights.get(model.name, 1),
            devices={slice_.label: self.identity.uuid for slice_ in slices},
            mps=sharing.mps if sharing.shares > 1 else "",
        )

    def _take_in_events(self) -> None:
        for kind, number in nvml.told(self._events) if self._events is not None else ():
            if kind == nvml.DOUBLE_BIT_ECC:
                self._reported = f"has an uncorrectable memory error; {_MEND}"
            elif kind == nvml.XID and number == _OFF_THE_BUS:
                self._reported = (
                    f"has fallen off the bus (XID {number}); reset or reboot the machine"
                )
            elif kind == nvml.XID and number not in _OF_PROGRAMS:
                self._reported = f"has reported a critical error (XID {number}); {_MEND}"


def identify(handle: nvml.Device, name: str) -> Identity:
    """Who a GPU is, and its geometry in the driver's words; needs root."""
    bus, pci = nvml.pci(handle)
    known = models_by_pci().get(pci)
    model_name = known.name if known else nvml.product(handle)
    profiles, ids = _geometry(handle, known)
    totals = known.engine_totals if known else {}
    units = max((start + p.size for p in profiles for start in p.starts), default=1)
    if totals and profiles:  # the largest profile has all engines there are
        totals = max(profiles, key=lambda profile: profile.size).engines
    model = Model(model_name, units, {p.name: p for p in profiles}, totals)
    return Identity(name, nvml.uuid(handle), bus, model, ids)


def _geometry(
    handle: nvml.Device, known: Model | None
) -> tuple[Sequence[Profile], Mapping[str, int]]:
    """The driver's own answer; of the table only what no driver tells.

    Which profiles exclude each other is not told, nor whether a model's engines limit what
    stands together; a profile with all of the media engines (``+me``) stands alone anyhow.
    """
    found: dict[str, Profile] = {}
    ids: dict[str, int] = {}
    try:
        for info in nvml.profiles(handle):
            places = nvml.placements(handle, info.id)
            if not places or info.name in found:
                continue
            listed = known.profiles.get(info.name) if known else None
            engines = info.engines if known and known.engine_totals else {}
            found[info.name] = Profile(
                name=info.name,
                size=places[0][1],
                starts=tuple(sorted(start for start, _ in places)),
                max_instances=info.max_instances,
                compute_slices=info.compute_slices,
                memory_mib=info.memory_mib,
                exclusive=listed.exclusive if listed else None,
                engines=engines,
            )
            ids[info.name] = info.id
    except nvml.NvmlError as error:
        if error.code != nvml.NOT_SUPPORTED:
            raise
    return list(found.values()), ids


def names(uuids: Sequence[str]) -> Mapping[str, str]:
    """Short names by UUID: ``gpu-`` and its first part, the next one too if two are alike."""
    short = {uuid: uuid.lower().removeprefix("gpu-").split("-") for uuid in uuids}
    first = [parts[0] for parts in short.values()]
    return {
        uuid: "gpu-" + "-".join(parts[: 1 if first.count(parts[0]) == 1 else 2])
        for uuid, parts in short.items()
    }
